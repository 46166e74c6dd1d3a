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
// every number given before, so max() is an assignment. A split and a child of it go as a pair,
// which asks once for the parent: seven instructions instead of ten (src/compiler/paired-tree.ts).
// The outer split of a pair sends right what the inner one parts; where that is its left child, it
// compares complements of bins, which the quantiser writes beside them. Leaf values are then summed
// as f64 in tree order, which is the order the trainer sums in, some trees at a time: so their
// values are read from the nearest cache.

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
  IMAGE_LEAF_STRIDE,
  IMAGE_LEAVES_AT,
  IMAGE_BASE,
  IMAGE_LANES_AT,
  IMAGE_PLAN,
  IMAGE_SPLITS_AT,
  IMAGE_SPLIT_COUNTS_AT,
  IMAGE_TREES,
  PAIR_BYTES,
  PAIR_COLUMN_AT,
  PAIR_INNER_BIN,
  PAIR_INNER_COLUMN_AT,
  PLAN_ROWS,
  SINGLES_SHIFT,
  SPLIT_BIN,
  SPLIT_BYTES,
  SPLIT_COLUMN_AT,
  SPLIT_PARENT,
  TILE_TREES,
} from './layout'
import { descend, descendPair } from './descend'
import { sumOfLanes } from './lanes'
import { quantiseRow, quantiseRows } from './quantise'
import { addTrees } from './sum'
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
  const row = <usize>load<u32>(context, CONTEXT_ROWS) + <usize>rowIndex * rowBytes
  const indices = <usize>load<u32>(context, CONTEXT_LEAF_INDICES)
  quantiseRow(image, row, bins, indices)
  const sum = load<u32>(image, IMAGE_LANES_AT)
    ? sumOfLanes<T>(image, bins, indices)
    : sumOfWalks<T>(image, bins)
  const margins = <usize>load<u32>(context, CONTEXT_MARGINS)
  const divisor = load<f64>(image, IMAGE_DIVISOR)
  store<f64>(margins + ((<usize>rowIndex) << 3), divisor == 1 ? sum : sum / divisor)
}

/** 16, 32, 64 or 128 rows at once. */
function scoreSome<T>(context: usize, firstRow: i32, rows: i32): void {
  const image = <usize>load<u32>(context, CONTEXT_IMAGE)
  const trees = <usize>load<u32>(image, IMAGE_TREES)
  const leafBytes = (<usize>load<u32>(image, IMAGE_LEAF_STRIDE)) << 3
  const bins = <usize>load<u32>(context, CONTEXT_BINS)
  const otherBins = 2 * <usize>load<u32>(image, IMAGE_COLUMNS) * BLOCK_ROWS
  const indices = <usize>load<u32>(context, CONTEXT_LEAF_INDICES)
  const others = indices + TILE_TREES * BLOCK_ROWS
  const margins = <usize>load<u32>(context, CONTEXT_MARGINS) + ((<usize>firstRow) << 3)
  let split = image + <usize>load<u32>(image, IMAGE_SPLITS_AT)
  let counts = image + <usize>load<u32>(image, IMAGE_SPLIT_COUNTS_AT)
  let leaves = image + <usize>load<u32>(image, IMAGE_LEAVES_AT)
  quantiseRows(context, firstRow, rows)
  fill(margins, rows, load<f64>(image, IMAGE_BASE))
  for (let tree: usize = 0; tree < trees; tree += TILE_TREES) {
    const tile = min<usize>(TILE_TREES, trees - tree)
    for (let i: usize = 0; i < tile; i++) {
      const at = indices + i * BLOCK_ROWS
      const count = load<u32>(counts)
      if (rows == 2 * BLOCK_ROWS) {
        split = findLeaves128(bins, otherBins, split, count, at, others + i * BLOCK_ROWS)
      } else if (rows == BLOCK_ROWS) {
        split = findLeaves64(bins, split, count, at)
      } else if (rows == 32) {
        split = findLeaves32(bins, split, count, at)
      } else {
        split = findLeaves16(bins, split, count, at)
      }
      counts += 4
    }
    for (let from: usize = 0; from < <usize>rows; from += 16) {
      const at = from < <usize>BLOCK_ROWS ? indices + from : others + (from - <usize>BLOCK_ROWS)
      addTrees<T>(leaves, leafBytes, tile, at, margins + (from << 3))
    }
    leaves += tile * leafBytes
  }
  const divisor = load<f64>(image, IMAGE_DIVISOR)
  if (divisor != 1) divide(margins, rows, divisor)
}

