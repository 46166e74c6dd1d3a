// Lanes: one row through all trees at once, for models of few columns and few leaves a tree.

import {
  IMAGE_BASE,
  IMAGE_LANES_AT,
  IMAGE_LEAF_STRIDE,
  IMAGE_ROW_LEAVES_AT,
  IMAGE_STEPS,
  IMAGE_TREES,
  LANE_BIN,
  LANE_BYTES,
  LANE_COLUMN,
  LANE_PARENT,
  LANE_TREES,
} from './layout'
import { descend } from './descend'
import { addLeaf } from './sum'

/**
 * Sum of a row of bins. The lanes are trees: two registers hold the row's bins, and each step looks
 * up, for 32 trees at once, the column that the tree's next split compares; of the last group of
 * trees, if it has no more than 16, for 16. Trees with fewer splits are padded with parent 255,
 * which no leaf reaches before its last step. While a group descends, the leaf values of the group
 * before are added: the sum waits for each addition, and the steps do not.
 */
export function sumOfLanes<T>(image: usize, bins: usize, indices: usize): f64 {
  const trees = <usize>load<u32>(image, IMAGE_TREES)
  const steps = <usize>load<u32>(image, IMAGE_STEPS)
  const leafBytes = (<usize>load<u32>(image, IMAGE_LEAF_STRIDE)) << 3
  const low = v128.load(bins)
  const high = v128.load(bins, 16)
  const one = i8x16.splat(1)
  const lastIndex = indices + trees
  let lane = image + <usize>load<u32>(image, IMAGE_LANES_AT)
  let leaves = image + <usize>load<u32>(image, IMAGE_ROW_LEAVES_AT)
  let sum = load<f64>(image, IMAGE_BASE)
  /** Where the indices that are not yet summed start, and where the next ones go. */
  let summed = indices
  let index = indices
  while (index + 16 < lastIndex) {
    let i0 = i64x2.splat(0)
    let i1 = i64x2.splat(0)
    let next = one
    const end = lane + steps * (2 * LANE_BYTES)
    const adding = lane + min(steps, index - summed) * (2 * LANE_BYTES)
    while (lane < adding) {
      sum = addLeaf<T>(sum, load<f64>(leaves + ((<usize>load<u8>(summed)) << 3)))
      leaves += leafBytes
      summed++
      i0 = descendLane(i0, lane, low, high, next)
      i1 = descendLane(i1, lane + LANE_BYTES, low, high, next)
      next = i8x16.add(next, one)
      lane += 2 * LANE_BYTES
    }
    while (lane < end) {
      i0 = descendLane(i0, lane, low, high, next)
      i1 = descendLane(i1, lane + LANE_BYTES, low, high, next)
      next = i8x16.add(next, one)
      lane += 2 * LANE_BYTES
    }
    v128.store(index, i0)
    v128.store(index, i1, 16)
    index += LANE_TREES
  }
  if (index < lastIndex) {
    let leaf = i64x2.splat(0)
    let next = one
    const end = lane + steps * LANE_BYTES
    const adding = lane + min(steps, index - summed) * LANE_BYTES
    while (lane < adding) {
      sum = addLeaf<T>(sum, load<f64>(leaves + ((<usize>load<u8>(summed)) << 3)))
      leaves += leafBytes
      summed++
      leaf = descendLane(leaf, lane, low, high, next)
      next = i8x16.add(next, one)
      lane += LANE_BYTES
    }
    while (lane < end) {
      leaf = descendLane(leaf, lane, low, high, next)
      next = i8x16.add(next, one)
      lane += LANE_BYTES
    }
    v128.store(index, leaf)
  }
  for (; summed < lastIndex; summed++) {
    sum = addLeaf<T>(sum, load<f64>(leaves + ((<usize>load<u8>(summed)) << 3)))
    leaves += leafBytes
  }
  return sum
}

function descendLane(leaf: v128, lane: usize, low: v128, high: v128, next: v128): v128 {
  const x = lookUp(low, high, v128.load(lane, LANE_COLUMN))
  return descend(leaf, v128.load(lane, LANE_PARENT), x, v128.load(lane, LANE_BIN), next)
}

/**
 * Bytes of a 32-byte table by index. A column of the first register is stored as it is, one of the
 * second as 128 + (column - 16): swizzle gives 0 for an index of 128 or more, so each side of the
 * `or` answers for its own half. No index lies between 16 and 127, where the relaxed form, which is
 * one instruction instead of two, would depend on the machine.
 */
export function lookUp(low: v128, high: v128, column: v128): v128 {
  const highColumn = v128.xor(column, i8x16.splat(-128))
  return v128.or(swizzle(low, column), swizzle(high, highColumn))
}

function swizzle(table: v128, index: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, index)
  return i8x16.swizzle(table, index)
}
