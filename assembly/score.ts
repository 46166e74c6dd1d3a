// Score: rows of bins to raw scores, equal to the trainer's to the last bit.
//
// The leaves of a tree are numbered by its splits: the root starts as leaf 0, and split k turns its
// parent leaf p into p (left) and k + 1 (right). A tree is then a flat list of splits, and a row's
// leaf follows from
//
//     leaf = 0
//     for k in splits:  leaf = max(leaf, (leaf == parent[k]) & (x > threshold[k]) & (k + 1))
//
// with neither branch nor gather: three or four vector instructions for 16 rows. k + 1 exceeds
// every number given before, so max() is an assignment. Leaf values are then summed as f64 in tree
// order, which is the order the trainer sums in.

import {
  BLOCK_ROWS,
  CONTEXT_BINS,
  CONTEXT_IMAGE,
  CONTEXT_LEAF_INDICES,
  CONTEXT_MARGINS,
  CONTEXT_ROWS,
  CONTEXT_ROW_BYTES,
  IMAGE_BASE,
  IMAGE_COLUMNS,
  IMAGE_DIVISOR,
  IMAGE_FLOAT32,
  IMAGE_LANES_AT,
  IMAGE_LEAF_STRIDE,
  IMAGE_LEAVES_AT,
  IMAGE_SPLITS_AT,
  IMAGE_SPLIT_COUNTS_AT,
  IMAGE_STEPS,
  IMAGE_TREES,
  LANE_BIN,
  LANE_BYTES,
  LANE_COLUMN,
  LANE_PARENT,
  LANE_TREES,
  SPLIT_BIN,
  SPLIT_BYTES,
  SPLIT_COLUMN_AT,
  SPLIT_PARENT,
} from './layout'
import { quantiseRow, quantiseRows } from './quantise'

/** Up to so many left-over rows go through the one-row kernel; 16 rows at once cost more. */
const SINGLE_ROWS_MAX = 12
/** From so many on a whole block of 64 rows costs no more than 32 rows and the rest one by one. */
const BLOCK_ROWS_MIN = 32 + SINGLE_ROWS_MAX + 1

/** Scores rows 0 to n - 1 into the margins. Rows up to the next multiple of 64 may be read. */
export function score(context: usize, n: i32): void {
  const image = <usize>load<u32>(context, CONTEXT_IMAGE)
  if (load<u32>(image, IMAGE_FLOAT32)) scoreRows<f32>(context, image, n)
  else scoreRows<f64>(context, image, n)
}

/** T: what the sum is kept as. */
function scoreRows<T>(context: usize, image: usize, n: i32): void {
  const lanes = load<u32>(image, IMAGE_LANES_AT) != 0
  let row = 0
  for (; n - row >= 2 * BLOCK_ROWS; row += 2 * BLOCK_ROWS) scoreSome<T>(context, row, 128)
  while (row < n) {
    const left = n - row
    if (lanes && left <= SINGLE_ROWS_MAX) {
      scoreRow<T>(context, row)
      row++
      continue
    }
    const rows =
      left >= BLOCK_ROWS_MIN ? BLOCK_ROWS : left > 16 + (lanes ? SINGLE_ROWS_MAX : 0) ? 32 : 16
    scoreSome<T>(context, row, rows)
    row += rows
  }
}

/** 16, 32, 64 or 128 rows at once. */
function scoreSome<T>(context: usize, firstRow: i32, rows: i32): void {
  const image = <usize>load<u32>(context, CONTEXT_IMAGE)
  const trees = <usize>load<u32>(image, IMAGE_TREES)
  const splits = image + <usize>load<u32>(image, IMAGE_SPLITS_AT)
  const splitCounts = image + <usize>load<u32>(image, IMAGE_SPLIT_COUNTS_AT)
  const bins = <usize>load<u32>(context, CONTEXT_BINS)
  const indices = <usize>load<u32>(context, CONTEXT_LEAF_INDICES)
  const second = indices + trees * BLOCK_ROWS
  const margins = <usize>load<u32>(context, CONTEXT_MARGINS) + ((<usize>firstRow) << 3)
  quantiseRows(context, firstRow, rows)
  if (rows == 2 * BLOCK_ROWS) {
    const secondBins = <usize>load<u32>(image, IMAGE_COLUMNS) * BLOCK_ROWS
    findLeaves128(bins, secondBins, splits, splitCounts, trees, indices, second)
  } else if (rows == BLOCK_ROWS) {
    findLeaves64(bins, splits, splitCounts, trees, indices)
  } else if (rows == 32) {
    findLeaves32(bins, splits, splitCounts, trees, indices)
  } else {
    findLeaves16(bins, splits, splitCounts, trees, indices)
  }
  for (let from: usize = 0; from < <usize>rows; from += 16) {
    const at = from < <usize>BLOCK_ROWS ? indices + from : second + (from - <usize>BLOCK_ROWS)
    sumLeaves<T>(image, at, margins + (from << 3))
  }
}

