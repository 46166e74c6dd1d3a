// The samples that were shown last, with the application's own bytes, so that a decision can be
// made again and explained. They are applicants' data: in memory alone, and bounded.

import type { DecisionRecord } from '../decisions.ts'

/** More than a page holds; a sample has at most 2 KiB. */
const KEPT_MAX = 512

export type KeptSample = {
  decided: DecisionRecord
  /** The application as it came; empty when it was too long to be kept. */
  value: Uint8Array
}

export class KeptSamples {
  /** By place, oldest first. */
  private readonly samples = new Map<string, KeptSample>()

  keep({ decided, value }: KeptSample): void {
    const key = keyOf(decided.partition, decided.offset)
    // A record that is decided anew is the youngest again.
    this.samples.delete(key)
    this.samples.set(key, { decided, value })
    if (this.samples.size <= KEPT_MAX) return
    const [oldest] = this.samples.keys()
    this.samples.delete(oldest!)
  }

  /** @returns undefined when it was not among the samples, or is none of the last */
  find(partition: number, offset: number): KeptSample | undefined {
    return this.samples.get(keyOf(partition, offset))
  }
}

function keyOf(partition: number, offset: number): string {
  return `${partition}:${offset}`
}
