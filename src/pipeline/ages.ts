// How old the records of each batch are, from their timestamps, so that their commit can tell the
// time from there to here.

import type { Counters } from '../metrics/counters.ts'

export class Ages {
  /** One a batch since the last commit: when its first record was sent, and its records. */
  private readonly sentAtMs: number[] = []
  private readonly counts: number[] = []

  add(sentAtMs: number, count: number): void {
    this.sentAtMs.push(sentAtMs)
    this.counts.push(count)
  }

  /** Adds to the histogram: each record counts as its batch's first, which waited longest. */
  moveTo(counters: Counters, nowMs: number): void {
    for (let i = 0; i < this.counts.length; i++) {
      // Clocks of two machines differ: what was sent in the future took no time.
      const ms = Math.max(0, nowMs - this.sentAtMs[i]!)
      counters.observe('latency', ms * 1e6, this.counts[i]!)
    }
    this.clear()
  }

  clear(): void {
    this.sentAtMs.length = 0
    this.counts.length = 0
  }
}
