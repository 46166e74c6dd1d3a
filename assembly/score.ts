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
import { quantiseBlocks, quantiseRow } from './quantise'

/** Up to so many left-over rows go through the one-row kernel; a 64-row block costs more above. */
const SINGLE_ROWS_MAX = 20

/** Scores rows 0 to n - 1 into the margins. Rows up to the next multiple of 64 may be read. */
export function score(context: usize, n: i32): void {
  const image = <usize>load<u32>(context, CONTEXT_IMAGE)
  let blocks = n / BLOCK_ROWS
  let rest = n % BLOCK_ROWS
  if (rest > SINGLE_ROWS_MAX || (rest > 0 && load<u32>(image, IMAGE_LANES_AT) == 0)) {
    blocks++
    rest = 0
  }
  if (blocks > 0) {
    quantiseBlocks(context, 0, blocks * BLOCK_ROWS)
    scoreBlocks(context, blocks)
  }
  for (let row = n - rest; row < n; row++) scoreRow(context, row)
}

/** Whole blocks of 64 rows from their bins. */
function scoreBlocks(context: usize, blocks: i32): void {
  const image = <usize>load<u32>(context, CONTEXT_IMAGE)
  const blockBytes = <usize>load<u32>(image, IMAGE_COLUMNS) * BLOCK_ROWS
  const trees = <usize>load<u32>(image, IMAGE_TREES)
  const splits = image + <usize>load<u32>(image, IMAGE_SPLITS_AT)
  const splitCounts = image + <usize>load<u32>(image, IMAGE_SPLIT_COUNTS_AT)
  const leaves = image + <usize>load<u32>(image, IMAGE_LEAVES_AT)
  const leafBytes = (<usize>load<u32>(image, IMAGE_LEAF_STRIDE)) << 3
  const indices = <usize>load<u32>(context, CONTEXT_LEAF_INDICES)
  let bins = <usize>load<u32>(context, CONTEXT_BINS)
  let margins = <usize>load<u32>(context, CONTEXT_MARGINS)
  for (let block = 0; block < blocks; block++) {
    findLeaves(bins, splits, splitCounts, trees, indices)
    for (let half: usize = 0; half < <usize>BLOCK_ROWS; half += 16) {
      sumLeaves(indices + half, leaves, leafBytes, trees, margins + (half << 3))
    }
    bins += blockBytes
    margins += BLOCK_ROWS << 3
  }
}

