// Quantiles of a histogram's recent past: counts now less counts then.

import { BUCKETS } from '../metrics/counters.ts'

/**
 * The value below which a share of the observations lies, linear within its bucket as Prometheus
 * has it; null without observations, the last bound for what lies beyond it.
 *
 * @param counts  by bucket, not cumulative, one more than BUCKETS
 */
export function quantile(counts: readonly number[], share: number): number | null {
  const total = counts.reduce((a, b) => a + b, 0)
  if (total <= 0) return null
  const rank = share * total
  let below = 0
  for (const [i, count] of counts.entries()) {
    if (count > 0 && below + count >= rank) {
      if (i === BUCKETS.length) break
      const [low, high] = [i === 0 ? 0 : BUCKETS[i - 1]!, BUCKETS[i]!]
      return low + ((high - low) * (rank - below)) / count
    }
    below += count
  }
  return BUCKETS.at(-1)!
}
