// The last minutes, second by second, from the counters of all workers.

import { BUCKETS, type Counters, OUTCOMES } from '../metrics/counters.ts'
import type { History, Tick } from './frame.ts'
import { quantile } from './quantiles.ts'

const TICKS_MAX = 600
/** Latency is that of so many seconds, so that p99.9 rests on something. */
const LATENCY_S = 10
const QUANTILES = [0.5, 0.99, 0.999]

type Totals = { atMs: number; outcomes: number[]; latency: number[] }

export class TickHistory {
  private readonly ticks: Tick[] = []
  /** One more than the seconds of latency, oldest first. */
  private readonly totals: Totals[] = []

  /** Looks at the counters, once a second. */
  add(workers: readonly Counters[], lag: number, nowMs: number): Tick {
    const now = totalsOf(workers, nowMs)
    const last = this.totals.at(-1)
    const seconds = last ? Math.max(0.001, (nowMs - last.atMs) / 1000) : 1
    const rates = now.outcomes.map((count, i) => (count - (last?.outcomes[i] ?? count)) / seconds)
    this.totals.push(now)
    if (this.totals.length > LATENCY_S + 1) this.totals.shift()
    const before = this.totals[0]!.latency
    const counts = now.latency.map((count, i) => count - before[i]!)
    const latency = QUANTILES.map((share) => quantile(counts, share))
    const tick = { atMs: nowMs, rates, latency, lag }
    this.ticks.push(tick)
    if (this.ticks.length > TICKS_MAX) this.ticks.shift()
    return tick
  }

  columns(): History {
    const { ticks } = this
    return {
      atMs: ticks.map(({ atMs }) => atMs),
      rates: OUTCOMES.map((_, i) => ticks.map(({ rates }) => rates[i]!)),
      latency: QUANTILES.map((_, i) => ticks.map(({ latency }) => latency[i]!)),
      lag: ticks.map(({ lag }) => lag),
    }
  }
}

function totalsOf(workers: readonly Counters[], atMs: number): Totals {
  const outcomes = OUTCOMES.map((_, i) => workers.reduce((sum, w) => sum + w.outcome(i), 0))
  const latency = Array.from({ length: BUCKETS.length + 1 }, () => 0)
  for (const worker of workers) {
    for (const [i, count] of worker.histogram('latency').counts.entries()) latency[i]! += count
  }
  return { atMs, outcomes, latency }
}
