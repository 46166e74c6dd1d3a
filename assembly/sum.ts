// Sum: leaf values, added as f64 in tree order, which is the order the trainer sums in.

import {
  BLOCK_ROWS,
  IMAGE_BASE,
  IMAGE_DIVISOR,
  IMAGE_LEAF_STRIDE,
  IMAGE_LEAVES_AT,
  IMAGE_TREES,
} from './layout'

/** Sums the leaf values of 16 rows in tree order, the 16 sums in registers. */
export function sumLeaves<T>(image: usize, indices: usize, margins: usize): void {
  const trees = <usize>load<u32>(image, IMAGE_TREES)
  const leafBytes = (<usize>load<u32>(image, IMAGE_LEAF_STRIDE)) << 3
  let leaves = image + <usize>load<u32>(image, IMAGE_LEAVES_AT)
  const base = v128.load64_splat(image, IMAGE_BASE)
  let s0 = base
  let s1 = base
  let s2 = base
  let s3 = base
  let s4 = base
  let s5 = base
  let s6 = base
  let s7 = base
  for (let tree: usize = 0; tree < trees; tree++) {
    s0 = addLeaves<T>(s0, leaves, indices)
    s1 = addLeaves<T>(s1, leaves, indices + 2)
    s2 = addLeaves<T>(s2, leaves, indices + 4)
    s3 = addLeaves<T>(s3, leaves, indices + 6)
    s4 = addLeaves<T>(s4, leaves, indices + 8)
    s5 = addLeaves<T>(s5, leaves, indices + 10)
    s6 = addLeaves<T>(s6, leaves, indices + 12)
    s7 = addLeaves<T>(s7, leaves, indices + 14)
    indices += BLOCK_ROWS
    leaves += leafBytes
  }
  const divisor = v128.load64_splat(image, IMAGE_DIVISOR)
  v128.store(margins, f64x2.div(s0, divisor))
  v128.store(margins, f64x2.div(s1, divisor), 16)
  v128.store(margins, f64x2.div(s2, divisor), 32)
  v128.store(margins, f64x2.div(s3, divisor), 48)
  v128.store(margins, f64x2.div(s4, divisor), 64)
  v128.store(margins, f64x2.div(s5, divisor), 80)
  v128.store(margins, f64x2.div(s6, divisor), 96)
  v128.store(margins, f64x2.div(s7, divisor), 112)
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
