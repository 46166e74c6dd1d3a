// Float comparisons and logarithms in doubles.

import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { floatLogit, floatThreshold } from '../../src/compiler/float32.ts'
import { neighbour, runs } from '../support/engine.ts'

/** Whether the threshold's double is the last that XGBoost sends left. */
function parts(threshold: number): boolean {
  const last = floatThreshold(threshold)
  return Math.fround(last) < threshold && !(Math.fround(neighbour(last, 1)) < threshold)
}

const FLOAT_MAX = 3.4028234663852886e38
const FLOAT_MIN = 2 ** -149

test.each([
  0,
  -0,
  1,
  -1,
  0.1,
  FLOAT_MIN,
  -FLOAT_MIN,
  2 ** -126,
  -(2 ** -126),
  FLOAT_MAX,
  -FLOAT_MAX,
  Number.POSITIVE_INFINITY,
])('x <= t holds as float(x) < %p does', (threshold) => {
  expect(parts(Math.fround(threshold))).toBeTrue()
})

test('x <= t holds as float(x) < threshold does, for any float', () => {
  const float = fc.float({ noNaN: true }).filter((x) => x > Number.NEGATIVE_INFINITY)
  fc.assert(
    fc.property(float, (x) => parts(x)),
    runs(5000),
  )
})

test('the middle between two floats goes to the even one', () => {
  // 1 is even, so half a step below it is 1 already; 2^-149 is odd, so half of it is 0 still.
  expect(floatThreshold(1)).toBe(neighbour(1 - 2 ** -25, -1))
  expect(floatThreshold(FLOAT_MIN)).toBe(2 ** -150)
  expect(floatThreshold(Number.POSITIVE_INFINITY)).toBe(neighbour(2 ** 128 - 2 ** 103, -1))
  expect(floatThreshold(-FLOAT_MAX)).toBe(-(2 ** 128 - 2 ** 103))
})

// The C library's logf, from a program in C. The second is not the nearest float.
const LOGITS: [probability: number, bounded: boolean, logit: number][] = [
  [0.5, false, -0],
  [1.00018622e-6, false, Math.fround(-13.8153229)],
  [0.25, false, -1.0986123085021973],
  [0.100000001, false, -2.1972246170043945],
  [0.999000013, false, 6.906755447387695],
  [0.00100000005, false, -6.906754493713379],
  [9.99999968e-21, false, -46.051700592041016],
  [0.999999881, false, 15.942384719848633],
  [0, true, -13.815509796142578],
  [1, true, 13.745160102844238],
  [0, false, Number.NEGATIVE_INFINITY],
]
test.each(LOGITS)('the log-odds of %p, bounded %p', (probability, bounded, logit) => {
  expect(floatLogit(Math.fround(probability), bounded)).toBe(logit)
})
