// Confidence intervals of a share, and of the ratio of two.

import { assert } from '../errors.ts'

/** Quantile of the standard normal distribution at (1 + level) / 2, by level in percent. */
const QUANTILES = { 90: 1.6448536269514722, 95: 1.959963984540054, 99: 2.5758293035489004 } as const

export type Level = keyof typeof QUANTILES
export const LEVELS = Object.keys(QUANTILES).map(Number) as Level[]

export type Estimate = { value: number; low: number; high: number }

/**
 * The share count / total with Wilson's score interval, which holds for few counts too.
 *
 * Source: E. B. Wilson, JASA 22 (1927), 209-212.
 *
 * @returns null when there is nothing to take a share of
 */
export function shareOf(count: number, total: number, level: Level): Estimate | null {
  if (total === 0) return null
  const z = QUANTILES[level]
  const share = count / total
  const squared = (z * z) / total
  const middle = (share + squared / 2) / (1 + squared)
  const variance = (share * (1 - share)) / total + (z * z) / (4 * total * total)
  const half = (z * Math.sqrt(variance)) / (1 + squared)
  // None and all have bounds of exactly 0 and 1, which rounding may miss.
  const low = count === 0 ? 0 : middle - half
  const high = count === total ? 1 : middle + half
  return { value: share, low, high }
}

export type Part = { count: number; total: number }

/**
 * The ratio of two shares with Katz's log interval: ln(ratio) is taken as normal, with variance
 * 1/count - 1/total of each share, added.
 *
 * Source: D. Katz, J. Baptista, S. P. Azen, M. C. Pike, Biometrics 34 (1978), 469-474, method C.
 */
export function ratioOf(part: Part, reference: Part, level: Level): Estimate {
  assert(part.count > 0 && reference.count > 0, 'a ratio has no interval without counts')
  const value = part.count / part.total / (reference.count / reference.total)
  const variance = [part, reference].reduce(
    (sum, { count, total }) => sum + 1 / count - 1 / total,
    0,
  )
  const factor = Math.exp(QUANTILES[level] * Math.sqrt(variance))
  return { value, low: value / factor, high: value * factor }
}
