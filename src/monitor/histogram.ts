// Shares by bin, of all values or forgetting: each second all counts lose a little, so that what
// they hold is the recent past. And what compares them with the training data.

import type { Bins } from '../scorer/training.ts'

/** A sample counts half after so many seconds. */
const HALF_LIFE_S = 300
const KEPT_A_SECOND = 0.5 ** (1 / HALF_LIFE_S)
/** Share that an empty bin counts as, so that its logarithm exists. */
const SHARE_MIN = 1e-4

export class Histogram {
  private readonly edges: readonly number[]
  /** One a bin, and the last for missing values. */
  protected readonly counts: Float64Array

  constructor(edges: readonly number[]) {
    this.edges = edges
    this.counts = new Float64Array(edges.length + 2)
  }

  /** @param value  NaN when it is missing */
  add(value: number, weight = 1): void {
    this.counts[this.binOf(value)]! += weight
  }

  /** A value that equals an edge belongs to the bin below it, as in training. */
  private binOf(value: number): number {
    if (Number.isNaN(value)) return this.counts.length - 1
    let bin = 0
    while (bin < this.edges.length && value > this.edges[bin]!) bin++
    return bin
  }

  /** Share of each bin, and last that of missing values; all 0 before the first value. */
  shares(): number[] {
    const total = this.counts.reduce((a, b) => a + b, 0)
    return Array.from(this.counts, (count) => (total > 0 ? count / total : 0))
  }
}

export class DecayingHistogram extends Histogram {
  decay(): void {
    for (let i = 0; i < this.counts.length; i++) this.counts[i]! *= KEPT_A_SECOND
  }
}

/** Sums that forget at the same rate. */
export function decay(sums: number[]): void {
  for (let i = 0; i < sums.length; i++) sums[i]! *= KEPT_A_SECOND
}

/**
 * Population stability index: the sum of (now - before) ln(now / before) over the bins, missing
 * values being one where there are any.
 *
 * Source: N. Siddiqi, Credit Risk Scorecards (2006), chapter 9.
 */
export function populationStability(training: Bins, now: readonly number[]): number {
  const before = [...training.shares, training.missing]
  return before.reduce((sum, share, i) => {
    if (share === 0 && now[i] === 0) return sum
    const [a, b] = [Math.max(share, SHARE_MIN), Math.max(now[i]!, SHARE_MIN)]
    return sum + (b - a) * Math.log(b / a)
  }, 0)
}
