// Pseudo-random numbers that a seed determines. Not for secrets.

const TWO_32 = 2 ** 32

/**
 * xoshiro128**, 2^128 - 1 numbers before it repeats, filled from the seed by SplitMix.
 * Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2021,
 * prng.di.unimi.it/xoshiro128starstar.c.
 */
export class Random {
  private a: number
  private b: number
  private c: number
  private d: number
  /** The second of a pair of normal numbers; NaN when there is none. */
  private spare = Number.NaN

  /** @param seed  a whole number from 0 to 2^53 - 1 */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new RangeError(`a seed is a whole number from 0 to 2^53 - 1, is ${seed}`)
    }
    const low = splitMix32(seed >>> 0)
    const high = splitMix32(Math.floor(seed / TWO_32) ^ 0x5851f42d)
    this.a = low()
    this.c = high()
    this.b = low() ^ high()
    // All zero is the one state it never leaves.
    this.d = (low() ^ high()) | 1
  }

  /** Whole number from 0 to 2^32 - 1. */
  uint32(): number {
    const x = Math.imul(this.b, 5)
    const result = Math.imul((x << 7) | (x >>> 25), 9)
    const t = this.b << 9
    this.c ^= this.a
    this.d ^= this.b
    this.b ^= this.c
    this.a ^= this.d
    this.c ^= t
    this.d = (this.d << 11) | (this.d >>> 21)
    return result >>> 0
  }

  /** From 0 to 1, both excluded, in 2^32 steps. */
  uniform(): number {
    return (this.uint32() + 0.5) / TWO_32
  }

  /** Whole number from 0 to count - 1. */
  below(count: number): number {
    return Math.floor(this.uniform() * count)
  }

  /** Standard normal, by Marsaglia's polar method (1964). */
  normal(): number {
    const spare = this.spare
    if (spare === spare) {
      this.spare = Number.NaN
      return spare
    }
    let x: number
    let y: number
    let square: number
    do {
      x = 2 * this.uniform() - 1
      y = 2 * this.uniform() - 1
      square = x * x + y * y
    } while (square >= 1)
    const factor = Math.sqrt((-2 * Math.log(square)) / square)
    this.spare = y * factor
    return x * factor
  }
}

/**
 * SplitMix in 32 bits: a counter in steps of the golden ratio, mixed as MurmurHash3 ends.
 * Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
 */
function splitMix32(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x9e3779b9) | 0
    let z = state
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
    return z ^ (z >>> 16)
  }
}
