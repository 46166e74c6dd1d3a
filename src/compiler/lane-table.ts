// The tables of the one-row kernel whose lanes are trees (assembly/lanes.ts): which columns its two
// registers hold, and an order of each tree's splits in which every step needs one of them only.
//
// Any order that has parents first will do, as a leaf's number is that of the step that made it.
// Even steps look their columns up in the first register, odd ones in the second. The columns that
// most splits compare are in both, so that nearly every tree has a split for nearly every step.

import { LANE_TREES } from '../../assembly/layout.ts'
import {
  GROUP_HEADER_BYTES,
  GROUP_STEPS,
  LANES_FIRST,
  LANES_HEADER_BYTES,
  LANES_LEAF_BYTES,
  LANES_SECOND,
  LANE_BIN,
  LANE_BYTES,
  LANE_COLUMN,
  LANE_PARENT,
} from '../../assembly/row-layout.ts'
import { biased, laneColumn } from './bins.ts'
import type { FlatTree } from './flat-tree.ts'
import type { Image } from './image.ts'
import type { LocatedTree } from './pieces.ts'

/** Columns a register holds, and trees. */
const REGISTER_BYTES = 16
/** A leaf that no tree has: parent of the steps in which nothing splits. */
const NO_PARENT = 255

type LaneSplit = FlatTree['splits'][number]

type LaneTree = {
  /** By step; undefined where the tree has no split that the step could do. */
  splits: (LaneSplit | undefined)[]
  /** By number; those of steps without a split are never reached. */
  leaves: number[]
}

/** Trees that the kernel takes at once. */
type LaneGroup = {
  trees: LaneTree[]
  /** Of the tree that takes most, and even. */
  steps: number
}

export type LaneTables = {
  /** Columns of the first and of the second register. */
  registers: [number[], number[]]
  groups: LaneGroup[]
  trees: LaneTree[]
  /** Leaf values kept a tree. */
  leafStride: number
}

/** @returns undefined when some tree takes more steps than u8 can number leaves */
export function layLanes(trees: readonly LocatedTree[], columns: number): LaneTables | undefined {
  const registers = chooseRegisters(trees, columns)
  const places = registers.map((register) => placesIn(register, columns))
  const laid = trees.map((tree) => orderSplits(tree, places as [Int8Array, Int8Array]))
  const groups: LaneGroup[] = []
  for (let i = 0; i < laid.length; i += LANE_TREES) {
    const group = laid.slice(i, i + LANE_TREES)
    const most = Math.max(...group.map(({ splits }) => splits.length))
    groups.push({ trees: group, steps: most + (most & 1) })
  }
  const leafStride = 2 + Math.max(0, ...groups.map(({ steps }) => steps))
  return leafStride <= NO_PARENT ? { registers, groups, trees: laid, leafStride } : undefined
}

/** Steps of 16 trees, of all groups. */
export function stepsOf({ groups }: LaneTables): number {
  const registers = ({ trees }: LaneGroup) => Math.ceil(trees.length / REGISTER_BYTES)
  return groups.reduce((sum, group) => sum + group.steps * registers(group), 0)
}

/** Place of each column in a register, or -1. */
function placesIn(register: readonly number[], columns: number): Int8Array {
  const places = new Int8Array(columns).fill(-1)
  for (const [place, column] of register.entries()) places[column] = place
  return places
}

/** Columns by how often they are compared: the first into both, the others by turns. */
function chooseRegisters(trees: readonly LocatedTree[], columns: number): LaneTables['registers'] {
  const uses = Array.from({ length: columns }, () => 0)
  for (const { splits } of trees) for (const { column } of splits) uses[column]!++
  const byUse = uses.map((_, column) => column).sort((a, b) => uses[b]! - uses[a]! || a - b)
  const shared = Math.min(columns, Math.max(0, 2 * REGISTER_BYTES - columns))
  const registers: LaneTables['registers'] = [byUse.slice(0, shared), byUse.slice(0, shared)]
  for (const [i, column] of byUse.slice(shared).entries()) registers[i % 2]!.push(column)
  return registers
}

