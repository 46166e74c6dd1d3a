// Whether two series of figures differ by more than chance.

import { median, permutationTest } from 'simple-statistics'
import { Random } from '../src/applications/random.ts'

/** A difference that chance alone makes as often is none. */
const CHANCE_MAX = 0.05
/** Below it a difference is of no interest, however sure. */
const RATIO_MIN = 1.02
const PERMUTATIONS = 10_000

/** Of two runs each, half of all orders look as different: nothing can be said before this many. */
const RUNS_MIN = 4

export type Comparison = {
  /** Median after over median before. */
  ratio: number
  verdict: 'the same' | 'more' | 'less' | 'too few runs'
}

export function compare(before: readonly number[], after: readonly number[]): Comparison {
  const ratio = median([...after]) / median([...before])
  if (Math.min(before.length, after.length) < RUNS_MIN) return { ratio, verdict: 'too few runs' }
  // The same figures give the same verdict.
  const random = new Random(1)
  const chance = permutationTest([...before], [...after], 'two_side', PERMUTATIONS, () =>
    random.uniform(),
  )
  const isSame = chance > CHANCE_MAX || Math.max(ratio, 1 / ratio) < RATIO_MIN
  if (isSame) return { ratio, verdict: 'the same' }
  return { ratio, verdict: ratio > 1 ? 'more' : 'less' }
}
