// A comparison of more pairs than are kept.

import { expect, test } from 'bun:test'
import { Comparison } from '../../src/replay/comparison.ts'

test('beyond a million pairs every second is kept, in order, and sums are of all', () => {
  const comparison = new Comparison()
  const pairs = 1_500_001
  for (let i = 0; i < pairs; i++) {
    comparison.addPair([i % 2, 2], [i, i + 1 + (i === 77 ? 4 : 0)], () => {
      return { partition: 3, offset: i }
    })
  }
  expect(comparison.rows).toBe(pairs)
  expect(comparison.shiftSum).toBe(pairs + 4)
  expect(comparison.stride).toBe(2)
  expect(comparison.largest).toEqual({ partition: 3, offset: 77, a: 77, b: 82 })
  expect(comparison.swaps).toEqual([
    [0, 0, 750_001],
    [0, 0, 750_000],
    [0, 0, 0],
  ])
  const { a, b } = comparison.margins()
  expect(a.length).toBe(750_001)
  expect(a.every((margin, i) => margin === 2 * i && b[i] === margin + 1)).toBe(true)
})
