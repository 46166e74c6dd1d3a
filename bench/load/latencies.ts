// Latencies in a high-dynamic-range histogram: microseconds to three digits, up to two minutes.

import { type Histogram, build } from 'hdr-histogram-js'

const MICROSECONDS_MAX = 120_000_000

/** Milliseconds. */
export type Percentiles = {
  p50: number
  p90: number
  p99: number
  p999: number
  max: number
}

export class Latencies {
  private readonly histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: MICROSECONDS_MAX,
    numberOfSignificantValueDigits: 3,
  })

  add(ms: number): void {
    const µs = Math.round(ms * 1000)
    // Clocks of two processes differ by some microseconds.
    this.histogram.recordValue(Math.min(MICROSECONDS_MAX, Math.max(1, µs)))
  }

  percentiles(): Percentiles {
    if (this.histogram.totalCount === 0) throw new RangeError('no latency was recorded')
    const at = (percent: number) => this.histogram.getValueAtPercentile(percent) / 1000
    const max = this.histogram.maxValue / 1000
    return { p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max }
  }
}
