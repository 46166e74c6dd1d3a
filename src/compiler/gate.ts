// The parity gate: before an artefact is written, its tables are run in WebAssembly over probes
// that try every threshold of the model and what lies next to it, and every leaf, and each raw
// score must equal the slow reference's to the last bit. Every kernel is held to it.

import type { SchemaVersion } from '../avro/schema-files.ts'
import type { Artefact } from '../scorer/artefact.ts'
import { Engine } from '../scorer/engine.ts'
import type { Program } from '../scorer/program.ts'
import { usageError } from '../errors.ts'
import { type Forest, type Split, ZERO_THRESHOLD, findLeaf, goesLeft, sumLeaves } from './forest.ts'

/** Values that every feature is given once, whatever its thresholds. */
const HOSTILE = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  0,
  -0,
  ZERO_THRESHOLD,
  -ZERO_THRESHOLD,
  Number.MIN_VALUE,
  -Number.MIN_VALUE,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
]
/** Whole blocks: all rows go through the kernel of 128 rows. */
const BATCH_ROWS = 256
/** Smaller batches of the same rows: one for each other kernel, the last for that of one row. */
const PART_ROWS = [64, 32, 16, 8]
/**
 * Most walks through a tree that the reference makes for either kind of probe. A model beyond it (a
 * hundred thousand leaves or more) is tried by as many probes as fit, which the result states.
 */
const WALKS_MAX = 20_000_000

export type Parity = {
  /** Rows that were compared. */
  probes: number
  leaves: number
  /** Of them, those that some probe ended in. Some can be reached by no row at all. */
  leavesReached: number
}

/**
 * Scores every probe both ways.
 *
 * @throws OperatingError kind 'usage', code 'parity', with the first row that differs
 */
export function checkParity(
  forest: Forest,
  artefact: Artefact,
  module: WebAssembly.Module,
): Parity {
  const check = new Check(forest, artefact, module)
  for (const row of thresholdProbes(forest)) check.add(row)
  check.flush()
  for (const row of leafProbes(forest, check.reached)) check.add(row)
  check.flush()
  return check.result()
}

/** Gathers probes into batches and compares them. */
class Check {
  /** By tree, 1 for each leaf that a probe ended in. */
  readonly reached: Uint8Array[]
  private readonly forest: Forest
  private readonly name: string
  private readonly engine: Engine
  private readonly width: number
  private readonly rows: Float64Array
  private filled = 0
  private probes = 0

  constructor(forest: Forest, artefact: Artefact, module: WebAssembly.Module) {
    this.forest = forest
    this.name = artefact.manifest.name
    this.width = forest.features.length
    this.reached = forest.trees.map((tree) => new Uint8Array(tree.leaves.length))
    this.rows = new Float64Array(BATCH_ROWS * this.width)
    this.engine = new Engine(module, scoringProgram(artefact), {
      records: BATCH_ROWS,
      inputBytes: 1,
    })
  }

  add(row: ArrayLike<number>): void {
    this.rows.set(row, this.filled * this.width)
    this.filled++
    this.probes++
    if (this.filled === BATCH_ROWS) this.flush()
  }

  /** Compares what was gathered; unused rows of the batch are compared again as they were. */
  flush(): void {
    if (this.filled === 0) return
    const count = this.filled
    this.filled = 0
    const { rows, width } = this
    const expected = Array.from({ length: count }, (_, i) =>
      this.walk(rows.subarray(i * width, (i + 1) * width)),
    )
    this.score(0, BATCH_ROWS)
    this.compare(expected, 0, count)
    for (const partRows of PART_ROWS) {
      for (let from = 0; from < count; from += partRows) {
        this.score(from, partRows)
        this.compare(expected, from, Math.min(partRows, count - from))
      }
    }
  }

  result(): Parity {
    return {
      probes: this.probes,
      leaves: this.forest.trees.reduce((sum, tree) => sum + tree.leaves.length, 0),
      leavesReached: this.reached.reduce(
        (sum, leaves) => sum + leaves.reduce((a, b) => a + b, 0),
        0,
      ),
    }
  }

  /** The reference's raw score, and a note of the leaves it came from. */
  private walk(row: Float64Array): number {
    const leaves = this.forest.trees.map((tree, i) => {
      const leaf = findLeaf(tree, row)
      this.reached[i]![leaf] = 1
      return leaf
    })
    return sumLeaves(this.forest, leaves)
  }

  private score(from: number, n: number): void {
    const { engine, width } = this
    engine.f64.set(this.rows.subarray(from * width, (from + n) * width), engine.rowsAt / 8)
    engine.stages.score(n)
  }

  /** Compares the margins of the batch just scored with those expected from row `from` on. */
  private compare(expected: readonly number[], from: number, n: number): void {
    for (let i = 0; i < n; i++) {
      const actual = this.engine.f64[this.engine.marginsAt / 8 + i]!
      const due = expected[from + i]!
      if (Object.is(due, actual)) continue
      const row = this.rows.subarray((from + i) * this.width, (from + i + 1) * this.width)
      const what = `scores ${actual}, the reference ${due}, on [${row.join(', ')}]`
      throw usageError('parity', `model ${this.name}: ${what}`)
    }
  }
}

