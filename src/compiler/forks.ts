// The table of forks that attribution descends where trees are large or columns many: see
// assembly/attribution-forks.ts, and FORK_… in its layout.

import {
  ATTRIBUTION_ROOTS_AT,
  FORK_BIN,
  FORK_BYTES,
  FORK_COLUMN,
  FORK_FEATURE,
  FORK_FLAGS,
  FORK_LEAF,
  FORK_OTHER,
  FORK_RIGHT,
  FORK_SETTLED,
} from '../../assembly/attribution-layout.ts'
import { type Bins, biased } from './bins.ts'
import type { Tree } from './forest.ts'
import type { Image } from './image.ts'
import { type TurnedTree, turn } from './turned-tree.ts'

/**
 * Writes the trees as each reference row sees them.
 *
 * @param weightsOf  byte offset of the weights for as many features of the row
 */
export function writeForks(
  image: Image,
  trees: readonly Tree[],
  rows: readonly Float64Array[],
  bins: Bins,
  weightsOf: (parted: number) => number,
): void {
  const rootsAt = image.reserve(rows.length * trees.length * 4)
  for (const [r, row] of rows.entries()) {
    for (const [t, tree] of trees.entries()) {
      const rootAt = writeTree(image, turn(tree, row), bins, weightsOf)
      image.u32(rootsAt + (r * trees.length + t) * 4, rootAt)
    }
  }
  image.u32(ATTRIBUTION_ROOTS_AT, rootsAt)
}

/** Returns where the tree starts: its root, as it is the first that is met. */
function writeTree(
  image: Image,
  { splits, ways, order }: TurnedTree,
  bins: Bins,
  weightsOf: (parted: number) => number,
): number {
  const treeAt = image.reserve((splits.length + ways.length) * FORK_BYTES)
  const forksAt: number[] = []
  let at = treeAt
  for (const number of order) {
    const { from, to, leaf, parted } = ways[number]!
    // The split whose other way this is.
    const forkAt = forksAt[number - 1]
    if (forkAt !== undefined) image.u32(forkAt + FORK_OTHER, at - forkAt)
    for (let k = from; k < to; k++, at += FORK_BYTES) {
      const { split, left, isSettled } = splits[k]!
      const { column, bin } = bins.locate(split)
      image.u32(at + FORK_COLUMN, column)
      image.u8(at + FORK_BIN, biased(bin))
      image.u8(at + FORK_FLAGS, (left ? 0 : FORK_RIGHT) | (isSettled ? FORK_SETTLED : 0))
      image.u16(at + FORK_FEATURE, split.feature)
      forksAt[k] = at
    }
    image.u32(at + FORK_COLUMN, weightsOf(parted))
    image.u8(at + FORK_FLAGS, FORK_LEAF)
    image.f64(at + FORK_OTHER, leaf)
    at += FORK_BYTES
  }
  return treeAt
}
