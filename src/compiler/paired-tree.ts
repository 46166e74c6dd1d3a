// A tree as the kernels of many rows run it: pairs of splits, then single ones.

import type { LocatedTree } from './pieces.ts'

/** x > bin of a column, or, complemented, of the column whose bins are turned around. */
export type Comparison = { column: number; bin: number; complemented: boolean }

/**
 * Leaves are numbered as in assembly/score.ts. Pair i turns leaf `parent` into `parent`, 2i + 1 and
 * 2i + 2: where `outer` holds a row leaves `parent`, and `inner` says for which of the two. Single
 * split j turns it into `parent` and a number that follows on the pairs'.
 */
export type PairedTree = {
  pairs: { parent: number; outer: Comparison; inner: Comparison }[]
  singles: { parent: number; split: Comparison }[]
  leaves: number[]
}

/** What a pair and a single split cost in instructions; with children that are all leaves. */
const PAIR_COST = 7
const SINGLE_COST = 5

/** Pairs each split that has a child which is a split with one, as it makes the tree cheapest. */
export function pairUp({ splits, leaves }: LocatedTree): PairedTree {
  const costs = splits.map(() => 0)
  const costOf = (child: number) => (child >= 0 ? costs[child]! : 0)
  const isInnerRight = splits.map(() => false)
  // Children come after their parents.
  for (let k = splits.length - 1; k >= 0; k--) {
    const { left, right } = splits[k]!
    const withChild = (inner: number, other: number) => {
      if (inner < 0) return Number.POSITIVE_INFINITY
      const below = costOf(splits[inner]!.left) + costOf(splits[inner]!.right)
      return PAIR_COST + costOf(other) + below
    }
    const withRight = withChild(right, left)
    const withLeft = withChild(left, right)
    isInnerRight[k] = withRight <= withLeft
    costs[k] = left < 0 && right < 0 ? SINGLE_COST : Math.min(withRight, withLeft)
  }
  const tree: PairedTree = { pairs: [], singles: [], leaves: leaves.map(() => 0) }
  if (splits.length === 0) tree.leaves[0] = leaves[0]!
  /** Splits that stand alone, and splits to pair, with the leaf they part. */
  const alone: { k: number; parent: number }[] = []
  const waiting: { k: number; parent: number }[] = []
  const settle = (child: number, parent: number) => {
    if (child < 0) tree.leaves[parent] = leaves[~child]!
    else if (splits[child]!.left < 0 && splits[child]!.right < 0) alone.push({ k: child, parent })
    else waiting.push({ k: child, parent })
  }
  if (splits.length > 0) settle(0, 0)
  for (const { k, parent } of waiting) {
    const { column, bin, left, right } = splits[k]!
    const complemented = !isInnerRight[k]
    const inner = splits[complemented ? left : right]!
    const number = 2 * tree.pairs.length + 1
    tree.pairs.push({
      parent,
      outer: { column, bin, complemented },
      inner: { column: inner.column, bin: inner.bin, complemented: false },
    })
    settle(complemented ? right : left, parent)
    settle(inner.left, number)
    settle(inner.right, number + 1)
  }
  for (const { k, parent } of alone) {
    const { column, bin, left, right } = splits[k]!
    const number = 2 * tree.pairs.length + tree.singles.length + 1
    tree.singles.push({ parent, split: { column, bin, complemented: false } })
    settle(left, parent)
    settle(right, number)
  }
  return tree
}
