// A forest as the image that the WebAssembly kernels run: see IMAGE_… in assembly/layout.ts and the
// methods in assembly/quantise.ts and assembly/score.ts. Same forest, same bytes.

import {
  BLOCK_ROWS,
  ENTRY_BYTES,
  ENTRY_CELLS_AT,
  ENTRY_COLUMNS,
  ENTRY_COLUMN_A,
  ENTRY_COLUMN_B,
  ENTRY_COMPARISONS,
  ENTRY_FEATURE_AT,
  ENTRY_FLOAT32,
  ENTRY_LAST_CELL,
  ENTRY_LISTED_BIN,
  ENTRY_LOW,
  ENTRY_MISSING,
  ENTRY_MISSING_BIN_A,
  ENTRY_MISSING_BIN_B,
  ENTRY_SCALE,
  ENTRY_THRESHOLDS_AT,
  IMAGE_BASE,
  IMAGE_COLUMNS,
  IMAGE_DIVISOR,
  IMAGE_ENTRIES,
  IMAGE_ENTRIES_AT,
  IMAGE_FEATURES,
  IMAGE_FLOAT32,
  IMAGE_HEADER_BYTES,
  IMAGE_IDENTITY,
  IMAGE_LANES_AT,
  IMAGE_LEAF_STRIDE,
  IMAGE_LEAVES_AT,
  IMAGE_MAGIC,
  IMAGE_MAGIC_VALUE,
  IMAGE_NODES_AT,
  IMAGE_PLAN,
  IMAGE_ROW_LEAVES_AT,
  IMAGE_SIGMOID,
  IMAGE_SIZE,
  IMAGE_SPLITS_AT,
  IMAGE_SPLIT_COUNTS_AT,
  IMAGE_STEPS,
  IMAGE_TREES,
  IMAGE_VERSION,
  IMAGE_VERSION_VALUE,
  MISSING_CATEGORY,
  MISSING_NAN,
  MISSING_NONE,
  MISSING_ZERO,
  PAIR_BYTES,
  PAIR_COLUMN_AT,
  PAIR_INNER_BIN,
  PAIR_INNER_COLUMN_AT,
  SINGLES_SHIFT,
  SPLIT_BIN,
  SPLIT_BYTES,
  SPLIT_COLUMN_AT,
  SPLIT_PARENT,
} from '../../assembly/layout.ts'
import { usageError } from '../errors.ts'
import { type Bins, type QuantiserEntry, biased, makeBins } from './bins.ts'
import { flatten } from './flat-tree.ts'
import type { Categories, Forest, Missing } from './forest.ts'
import { Image } from './image.ts'
import { writeLanes } from './lane-table.ts'
import { writeNodes } from './nodes.ts'
import { type Comparison, type PairedTree, pairUp } from './paired-tree.ts'
import { locateTree } from './pieces.ts'
import { makePlan } from './plan.ts'
import { type CellTable, type PlacedEntry, missingBin, writeRowQuantiser } from './row-quantiser.ts'

/** Cells tried for a feature, until one comparison after the table is enough. */
const CELL_COUNTS = [64, 256, 512, 1024]

const MISSING_CODES: Readonly<{ [missing in Missing]: number }> = {
  none: MISSING_NONE,
  nan: MISSING_NAN,
  zero: MISSING_ZERO,
}

/**
 * Lays out a forest.
 *
 * @param place  how errors name the model
 * @throws OperatingError kind 'usage', code 'model', when a tree is beyond the kernels
 */
