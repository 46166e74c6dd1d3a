// Latencies of the last so many samples, for percentiles.

/** Enough for a steady p99, few enough to sort several times a second. */
const SAMPLES_MAX = 20_000

export class LatencySamples {
  private readonly samples = new Float64Array(SAMPLES_MAX)
  private count = 0

  add(milliseconds: number): void {
    this.samples[this.count % SAMPLES_MAX] = milliseconds
    this.count++
  }

  /** Nearest-rank percentile in milliseconds, to a tenth; 0 without samples. */
  percentile(percent: number): number {
    const sorted = this.samples.slice(0, Math.min(this.count, SAMPLES_MAX)).sort()
    if (sorted.length === 0) return 0
    const rank = Math.min(sorted.length - 1, Math.ceil((percent / 100) * sorted.length) - 1)
    return Math.round(sorted[rank]! * 10) / 10
  }
}