function fill(margins: usize, rows: i32, value: f64): void {
  const both = f64x2.splat(value)
  for (const end = margins + ((<usize>rows) << 3); margins < end; margins += 16) {
    v128.store(margins, both)
  }
}

function divide(margins: usize, rows: i32, divisor: f64): void {
  const both = f64x2.splat(divisor)
  for (const end = margins + ((<usize>rows) << 3); margins < end; margins += 16) {
    v128.store(margins, f64x2.div(v128.load(margins), both))
  }
}

/** Leaf index of each of 128 rows in the tree whose splits start here, and where the next's do. */
function findLeaves128(
  bins: usize,
  otherBins: usize,
  split: usize,
  counts: u32,
  indices: usize,
  others: usize,
): usize {
  const one = i8x16.splat(1)
  const two = i8x16.splat(2)
  let next = one
  let i0 = i64x2.splat(0)
  let i1 = i64x2.splat(0)
  let i2 = i64x2.splat(0)
  let i3 = i64x2.splat(0)
  let i4 = i64x2.splat(0)
  let i5 = i64x2.splat(0)
  let i6 = i64x2.splat(0)
  let i7 = i64x2.splat(0)
  const pairsEnd = split + <usize>(counts & 0xffff) * PAIR_BYTES
  while (split < pairsEnd) {
    const parent = v128.load(split, SPLIT_PARENT)
    const bin = v128.load(split, SPLIT_BIN)
    const innerBin = v128.load(split, PAIR_INNER_BIN)
    const outer = bins + <usize>load<u32>(split, PAIR_COLUMN_AT)
    const inner = bins + <usize>load<u32>(split, PAIR_INNER_COLUMN_AT)
    i0 = descendPair(i0, parent, v128.load(outer), bin, v128.load(inner), innerBin, next)
    i1 = descendPair(i1, parent, v128.load(outer, 16), bin, v128.load(inner, 16), innerBin, next)
    i2 = descendPair(i2, parent, v128.load(outer, 32), bin, v128.load(inner, 32), innerBin, next)
    i3 = descendPair(i3, parent, v128.load(outer, 48), bin, v128.load(inner, 48), innerBin, next)
    const outer2 = outer + otherBins
    const inner2 = inner + otherBins
    i4 = descendPair(i4, parent, v128.load(outer2), bin, v128.load(inner2), innerBin, next)
    i5 = descendPair(i5, parent, v128.load(outer2, 16), bin, v128.load(inner2, 16), innerBin, next)
    i6 = descendPair(i6, parent, v128.load(outer2, 32), bin, v128.load(inner2, 32), innerBin, next)
    i7 = descendPair(i7, parent, v128.load(outer2, 48), bin, v128.load(inner2, 48), innerBin, next)
    next = i8x16.add(next, two)
    split += PAIR_BYTES
  }
  const end = split + <usize>(counts >> SINGLES_SHIFT) * SPLIT_BYTES
  while (split < end) {
    const parent = v128.load(split, SPLIT_PARENT)
    const bin = v128.load(split, SPLIT_BIN)
    const column = bins + <usize>load<u32>(split, SPLIT_COLUMN_AT)
    i0 = descend(i0, parent, v128.load(column), bin, next)
    i1 = descend(i1, parent, v128.load(column, 16), bin, next)
    i2 = descend(i2, parent, v128.load(column, 32), bin, next)
    i3 = descend(i3, parent, v128.load(column, 48), bin, next)
    const column2 = column + otherBins
    i4 = descend(i4, parent, v128.load(column2), bin, next)
    i5 = descend(i5, parent, v128.load(column2, 16), bin, next)
    i6 = descend(i6, parent, v128.load(column2, 32), bin, next)
    i7 = descend(i7, parent, v128.load(column2, 48), bin, next)
    next = i8x16.add(next, one)
    split += SPLIT_BYTES
  }
  v128.store(indices, i0)
  v128.store(indices, i1, 16)
  v128.store(indices, i2, 32)
  v128.store(indices, i3, 48)
  v128.store(others, i4)
  v128.store(others, i5, 16)
  v128.store(others, i6, 32)
  v128.store(others, i7, 48)
  return split
}

