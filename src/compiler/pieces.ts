// Trees with more leaves than the kernels number, as several trees of fewer. Each piece keeps some
// of the tree's leaves and gives -0 elsewhere: x + -0 is x for every x, so the sum over the pieces
// is the tree's to the last bit. A piece is a part of the tree below some split, and before it the
// comparisons that lead there, of each column and direction the tightest only.

import type { Bins } from './bins.ts'
import type { Tree } from './forest.ts'

/** Leaf numbers are u8. */
const LEAVES_MAX = 256
/** Leaves of a part that are tried; the rest is for the comparisons that lead to it. */
const PART_SIZES = [224, 192, 128, 64, 32]
/** What a leaf of another piece counts. */
const ELSEWHERE = -0

/** A comparison of bins: greater goes right. */
type LocatedSplit = { column: number; bin: number; left: number; right: number }

export type LocatedTree = {
  /** Split 0 is the root, children come after their parents; ~leaf when negative. */
  splits: LocatedSplit[]
  leaves: number[]
}

/** A comparison on the way to a part, and the side that leads there. */
type Condition = { column: number; bin: number; right: boolean }

/**
 * A tree as comparisons of bins, in as many pieces as it needs.
 *
 * @returns undefined when the way to some part is too long: hundreds of comparisons, all needed
 */
export function locateTree(tree: Tree, bins: Bins): LocatedTree[] | undefined {
  const splits = tree.splits.map((split): LocatedSplit => {
    return { ...bins.locate(split), left: split.left, right: split.right }
  })
  const located = { splits, leaves: tree.leaves }
  return tree.leaves.length <= LEAVES_MAX ? [located] : cut(located)
}

function cut(tree: LocatedTree): LocatedTree[] | undefined {
  const ways = waysTo(tree.splits)
  for (const partMax of PART_SIZES) {
    const roots = new Set(rootsOf(tree.splits, partMax))
    if ([...roots].some((root) => ways[root]!.length + partMax > LEAVES_MAX)) continue
    return [...roots].map((root) => makePiece(tree, root, roots, ways[root]!))
  }
  return undefined
}

/** For each split the comparisons that lead to it, the redundant ones left out. */
function waysTo(splits: readonly LocatedSplit[]): Condition[][] {
  const ways: Condition[][] = splits.map(() => [])
  for (const [k, { column, bin, left, right }] of splits.entries()) {
    const way = ways[k]!
    if (left >= 0) ways[left] = tighten(way, { column, bin, right: false })
    if (right >= 0) ways[right] = tighten(way, { column, bin, right: true })
  }
  return ways
}

function tighten(way: readonly Condition[], condition: Condition): Condition[] {
  const { column, bin, right } = condition
  const same = way.find((other) => other.column === column && other.right === right)
  if (!same) return [...way, condition]
  const tightest = right ? Math.max(same.bin, bin) : Math.min(same.bin, bin)
  return way.map((other) => (other === same ? { ...condition, bin: tightest } : other))
}

/**
 * Splits at which parts start, the tree's root included: from the bottom up, whenever a part would
 * grow beyond the limit, its larger side becomes a part of its own.
 */
function rootsOf(splits: readonly LocatedSplit[], partMax: number): number[] {
  const sizes = splits.map(() => 0)
  const roots = [0]
  for (let k = splits.length - 1; k >= 0; k--) {
    const sides = [splits[k]!.left, splits[k]!.right]
      .map((child) => ({ child, size: child >= 0 ? sizes[child]! : 1 }))
      .sort((a, b) => b.size - a.size)
    let size = sides[0]!.size + sides[1]!.size
    for (const side of sides) {
      if (size <= partMax) break
      roots.push(side.child)
      size -= side.size - 1
    }
    sizes[k] = size
  }
  return roots
}

function makePiece(
  tree: LocatedTree,
  root: number,
  roots: ReadonlySet<number>,
  way: readonly Condition[],
): LocatedTree {
  const splits: LocatedSplit[] = []
  const leaves: number[] = []
  const leaf = (value: number) => ~(leaves.push(value) - 1)
  for (const [k, { column, bin, right }] of way.entries()) {
    const elsewhere = leaf(ELSEWHERE)
    const next = k + 1
    splits.push({
      column,
      bin,
      left: right ? elsewhere : next,
      right: right ? next : elsewhere,
    })
  }
  // Children are copied after their parents, whose links are set when the children have numbers.
  const waiting: { from: number; set?: (number: number) => void }[] = [{ from: root }]
  for (let item = waiting.shift(); item; item = waiting.shift()) {
    const split = { ...tree.splits[item.from]! }
    const number = splits.push(split) - 1
    item.set?.(number)
    for (const side of ['left', 'right'] as const) {
      const child = split[side]
      if (child < 0) split[side] = leaf(tree.leaves[~child]!)
      else if (roots.has(child)) split[side] = leaf(ELSEWHERE)
      else waiting.push({ from: child, set: (number) => (split[side] = number) })
    }
  }
  return { splits, leaves }
}
