// Doubles in their order: what a search among all of them finds is where the answer turns.

import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { leastThat } from '../src/doubles.ts'
import { runs } from './support/engine.ts'

test('the least double that meets a condition is found among all', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (limit) => {
      // Zeroes are one number.
      expect(leastThat((x) => x >= limit) === limit).toBeTrue()
    }),
    runs(1000),
  )
  expect(leastThat((x) => x > 0)).toBe(Number.MIN_VALUE)
  expect(leastThat((x) => x * 2 > Number.MAX_VALUE)).toBe(2 ** 1023)
  expect(leastThat(() => true)).toBe(-Number.MAX_VALUE)
  expect(leastThat(() => false)).toBe(Number.MAX_VALUE)
})
