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
  IMAGE_COLUMNS,
  IMAGE_DIVISOR,
  IMAGE_FLOAT32,
  IMAGE_LANES_AT,
  IMAGE_PLAN,
  IMAGE_SPLITS_AT,
  IMAGE_SPLIT_COUNTS_AT,
  IMAGE_TREES,
  PLAN_ROWS,
  SPLIT_BIN,
  SPLIT_BYTES,
  SPLIT_COLUMN_AT,
  SPLIT_PARENT,
} from './layout'
import { descend } from './descend'
import { sumOfLanes } from './lanes'
import { quantiseRow, quantiseRows } from './quantise'
import { sumLeaves } from './sum'
import { sumOfWalks } from './walk'

/** Scores rows 0 to n - 1 into the margins. Rows up to the next multiple of 64 may be read. */
export function score(context: usize, n: i32): void {
  const image = <usize>load<u32>(context, CONTEXT_IMAGE)
  if (load<u32>(image, IMAGE_FLOAT32)) scoreRows<f32>(context, image, n)
  else scoreRows<f64>(context, image, n)
}

/** T: what the sum is kept as. The model's plan says which kernel is best for how many rows. */
function scoreRows<T>(context: usize, image: usize, n: i32): void {
  let row = 0
  while (row < n) {
    const left = <usize>min(n - row, PLAN_ROWS)
    const rows = <i32>load<u8>(image + left - 1, IMAGE_PLAN)
    if (rows == 1) scoreRow<T>(context, row)
    else scoreSome<T>(context, row, rows)
    row += rows
  }
}

/** One row. */
function scoreRow<T>(context: usize, rowIndex: i32): void {
  const image = <usize>load<u32>(context, CONTEXT_IMAGE)
  const bins = <usize>load<u32>(context, CONTEXT_BINS)
  const rowBytes = <usize>load<u32>(context, CONTEXT_ROW_BYTES)
  quantiseRow(image, <usize>load<u32>(context, CONTEXT_ROWS) + <usize>rowIndex * rowBytes, bins)
  const sum = load<u32>(image, IMAGE_LANES_AT)
    ? sumOfLanes<T>(image, bins, <usize>load<u32>(context, CONTEXT_LEAF_INDICES))
    : sumOfWalks<T>(image, bins)
  const margins = <usize>load<u32>(context, CONTEXT_MARGINS)
  store<f64>(margins + ((<usize>rowIndex) << 3), sum / load<f64>(image, IMAGE_DIVISOR))
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

/** The same of 32 rows, two trees at a time: one alone waits for itself at every split. */
function findLeaves32(
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
    let leaf0 = i64x2.splat(0)
    let leaf1 = i64x2.splat(0)
    let other0 = i64x2.splat(0)
    let other1 = i64x2.splat(0)
    let next = one
    while (split < both) {
      const parent = v128.load(split, SPLIT_PARENT)
      const bin = v128.load(split, SPLIT_BIN)
      const column = bins + <usize>load<u32>(split, SPLIT_COLUMN_AT)
      leaf0 = descend(leaf0, parent, v128.load(column), bin, next)
      leaf1 = descend(leaf1, parent, v128.load(column, 16), bin, next)
      const otherParent = v128.load(other, SPLIT_PARENT)
      const otherBin = v128.load(other, SPLIT_BIN)
      const otherColumn = bins + <usize>load<u32>(other, SPLIT_COLUMN_AT)
      other0 = descend(other0, otherParent, v128.load(otherColumn), otherBin, next)
      other1 = descend(other1, otherParent, v128.load(otherColumn, 16), otherBin, next)
      next = i8x16.add(next, one)
      split += SPLIT_BYTES
      other += SPLIT_BYTES
    }
    for (let n = next; split < end; split += SPLIT_BYTES) {
      const parent = v128.load(split, SPLIT_PARENT)
      const bin = v128.load(split, SPLIT_BIN)
      const column = bins + <usize>load<u32>(split, SPLIT_COLUMN_AT)
      leaf0 = descend(leaf0, parent, v128.load(column), bin, n)
      leaf1 = descend(leaf1, parent, v128.load(column, 16), bin, n)
      n = i8x16.add(n, one)
    }
    for (; other < otherEnd; other += SPLIT_BYTES) {
      const parent = v128.load(other, SPLIT_PARENT)
      const bin = v128.load(other, SPLIT_BIN)
      const column = bins + <usize>load<u32>(other, SPLIT_COLUMN_AT)
      other0 = descend(other0, parent, v128.load(column), bin, next)
      other1 = descend(other1, parent, v128.load(column, 16), bin, next)
      next = i8x16.add(next, one)
    }
    split = otherEnd
    v128.store(indices, leaf0)
    v128.store(indices, leaf1, 16)
    // With an odd number of trees this is the room after the last.
    v128.store(indices, other0, BLOCK_ROWS)
    v128.store(indices, other1, BLOCK_ROWS + 16)
    indices += 2 * BLOCK_ROWS
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
