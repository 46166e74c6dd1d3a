// Attribution by forks (see attribution.ts): one split after the other, for trees of any size and
// any number of columns.

import {
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
  WEIGHTS_BYTES,
} from './attribution-layout'

/** Sums of the leaves that were met last: for features of the row, and of the reference. */
let ofRow: f64 = 0
let ofReference: f64 = 0

/** @param taken  u8[features], all 0 before and after: which come from the reference */
export function attributeByForks(
  attribution: usize,
  bins: usize,
  values: usize,
  taken: usize,
): void {
  const trees = <usize>load<u32>(attribution, ATTRIBUTION_TREES)
  const references = <usize>load<u32>(attribution, ATTRIBUTION_REFERENCES)
  const weights = attribution + <usize>load<u32>(attribution, ATTRIBUTION_WEIGHTS_AT)
  let root = attribution + <usize>load<u32>(attribution, ATTRIBUTION_ROOTS_AT)
  const rootsEnd = root + ((references * trees) << 2)
  for (; root < rootsEnd; root += 4) {
    descendBoth(attribution + <usize>load<u32>(root), bins, weights, values, taken)
  }
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
