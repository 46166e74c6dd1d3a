// Intervals against figures of SciPy 1.17.1: binomtest(...).proportion_ci(method='wilson') and
// contingency.relative_risk(...).confidence_interval, which is Katz's; statsmodels 0.15.0 gives the
// same as confint_proportions_2indep(compare='ratio', method='log').

import { expect, test } from 'bun:test'
import { type Level, ratioOf, shareOf } from '../../src/report/intervals.ts'

type Bounds = [low: number, high: number]

const SHARES: [count: number, total: number, level: Level, bounds: Bounds][] = [
  [0, 10, 95, [0, 0.27753279986288926]],
  [10, 10, 95, [0.7224672001371109, 1]],
  [7, 10, 90, [0.4416997958698351, 0.8731234160968021]],
  [7, 10, 99, [0.32002467920110256, 0.9204336834769342]],
  [120, 300, 95, [0.3461651905860969, 0.4563634036588123]],
]

test.each(SHARES)('Wilson: %i of %i at %i %%', (count, total, level, [low, high]) => {
  const estimate = shareOf(count, total, level)!
  expect(estimate.value).toBe(count / total)
  expect(estimate.low).toBeCloseTo(low, 12)
  expect(estimate.high).toBeCloseTo(high, 12)
})

test('of nothing there is no share', () => {
  expect(shareOf(0, 0, 95)).toBeNull()
})

const RATIOS: [a: number, n: number, b: number, m: number, level: Level, bounds: Bounds][] = [
  [120, 300, 450, 900, 90, [0.7034716693633067, 0.9097736666200742]],
  [120, 300, 450, 900, 95, [0.6863545253085572, 0.9324627089947168]],
  [120, 300, 450, 900, 99, [0.6540932257619229, 0.9784537964821358]],
  [27, 122, 44, 487, 95, [1.5836990926700116, 3.7886786315466354]],
  [8, 40, 95, 110, 95, [0.12405107400553438, 0.43231233017678955]],
]

test.each(RATIOS)('Katz: %i of %i over %i of %i at %i %%', (a, n, b, m, level, [low, high]) => {
  const ratio = ratioOf({ count: a, total: n }, { count: b, total: m }, level)
  expect(ratio.value).toBeCloseTo(a / n / (b / m), 12)
  expect(ratio.low).toBeCloseTo(low, 12)
  expect(ratio.high).toBeCloseTo(high, 12)
})