/** Leaf index of each of the 64 rows in each tree, u8[trees][64]. */
function findLeaves(
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

function descend(leaf: v128, parent: v128, x: v128, bin: v128, right: v128): v128 {
  const goesRight = v128.and(i8x16.eq(leaf, parent), i8x16.gt_s(x, bin))
  return i8x16.max_u(leaf, v128.and(goesRight, right))
}

/** Sums the leaf values of 16 rows in tree order, the 16 sums in registers. */
function sumLeaves(
  indices: usize,
  leaves: usize,
  leafBytes: usize,
  trees: usize,
  margins: usize,
): void {
  let s0 = f64x2.splat(0)
  let s1 = f64x2.splat(0)
  let s2 = f64x2.splat(0)
  let s3 = f64x2.splat(0)
  let s4 = f64x2.splat(0)
  let s5 = f64x2.splat(0)
  let s6 = f64x2.splat(0)
  let s7 = f64x2.splat(0)
  for (let tree: usize = 0; tree < trees; tree++) {
    s0 = addLeaves(s0, leaves, indices)
    s1 = addLeaves(s1, leaves, indices + 2)
    s2 = addLeaves(s2, leaves, indices + 4)
    s3 = addLeaves(s3, leaves, indices + 6)
    s4 = addLeaves(s4, leaves, indices + 8)
    s5 = addLeaves(s5, leaves, indices + 10)
    s6 = addLeaves(s6, leaves, indices + 12)
    s7 = addLeaves(s7, leaves, indices + 14)
    indices += BLOCK_ROWS
    leaves += leafBytes
  }
  v128.store(margins, s0)
  v128.store(margins, s1, 16)
  v128.store(margins, s2, 32)
  v128.store(margins, s3, 48)
  v128.store(margins, s4, 64)
  v128.store(margins, s5, 80)
  v128.store(margins, s6, 96)
  v128.store(margins, s7, 112)
}

/** Adds the leaf values of two neighbouring rows. */
function addLeaves(sums: v128, leaves: usize, indices: usize): v128 {
  const first = v128.load64_zero(leaves + ((<usize>load<u8>(indices)) << 3))
  const second = leaves + ((<usize>load<u8>(indices, 1)) << 3)
  return f64x2.add(sums, v128.load_lane<f64>(second, first, 1))
}

/**
 * One row. The lanes are trees: two registers hold the row's bins, and each step looks up, for 32
 * trees at once, the column that the tree's next split compares. Trees with fewer splits are padded
 * with parent 255, which no leaf reaches before its last step.
 */
function scoreRow(context: usize, rowIndex: i32): void {
  const image = <usize>load<u32>(context, CONTEXT_IMAGE)
  const trees = <i32>load<u32>(image, IMAGE_TREES)
  const steps = <usize>load<u32>(image, IMAGE_STEPS)
  const leaves = image + <usize>load<u32>(image, IMAGE_LEAVES_AT)
  const leafBytes = (<usize>load<u32>(image, IMAGE_LEAF_STRIDE)) << 3
  const indices = <usize>load<u32>(context, CONTEXT_LEAF_INDICES)
  const bins = <usize>load<u32>(context, CONTEXT_BINS)
  const rowBytes = <usize>load<u32>(context, CONTEXT_ROW_BYTES)
  quantiseRow(image, <usize>load<u32>(context, CONTEXT_ROWS) + <usize>rowIndex * rowBytes, bins)
  const low = v128.load(bins)
  const high = v128.load(bins, 16)
  const one = i8x16.splat(1)
  let lane = image + <usize>load<u32>(image, IMAGE_LANES_AT)
  let index = indices
  for (let tree = 0; tree < trees; tree += LANE_TREES) {
    let i0 = i64x2.splat(0)
    let i1 = i64x2.splat(0)
    let next = one
    const end = lane + steps * (2 * LANE_BYTES)
    while (lane < end) {
      const x0 = lookUp(low, high, v128.load(lane, LANE_COLUMN))
      const x1 = lookUp(low, high, v128.load(lane, LANE_BYTES + LANE_COLUMN))
      const parent0 = v128.load(lane, LANE_PARENT)
      const parent1 = v128.load(lane, LANE_BYTES + LANE_PARENT)
      i0 = descend(i0, parent0, x0, v128.load(lane, LANE_BIN), next)
      i1 = descend(i1, parent1, x1, v128.load(lane, LANE_BYTES + LANE_BIN), next)
      next = i8x16.add(next, one)
      lane += 2 * LANE_BYTES
    }
    v128.store(index, i0)
    v128.store(index, i1, 16)
    index += LANE_TREES
  }
  let sum: f64 = 0
  let leaf = leaves
  for (let tree = 0; tree < trees; tree++) {
    sum += load<f64>(leaf + ((<usize>load<u8>(indices + <usize>tree)) << 3))
    leaf += leafBytes
  }
  const margins = <usize>load<u32>(context, CONTEXT_MARGINS)
  store<f64>(margins + ((<usize>rowIndex) << 3), sum)
}

/**
 * Bytes of a 32-byte table by index. A column of the first register is stored as it is, one of the
 * second as 128 + (column - 16): swizzle gives 0 for an index of 16 or more, so each side of the
 * `or` answers for its own half. (Not relaxed_swizzle: its result depends on the machine.)
 */
function lookUp(low: v128, high: v128, column: v128): v128 {
  const highColumn = v128.xor(column, i8x16.splat(-128))
  return v128.or(i8x16.swizzle(low, column), i8x16.swizzle(high, highColumn))
}
