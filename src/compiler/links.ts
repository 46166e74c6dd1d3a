// The table of links that attribution jumps along where trees are small and columns few: see
// assembly/attribution-links.ts, and TURNED_… and LINK_… in its layout.

import {
  ATTRIBUTION_TURNED_AT,
  ATTRIBUTION_TURNED_BYTES,
  LINK_ALIKE,
  LINK_BYTES,
  LINK_LEAF,
  LINK_SPAN,
  LINK_VALUE_AT,
  LINK_WEIGHTS,
  TURNED_GROUP_SPLITS,
  TURNED_LINKS_AT,
  TURNED_RIGHT,
  TURNED_SPAN,
  TURNED_SPLITS,
  TURNED_SPLITS_MAX,
} from '../../assembly/attribution-layout.ts'
import { LANE_COLUMNS_MAX } from '../../assembly/layout.ts'
import { type Bins, biased, laneColumn } from './bins.ts'
import type { Tree } from './forest.ts'
import type { Image } from './image.ts'
import { type TurnedTree, turn } from './turned-tree.ts'

/** No bin of a row is greater. */
const NO_ROW_ABOVE = biased(255)

/** Whether the kernel of links can do a forest. */
export function hasLinks(trees: readonly Tree[], { columnCount }: Bins): boolean {
  return columnCount <= LANE_COLUMNS_MAX && splitsMax(trees) <= TURNED_SPLITS_MAX
}

function splitsMax(trees: readonly Tree[]): number {
  return trees.reduce((most, { splits }) => Math.max(most, splits.length), 0)
}

/**
 * Writes the trees as each reference row sees them.
 *
 * @param weightsOf  byte offset of the weights for as many features of the row
 */
export function writeLinks(
  image: Image,
  trees: readonly Tree[],
  rows: readonly Float64Array[],
  bins: Bins,
  weightsOf: (parted: number) => number,
): void {
  const groups = Math.max(1, Math.ceil(splitsMax(trees) / TURNED_GROUP_SPLITS))
  const treeBytes = TURNED_SPLITS + groups * 2 * TURNED_GROUP_SPLITS
  const turnedAt = image.reserve(rows.length * trees.length * treeBytes)
  let at = turnedAt
  for (const row of rows) {
    for (const tree of trees) {
      const turned = turn(tree, row)
      writeSplits(image, at, groups, turned, bins)
      image.u32(at + TURNED_LINKS_AT, writeWays(image, turned, weightsOf))
      at += treeBytes
    }
  }
  image.u32(ATTRIBUTION_TURNED_AT, turnedAt)
  image.u32(ATTRIBUTION_TURNED_BYTES, treeBytes)
}

function writeSplits(
  image: Image,
  at: number,
  groups: number,
  { splits, ways }: TurnedTree,
  bins: Bins,
): void {
  image.u64(at + TURNED_RIGHT, setOf(splits.map(({ left }) => !left)))
  image.u64(at + TURNED_SPAN, spanOf(ways[0]!))
  for (let k = 0; k < groups * TURNED_GROUP_SPLITS; k++) {
    const group = Math.floor(k / TURNED_GROUP_SPLITS) * 2 * TURNED_GROUP_SPLITS
    const columnAt = at + TURNED_SPLITS + group + (k % TURNED_GROUP_SPLITS)
    const own = splits[k]
    const place = own && bins.locate(own.split)
    image.u8(columnAt, place ? laneColumn(place.column) : 0)
    image.u8(columnAt + TURNED_GROUP_SPLITS, place ? biased(place.bin) : NO_ROW_ABOVE)
  }
}

function writeWays(
  image: Image,
  { splits, ways }: TurnedTree,
  weightsOf: (parted: number) => number,
): number {
  const linksAt = image.reserve(ways.length * LINK_BYTES)
  for (const [k, way] of ways.entries()) {
    const at = linksAt + k * LINK_BYTES
    image.f64(at + LINK_LEAF, way.leaf)
    image.u64(at + LINK_SPAN, spanOf(way))
    image.u32(at + LINK_WEIGHTS, weightsOf(way.parted))
    const own = splits[k]
    if (!own) continue
    const { feature } = own.split
    const alike = splits.map(({ split }) => split.feature === feature)
    image.u64(at + LINK_ALIKE, own.isSettled ? 0n : setOf(alike))
    image.u32(at + LINK_VALUE_AT, feature * 8)
  }
  return linksAt
}

function spanOf({ from, to }: { from: number; to: number }): bigint {
  return (1n << BigInt(to)) - (1n << BigInt(from))
}

function setOf(members: readonly boolean[]): bigint {
  return members.reduce((set, is, k) => (is ? set | (1n << BigInt(k)) : set), 0n)
}
