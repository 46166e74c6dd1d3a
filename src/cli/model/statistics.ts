// The few statistics of a comparison of scores.

/** Shares at which a distribution is told. */
const SHARES = [0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1]

export type Quantiles = Readonly<Record<string, number>>

/** By nearest rank, so that each is a value that occurred: p0 is the least, p100 the greatest. */
export function quantilesOf(values: Float64Array): Quantiles {
  const sorted = values.toSorted()
  return Object.fromEntries(
    SHARES.map((share) => {
      const rank = Math.max(1, Math.ceil(share * sorted.length))
      return [`p${share * 100}`, sorted[rank - 1]!]
    }),
  )
}

export function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Spearman's: of the ranks, ties sharing theirs. Null when all values of a side are equal. */
export function rankCorrelation(a: Float64Array, b: Float64Array): number | null {
  const [x, y] = [ranksOf(a), ranksOf(b)]
  const mean = (a.length + 1) / 2
  let xy = 0
  let xx = 0
  let yy = 0
  for (let i = 0; i < a.length; i++) {
    const [dx, dy] = [x[i]! - mean, y[i]! - mean]
    xy += dx * dy
    xx += dx * dx
    yy += dy * dy
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : null
}

function ranksOf(values: Float64Array): Float64Array {
  const order = Uint32Array.from(values.keys()).sort((i, k) => values[i]! - values[k]!)
  const ranks = new Float64Array(values.length)
  for (let from = 0; from < order.length;) {
    let to = from + 1
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++
    // Ranks from + 1 to `to` are shared.
    for (let i = from; i < to; i++) ranks[order[i]!] = (from + 1 + to) / 2
    from = to
  }
  return ranks
}
