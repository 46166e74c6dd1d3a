// The parity gate: before an artefact is written, its tables are run in WebAssembly over probes
// that try every threshold and category of the model and what lies next to it, and every leaf, and
// each raw score must equal the slow reference's to the last bit. Every kernel is held to it.

import { IMAGE_PLAN, PLAN_ROWS } from '../../assembly/layout.ts'
import type { Artefact } from '../scorer/artefact.ts'
import { Engine } from '../scorer/engine.ts'
import { scoringProgram } from '../scorer/scoring-program.ts'
import { nextDown, nextUp } from '../doubles.ts'
import { usageError } from '../errors.ts'
import { type Forest, type Split, ZERO_THRESHOLD, goesLeft, rawScores } from './forest.ts'

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
/** Whole blocks of the largest kernel. */
const BATCH_ROWS = 256
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

/** Is told how many probes of a kind were compared, and how many there are at most. */
export type OnProbes = (kind: 'thresholds' | 'leaves', done: number, total: number) => void

/**
 * Scores every probe both ways.
 *
 * @throws OperatingError kind 'usage', code 'parity', with the first row that differs
 */
export function checkParity(
  forest: Forest,
  artefact: Artefact,
  module: WebAssembly.Module,
  onProbes: OnProbes = () => undefined,
): Parity {
  const check = new Check(forest, artefact, module)
  const run = (kind: 'thresholds' | 'leaves', probes: Iterable<Float64Array>, total: number) => {
    let done = 0
    for (const row of probes) {
      check.add(row)
      if (done++ % BATCH_ROWS === 0) onProbes(kind, done, total)
    }
    check.flush()
  }
  const values = valuesOf(forest)
  run('thresholds', thresholdProbes(values), Math.min(values.total, values.most))
  const { leaves, leavesReached } = check.result()
  const missed = Math.min(leaves - leavesReached, probesMax(forest))
  run('leaves', leafProbes(forest, check.reached), missed)
  return check.result()
}

/** A batch whose first `step` rows are scored by one of the model's kernels. */
type Part = { size: number; step: number }

/** For each kernel that the model's plan has use for a batch that begins with it. */
function partsOf(tables: Uint8Array): Part[] {
  const plan = [...tables.subarray(IMAGE_PLAN, IMAGE_PLAN + PLAN_ROWS)]
  return [...new Set(plan)].map((rows) => {
    // As many rows as it takes; or fewer, when as many are better off otherwise.
    const size = plan[rows - 1] === rows ? rows : plan.indexOf(rows) + 1
    return { size, step: Math.min(rows, size) }
  })
}

/** Gathers probes into batches and compares them. */
class Check {
  /** By tree, 1 for each leaf that a probe ended in. */
  readonly reached: Uint8Array[]
  private readonly forest: Forest
  private readonly name: string
  private readonly engine: Engine
  private readonly parts: Part[]
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
    this.parts = partsOf(artefact.tables)
    const program = scoringProgram(artefact.tables, forest.features)
    // The last part may reach beyond the batch.
    const records = BATCH_ROWS + PLAN_ROWS
    this.engine = new Engine(module, program, { records, inputBytes: 1 })
  }

  add(row: ArrayLike<number>): void {
    this.rows.set(row, this.filled * this.width)
    this.filled++
    this.probes++
    if (this.filled === BATCH_ROWS) this.flush()
  }

  /** Compares what was gathered, kernel by kernel. */
  flush(): void {
    if (this.filled === 0) return
    const count = this.filled
    this.filled = 0
    const { rows, width } = this
    const batch = Array.from({ length: count }, (_, i) => rows.subarray(i * width, (i + 1) * width))
    const expected = rawScores(this.forest, batch, (tree, leaf) => {
      this.reached[tree]![leaf] = 1
    })
    this.engine.f64.set(rows, this.engine.rowsAt / 8)
    for (const { size, step } of this.parts) {
      for (let from = 0; from < count; from += step) {
        const at = this.engine.marginsAt / 8 + from
        // A kernel that writes nothing must not pass by what another has left there.
        this.engine.f64.fill(Number.NaN, at, at + size)
        this.engine.stages.score(size, from)
        this.compare(expected, from, Math.min(size, count - from))
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

  /** Compares n margins from row `from` on with those expected. */
  private compare(expected: Float64Array, from: number, n: number): void {
    for (let i = from; i < from + n; i++) {
      const actual = this.engine.f64[this.engine.marginsAt / 8 + i]!
      const due = expected[i]!
      if (Object.is(due, actual)) continue
      const row = this.rows.subarray(i * this.width, (i + 1) * this.width)
      const what = `scores ${actual}, the reference ${due}, on [${row.join(', ')}]`
      throw usageError('parity', `model ${this.name}: ${what}`)
    }
  }
}

/** A split's threshold and the doubles next to it; or its categories, the next ones, and none. */
function valuesAround({ threshold, categories }: Split): number[] {
  if (!categories) return [threshold, nextUp(threshold), nextDown(threshold)]
  return [...categories.ids.flatMap((id) => [id, id + 1]), -0.5, -1]
}

/** Values to try of each feature: how many there are, and how many probes there may be. */
type Values = { perFeature: number[][]; total: number; most: number }

/** All that lies around the splits of each feature, and hostile values. */
function valuesOf(forest: Forest): Values {
  const values = forest.features.map(() => new Set<number>())
  for (const tree of forest.trees) {
    for (const split of tree.splits) {
      for (const value of valuesAround(split)) values[split.feature]!.add(value)
    }
  }
  const perFeature = values.map((set) => [...set, ...HOSTILE])
  const longest = Math.max(0, ...perFeature.map((list) => list.length))
  const total = perFeature.reduce((sum, list) => sum + list.length, 0)
  return { perFeature, total, most: Math.max(longest, probesMax(forest)) }
}

/** Each value once, while the other features walk through theirs: other paths each time. */
function* thresholdProbes({ perFeature, total, most }: Values): Generator<Float64Array> {
  const row = new Float64Array(perFeature.length)
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
  const most = probesMax(forest)
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

function probesMax(forest: Forest): number {
  return Math.floor(WALKS_MAX / Math.max(1, forest.trees.length))
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
    const near = conditions.flatMap(({ split }) => valuesAround(split))
    const value = [...near, ...HOSTILE].find(holds)
    if (value === undefined) return false
    row[feature] = value
  }
  return true
}
