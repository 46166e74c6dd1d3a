// A tree as a flat list of splits, which is what the kernels run.

import type { LocatedTree } from './pieces.ts'

/** A tree whose leaves are numbered by its splits: see assembly/score.ts. */
export type FlatTree = {
  splits: { parent: number; column: number; bin: number }[]
  leaves: number[]
}

/** Splits come parents first (the parser saw to it), so a split's parent leaf is known by then. */
export function flatten(tree: LocatedTree): FlatTree {
  const leaves: number[] = tree.leaves.map(() => 0)
  const leafOfSplit: number[] = tree.splits.map(() => 0)
  const settle = (child: number, leaf: number) => {
    if (child >= 0) leafOfSplit[child] = leaf
    else leaves[leaf] = tree.leaves[~child]!
  }
  leafOfSplit[0] = 0
  if (tree.splits.length === 0) leaves[0] = tree.leaves[0]!
  const splits = tree.splits.map(({ column, bin, left, right }, k) => {
    const parent = leafOfSplit[k]!
    settle(left, parent)
    settle(right, k + 1)
    return { parent, column, bin }
  })
  return { splits, leaves }
}
