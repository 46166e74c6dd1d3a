// The stability index against SciPy 1.17.1: it is the relative entropy of both to the other, added,
// entropy(training, now) + entropy(now, training).

import { expect, test } from 'bun:test'
import { Histogram, populationStability } from '../../src/monitor/histogram.ts'

const TRAINING = { edges: [1, 2], shares: [0.2, 0.3, 0.4], missing: 0.1 }

test('the index is the sum of both relative entropies', () => {
  expect(populationStability(TRAINING, [0.1, 0.25, 0.35, 0.3])).toBeCloseTo(0.3048298232605403, 12)
  expect(populationStability(TRAINING, [0.2, 0.3, 0.4, 0.1])).toBe(0)
})

test('shares are of all values, each bin up to and with its edge', () => {
  const histogram = new Histogram(TRAINING.edges)
  for (const value of [0, 1, 2, 2, 3, Number.NaN, Number.NaN, Number.NaN]) histogram.add(value)
  expect(histogram.shares()).toEqual([0.25, 0.25, 0.125, 0.375])
})
