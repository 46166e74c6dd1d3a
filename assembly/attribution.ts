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
// to it: the next fork is where the reference goes, and which features come from the row by then
// (and so a) is known beforehand.

import {
  ATTRIBUTION_DIVISOR,
  ATTRIBUTION_FEATURES,
  ATTRIBUTION_REFERENCES,
  ATTRIBUTION_ROOTS_AT,
  ATTRIBUTION_TREES,
  ATTRIBUTION_WEIGHTS_AT,
  FORK_BIN,
  FORK_BYTES,
  FORK_COLUMN,
  FORK_FEATURE,
  FORK_FLAGS,
  FORK_LEAF,
  FORK_OTHER,
  FORK_RIGHT,
  FORK_SETTLED,
} from './attribution-layout'

/** Sums of the leaves that were met last: for features of the row, and of the reference. */
let ofRow: f64 = 0
let ofReference: f64 = 0

/** A pair of weights, for one more feature taken from the reference. */
const WEIGHTS_BYTES: usize = 16

/**
 * Writes f64[features] to `values`: together the row's raw score less the references' mean.
 *
 * @param attribution  the image
 * @param bins         the row's, u8[columns]
 * @param taken        u8[features], all 0 before and after: which come from the reference
 */
export function attributeRow(attribution: usize, bins: usize, values: usize, taken: usize): void {
  const features = <usize>load<u32>(attribution, ATTRIBUTION_FEATURES)
  const trees = <usize>load<u32>(attribution, ATTRIBUTION_TREES)
  const references = <usize>load<u32>(attribution, ATTRIBUTION_REFERENCES)
  const weights = attribution + <usize>load<u32>(attribution, ATTRIBUTION_WEIGHTS_AT)
  const divisor = load<f64>(attribution, ATTRIBUTION_DIVISOR)
  let root = attribution + <usize>load<u32>(attribution, ATTRIBUTION_ROOTS_AT)
  const rootsEnd = root + ((references * trees) << 2)
  memory.fill(values, 0, features << 3)
  for (; root < rootsEnd; root += 4) {
    descendBoth(attribution + <usize>load<u32>(root), bins, weights, values, taken)
  }
  const end = values + (features << 3)
  for (let value = values; value < end; value += 8) store<f64>(value, load<f64>(value) / divisor)
}

/** @param weights  those for as many features as come from the reference here */
function descendBoth(fork: usize, bins: usize, weights: usize, values: usize, taken: usize): void {
  let flags = load<u8>(fork, FORK_FLAGS)
  while (!(flags & FORK_LEAF)) {
    const bin = load<i8>(bins + <usize>load<u32>(fork, FORK_COLUMN))
    if (u32(bin > load<i8>(fork, FORK_BIN)) == ((<u32>flags) & FORK_RIGHT)) {
      fork += FORK_BYTES
    } else if (flags & FORK_SETTLED) {
      fork += <usize>load<u32>(fork, FORK_OTHER)
    } else {
      const feature = <usize>load<u16>(fork, FORK_FEATURE)
      if (!load<u8>(taken + feature)) {
        part(fork, feature, bins, weights, values, taken)
        return
      }
      fork += FORK_BYTES
    }
    flags = load<u8>(fork, FORK_FLAGS)
  }
  const leaf = load<f64>(fork, FORK_OTHER)
  const pair = weights + <usize>load<u32>(fork, FORK_COLUMN)
  ofRow = leaf * load<f64>(pair)
  ofReference = leaf * load<f64>(pair, 8)
}

/** Both ways from a fork at which row and reference part, on a feature that is new. */
function part(
  fork: usize,
  feature: usize,
  bins: usize,
  weights: usize,
  values: usize,
  taken: usize,
): void {
  store<u8>(taken + feature, 1)
  descendBoth(fork + FORK_BYTES, bins, weights + WEIGHTS_BYTES, values, taken)
  store<u8>(taken + feature, 0)
  const row = ofRow
  const reference = ofReference
  descendBoth(fork + <usize>load<u32>(fork, FORK_OTHER), bins, weights, values, taken)
  const value = values + (feature << 3)
  store<f64>(value, load<f64>(value) + (ofRow - reference))
  ofRow += row
  ofReference += reference
}
