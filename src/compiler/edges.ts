// Where a split's side changes: its threshold and the double above it, each category and the next
// one, a missing value. A split that is off by one bin scores wrongly on one of these alone, and
// only on rows that come by it: so which of them the gate's probes have tried is kept here.

import { nextUp } from '../doubles.ts'
import { type Forest, type OnSplit, type Split, type Tree, findLeaf, goesLeft } from './forest.ts'

const DUE = 0
const TRIED = 1
/** No row comes by the split with this value. */
const UNREACHABLE = 2
/** No row was found whose leaf tells the sides apart. */
const ALIKE = 3
/** The split has no such value. */
const NONE = 4

/** Of one tree's splits in turn: first the missing value, then the others, ascending. */
type TreeEdges = {
  from: Int32Array
  values: Float64Array
  states: Uint8Array
  /** By split, how many are due. */
  due: Int32Array
}

export type EdgeCounts = { edges: number; tried: number; unreachable: number; alike: number }

export type DueEdge = { tree: number; split: number; value: number; at: number }

export class Edges {
  private readonly forest: Forest
  private readonly trees: TreeEdges[]

  constructor(forest: Forest) {
    this.forest = forest
    this.trees = forest.trees.map(edgesOf)
  }

  /** What notes that rows come by splits of a tree where the other side would have shown. */
  visitor(tree: number): OnSplit | undefined {
    const { from, values, states, due } = this.trees[tree]!
    if (due.every((count) => count === 0)) return undefined
    const { splits } = this.forest.trees[tree]!
    return (split, row) => {
      if (due[split] === 0) return
      const x = row[splits[split]!.feature]!
      const at = find(values, from[split]!, from[split + 1]!, x)
      if (at < 0 || states[at] !== DUE || !this.tells(tree, split, row)) return
      states[at] = TRIED
      due[split]!--
    }
  }

  /** Whether a row that comes by a split ends with another value when it takes the other side. */
  tells(tree: number, split: number, row: ArrayLike<number>): boolean {
    const { splits, leaves } = this.forest.trees[tree]!
    const { left, right } = splits[split]!
    const ends = [left, right].map((from) => leaves[findLeaf(splits, row, from)])
    return ends[0] !== ends[1]
  }

  /** What no row has tried yet, tree by tree. */
  *due(): Generator<DueEdge> {
    for (const [tree, { from, values, states }] of this.trees.entries()) {
      for (let split = 0; split + 1 < from.length; split++) {
        for (let at = from[split]!; at < from[split + 1]!; at++) {
          if (states[at] === DUE) yield { tree, split, value: values[at]!, at }
        }
      }
    }
  }

  setUnreachable(edge: DueEdge): void {
    this.settle(edge, UNREACHABLE)
  }

  setAlike(edge: DueEdge): void {
    this.settle(edge, ALIKE)
  }

  private settle({ tree, split, at }: DueEdge, state: number): void {
    const { states, due } = this.trees[tree]!
    states[at] = state
    due[split]!--
  }

  counts(): EdgeCounts {
    const count = (state: number) =>
      this.trees.reduce((sum, { states }) => {
        return sum + states.reduce((n, is) => n + Number(is === state), 0)
      }, 0)
    const [due, tried, unreachable, alike] = [DUE, TRIED, UNREACHABLE, ALIKE].map(count)
    return {
      edges: due! + tried! + unreachable! + alike!,
      tried: tried!,
      unreachable: unreachable!,
      alike: alike!,
    }
  }
}

function edgesOf({ splits }: Tree): TreeEdges {
  const from = new Int32Array(splits.length + 1)
  const values: number[] = []
  const states: number[] = []
  for (const [i, split] of splits.entries()) {
    const { categories, missing } = split
    values.push(Number.NaN)
    states.push(categories || missing !== 'none' ? DUE : NONE)
    for (const value of turnsOf(split)) {
      values.push(value)
      states.push(DUE)
    }
    from[i + 1] = values.length
  }
  const due = Int32Array.from(splits, (_, i) => {
    return states.slice(from[i], from[i + 1]).filter((state) => state === DUE).length
  })
  return { from, values: Float64Array.from(values), states: Uint8Array.from(states), due }
}

/** Ascending, each once. */
function turnsOf({ threshold, categories, missing }: Split): number[] {
  if (categories) {
    const { ids } = categories
    return [...new Set([-1, ...ids, ...ids.map((id) => id + 1)])].sort((a, b) => a - b)
  }
  // + 0 makes one number of 0 and -0, which compare equal.
  const turns = [threshold + 0, nextUp(threshold)]
  if (missing === 'zero') turns.push(0)
  return [...new Set(turns)].sort((a, b) => a - b)
}

/** Place of a value among those of a split; -1 when it is none of them. */
function find(values: Float64Array, from: number, to: number, x: number): number {
  if (Number.isNaN(x)) return from
  let low = from + 1
  let high = to
  while (low < high) {
    const middle = (low + high) >> 1
    if (values[middle]! < x) low = middle + 1
    else high = middle
  }
  return low < to && values[low] === x ? low : -1
}

/** Split and side that lead to each child, leaves as ~leaf. */
export type Parents = ReadonlyMap<number, { index: number; left: boolean }>

export function parentsOf(splits: readonly Split[]): Parents {
  const parents = new Map<number, { index: number; left: boolean }>()
  for (const [index, split] of splits.entries()) {
    parents.set(split.left, { index, left: true })
    parents.set(split.right, { index, left: false })
  }
  return parents
}

type Condition = { split: Split; left: boolean }

/** What holds of each feature for a row that comes to a node. */
export function conditionsOf(
  splits: readonly Split[],
  parents: Parents,
  node: number,
): Map<number, Condition[]> {
  const conditions: Condition[] = []
  let parent = parents.get(node)
  while (parent) {
    conditions.push({ split: splits[parent.index]!, left: parent.left })
    parent = parents.get(parent.index)
  }
  return Map.groupBy(conditions, ({ split }) => split.feature)
}

export function meets(x: number, conditions: readonly Condition[]): boolean {
  return conditions.every(({ split, left }) => goesLeft(split, x) === left)
}
