// A tree turned to a reference row: its splits in the order in which the row meets them, and from
// each on what follows where another row goes away from it. What both tables of attribution hold.

import { type Split, type Tree, goesLeft } from './forest.ts'

type TurnedSplit = {
  split: Split
  /** The reference goes left. */
  left: boolean
  /** Whoever comes here went away from the reference on this feature before. */
  isSettled: boolean
}

/** Where the reference goes from somewhere on, down to a leaf: splits `from` to `to` - 1. */
type Way = {
  from: number
  to: number
  /** Value of the leaf at its end. */
  leaf: number
  /** Different features on which who comes here went away from the reference. */
  parted: number
}

export type TurnedTree = {
  /** Behind each split comes where the reference goes. */
  splits: TurnedSplit[]
  /** Way 0 starts at the root, way k + 1 where the reference does not go from split k. */
  ways: Way[]
  /** The ways in the order of their splits. */
  order: number[]
}

/** Features that were parted on by here: a list that branches share. */
type Settled = { feature: number; count: number; before: Settled | undefined }

export function turn(tree: Tree, row: Float64Array): TurnedTree {
  const splits: TurnedSplit[] = []
  const ways: Way[] = []
  const order: number[] = []
  type Start = { way: number; node: number; settled: Settled | undefined }
  const waiting: Start[] = [{ way: 0, node: rootOf(tree), settled: undefined }]
  for (let start = waiting.pop(); start; start = waiting.pop()) {
    const { way, settled } = start
    const from = splits.length
    let { node } = start
    while (node >= 0) {
      const split = tree.splits[node]!
      const { feature } = split
      const left = goesLeft(split, row[feature]!)
      const isSettled = has(settled, feature)
      const one = { feature, count: (settled?.count ?? 0) + 1, before: settled }
      splits.push({ split, left, isSettled })
      waiting.push({
        way: splits.length,
        node: left ? split.right : split.left,
        settled: isSettled ? settled : one,
      })
      node = left ? split.left : split.right
    }
    const leaf = tree.leaves[~node]!
    ways[way] = { from, to: splits.length, leaf, parted: settled?.count ?? 0 }
    order.push(way)
  }
  return { splits, ways, order }
}

/** Node 0, or ~leaf of a tree that is one leaf. */
export function rootOf(tree: Tree): number {
  return tree.splits.length > 0 ? 0 : ~0
}

function has(settled: Settled | undefined, feature: number): boolean {
  for (let one = settled; one; one = one.before) if (one.feature === feature) return true
  return false
}