/** Leaf index of each of 64 rows in the tree whose splits start here, and where the next's do. */
function findLeaves64(bins: usize, split: usize, counts: u32, indices: usize): usize {
  const one = i8x16.splat(1)
  const two = i8x16.splat(2)
  let next = one
  let i0 = i64x2.splat(0)
  let i1 = i64x2.splat(0)
  let i2 = i64x2.splat(0)
  let i3 = i64x2.splat(0)
  const pairsEnd = split + <usize>(counts & 0xffff) * PAIR_BYTES
  while (split < pairsEnd) {
    const parent = v128.load(split, SPLIT_PARENT)
    const bin = v128.load(split, SPLIT_BIN)
    const innerBin = v128.load(split, PAIR_INNER_BIN)
    const outer = bins + <usize>load<u32>(split, PAIR_COLUMN_AT)
    const inner = bins + <usize>load<u32>(split, PAIR_INNER_COLUMN_AT)
    i0 = descendPair(i0, parent, v128.load(outer), bin, v128.load(inner), innerBin, next)
    i1 = descendPair(i1, parent, v128.load(outer, 16), bin, v128.load(inner, 16), innerBin, next)
    i2 = descendPair(i2, parent, v128.load(outer, 32), bin, v128.load(inner, 32), innerBin, next)
    i3 = descendPair(i3, parent, v128.load(outer, 48), bin, v128.load(inner, 48), innerBin, next)
    next = i8x16.add(next, two)
    split += PAIR_BYTES
  }
  const end = split + <usize>(counts >> SINGLES_SHIFT) * SPLIT_BYTES
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
  return split
}

/** Leaf index of each of 32 rows in the tree whose splits start here, and where the next's do. */
function findLeaves32(bins: usize, split: usize, counts: u32, indices: usize): usize {
  const one = i8x16.splat(1)
  const two = i8x16.splat(2)
  let next = one
  let i0 = i64x2.splat(0)
  let i1 = i64x2.splat(0)
  const pairsEnd = split + <usize>(counts & 0xffff) * PAIR_BYTES
  while (split < pairsEnd) {
    const parent = v128.load(split, SPLIT_PARENT)
    const bin = v128.load(split, SPLIT_BIN)
    const innerBin = v128.load(split, PAIR_INNER_BIN)
    const outer = bins + <usize>load<u32>(split, PAIR_COLUMN_AT)
    const inner = bins + <usize>load<u32>(split, PAIR_INNER_COLUMN_AT)
    i0 = descendPair(i0, parent, v128.load(outer), bin, v128.load(inner), innerBin, next)
    i1 = descendPair(i1, parent, v128.load(outer, 16), bin, v128.load(inner, 16), innerBin, next)
    next = i8x16.add(next, two)
    split += PAIR_BYTES
  }
  const end = split + <usize>(counts >> SINGLES_SHIFT) * SPLIT_BYTES
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
  return split
}

/** Leaf index of each of 16 rows in the tree whose splits start here, and where the next's do. */
function findLeaves16(bins: usize, split: usize, counts: u32, indices: usize): usize {
  const one = i8x16.splat(1)
  const two = i8x16.splat(2)
  let next = one
  let i0 = i64x2.splat(0)
  const pairsEnd = split + <usize>(counts & 0xffff) * PAIR_BYTES
  while (split < pairsEnd) {
    const parent = v128.load(split, SPLIT_PARENT)
    const bin = v128.load(split, SPLIT_BIN)
    const innerBin = v128.load(split, PAIR_INNER_BIN)
    const outer = bins + <usize>load<u32>(split, PAIR_COLUMN_AT)
    const inner = bins + <usize>load<u32>(split, PAIR_INNER_COLUMN_AT)
    i0 = descendPair(i0, parent, v128.load(outer), bin, v128.load(inner), innerBin, next)
    next = i8x16.add(next, two)
    split += PAIR_BYTES
  }
  const end = split + <usize>(counts >> SINGLES_SHIFT) * SPLIT_BYTES
  while (split < end) {
    const parent = v128.load(split, SPLIT_PARENT)
    const bin = v128.load(split, SPLIT_BIN)
    const column = bins + <usize>load<u32>(split, SPLIT_COLUMN_AT)
    i0 = descend(i0, parent, v128.load(column), bin, next)
    next = i8x16.add(next, one)
    split += SPLIT_BYTES
  }
  v128.store(indices, i0)
  return split
}
