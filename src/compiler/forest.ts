// A forest as plain data: what every trainer's format is read into, and what the tables are made
// of.

/** What counts as missing at a split (LightGBM's missing type). */
export type Missing = 'none' | 'nan' | 'zero'

/** A split by category: a whole number that stands for one. */
export type Categories = {
  /** Ascending, each below 2^31. */
  ids: number[]
  /** Where a listed category goes; every other number goes to the other side, negative ones too. */
  listedLeft: boolean
  /**
   * Whether the value is first rounded to a float (XGBoost). What lies between -1 and 0 is then no
   * category; without it, it is cut to 0 (LightGBM).
   */
  float32: boolean
}

export type Split = {
  feature: number
  /** Goes left when x <= threshold, compared as doubles. Without meaning when by category. */
  threshold: number
  /** For a split by category. */
  categories?: Categories
  missing: Missing
  /** Where a missing value goes. */
  defaultLeft: boolean
  /** Child split, or ~leaf when negative. */
  left: number
  right: number
}

export type Tree = {
  /** Split 0 is the root; empty for a tree of one leaf. */
  splits: Split[]
  leaves: number[]
}

export type Forest = {
  features: string[]
  trees: Tree[]
  /** Factor of the raw score in the logistic function. */
  sigmoid: number
  /** What the sum starts from: 0 when absent. */
  base?: number
  /** Whether the sum is rounded to a float after each tree (XGBoost). */
  float32?: boolean
  /** Whether the sum is divided by the number of trees (a random forest). */
  averaged?: boolean
  /** Whether the raw score is no log-odds but what was to be predicted (a regression). */
  identity?: boolean
}

/** LightGBM's kZeroThreshold: the float 1e-35f as a double (include/LightGBM/meta.h). */
export const ZERO_THRESHOLD = 1.0000000180025095e-35

/**
 * Raw score of one row, by walking the trees: slow, and plainly what the trainer does. The oracle
 * the tables are held against.
 *
 * @param row  one double a feature, NaN for a missing value
 */
export function rawScore(forest: Forest, row: ArrayLike<number>): number {
  return rawScores(forest, [row])[0]!
}

/** Is told a split of a tree that a row comes by. */
export type OnSplit = (split: number, row: ArrayLike<number>) => void

/** Is told what rows come by in a tree, and the leaf that each ends in. */
export type OnPath = {
  splitsOf(tree: number): OnSplit | undefined
  leaf(tree: number, leaf: number): void
}

/**
 * The same of many rows, which walk down one tree before the next: a large forest does not stay in
 * a core's cache, a tree of it does.
 *
 * @param onPath  is told what each row comes by in each tree
 */
export function rawScores(
  forest: Forest,
  rows: readonly ArrayLike<number>[],
  onPath?: OnPath,
): Float64Array {
  const sums = new Float64Array(rows.length).fill(forest.base ?? 0)
  for (const [i, tree] of forest.trees.entries()) {
    const root = tree.splits.length === 0 ? ~0 : 0
    const onSplit = onPath?.splitsOf(i)
    for (let r = 0; r < rows.length; r++) {
      const leaf = findLeaf(tree.splits, rows[r]!, root, onSplit)
      const sum = sums[r]! + tree.leaves[leaf]!
      sums[r] = forest.float32 ? Math.fround(sum) : sum
      onPath?.leaf(i, leaf)
    }
  }
  const count = forest.trees.length
  return forest.averaged && count > 0 ? sums.map((sum) => sum / count) : sums
}

/**
 * Number of the leaf that a row ends in.
 *
 * @param from  the split where it starts, or ~leaf
 */
export function findLeaf(
  splits: readonly Split[],
  row: ArrayLike<number>,
  from: number,
  onSplit?: OnSplit,
): number {
  let node = from
  while (node >= 0) {
    onSplit?.(node, row)
    const split = splits[node]!
    node = goesLeft(split, row[split.feature]!) ? split.left : split.right
  }
  return ~node
}

/** Source: LightGBM, Tree::NumericalDecision (include/LightGBM/tree.h). */
export function goesLeft(split: Split, x: number): boolean {
  if (split.categories) {
    return split.missing === 'nan' && Number.isNaN(x)
      ? split.defaultLeft
      : isListed(split.categories, x) === split.categories.listedLeft
  }
  const value = Number.isNaN(x) && split.missing !== 'nan' ? 0 : x
  if (split.missing === 'zero' && Math.abs(value) <= ZERO_THRESHOLD) return split.defaultLeft
  if (split.missing === 'nan' && Number.isNaN(value)) return split.defaultLeft
  return value <= split.threshold
}

function isListed({ ids, float32 }: Categories, x: number): boolean {
  const value = float32 ? Math.fround(x) : x
  if (!(float32 ? value >= 0 : value > -1)) return false
  // By halves: there may be thousands, and each probe asks at every split.
  const id = Math.trunc(value) + 0
  let low = 0
  let high = ids.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (ids[middle]! < id) low = middle + 1
    else high = middle
  }
  return ids[low] === id
}