export function makeTables(forest: Forest, place: string): Uint8Array {
  const bins = makeBins(forest)
  const located = forest.trees.flatMap((tree, i) => {
    const pieces = locateTree(tree, bins)
    if (pieces) return pieces
    const what = `tree ${i} has ${tree.leaves.length} leaves and is too deep to be cut into pieces`
    throw usageError('model', `${place}: ${what}`)
  })
  const trees = located.map(flatten)
  const paired = located.map(pairUp)
  const steps = Math.max(0, ...trees.map((tree) => tree.splits.length))
  const leafStride = Math.max(
    2,
    ...trees.map((tree) => tree.leaves.length + (tree.leaves.length & 1)),
  )
  const image = new Image()
  image.reserve(IMAGE_HEADER_BYTES)
  const { entriesAt, placed } = writeEntries(image, bins)
  writeRowQuantiser(image, placed, entriesAt)
  const countsAt = image.reserve(trees.length * 4)
  for (const [i, { pairs, singles }] of paired.entries()) {
    image.u32(countsAt + i * 4, pairs.length | (singles.length << SINGLES_SHIFT))
  }
  const splitsAt = writeSplits(image, paired, bins.columnCount)
  const leavesAt = writeLeaves(image, paired, leafStride)
  const { lanes, nodes, rows } = makePlan(located, trees, bins)
  const lanesAt = lanes ? writeLanes(image, lanes) : 0
  const nodesAt = nodes ? writeNodes(image, trees, steps) : 0
  let rowLeavesAt = 0
  if (lanes) rowLeavesAt = writeLeaves(image, lanes.trees, lanes.leafStride)
  else if (nodes) rowLeavesAt = writeLeaves(image, trees, leafStride)
  image.u32(IMAGE_MAGIC, IMAGE_MAGIC_VALUE)
  image.u32(IMAGE_VERSION, IMAGE_VERSION_VALUE)
  image.u32(IMAGE_FEATURES, forest.features.length)
  image.u32(IMAGE_ENTRIES, bins.entries.length)
  image.u32(IMAGE_COLUMNS, bins.columnCount)
  image.u32(IMAGE_TREES, trees.length)
  image.u32(IMAGE_LEAF_STRIDE, leafStride)
  image.u32(IMAGE_STEPS, steps)
  image.u32(IMAGE_ENTRIES_AT, entriesAt)
  image.u32(IMAGE_SPLIT_COUNTS_AT, countsAt)
  image.u32(IMAGE_SPLITS_AT, splitsAt)
  image.u32(IMAGE_LEAVES_AT, leavesAt)
  image.u32(IMAGE_LANES_AT, lanesAt)
  image.u32(IMAGE_NODES_AT, nodesAt)
  image.u32(IMAGE_ROW_LEAVES_AT, rowLeavesAt)
  image.bytes(IMAGE_PLAN, rows)
  image.f64(IMAGE_SIGMOID, forest.sigmoid)
  image.f64(IMAGE_BASE, forest.base ?? 0)
  image.f64(IMAGE_DIVISOR, forest.averaged ? Math.max(1, forest.trees.length) : 1)
  image.u32(IMAGE_FLOAT32, forest.float32 ? 1 : 0)
  image.u32(IMAGE_IDENTITY, forest.identity ? 1 : 0)
  const bytes = image.take()
  new DataView(bytes.buffer).setUint32(IMAGE_SIZE, bytes.length, true)
  return bytes
}

function writeLeaves(image: Image, trees: readonly { leaves: number[] }[], stride: number): number {
  const leavesAt = image.reserve(trees.length * stride * 8)
  for (const [i, { leaves }] of trees.entries()) {
    for (const [leaf, value] of leaves.entries()) {
      image.f64(leavesAt + (i * stride + leaf) * 8, value)
    }
  }
  return leavesAt
}

function writeEntries(image: Image, bins: Bins) {
  const entriesAt = image.reserve(bins.entries.length * ENTRY_BYTES)
  const placed: PlacedEntry[] = []
  for (const [i, entry] of bins.entries.entries()) {
    const at = entriesAt + i * ENTRY_BYTES
    if (entry.categories) {
      writeCategories(image, at, entry, entry.categories)
      placed.push({ entry })
      continue
    }
    const table = makeCells(entry.thresholds)
    const cellsAt = image.reserve(table.cells.length)
    image.bytes(cellsAt, table.cells)
    // The last search may look so many thresholds past the end; nothing is greater than infinity.
    const padded = entry.thresholds.length + 2 ** table.comparisons
    const thresholdsAt = image.reserve(padded * 8)
    for (let k = 0; k < padded; k++) {
      image.f64(thresholdsAt + k * 8, entry.thresholds[k] ?? Number.POSITIVE_INFINITY)
    }
    const [a, b] = entry.columns
    image.f64(at + ENTRY_LOW, table.low)
    image.f64(at + ENTRY_SCALE, table.scale)
    image.f64(at + ENTRY_LAST_CELL, table.cells.length - 1)
    image.u32(at + ENTRY_FEATURE_AT, entry.feature * 8)
    image.u32(at + ENTRY_CELLS_AT, cellsAt)
    image.u32(at + ENTRY_THRESHOLDS_AT, thresholdsAt)
    image.u32(at + ENTRY_COMPARISONS, table.comparisons)
    image.u32(at + ENTRY_MISSING, MISSING_CODES[entry.missing])
    image.u32(at + ENTRY_COLUMNS, entry.columns.length)
    image.u32(at + ENTRY_COLUMN_A, a!.index * BLOCK_ROWS)
    image.u32(at + ENTRY_COLUMN_B, (b ?? a!).index * BLOCK_ROWS)
    image.u32(at + ENTRY_MISSING_BIN_A, missingBin(entry, a!.missingLeft))
    image.u32(at + ENTRY_MISSING_BIN_B, missingBin(entry, (b ?? a!).missingLeft))
    placed.push({ entry, table, cellsAt, thresholdsAt })
  }
  return { entriesAt, placed }
}

