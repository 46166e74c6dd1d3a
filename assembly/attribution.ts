// Attribution: how much each feature moves a row's raw score away from a reference row's, exactly:
// interventional Shapley values. Of all ways to turn the reference into the row, feature by
// feature, a feature's value is the mean change of the raw score at its turn.
//
// For one tree, one row and one reference, a mixture of the two ends in a leaf exactly when it
// takes some features from the row (a of them) and some from the reference (b of them); where both
// go the same way it does not matter. A leaf of value v then gives (source: Lundberg et al. 2020,
// "From local explanations to global understanding with explainable AI for trees", the
// interventional algorithm)
//
//     to each of the a features    v (a - 1)! b! / (a + b)!
//     to each of the b features   -v a! (b - 1)! / (a + b)!
//
// So one descent finds all leaves that any mixture reaches. It parts only where row and reference
// go different ways on a feature that was not met before; each leaf is met once at most. What goes
// back up are two sums over the leaves below: of what each feature taken from the row gets, and of
// what each taken from the reference loses. The reference is fixed, so the compiler turns each tree
// to it: next comes where the reference goes, and which features come from the row by then (and so
// a) is known beforehand.
//
// There are two kernels: attribution-links.ts for trees of a few dozen splits, as most are, and
// attribution-forks.ts for all others.

import {
  ATTRIBUTION_DIVISOR,
  ATTRIBUTION_FEATURES,
  ATTRIBUTION_TURNED_AT,
} from './attribution-layout'
import { attributeByForks } from './attribution-forks'
import { attributeByLinks } from './attribution-links'

/**
 * Writes f64[features] to `values`: together the row's raw score less the references' mean.
 *
 * @param attribution  the image
 * @param bins         the row's, u8[columns], readable up to 32 of them
 * @param marks        scratch behind the values: u8[features], all 0 before and after, or 16 bytes
 *                     a tree
 */
export function attributeRow(attribution: usize, bins: usize, values: usize, marks: usize): void {
  const features = <usize>load<u32>(attribution, ATTRIBUTION_FEATURES)
  memory.fill(values, 0, features << 3)
  if (load<u32>(attribution, ATTRIBUTION_TURNED_AT)) {
    attributeByLinks(attribution, bins, values, marks)
  } else attributeByForks(attribution, bins, values, marks)
  const divisor = load<f64>(attribution, ATTRIBUTION_DIVISOR)
  const end = values + (features << 3)
  for (let value = values; value < end; value += 8) store<f64>(value, load<f64>(value) / divisor)
}