/**
 * Each threshold of each feature, the doubles next to it, and hostile values, while the other
 * features walk through their own, so that different paths are taken each time.
 */
function* thresholdProbes(forest: Forest): Generator<Float64Array> {
  const values = forest.features.map(() => new Set<number>())
  for (const tree of forest.trees) {
    for (const { feature, threshold } of tree.splits) {
      values[feature]!.add(threshold)
      values[feature]!.add(nextDouble(threshold, 1n))
      values[feature]!.add(nextDouble(threshold, -1n))
    }
  }
  const perFeature = values.map((set) => [...set, ...HOSTILE])
  const row = new Float64Array(perFeature.length)
  const longest = Math.max(0, ...perFeature.map((list) => list.length))
  const total = perFeature.reduce((sum, list) => sum + list.length, 0)
  const most = Math.max(longest, Math.floor(WALKS_MAX / Math.max(1, forest.trees.length)))
  let turn = 0
  const fill = () => {
    for (const [i, list] of perFeature.entries()) {
      row[i] = list[(turn * 7919 + i * 104729) % list.length]!
    }
    turn++
  }
  if (total > most) {
    // 7919 is prime: within as many turns as it has values, a feature takes each of them.
    while (turn < most) {
      fill()
      yield row
    }
    return
  }
  for (const [feature, list] of perFeature.entries()) {
    for (const value of list) {
      fill()
      row[feature] = value
      yield row
    }
  }
}

/** For each leaf that none has reached yet a row that ends there, if there is any. */
function* leafProbes(forest: Forest, reached: readonly Uint8Array[]): Generator<Float64Array> {
  const row = new Float64Array(forest.features.length)
  const most = Math.floor(WALKS_MAX / Math.max(1, forest.trees.length))
  let made = 0
  for (const [i, tree] of forest.trees.entries()) {
    const parents = parentsOf(tree.splits)
    for (let leaf = 0; leaf < tree.leaves.length; leaf++) {
      if (reached[i]![leaf] || !aim(row, tree.splits, parents, leaf)) continue
      if (made === most) return
      made++
      yield row
    }
  }
}

type Step = { split: Split; left: boolean }

/** Split and side that lead to each child, leaves as ~leaf. */
function parentsOf(splits: readonly Split[]): Map<number, { index: number; left: boolean }> {
  const parents = new Map<number, { index: number; left: boolean }>()
  for (const [index, split] of splits.entries()) {
    parents.set(split.left, { index, left: true })
    parents.set(split.right, { index, left: false })
  }
  return parents
}

/** Sets the features on a leaf's path so that a row ends there; false when none can. */
function aim(
  row: Float64Array,
  splits: readonly Split[],
  parents: ReturnType<typeof parentsOf>,
  leaf: number,
): boolean {
  const steps: Step[] = []
  let parent = parents.get(~leaf)
  while (parent) {
    steps.push({ split: splits[parent.index]!, left: parent.left })
    parent = parents.get(parent.index)
  }
  for (const [feature, conditions] of Map.groupBy(steps, (step) => step.split.feature)) {
    const holds = (x: number) => conditions.every(({ split, left }) => goesLeft(split, x) === left)
    const near = conditions.flatMap(({ split }) => [
      split.threshold,
      nextDouble(split.threshold, 1n),
    ])
    const value = [...near, ...HOSTILE].find(holds)
    if (value === undefined) return false
    row[feature] = value
  }
  return true
}

/** The neighbouring double above (1n) or below (-1n). */
function nextDouble(x: number, direction: 1n | -1n): number {
  if (!Number.isFinite(x)) return x
  if (x === 0) return direction === 1n ? Number.MIN_VALUE : -Number.MIN_VALUE
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, x)
  view.setBigInt64(0, view.getBigInt64(0) + (x > 0 ? direction : -direction))
  return view.getFloat64(0)
}

const NO_SCHEMA: SchemaVersion = {
  path: '',
  version: 0,
  fingerprint: 0n,
  schema: { kind: 'record', name: '', aliases: [], fields: [] },
  json: null,
}

/** A program that only scores: rows of the model's features, no schemas and no policy. */
function scoringProgram(artefact: Artefact): Program {
  return {
    modelName: artefact.manifest.name,
    modelHash: artefact.modelHash,
    policyName: '',
    policyHash: new Uint8Array(32),
    tables: artefact.tables,
    columns: artefact.manifest.features.map((feature) => feature.field),
    writers: [],
    policyTable: new Uint8Array(128),
    reasons: [],
    reasonTexts: [],
    decisionSchema: NO_SCHEMA,
    applicationSchema: NO_SCHEMA,
  }
}
