// The plan: which kernel scores how many rows of a model, and which of the two kernels of one row
// it has. Decided from what each would cost; the figures are measured ones of `bun bench
// score-shapes`, and only their relations matter.

import { LANE_COLUMNS_MAX, NODE_COLUMNS_MAX, PLAN_ROWS } from '../../assembly/layout.ts'
import type { Bins } from './bins.ts'
import type { FlatTree } from './flat-tree.ts'
import { type LaneTables, layLanes, stepsOf } from './lane-table.ts'
import type { LocatedTree } from './pieces.ts'

export type Plan = {
  /** What lanes run, where that is the kernel of one row. */
  lanes: LaneTables | undefined
  /** Rows walk; neither does where the model has too many columns for both. */
  nodes: boolean
  /** Byte n - 1: rows that the next kernel takes when n are left. */
  rows: Uint8Array<ArrayBuffer>
}

/** Nanoseconds of a split in the kernels of 16 to 128 rows. */
const SPLIT_NS: readonly (readonly [rows: number, ns: number])[] = [
  [128, 3.65],
  [64, 2.05],
  [32, 1.3],
  [16, 1.05],
]
/** Of a tree and row: looking the leaf up and adding it. */
const LEAF_NS = 0.17
/** Of an entry of the quantiser and row, in a block and alone. */
const ENTRY_NS = 3.4
const LONE_ENTRY_NS = 4.5
/** Of a call. */
const CALL_NS = 30
/** Of a step of 16 trees in the lanes; their leaves are added meanwhile, one after the other. */
const LANE_STEP_NS = 0.8
const LANE_LEAF_NS = 0.4
/** Of a step of a walk, and when the nodes no longer stay in a core's own cache. */
const NODE_STEP_NS = 1.5
const FAR_NODE_STEP_NS = 2.3
const NEAR_NODES_MAX = 150_000
/** Of such nodes, once a kernel of many rows has filled the caches with its own tables. */
const COLD_NODE_STEP_NS = 9
/** Steps that eight trees take together over those to a leaf on average: the last one counts. */
const DEEPEST_OF_EIGHT = 1.45

export function makePlan(
  located: readonly LocatedTree[],
  trees: readonly FlatTree[],
  bins: Bins,
): Plan {
  const { lanes, nodes, ns, coldNs } = chooseOneRow(located, trees, bins)
  const splits = trees.reduce((sum, tree) => sum + tree.splits.length, 0)
  const kernels = SPLIT_NS.map(([rows, splitNs]) => {
    const perRow = trees.length * LEAF_NS + bins.entries.length * ENTRY_NS
    const blockNs = Math.round(CALL_NS + splits * splitNs + rows * perRow)
    return { rows, ns: blockNs, coldNs: blockNs }
  })
  if (lanes || nodes) kernels.push({ rows: 1, ns: Math.round(ns), coldNs: Math.round(coldNs) })
  return { lanes, nodes, rows: cheapest(kernels) }
}

function chooseOneRow(located: readonly LocatedTree[], trees: readonly FlatTree[], bins: Bins) {
  const common = CALL_NS + bins.entries.length * LONE_ENTRY_NS
  const steps = nodeSteps(trees)
  const isNear = nodesOf(trees) <= NEAR_NODES_MAX
  const nodes = {
    lanes: undefined,
    nodes: true,
    ns: common + steps * (isNear ? NODE_STEP_NS : FAR_NODE_STEP_NS),
    coldNs: common + steps * (isNear ? NODE_STEP_NS : COLD_NODE_STEP_NS),
  }
  if (bins.columnCount > NODE_COLUMNS_MAX) return { ...nodes, nodes: false }
  if (bins.columnCount > LANE_COLUMNS_MAX) return nodes
  // To order the splits takes time, which a model that walks anyway need not wait for.
  const least = trees.reduce((sum, tree) => sum + tree.splits.length, 0) / 16
  if (common + lanesNs(trees.length, least) > nodes.ns) return nodes
  const lanes = layLanes(located, bins.columnCount)
  const ns = lanes ? common + lanesNs(trees.length, stepsOf(lanes)) : Number.POSITIVE_INFINITY
  return ns <= nodes.ns ? { lanes, nodes: false, ns, coldNs: ns } : nodes
}

/** @param steps  of 16 trees */
function lanesNs(trees: number, steps: number): number {
  return steps * LANE_STEP_NS + trees * LANE_LEAF_NS
}

function nodesOf(trees: readonly FlatTree[]): number {
  return trees.reduce((sum, tree) => sum + 2 * tree.splits.length + 1, 0)
}

/** Of a row that walks. */
function nodeSteps(trees: readonly FlatTree[]): number {
  return trees.reduce((sum, tree) => sum + 1 + leafDepth(tree) * DEEPEST_OF_EIGHT, 0)
}

/** Splits above a leaf, the mean of all leaves. */
function leafDepth({ splits, leaves }: FlatTree): number {
  const depths = new Uint32Array(leaves.length)
  for (const [k, { parent }] of splits.entries()) depths[k + 1] = ++depths[parent]!
  return depths.reduce((sum, depth) => sum + depth, 0) / leaves.length
}

type Kernel = {
  rows: number
  ns: number
  /** In a sequence with kernels of many rows. */
  coldNs: number
}

/** For each number of rows left the first kernel of the cheapest sequence, large ones first. */
function cheapest(kernels: readonly Kernel[]): Uint8Array<ArrayBuffer> {
  const plan = new Uint8Array(PLAN_ROWS)
  // Of a whole batch, and of a part of one in which there is a kernel of many rows.
  const least = [0]
  const cold = [0]
  for (let left = 1; left <= PLAN_ROWS; left++) {
    // More than 64 rows past the last would not be there.
    const room = Math.ceil(left / 64) * 64
    least[left] = Number.POSITIVE_INFINITY
    for (const { rows, ns, coldNs } of kernels) {
      const rest = Math.max(0, left - rows)
      // Before a kernel of many rows it would be cold as well, from the batch before.
      const alone = rows === 1 && plan.subarray(0, rest).every((row) => row === 1)
      const sum = alone ? ns + least[rest]! : coldNs + cold[rest]!
      if (rows > room || sum >= least[left]!) continue
      least[left] = sum
      cold[left] = coldNs + cold[rest]!
      plan[left - 1] = rows
    }
  }
  return plan
}
