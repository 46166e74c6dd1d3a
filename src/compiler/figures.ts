// What there is to say about a forest: sizes, and each feature's part in it. Plain loops: it is
// made for every build, and a large forest has half a million splits.

import {
  ENTRY_BYTES,
  ENTRY_COLUMNS,
  ENTRY_FEATURE_AT,
  ENTRY_MISSING,
  IMAGE_ENTRIES,
  IMAGE_ENTRIES_AT,
  MISSING_CATEGORY,
} from '../../assembly/layout.ts'
import type { Forest, Split, Tree } from './forest.ts'

type FeatureFigures = {
  splits: number
  /** Different thresholds, and different categories. */
  thresholds: number
  categories: number
  /** What counts as missing at its splits, and where that goes. */
  missing: string[]
  /** u8 columns it is quantised into. */
  columns: number
}

type Figures = {
  trees: number
  splits: number
  leaves: number
  leavesMax: number
  /** Splits on the longest way to a leaf. */
  depthMax: number
  features: FeatureFigures[]
}

/** @param tables  the image that was made of the forest */
export function figuresOf(forest: Forest, tables: Uint8Array): Figures {
  const tallies = forest.features.map(() => new Tally())
  const figures = { trees: forest.trees.length, splits: 0, leaves: 0, leavesMax: 0, depthMax: 0 }
  for (const tree of forest.trees) {
    for (const split of tree.splits) tallies[split.feature]!.add(split)
    figures.splits += tree.splits.length
    figures.leaves += tree.leaves.length
    figures.leavesMax = Math.max(figures.leavesMax, tree.leaves.length)
    figures.depthMax = Math.max(figures.depthMax, depthOf(tree))
  }
  const columns = columnsOf(tables, forest.features.length)
  return { ...figures, features: tallies.map((tally, i) => tally.figures(columns[i]!)) }
}

/** The splits of one feature. */
class Tally {
  private splits = 0
  private readonly thresholds = new Set<number>()
  private readonly categories = new Set<number>()
  private readonly missing = new Set<string>()

  add({ threshold, categories, missing, defaultLeft }: Split): void {
    this.splits++
    // A set takes 0 and -0 for one number, as the comparison does.
    if (categories) for (const id of categories.ids) this.categories.add(id)
    else this.thresholds.add(threshold)
    if (missing === 'none') this.missing.add('none')
    else this.missing.add(defaultLeft ? `${missing} left` : `${missing} right`)
  }

  figures(columns: number): FeatureFigures {
    return {
      splits: this.splits,
      thresholds: this.thresholds.size,
      categories: this.categories.size,
      missing: [...this.missing].sort(),
      columns,
    }
  }
}

/** Columns of each feature, from the quantiser's entries. */
function columnsOf(tables: Uint8Array, featureCount: number): number[] {
  const view = new DataView(tables.buffer, tables.byteOffset, tables.byteLength)
  const columns = Array.from({ length: featureCount }, () => 0)
  const from = view.getUint32(IMAGE_ENTRIES_AT, true)
  const end = from + view.getUint32(IMAGE_ENTRIES, true) * ENTRY_BYTES
  for (let at = from; at < end; at += ENTRY_BYTES) {
    const isCategory = view.getUint32(at + ENTRY_MISSING, true) === MISSING_CATEGORY
    const feature = view.getUint32(at + ENTRY_FEATURE_AT, true) / 8
    columns[feature]! += isCategory ? 1 : view.getUint32(at + ENTRY_COLUMNS, true)
  }
  return columns
}

/** Splits come parents first: the parsers see to it. */
function depthOf({ splits }: Tree): number {
  const depths = new Uint32Array(splits.length).fill(1)
  let deepest = Math.min(1, splits.length)
  for (let k = 0; k < splits.length; k++) {
    const { left, right } = splits[k]!
    const below = depths[k]! + 1
    if (left >= 0) depths[left] = below
    if (right >= 0) depths[right] = below
    if ((left >= 0 || right >= 0) && below > deepest) deepest = below
  }
  return deepest
}
