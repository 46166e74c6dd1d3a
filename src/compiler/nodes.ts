// The tables of the walking kernel: see assembly/walk.ts, and NODE_… in assembly/layout.ts.

import {
  NODE_BYTES,
  NODE_COLUMN_SHIFT,
  NODE_IS_SPLIT,
  NODE_LEAF_BIN,
  NODE_LEFT_SHIFT,
  NODE_TREES,
} from '../../assembly/layout.ts'
import { biased } from './bins.ts'
import type { FlatTree } from './flat-tree.ts'
import type { Image } from './image.ts'

/**
 * Lays out the nodes of eight trees at a time, each with room for those of the largest tree.
 *
 * @param splitsMax  splits of the largest tree
 */
export function writeNodes(image: Image, trees: readonly FlatTree[], splitsMax: number): number {
  const groupBytes = (2 * splitsMax + 1) * NODE_BYTES
  const nodesAt = image.reserve(Math.ceil(trees.length / NODE_TREES) * groupBytes)
  // Trees that fill up the last group are left zero: no split, so no step.
  for (const [i, tree] of trees.entries()) {
    const at = nodesAt + Math.floor(i / NODE_TREES) * groupBytes + (i % NODE_TREES) * 4
    for (const [node, word] of nodesOf(tree).entries()) image.u32(at + node * NODE_BYTES, word)
  }
  return nodesAt
}

/** The root is node 0, the children of split k are nodes 2k + 1 and 2k + 2. */
function nodesOf({ splits }: FlatTree): Uint32Array {
  const words = new Uint32Array(2 * splits.length + 1)
  /** The node that each leaf is so far. */
  const nodes = [0]
  for (const [k, { parent, column, bin }] of splits.entries()) {
    const left = 2 * k + 1
    words[nodes[parent]!] = NODE_IS_SPLIT | wordOf(column, left, biased(bin))
    nodes[parent] = left
    nodes[k + 1] = left + 1
  }
  for (const [leaf, node] of nodes.entries()) words[node] = wordOf(leaf, node, NODE_LEAF_BIN)
  return words
}

function wordOf(column: number, left: number, bin: number): number {
  return (column << NODE_COLUMN_SHIFT) | (left << NODE_LEFT_SHIFT) | bin
}
