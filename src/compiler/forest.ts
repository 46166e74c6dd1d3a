// A forest as plain data: what every trainer's format is read into, and what the tables are made
// of.

/** What counts as missing at a split (LightGBM's missing type). */
export type Missing = 'none' | 'nan' | 'zero'

export type Split = {
  feature: number
  /** Goes left when x <= threshold, compared as doubles. */
  threshold: number
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
  let sum = 0
  for (const tree of forest.trees) sum += tree.leaves[findLeaf(tree, row)]!
  return sum
}

/** Number of the leaf that a row ends in. */
export function findLeaf(tree: Tree, row: ArrayLike<number>): number {
  if (tree.splits.length === 0) return 0
  let node = 0
  while (node >= 0) {
    const split = tree.splits[node]!
    node = goesLeft(split, row[split.feature]!) ? split.left : split.right
  }
  return ~node
}

/** Source: LightGBM, Tree::NumericalDecision (include/LightGBM/tree.h). */
export function goesLeft(split: Split, x: number): boolean {
  const value = Number.isNaN(x) && split.missing !== 'nan' ? 0 : x
  if (split.missing === 'zero' && Math.abs(value) <= ZERO_THRESHOLD) return split.defaultLeft
  if (split.missing === 'nan' && Number.isNaN(value)) return split.defaultLeft
  return value <= split.threshold
}
