// Thresholds to bins: which u8 columns a row is quantised into, and which column and bin each split
// compares. A column is a feature, a missing type, a side for missing values, and a range of at
// most 255 thresholds; so a feature whose splits differ in where a missing value goes takes two
// columns, and one with 600 thresholds takes three. A split by category has a column of its own,
// which splits with the same categories share.

import type { Categories, Forest, Missing, Split } from './forest.ts'

/** Thresholds a u8 can number. */
const THRESHOLDS_MAX = 255

/** What the quantiser looks up once and writes to one or two columns. */
export type QuantiserEntry = {
  feature: number
  missing: Missing
  /** Ascending, at most 255. */
  thresholds: number[]
  /** One column for each side that missing values go to. */
  columns: { index: number; missingLeft: boolean }[]
  /** A split by category: no thresholds, and one column with the bins 0 (left) and 1 (right). */
  categories?: Categories
}

export type Bins = {
  entries: QuantiserEntry[]
  columnCount: number
  /** Column and bin of a split: x > threshold exactly when the column's bin is greater. */
  locate(split: Split): { column: number; bin: number }
}

export function makeBins(forest: Forest): Bins {
  const splits = forest.trees.flatMap((tree) => tree.splits)
  const groups = Map.groupBy(splits, (split) => groupKey(split))
  const entries: QuantiserEntry[] = []
  const places = new Map<string, { column: number; bin: number }>()
  let columnCount = 0
  for (const key of [...groups.keys()].sort(compareKeys)) {
    const group = groups.get(key)!
    const { feature, missing, categories, defaultLeft } = group[0]!
    if (categories) {
      const missingLeft = missing === 'nan' ? defaultLeft : !categories.listedLeft
      const columns = [{ index: columnCount++, missingLeft }]
      entries.push({ feature, missing, thresholds: [], columns, categories })
      places.set(key, { column: columns[0]!.index, bin: 0 })
      continue
    }
    // + 0 makes one number of 0 and -0, which compare equal.
    const all = [...new Set(group.map((split) => split.threshold + 0))].sort((a, b) => a - b)
    for (let from = 0; from < all.length; from += THRESHOLDS_MAX) {
      const thresholds = all.slice(from, from + THRESHOLDS_MAX)
      const within = new Set(thresholds)
      const sides = new Set(
        group
          .filter((split) => within.has(split.threshold + 0))
          .map((split) => missing === 'none' || split.defaultLeft),
      )
      const columns = [...sides]
        .sort((a, b) => Number(b) - Number(a))
        .map((missingLeft) => ({ index: columnCount++, missingLeft }))
      entries.push({ feature, missing, thresholds, columns })
      for (const { index, missingLeft } of columns) {
        for (const [bin, threshold] of thresholds.entries()) {
          places.set(`${key}/${missingLeft}/${threshold}`, { column: index, bin })
        }
      }
    }
  }
  return {
    entries,
    columnCount,
    locate(split) {
      if (split.categories) return places.get(groupKey(split))!
      const missingLeft = split.missing === 'none' || split.defaultLeft
      return places.get(`${groupKey(split)}/${missingLeft}/${split.threshold + 0}`)!
    },
  }
}

/** Bins lie biased by 128, so that a signed comparison orders them. */
export function biased(bin: number): number {
  return bin ^ 0x80
}

/** A column as lanes look it up: in one of two registers, see assembly/lanes.ts. */
export function laneColumn(column: number): number {
  return column < 16 ? column : 0x80 | (column - 16)
}

function groupKey(split: Split): string {
  const { feature, missing, defaultLeft, categories } = split
  if (!categories) return `${feature}/${missing}`
  const { ids, listedLeft, float32 } = categories
  return `${feature}/${missing}/${defaultLeft}/${listedLeft}/${float32}/${ids.join()}`
}

function compareKeys(a: string, b: string): number {
  return Number.parseInt(a) - Number.parseInt(b) || (a < b ? -1 : 1)
}
