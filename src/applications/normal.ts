// The standard normal distribution.

/**
 * Probability that a standard normal is at most z, within 7.5e-8.
 *
 * Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.2.17 (after Hastings).
 */
export function normalCdf(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z))
  const sum =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
  const tail = 0.3989422804014327 * Math.exp(-0.5 * z * z) * sum
  return z > 0 ? 1 - tail : tail
}

/**
 * Lower triangular L with L · Lᵀ = matrix, row by row.
 *
 * @throws Error when the matrix is not symmetric and positive definite
 */
export function cholesky(matrix: readonly (readonly number[])[]): Float64Array[] {
  const rows: Float64Array[] = []
  for (const [i, given] of matrix.entries()) {
    const row = new Float64Array(i + 1)
    for (let j = 0; j <= i; j++) {
      const other = j === i ? row : rows[j]!
      let rest = given[j]!
      for (let k = 0; k < j; k++) rest -= row[k]! * other[k]!
      if (given[j] !== matrix[j]?.[i] || (j === i && !(rest > 0))) {
        throw new Error(`the matrix is not symmetric and positive definite at (${i}, ${j})`)
      }
      row[j] = j === i ? Math.sqrt(rest) : rest / other[j]!
    }
    rows.push(row)
  }
  return rows
}