function writeCategories(
  image: Image,
  at: number,
  { feature, columns }: QuantiserEntry,
  { ids, listedLeft, float32 }: Categories,
): void {
  const { index, missingLeft } = columns[0]!
  const bits = (ids[ids.length - 1] ?? -1) + 1
  const bitsAt = image.reserve(Math.ceil(bits / 8))
  for (const id of ids) image.setBit(bitsAt, id)
  const side = (left: boolean) => biased(left ? 0 : 1)
  // Greater than -1, and cut to a whole number; or, of a float, not below 0.
  image.f64(at + ENTRY_LOW, float32 ? -Number.MIN_VALUE : -1)
  image.f64(at + ENTRY_LAST_CELL, bits)
  image.u32(at + ENTRY_FEATURE_AT, feature * 8)
  image.u32(at + ENTRY_CELLS_AT, bitsAt)
  image.u32(at + ENTRY_MISSING, MISSING_CATEGORY)
  image.u32(at + ENTRY_FLOAT32, float32 ? 1 : 0)
  image.u32(at + ENTRY_COLUMN_A, index * BLOCK_ROWS)
  image.u32(at + ENTRY_COLUMN_B, index * BLOCK_ROWS)
  image.u8(at + ENTRY_MISSING_BIN_A, side(missingLeft))
  image.u8(at + ENTRY_LISTED_BIN, side(listedLeft))
  image.u8(at + ENTRY_MISSING_BIN_B, side(!listedLeft))
}

function makeCells(thresholds: readonly number[]): CellTable {
  let best: CellTable | undefined
  for (const count of CELL_COUNTS) {
    const table = makeCellTable(thresholds, count)
    if (!best || table.comparisons < best.comparisons) best = table
    if (best.comparisons === 1) break
  }
  return best!
}

function makeCellTable(thresholds: readonly number[], count: number): CellTable {
  // A few thresholds out at the edge of doubles must not stretch the cells.
  const inner = thresholds.filter((t) => Math.abs(t) < 1e300)
  const low = inner[0] ?? 0
  const high = inner[inner.length - 1] ?? 0
  const scale = high > low ? (count - 1) / (high - low) : 0
  const perCell = Array.from({ length: count }, () => 0)
  for (const t of thresholds) perCell[cellOf(t, low, scale, count - 1)]!++
  const cells = new Uint8Array(count)
  let below = 0
  for (let c = 0; c < count; c++) {
    cells[c] = below
    below += perCell[c]!
  }
  const most = Math.max(...perCell)
  return { low, scale, cells, comparisons: Math.max(1, Math.ceil(Math.log2(most + 1))) }
}

/** Operation by operation what `cell` in assembly/quantise.ts does. */
function cellOf(x: number, low: number, scale: number, last: number): number {
  const position = (x - low) * scale
  const atLeastZero = 0 < position ? position : 0
  const bounded = atLeastZero < last ? atLeastZero : last
  const integerShift = 4503599627370496
  return bounded + integerShift - integerShift
}

function writeSplits(image: Image, trees: readonly PairedTree[], columns: number): number {
  const bytes = (tree: PairedTree) =>
    tree.pairs.length * PAIR_BYTES + tree.singles.length * SPLIT_BYTES
  const splitsAt = image.reserve(trees.reduce((sum, tree) => sum + bytes(tree), 0))
  const binOf = ({ bin, complemented }: Comparison) => biased(complemented ? 254 - bin : bin)
  const columnAt = ({ column, complemented }: Comparison) =>
    (complemented ? columns + column : column) * BLOCK_ROWS
  let at = splitsAt
  for (const tree of trees) {
    for (const { parent, outer, inner } of tree.pairs) {
      image.fill(at + SPLIT_PARENT, 16, parent)
      image.fill(at + SPLIT_BIN, 16, binOf(outer))
      image.fill(at + PAIR_INNER_BIN, 16, binOf(inner))
      image.u32(at + PAIR_COLUMN_AT, columnAt(outer))
      image.u32(at + PAIR_INNER_COLUMN_AT, columnAt(inner))
      at += PAIR_BYTES
    }
    for (const { parent, split } of tree.singles) {
      image.fill(at + SPLIT_PARENT, 16, parent)
      image.fill(at + SPLIT_BIN, 16, binOf(split))
      image.u32(at + SPLIT_COLUMN_AT, columnAt(split))
      at += SPLIT_BYTES
    }
  }
  return splitsAt
}
