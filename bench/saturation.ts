// `bun bench saturation`: how many applications a second until latency leaves its budget? Open loop,
// exactly-once, the rate raised step by step, a fresh worker at each.

import { KafkaCluster } from '../test/support/kafka.ts'
import type { Size } from './bench.ts'
import { type Point, writeCurve } from './curves.ts'
import { LoadRuns } from './load/run.ts'
import { plainTable } from './report.ts'
import { startBroker } from './support/broker.ts'

const PARTITIONS = 2
const FIRST_RATE = 10_000
const STEP = 1.5
const RATE_MAX = 1_000_000
/** Beyond it at p99 of the warm part the system is saturated. */
const P99_MS_MAX = 250
const WARM_UP_MS = 3000

export async function saturation({ size, json }: { size: Size; json: boolean }): Promise<void> {
  const unavailable = KafkaCluster.unavailable()
  if (unavailable) throw new Error(unavailable)
  const seconds = size === 'small' ? 5 : 20
  await using cluster = await startBroker(PARTITIONS)
  const runs = new LoadRuns(cluster, PARTITIONS)
  if (size === 'large') await runs.warmUp(FIRST_RATE)
  const points: Point[] = []
  const rows: string[][] = []
  let highest = 0
  for (let rate = FIRST_RATE; rate < RATE_MAX; rate = Math.round(rate * STEP)) {
    const load = { rate, count: rate * seconds, warmUpMs: WARM_UP_MS }
    const result = await runs.throughWorker(load, `saturation-${rate}`, {}, 'some')
    const { p50, p99, max } = result.warm
    points.push({ x: rate, y: p50, series: 'p50' }, { x: rate, y: p99, series: 'p99' })
    const late = `${result.sender.late.p99.toFixed(1)} ms`
    rows.push([String(rate), ...[p50, p99, max].map((ms) => ms.toFixed(1)), late])
    if (result.missing > 0 || p99 > P99_MS_MAX) break
    highest = rate
    if (size === 'small' && rows.length === 2) break
  }
  const curve = { name: 'saturation', x: 'applications a second', y: 'ms', points }
  const path = await writeCurve(curve)
  if (json) process.stdout.write(`${JSON.stringify({ highest, ...curve })}\n`)
  else {
    const head = ['a second', 'p50, ms', 'p99', 'max', 'sender late, p99']
    const said = `p99 stays below ${P99_MS_MAX} ms up to ${highest} a second; ${path}.svg`
    process.stdout.write(`${plainTable(head, rows)}\n  open loop, exactly-once: ${said}\n`)
  }
}
