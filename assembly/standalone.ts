// The module that stands alone: the kernels with a model's tables in their own memory and nothing
// from the host. `model build --standalone` puts the tables at TABLES_AT, as a data segment.
//
//     rows = module.rows(n)      address for n rows, f64[n][features()], NaN for a missing value
//     margins = module.score(n)  address of their n raw scores, f64[n]
//
// Both are 0 when there are too many rows. Memory only grows, and only in rows(); where it did, a
// view that JavaScript has of it must be made again.

import {
  BINS_BYTES_MIN,
  BLOCK_ROWS,
  CONTEXT_BINS,
  CONTEXT_BYTES,
  CONTEXT_IMAGE,
  CONTEXT_LEAF_INDICES,
  CONTEXT_MARGINS,
  CONTEXT_ROWS,
  CONTEXT_ROW_BYTES,
  IMAGE_COLUMNS,
  IMAGE_FEATURES,
  IMAGE_SIZE,
  IMAGE_TREES,
  LANE_TREES,
  TILE_TREES,
} from './layout'
import { score as scoreBatch } from './score'

/** The module's own data lies below it; the builder of model.wasm reads it here. */
export const TABLES_AT: i32 = 65536

const PAGE_BYTES: u64 = 65536
/** Hosts read addresses as signed numbers. */
const ADDRESSES: u64 = 2147483648
const ALIGNMENT: u64 = 64

const context = memory.data(CONTEXT_BYTES, 16)
/** Rows that there is room for, a multiple of 64. */
let capacity: i32 = 0

/** Doubles that a row holds, in the model's order. */
export function features(): i32 {
  return load<i32>(TABLES_AT, IMAGE_FEATURES)
}

/** Address of the rows to fill in; the same again unless n is more than ever before. */
export function rows(n: i32): usize {
  if (n < 0 || (n > capacity && !makeRoom(n))) return 0
  if (capacity == 0 && !makeRoom(1)) return 0
  return <usize>load<u32>(context, CONTEXT_ROWS)
}

/** Scores rows 0 to n - 1, for which rows(n) has made room. */
export function score(n: i32): usize {
  if (n < 0 || n > capacity || capacity == 0) return 0
  scoreBatch(context, n)
  return <usize>load<u32>(context, CONTEXT_MARGINS)
}

/** Lays out what a batch of n rows needs behind the tables: see Engine in src/scorer/engine.ts. */
function makeRoom(n: i32): bool {
  const image: usize = TABLES_AT
  const rowBytes = <u64>load<u32>(image, IMAGE_FEATURES) * 8
  const blocks = (<u64>n + BLOCK_ROWS - 1) / BLOCK_ROWS
  const columns = <u64>load<u32>(image, IMAGE_COLUMNS)
  const rowsAt = aligned(<u64>image + <u64>load<u32>(image, IMAGE_SIZE))
  const binsAt = aligned(rowsAt + blocks * BLOCK_ROWS * rowBytes)
  const trees = <u64>load<u32>(image, IMAGE_TREES)
  // Bins, with complements, and leaf indices of 128 rows, which the largest kernel takes at once.
  const indicesAt = aligned(binsAt + max<u64>(BINS_BYTES_MIN, 4 * columns * BLOCK_ROWS))
  const marginsAt = aligned(indicesAt + max<u64>(2 * TILE_TREES * BLOCK_ROWS, trees + LANE_TREES))
  const end = marginsAt + blocks * BLOCK_ROWS * 8
  if (end > ADDRESSES) return false
  const pages = <i32>((end + PAGE_BYTES - 1) / PAGE_BYTES)
  const missing = pages - memory.size()
  if (missing > 0 && memory.grow(missing) < 0) return false
  store<u32>(context, <u32>image, CONTEXT_IMAGE)
  store<u32>(context, <u32>rowBytes, CONTEXT_ROW_BYTES)
  store<u32>(context, <u32>rowsAt, CONTEXT_ROWS)
  store<u32>(context, <u32>binsAt, CONTEXT_BINS)
  store<u32>(context, <u32>indicesAt, CONTEXT_LEAF_INDICES)
  store<u32>(context, <u32>marginsAt, CONTEXT_MARGINS)
  capacity = <i32>(blocks * BLOCK_ROWS)
  return true
}

function aligned(address: u64): u64 {
  return (address + ALIGNMENT - 1) & ~(ALIGNMENT - 1)
}
