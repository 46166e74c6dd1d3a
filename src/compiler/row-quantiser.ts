// The table that a lone row is quantised by (quantiseRow in assembly/quantise.ts): the entries of
// the quantiser two by two, those with as many comparisons together, and the splits by category.

import {
  ENTRY_BYTES,
  IMAGE_CATEGORIES,
  IMAGE_CATEGORIES_AT,
  IMAGE_TWINS,
  IMAGE_TWINS_AT,
} from '../../assembly/layout.ts'
import {
  TWIN_BYTES,
  TWIN_CELLS_AT,
  TWIN_COLUMN_A,
  TWIN_COLUMN_B,
  TWIN_COMPARISONS,
  TWIN_FEATURE_AT,
  TWIN_LAST_CELL,
  TWIN_LOW,
  TWIN_MISSING_BIN_A,
  TWIN_MISSING_BIN_B,
  TWIN_SCALE,
  TWIN_THRESHOLDS_AT,
  TWIN_ZERO,
} from '../../assembly/row-layout.ts'
import { type QuantiserEntry, biased } from './bins.ts'
import { ZERO_THRESHOLD } from './forest.ts'
import type { Image } from './image.ts'

/** No magnitude is below it. */
const NO_ZERO = -1

export type CellTable = { low: number; scale: number; cells: Uint8Array; comparisons: number }

/** An entry that is written, and where; one by category has no cells. */
export type PlacedEntry = { entry: QuantiserEntry; table?: undefined } | NumericEntry

type NumericEntry = {
  entry: QuantiserEntry
  table: CellTable
  cellsAt: number
  thresholdsAt: number
}

export function writeRowQuantiser(
  image: Image,
  placed: readonly PlacedEntry[],
  entriesAt: number,
): void {
  const numeric = placed.filter((one): one is NumericEntry => one.table !== undefined)
  const byWork = numeric.toSorted((a, b) => a.table.comparisons - b.table.comparisons)
  const twins = Math.ceil(byWork.length / 2)
  const twinsAt = image.reserve(twins * TWIN_BYTES)
  image.u32(IMAGE_TWINS_AT, twinsAt)
  image.u32(IMAGE_TWINS, twins)
  for (let i = 0; i < twins; i++) {
    const first = byWork[2 * i]!
    const second = byWork[2 * i + 1] ?? first
    const at = twinsAt + i * TWIN_BYTES
    writeHalf(image, at, 0, first)
    writeHalf(image, at, 1, second)
  }
  const categories = [...placed.keys()].filter((i) => placed[i]!.table === undefined)
  const categoriesAt = image.reserve(categories.length * 4)
  image.u32(IMAGE_CATEGORIES_AT, categoriesAt)
  image.u32(IMAGE_CATEGORIES, categories.length)
  for (const [i, index] of categories.entries()) {
    image.u32(categoriesAt + i * 4, entriesAt + index * ENTRY_BYTES)
  }
}

function writeHalf(image: Image, twinAt: number, half: number, placed: NumericEntry): void {
  const { entry, table, cellsAt, thresholdsAt } = placed
  const [a, b = a] = entry.columns
  const at8 = twinAt + half * 8
  const at4 = twinAt + half * 4
  image.f64(at8 + TWIN_LOW, table.low)
  image.f64(at8 + TWIN_SCALE, table.scale)
  image.f64(at8 + TWIN_LAST_CELL, table.cells.length - 1)
  image.f64(at8 + TWIN_ZERO, entry.missing === 'zero' ? ZERO_THRESHOLD : NO_ZERO)
  image.u32(at4 + TWIN_FEATURE_AT, entry.feature * 8)
  image.u32(at4 + TWIN_CELLS_AT, cellsAt)
  image.u32(at4 + TWIN_THRESHOLDS_AT, thresholdsAt)
  image.u32(at4 + TWIN_COMPARISONS, table.comparisons)
  image.u32(at4 + TWIN_COLUMN_A, a!.index)
  image.u32(at4 + TWIN_COLUMN_B, b!.index)
  image.u32(at4 + TWIN_MISSING_BIN_A, loneMissingBin(entry, a!.missingLeft))
  image.u32(at4 + TWIN_MISSING_BIN_B, loneMissingBin(entry, b!.missingLeft))
}

/** Where no value is missing, NaN counts as 0. */
function loneMissingBin(entry: QuantiserEntry, left: boolean): number {
  if (entry.missing !== 'none') return missingBin(entry, left)
  return biased(entry.thresholds.filter((threshold) => 0 > threshold).length)
}

/** Below every bin that is compared, or above. */
export function missingBin(entry: QuantiserEntry, left: boolean): number {
  return biased(left ? 0 : entry.thresholds.length)
}
