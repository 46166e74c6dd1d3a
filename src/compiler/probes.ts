// The rows that the parity gate tries: every threshold and category with what lies next to it,
// rows that come by each split where its side changes, and a row for each leaf.

import { nextDown, nextUp } from '../doubles.ts'
import { type DueEdge, type Edges, conditionsOf, meets, parentsOf } from './edges.ts'
import { type Forest, type Split, ZERO_THRESHOLD } from './forest.ts'

/** Values that every feature is given once, whatever its thresholds. */
const HOSTILE = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  0,
  -0,
  ZERO_THRESHOLD,
  -ZERO_THRESHOLD,
  nextUp(ZERO_THRESHOLD),
  nextDown(-ZERO_THRESHOLD),
  Number.MIN_VALUE,
  -Number.MIN_VALUE,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
]
/** Rows that are drawn for an edge before its sides count as alike. */
const DRAWS_MAX = 16

/** A split's threshold and the doubles next to it; or its categories, the next ones, and none. */
function valuesAround({ threshold, categories }: Split): number[] {
  if (!categories) return [threshold, nextUp(threshold), nextDown(threshold)]
  return [...categories.ids.flatMap((id) => [id, id + 1]), -0.5, -1]
}

/** Values to try of each feature, and rows of them that differ from turn to turn. */
export class ProbeValues {
  readonly perFeature: number[][]
  /** How many there are. */
  readonly total: number
  /** The row that is filled, one double a feature. */
  readonly row: Float64Array
  private turn = 0

  /** All that lies around the splits of each feature, and hostile values. */
  constructor(forest: Forest) {
    const values = forest.features.map(() => new Set<number>())
    for (const tree of forest.trees) {
      for (const split of tree.splits) {
        for (const value of valuesAround(split)) values[split.feature]!.add(value)
      }
    }
    this.perFeature = values.map((set) => [...set, ...HOSTILE])
    this.total = this.perFeature.reduce((sum, list) => sum + list.length, 0)
    this.row = new Float64Array(this.perFeature.length)
  }

  get longest(): number {
    return Math.max(0, ...this.perFeature.map((list) => list.length))
  }

  /** Gives each feature its next value: other paths each time. */
  fill(): void {
    for (const [i, list] of this.perFeature.entries()) {
      // 7919 is prime: within as many turns as it has values, a feature takes each of them.
      this.row[i] = list[(this.turn * 7919 + i * 104729) % list.length]!
    }
    this.turn++
  }
}

/**
 * Each value once, while the other features walk through theirs.
 *
 * @param most  of rows; with fewer than there are values every feature walks, so that several are
 *   tried at once
 */
export function* thresholdProbes(values: ProbeValues, most: number): Generator<Float64Array> {
  const { perFeature, total, row } = values
  if (total > most) {
    for (let made = 0; made < most; made++) {
      values.fill()
      yield row
    }
    return
  }
  for (const [feature, list] of perFeature.entries()) {
    for (const value of list) {
      values.fill()
      row[feature] = value
      yield row
    }
  }
}

/**
 * For each edge of a split that none has tried yet a row that comes by it and ends with another
 * value on its other side, if there is any.
 */
export function* edgeProbes(
  forest: Forest,
  edges: Edges,
  values: ProbeValues,
  most: number,
): Generator<Float64Array> {
  let made = 0
  let parents = new Map() as ReturnType<typeof parentsOf>
  let of = -1
  for (const edge of edges.due()) {
    if (made === most) return
    const { splits } = forest.trees[edge.tree]!
    if (of !== edge.tree) parents = parentsOf(splits)
    of = edge.tree
    const path = pathTo(splits, parents, edge)
    if (!path) {
      edges.setUnreachable(edge)
      continue
    }
    if (!drawTelling(values, path, edge, edges)) {
      edges.setAlike(edge)
      continue
    }
    made++
    yield values.row
  }
}

/** For each leaf that none has reached yet a row that ends there, if there is any. */
export function* leafProbes(
  forest: Forest,
  reached: readonly Uint8Array[],
  values: ProbeValues,
  most: number,
): Generator<Float64Array> {
  let made = 0
  for (const [i, { splits, leaves }] of forest.trees.entries()) {
    const parents = parentsOf(splits)
    for (let leaf = 0; leaf < leaves.length; leaf++) {
      if (reached[i]![leaf]) continue
      const path = valuesThat(conditionsOf(splits, parents, ~leaf))
      if (!path) continue
      if (made === most) return
      made++
      for (const [feature, value] of path) values.row[feature] = value
      yield values.row
    }
  }
}

/** Values by feature with which a row comes to an edge; undefined when none does. */
function pathTo(
  splits: readonly Split[],
  parents: ReturnType<typeof parentsOf>,
  { split, value }: DueEdge,
): Map<number, number> | undefined {
  const conditions = conditionsOf(splits, parents, split)
  const { feature } = splits[split]!
  if (!meets(value, conditions.get(feature) ?? [])) return undefined
  conditions.delete(feature)
  return valuesThat(conditions)?.set(feature, value)
}

/**
 * A value for each feature that meets its conditions; undefined when there is none. What conditions
 * leave are ranges and sets of categories, and each such holds one of the values that are tried.
 */
function valuesThat(conditions: ReturnType<typeof conditionsOf>): Map<number, number> | undefined {
  const path = new Map<number, number>()
  for (const [feature, ofFeature] of conditions) {
    const near = ofFeature.flatMap(({ split }) => valuesAround(split))
    const value = [...near, ...HOSTILE].find((x) => meets(x, ofFeature))
    if (value === undefined) return undefined
    path.set(feature, value)
  }
  return path
}

/** Fills the row so that it comes by the edge and the leaf tells on which side. */
function drawTelling(
  values: ProbeValues,
  path: ReadonlyMap<number, number>,
  { tree, split }: DueEdge,
  edges: Edges,
): boolean {
  for (let draw = 0; draw < DRAWS_MAX; draw++) {
    values.fill()
    for (const [feature, value] of path) values.row[feature] = value
    if (edges.tells(tree, split, values.row)) return true
  }
  return false
}
