// When two series of runs are told apart.

import { describe, expect, test } from 'bun:test'
import { compare } from '../../bench/noise.ts'

describe('two series of runs', () => {
  test.each([
    ['apart', [10, 11, 10, 11, 10], [20, 21, 22, 20, 21], 'more'],
    ['apart, the other way', [20, 21, 22, 20, 21], [10, 11, 10, 11, 10], 'less'],
    ['that overlap', [10, 14, 9, 13, 12], [11, 15, 10, 12, 13], 'the same'],
    ['apart by less than anybody minds', [100, 100, 100, 100], [101, 101, 101, 101], 'the same'],
    ['of a few runs', [1, 1, 1], [2, 2, 2], 'too few runs'],
  ] as const)('%s', (_, before, after, verdict) => {
    expect(compare(before, after).verdict).toBe(verdict)
  })

  test('have the ratio of their medians', () => {
    expect(compare([1, 2, 9], [3, 6, 7]).ratio).toBe(3)
  })
})