/**
 * Step by step a split that only this step's register can do, else one that both can; among them
 * that with most splits below it.
 */
function orderSplits({ splits, leaves }: LocatedTree, places: [Int8Array, Int8Array]): LaneTree {
  const weights = splits.map(() => 1)
  for (let k = splits.length - 1; k >= 0; k--) {
    const { left, right } = splits[k]!
    if (left >= 0) weights[k]! += weights[left]!
    if (right >= 0) weights[k]! += weights[right]!
  }
  const tree: LaneTree = { splits: [], leaves: [] }
  const waiting: { k: number; parent: number }[] = []
  const settle = (child: number, parent: number) => {
    if (child >= 0) waiting.push({ k: child, parent })
    else tree.leaves[parent] = leaves[~child]!
  }
  settle(splits.length > 0 ? 0 : ~0, 0)
  for (let step = 0; waiting.length > 0; step++) {
    const place = places[step % 2]!
    const other = places[1 - (step % 2)]!
    let best = -1
    let most = 0
    for (let i = 0; i < waiting.length; i++) {
      const { k } = waiting[i]!
      const { column } = splits[k]!
      if (place[column]! < 0) continue
      const urgency = weights[k]! + (other[column]! < 0 ? splits.length : 0)
      if (urgency > most) [best, most] = [i, urgency]
    }
    if (best < 0) {
      tree.splits.push(undefined)
      continue
    }
    const { k, parent } = waiting[best]!
    waiting[best] = waiting[waiting.length - 1]!
    waiting.pop()
    const { column, bin, left, right } = splits[k]!
    tree.splits.push({ parent, column: place[column]!, bin })
    settle(left, parent)
    settle(right, step + 1)
  }
  // No holes: a number that no row gets counts 0.
  tree.leaves = Array.from(tree.leaves, (value) => value ?? 0)
  return tree
}

/** The last 16 trees or fewer of an odd number of sixteens go alone. */
export function writeLanes(image: Image, { registers, groups, leafStride }: LaneTables): number {
  const groupBytes = ({ trees, steps }: LaneGroup) =>
    GROUP_HEADER_BYTES + Math.ceil(trees.length / REGISTER_BYTES) * steps * LANE_BYTES
  const bytes = groups.reduce((sum, group) => sum + groupBytes(group), LANES_HEADER_BYTES)
  const lanesAt = image.reserve(bytes)
  const [first, second] = registers.map((register) => Uint8Array.from(register, laneColumn))
  image.bytes(lanesAt + LANES_FIRST, first!)
  image.bytes(lanesAt + LANES_SECOND, second!)
  image.u32(lanesAt + LANES_LEAF_BYTES, leafStride * 8)
  let at = lanesAt + LANES_HEADER_BYTES
  for (const group of groups) {
    writeGroup(image, at, group)
    at += groupBytes(group)
  }
  return lanesAt
}

function writeGroup(image: Image, groupAt: number, { trees, steps }: LaneGroup): void {
  const registers = Math.ceil(trees.length / REGISTER_BYTES)
  const stepsAt = groupAt + GROUP_HEADER_BYTES
  image.u32(groupAt + GROUP_STEPS, steps)
  for (let i = 0; i < registers * steps; i++) {
    image.fill(stepsAt + i * LANE_BYTES + LANE_PARENT, REGISTER_BYTES, NO_PARENT)
  }
  for (const [i, { splits }] of trees.entries()) {
    const laneAt = stepsAt + Math.floor(i / REGISTER_BYTES) * LANE_BYTES + (i % REGISTER_BYTES)
    for (const [step, split] of splits.entries()) {
      if (!split) continue
      const at = laneAt + step * registers * LANE_BYTES
      image.u8(at + LANE_PARENT, split.parent)
      image.u8(at + LANE_COLUMN, split.column)
      image.u8(at + LANE_BIN, biased(split.bin))
    }
  }
}