/** Leaf index of each of 128 rows, two blocks of bins, in each tree: u8[trees][64] twice. */
function findLeaves128(
  bins: usize,
  secondBins: usize,
  splits: usize,
  splitCounts: usize,
  trees: usize,
  indices: usize,
  second: usize,
): void {
  const one = i8x16.splat(1)
  let split = splits
  for (let tree: usize = 0; tree < trees; tree++) {
    const end = split + <usize>load<u32>(splitCounts + (tree << 2)) * SPLIT_BYTES
    let i0 = i64x2.splat(0)
    let i1 = i64x2.splat(0)
    let i2 = i64x2.splat(0)
    let i3 = i64x2.splat(0)
    let i4 = i64x2.splat(0)
    let i5 = i64x2.splat(0)
    let i6 = i64x2.splat(0)
    let i7 = i64x2.splat(0)
    let next = one
    while (split < end) {
      const parent = v128.load(split, SPLIT_PARENT)
      const bin = v128.load(split, SPLIT_BIN)
      const column = bins + <usize>load<u32>(split, SPLIT_COLUMN_AT)
      i0 = descend(i0, parent, v128.load(column), bin, next)
      i1 = descend(i1, parent, v128.load(column, 16), bin, next)
      i2 = descend(i2, parent, v128.load(column, 32), bin, next)
      i3 = descend(i3, parent, v128.load(column, 48), bin, next)
      const other = column + secondBins
      i4 = descend(i4, parent, v128.load(other), bin, next)
      i5 = descend(i5, parent, v128.load(other, 16), bin, next)
      i6 = descend(i6, parent, v128.load(other, 32), bin, next)
      i7 = descend(i7, parent, v128.load(other, 48), bin, next)
      next = i8x16.add(next, one)
      split += SPLIT_BYTES
    }
    v128.store(indices, i0)
    v128.store(indices, i1, 16)
    v128.store(indices, i2, 32)
    v128.store(indices, i3, 48)
    v128.store(second, i4)
    v128.store(second, i5, 16)
    v128.store(second, i6, 32)
    v128.store(second, i7, 48)
    indices += BLOCK_ROWS
    second += BLOCK_ROWS
  }
}

/** The same of 64 rows. */
function findLeaves64(
  bins: usize,
  splits: usize,
  splitCounts: usize,
  trees: usize,
  indices: usize,
): void {
  const one = i8x16.splat(1)
  let split = splits
  for (let tree: usize = 0; tree < trees; tree++) {
    const end = split + <usize>load<u32>(splitCounts + (tree << 2)) * SPLIT_BYTES
    let i0 = i64x2.splat(0)
    let i1 = i64x2.splat(0)
    let i2 = i64x2.splat(0)
    let i3 = i64x2.splat(0)
    let next = one
    while (split < end) {
      const parent = v128.load(split, SPLIT_PARENT)
      const bin = v128.load(split, SPLIT_BIN)
      const column = bins + <usize>load<u32>(split, SPLIT_COLUMN_AT)
      i0 = descend(i0, parent, v128.load(column), bin, next)
      i1 = descend(i1, parent, v128.load(column, 16), bin, next)
      i2 = descend(i2, parent, v128.load(column, 32), bin, next)
      i3 = descend(i3, parent, v128.load(column, 48), bin, next)
      next = i8x16.add(next, one)
      split += SPLIT_BYTES
    }
    v128.store(indices, i0)
    v128.store(indices, i1, 16)
    v128.store(indices, i2, 32)
    v128.store(indices, i3, 48)
    indices += BLOCK_ROWS
  }
}

/** The same of 32 rows. */
function findLeaves32(
  bins: usize,
  splits: usize,
  splitCounts: usize,
  trees: usize,
  indices: usize,
): void {
  const one = i8x16.splat(1)
  let split = splits
  for (let tree: usize = 0; tree < trees; tree++) {
    const end = split + <usize>load<u32>(splitCounts + (tree << 2)) * SPLIT_BYTES
    let i0 = i64x2.splat(0)
    let i1 = i64x2.splat(0)
    let next = one
    while (split < end) {
      const parent = v128.load(split, SPLIT_PARENT)
      const bin = v128.load(split, SPLIT_BIN)
      const column = bins + <usize>load<u32>(split, SPLIT_COLUMN_AT)
      i0 = descend(i0, parent, v128.load(column), bin, next)
      i1 = descend(i1, parent, v128.load(column, 16), bin, next)
      next = i8x16.add(next, one)
      split += SPLIT_BYTES
    }
    v128.store(indices, i0)
    v128.store(indices, i1, 16)
    indices += BLOCK_ROWS
  }
}

