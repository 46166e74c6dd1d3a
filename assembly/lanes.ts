// Lanes: one row through all trees at once, for models of few columns and few leaves a tree.

import { IMAGE_BASE, IMAGE_LANES_AT, IMAGE_ROW_LEAVES_AT, IMAGE_TREES, LANE_TREES } from './layout'
import {
  GROUP_HEADER_BYTES,
  GROUP_STEPS,
  LANES_FIRST,
  LANES_HEADER_BYTES,
  LANES_LEAF_BYTES,
  LANES_SECOND,
  LANE_BIN,
  LANE_BYTES,
  LANE_COLUMN,
  LANE_PARENT,
} from './row-layout'
import { descend } from './descend'
import { addLeaf } from './sum'

// Parents, columns and bins of four lanes, one behind the other: as offsets of their loads they
// cost no instruction.
const P0 = LANE_PARENT
const C0 = LANE_COLUMN
const B0 = LANE_BIN
const P1 = LANE_BYTES + LANE_PARENT
const C1 = LANE_BYTES + LANE_COLUMN
const B1 = LANE_BYTES + LANE_BIN
const P2 = 2 * LANE_BYTES + LANE_PARENT
const C2 = 2 * LANE_BYTES + LANE_COLUMN
const B2 = 2 * LANE_BYTES + LANE_BIN
const P3 = 3 * LANE_BYTES + LANE_PARENT
const C3 = 3 * LANE_BYTES + LANE_COLUMN
const B3 = 3 * LANE_BYTES + LANE_BIN

/**
 * Sum of a row of bins. The lanes are trees: two registers hold the row's bins, and each step looks
 * up, for 32 trees at once, the column that the tree's next split compares; of the last group of
 * trees, if it has no more than 16, for 16. A step looks in one of the registers, by turns, and the
 * compiler has ordered the splits so that this one has the column (src/compiler/lane-table.ts).
 * Where a tree has no split for a step its parent is 255, a leaf that there is not. While a group
 * descends, the leaf values of the group before are added: the sum waits for each addition, and the
 * steps do not.
 */
export function sumOfLanes<T>(image: usize, bins: usize, indices: usize): f64 {
  const lanes = image + <usize>load<u32>(image, IMAGE_LANES_AT)
  const lastIndex = indices + <usize>load<u32>(image, IMAGE_TREES)
  const leafBytes = <usize>load<u32>(lanes, LANES_LEAF_BYTES)
  const low = v128.load(bins)
  const high = v128.load(bins, 16)
  const first = lookUp(low, high, v128.load(lanes, LANES_FIRST))
  const second = lookUp(low, high, v128.load(lanes, LANES_SECOND))
  const one = i8x16.splat(1)
  let lane = lanes + LANES_HEADER_BYTES
  let leaves = image + <usize>load<u32>(image, IMAGE_ROW_LEAVES_AT)
  let sum = load<f64>(image, IMAGE_BASE)
  /** Where the indices that are not yet summed start, and where the next ones go. */
  let summed = indices
  let index = indices
  while (index + 16 < lastIndex) {
    let i0 = i64x2.splat(0)
    let i1 = i64x2.splat(0)
    let next = one
    const steps = <usize>load<u32>(lane, GROUP_STEPS)
    lane += GROUP_HEADER_BYTES
    const end = lane + steps * (2 * LANE_BYTES)
    const adding = lane + min(steps, index - summed) * (2 * LANE_BYTES)
    while (lane < adding) {
      sum = addLeaf<T>(sum, load<f64>(leaves + ((<usize>load<u8>(summed)) << 3)))
      i0 = step(i0, v128.load(lane, P0), v128.load(lane, C0), v128.load(lane, B0), first, next)
      i1 = step(i1, v128.load(lane, P1), v128.load(lane, C1), v128.load(lane, B1), first, next)
      next = i8x16.add(next, one)
      sum = addLeaf<T>(sum, load<f64>(leaves + leafBytes + ((<usize>load<u8>(summed, 1)) << 3)))
      i0 = step(i0, v128.load(lane, P2), v128.load(lane, C2), v128.load(lane, B2), second, next)
      i1 = step(i1, v128.load(lane, P3), v128.load(lane, C3), v128.load(lane, B3), second, next)
      next = i8x16.add(next, one)
      leaves += 2 * leafBytes
      summed += 2
      lane += 4 * LANE_BYTES
    }
    while (lane < end) {
      i0 = step(i0, v128.load(lane, P0), v128.load(lane, C0), v128.load(lane, B0), first, next)
      i1 = step(i1, v128.load(lane, P1), v128.load(lane, C1), v128.load(lane, B1), first, next)
      next = i8x16.add(next, one)
      i0 = step(i0, v128.load(lane, P2), v128.load(lane, C2), v128.load(lane, B2), second, next)
      i1 = step(i1, v128.load(lane, P3), v128.load(lane, C3), v128.load(lane, B3), second, next)
      next = i8x16.add(next, one)
      lane += 4 * LANE_BYTES
    }
    for (; summed < index; summed++) {
      sum = addLeaf<T>(sum, load<f64>(leaves + ((<usize>load<u8>(summed)) << 3)))
      leaves += leafBytes
    }
    v128.store(index, i0)
    v128.store(index, i1, 16)
    index += LANE_TREES
  }
  if (index < lastIndex) {
    let leaf = i64x2.splat(0)
    let next = one
    const steps = <usize>load<u32>(lane, GROUP_STEPS)
    lane += GROUP_HEADER_BYTES
    const end = lane + steps * LANE_BYTES
    const adding = lane + min(steps, index - summed) * LANE_BYTES
    while (lane < adding) {
      sum = addLeaf<T>(sum, load<f64>(leaves + ((<usize>load<u8>(summed)) << 3)))
      leaf = step(leaf, v128.load(lane, P0), v128.load(lane, C0), v128.load(lane, B0), first, next)
      next = i8x16.add(next, one)
      sum = addLeaf<T>(sum, load<f64>(leaves + leafBytes + ((<usize>load<u8>(summed, 1)) << 3)))
      leaf = step(leaf, v128.load(lane, P1), v128.load(lane, C1), v128.load(lane, B1), second, next)
      next = i8x16.add(next, one)
      leaves += 2 * leafBytes
      summed += 2
      lane += 2 * LANE_BYTES
    }
    while (lane < end) {
      leaf = step(leaf, v128.load(lane, P0), v128.load(lane, C0), v128.load(lane, B0), first, next)
      next = i8x16.add(next, one)
      leaf = step(leaf, v128.load(lane, P1), v128.load(lane, C1), v128.load(lane, B1), second, next)
      next = i8x16.add(next, one)
      lane += 2 * LANE_BYTES
    }
    for (; summed < index; summed++) {
      sum = addLeaf<T>(sum, load<f64>(leaves + ((<usize>load<u8>(summed)) << 3)))
      leaves += leafBytes
    }
    v128.store(index, leaf)
  }
  for (; summed < lastIndex; summed++) {
    sum = addLeaf<T>(sum, load<f64>(leaves + ((<usize>load<u8>(summed)) << 3)))
    leaves += leafBytes
  }
  return sum
}

/** One step of 16 trees; the column's place is one in the table. */
function step(leaf: v128, parent: v128, column: v128, bin: v128, table: v128, right: v128): v128 {
  return descend(leaf, parent, swizzle(table, column), bin, right)
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
