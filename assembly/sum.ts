// Sum: leaf values, added as f64 in tree order, which is the order the trainer sums in.

import { BLOCK_ROWS } from './layout'

/** Adds the leaf values of some trees to the sums of 16 rows, which stay in registers meanwhile. */
export function addTrees<T>(
  leaves: usize,
  leafBytes: usize,
  trees: usize,
  indices: usize,
  sums: usize,
): void {
  let s0 = v128.load(sums)
  let s1 = v128.load(sums, 16)
  let s2 = v128.load(sums, 32)
  let s3 = v128.load(sums, 48)
  let s4 = v128.load(sums, 64)
  let s5 = v128.load(sums, 80)
  let s6 = v128.load(sums, 96)
  let s7 = v128.load(sums, 112)
  for (const end = leaves + trees * leafBytes; leaves < end; leaves += leafBytes) {
    s0 = addLeaves<T>(s0, leaves, indices)
    s1 = addLeaves<T>(s1, leaves, indices + 2)
    s2 = addLeaves<T>(s2, leaves, indices + 4)
    s3 = addLeaves<T>(s3, leaves, indices + 6)
    s4 = addLeaves<T>(s4, leaves, indices + 8)
    s5 = addLeaves<T>(s5, leaves, indices + 10)
    s6 = addLeaves<T>(s6, leaves, indices + 12)
    s7 = addLeaves<T>(s7, leaves, indices + 14)
    indices += BLOCK_ROWS
  }
  v128.store(sums, s0)
  v128.store(sums, s1, 16)
  v128.store(sums, s2, 32)
  v128.store(sums, s3, 48)
  v128.store(sums, s4, 64)
  v128.store(sums, s5, 80)
  v128.store(sums, s6, 96)
  v128.store(sums, s7, 112)
}

/**
 * Adds the leaf values of two neighbouring rows. The sum of two floats, added as doubles and then
 * rounded, is the float that adding floats gives: 53 bits are more than twice 24 and two.
 */
function addLeaves<T>(sums: v128, leaves: usize, indices: usize): v128 {
  const first = v128.load64_zero(leaves + ((<usize>load<u8>(indices)) << 3))
  const second = leaves + ((<usize>load<u8>(indices, 1)) << 3)
  const sum = f64x2.add(sums, v128.load_lane<f64>(second, first, 1))
  if (sizeof<T>() == 8) return sum
  return f64x2.promote_low_f32x4(f32x4.demote_f64x2_zero(sum))
}

export function addLeaf<T>(sum: f64, leaf: f64): f64 {
  return sizeof<T>() == 8 ? sum + leaf : <f64>(<f32>(sum + leaf))
}