/** The same of 16 rows, two trees at a time: one alone waits for itself at every split. */
function findLeaves16(
  bins: usize,
  splits: usize,
  splitCounts: usize,
  trees: usize,
  indices: usize,
): void {
  const one = i8x16.splat(1)
  let split = splits
  for (let tree: usize = 0; tree < trees; tree += 2) {
    const count = <usize>load<u32>(splitCounts + (tree << 2))
    const otherCount = tree + 1 < trees ? <usize>load<u32>(splitCounts + (tree << 2), 4) : 0
    let other = split + count * SPLIT_BYTES
    const end = other
    const otherEnd = other + otherCount * SPLIT_BYTES
    const both = split + min(count, otherCount) * SPLIT_BYTES
    let leaf = i64x2.splat(0)
    let otherLeaf = i64x2.splat(0)
    let next = one
    while (split < both) {
      leaf = descendSplit(leaf, split, bins, next)
      otherLeaf = descendSplit(otherLeaf, other, bins, next)
      next = i8x16.add(next, one)
      split += SPLIT_BYTES
      other += SPLIT_BYTES
    }
    for (let n = next; split < end; split += SPLIT_BYTES) {
      leaf = descendSplit(leaf, split, bins, n)
      n = i8x16.add(n, one)
    }
    for (; other < otherEnd; other += SPLIT_BYTES) {
      otherLeaf = descendSplit(otherLeaf, other, bins, next)
      next = i8x16.add(next, one)
    }
    split = otherEnd
    v128.store(indices, leaf)
    // With an odd number of trees this is the room after the last.
    v128.store(indices, otherLeaf, BLOCK_ROWS)
    indices += 2 * BLOCK_ROWS
  }
}

function descendSplit(leaf: v128, split: usize, bins: usize, next: v128): v128 {
  const x = v128.load(bins + <usize>load<u32>(split, SPLIT_COLUMN_AT))
  return descend(leaf, v128.load(split, SPLIT_PARENT), x, v128.load(split, SPLIT_BIN), next)
}

function descend(leaf: v128, parent: v128, x: v128, bin: v128, right: v128): v128 {
  const goesRight = v128.and(i8x16.eq(leaf, parent), i8x16.gt_s(x, bin))
  return i8x16.max_u(leaf, v128.and(goesRight, right))
}

/** Sums the leaf values of 16 rows in tree order, the 16 sums in registers. */
function sumLeaves<T>(image: usize, indices: usize, margins: usize): void {
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

function addLeaf<T>(sum: f64, leaf: f64): f64 {
  return sizeof<T>() == 8 ? sum + leaf : <f64>(<f32>(sum + leaf))
}

/**
 * One row. The lanes are trees: two registers hold the row's bins, and each step looks up, for 32
 * trees at once, the column that the tree's next split compares; of the last group of trees, if it
 * has no more than 16, for 16. Trees with fewer splits are padded with parent 255, which no leaf
 * reaches before its last step. While a group descends, the leaf values of the group before are
 * added: the sum waits for each addition, and the steps do not.
 */
function scoreRow<T>(context: usize, rowIndex: i32): void {
  const image = <usize>load<u32>(context, CONTEXT_IMAGE)
  const trees = <usize>load<u32>(image, IMAGE_TREES)
  const steps = <usize>load<u32>(image, IMAGE_STEPS)
  const leafBytes = (<usize>load<u32>(image, IMAGE_LEAF_STRIDE)) << 3
  const bins = <usize>load<u32>(context, CONTEXT_BINS)
  const rowBytes = <usize>load<u32>(context, CONTEXT_ROW_BYTES)
  quantiseRow(image, <usize>load<u32>(context, CONTEXT_ROWS) + <usize>rowIndex * rowBytes, bins)
  const low = v128.load(bins)
  const high = v128.load(bins, 16)
  const one = i8x16.splat(1)
  const indices = <usize>load<u32>(context, CONTEXT_LEAF_INDICES)
  const lastIndex = indices + trees
  let lane = image + <usize>load<u32>(image, IMAGE_LANES_AT)
  let leaves = image + <usize>load<u32>(image, IMAGE_LEAVES_AT)
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
  const margins = <usize>load<u32>(context, CONTEXT_MARGINS)
  store<f64>(margins + ((<usize>rowIndex) << 3), sum / load<f64>(image, IMAGE_DIVISOR))
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
function lookUp(low: v128, high: v128, column: v128): v128 {
  const highColumn = v128.xor(column, i8x16.splat(-128))
  return v128.or(swizzle(low, column), swizzle(high, highColumn))
}

function swizzle(table: v128, index: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, index)
  return i8x16.swizzle(table, index)
}
