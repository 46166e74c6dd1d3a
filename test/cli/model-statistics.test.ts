// The statistics of `model diff`, held to figures worked out by hand.

import { expect, test } from 'bun:test'
import { meanOf, quantilesOf, rankCorrelation } from '../../src/cli/model/statistics.ts'

const of = (...values: number[]) => Float64Array.from(values)

test('quantiles are values that occurred, by nearest rank', () => {
  const values = Float64Array.from({ length: 200 }, (_, i) => ((i * 77) % 200) + 1)
  expect(quantilesOf(values)).toEqual({
    p0: 1,
    p1: 2,
    p5: 10,
    p25: 50,
    p50: 100,
    p75: 150,
    p95: 190,
    p99: 198,
    p100: 200,
  })
  expect(new Set(Object.values(quantilesOf(of(7))))).toEqual(new Set([7]))
})

test('the mean', () => {
  expect(meanOf(of(1, 2, 6))).toBe(3)
})

test('rank correlation looks at the order alone', () => {
  expect(rankCorrelation(of(1, 2, 3, 4), of(10, 200, 201, 1e9))).toBe(1)
  expect(rankCorrelation(of(1, 2, 3, 4), of(4, 3, 2, 1))).toBe(-1)
  expect(rankCorrelation(of(1, 2, 3), of(5, 5, 5))).toBeNull()
})

test('ties share their ranks', () => {
  // Ranks 1, 2.5, 2.5, 4 and 1, 3, 2, 4: covariance 4.5 over sqrt(4.5 * 5).
  expect(rankCorrelation(of(1, 2, 2, 3), of(1, 3, 2, 4))).toBeCloseTo(4.5 / Math.sqrt(22.5), 12)
  // scipy.stats.spearmanr([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]), from its documentation.
  expect(rankCorrelation(of(1, 2, 3, 4, 5), of(5, 6, 7, 8, 7))).toBeCloseTo(0.8207826816681233, 12)
})
