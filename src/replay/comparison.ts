// Two programs over the same applications: how many each approves, who would be decided otherwise,
// and how far the scores move. Memory is bounded however many there are: quantiles and the rank
// correlation are of all pairs up to a million, and of every second, fourth, … beyond.

import { DECISIONS } from '../avro/encode-plan.ts'
import type { BatchDecider } from './batch-decider.ts'

/** Pairs that there is room for at first, and that are kept at most. */
const KEPT_FIRST = 1024
const KEPT_MAX = 1_048_576

export type Largest = { partition: number; offset: number; a: number; b: number }

export class Comparison {
  /** How many were decided by both, and to the same bits of the margin. */
  rows = 0
  bitEqual = 0
  /** Of B less A. */
  shiftSum = 0
  largest: Largest | undefined
  /** From A's outcome to B's, in the order of DECISIONS. */
  readonly swaps: number[][] = DECISIONS.map(() => DECISIONS.map(() => 0))
  /** Every how manyth pair is kept. */
  stride = 1
  private a = new Float64Array(KEPT_FIRST)
  private b = new Float64Array(KEPT_FIRST)
  private kept = 0

  /** Adds the records that both have just decided. */
  addBatch(
    a: BatchDecider,
    b: BatchDecider,
    count: number,
    placeOf: (record: number) => { partition: number; offset: number },
  ): void {
    const [atA, atB] = [a.engine.marginsAt >> 3, b.engine.marginsAt >> 3]
    for (let i = 0; i < count; i++) {
      // What is a dead letter under one policy may be none under another: bounds are the schema's.
      if (!a.isDecided(i) || !b.isDecided(i)) continue
      const from = a.engine.u8[a.engine.decisionsAt + i]!
      const to = b.engine.u8[b.engine.decisionsAt + i]!
      const margins = [a.engine.f64[atA + i]!, b.engine.f64[atB + i]!] as const
      this.addPair([from, to], margins, () => placeOf(i))
    }
  }

  /** Adds one application's outcomes, as indices of DECISIONS, and margins. */
  addPair(
    [from, to]: readonly [number, number],
    [a, b]: readonly [number, number],
    place: () => { partition: number; offset: number },
  ): void {
    this.swaps[from]![to]!++
    const shift = b - a
    if (Object.is(a, b)) this.bitEqual++
    else if (!this.largest || Math.abs(shift) > Math.abs(this.largest.b - this.largest.a)) {
      this.largest = { ...place(), a, b }
    }
    this.shiftSum += shift
    if (this.rows % this.stride === 0) this.keep(a, b)
    this.rows++
  }

  private keep(a: number, b: number): void {
    if (this.kept === KEPT_MAX) this.thin()
    // The stride may have doubled just now, and passed this one over.
    if (this.rows % this.stride !== 0) return
    if (this.kept === this.a.length) {
      this.a = grown(this.a)
      this.b = grown(this.b)
    }
    this.a[this.kept] = a
    this.b[this.kept++] = b
  }

  private thin(): void {
    for (let i = 0; i < this.kept / 2; i++) {
      this.a[i] = this.a[2 * i]!
      this.b[i] = this.b[2 * i]!
    }
    this.kept = Math.ceil(this.kept / 2)
    this.stride *= 2
  }

  /** Margins of both that were kept. */
  margins(): { a: Float64Array; b: Float64Array } {
    return { a: this.a.subarray(0, this.kept), b: this.b.subarray(0, this.kept) }
  }
}

function grown(values: Float64Array) {
  const larger = new Float64Array(values.length * 2)
  larger.set(values)
  return larger
}
