// The parity gate: before an artefact is written, its tables are run in WebAssembly over probes
// that try every threshold and category of the model and what lies next to it, and every leaf, and
// each raw score must equal the slow reference's to the last bit. Every kernel is held to it.

import { IMAGE_PLAN, PLAN_ROWS } from '../../assembly/layout.ts'
import type { Artefact } from '../scorer/artefact.ts'
import { Engine } from '../scorer/engine.ts'
import { scoringProgram } from '../scorer/scoring-program.ts'
import { usageError } from '../errors.ts'
import { type EdgeCounts, Edges } from './edges.ts'
import { type Forest, type OnPath, rawScores } from './forest.ts'
import { ProbeValues, edgeProbes, leafProbes, thresholdProbes } from './probes.ts'

/** Whole blocks of the largest kernel. */
const BATCH_ROWS = 256
/**
 * Most walks through a tree that the reference makes for each kind of probe. A model beyond it (a
 * hundred thousand leaves or more) is tried by as many probes as fit, which the result states.
 */
const WALKS_MAX = 20_000_000

export type Parity = {
  /** Rows that were compared. */
  probes: number
  leaves: number
  /** Of them, those that some probe ended in. Some can be reached by no row at all. */
  leavesReached: number
  /** Values at which splits change sides, and those that some probe came by a split with. */
  edges: EdgeCounts
}

type Kind = 'thresholds' | 'splits' | 'leaves'

/** Is told how many probes of a kind were compared, and how many there are at most. */
export type OnProbes = (kind: Kind, done: number, total: number) => void

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
  const run = (kind: Kind, probes: Iterable<Float64Array>, total: number) => {
    let done = 0
    for (const row of probes) {
      check.add(row)
      if (done++ % BATCH_ROWS === 0) onProbes(kind, done, total)
    }
    check.flush()
  }
  const values = new ProbeValues(forest)
  const most = probesMax(forest)
  const mostOfValues = Math.max(values.longest, most)
  const { reached, edges } = check
  run('thresholds', thresholdProbes(values, mostOfValues), Math.min(values.total, mostOfValues))
  const { edges: total, tried } = edges.counts()
  run('splits', edgeProbes(forest, edges, values, most), Math.min(total - tried, most))
  const { leaves, leavesReached } = check.result()
  const missed = Math.min(leaves - leavesReached, most)
  run('leaves', leafProbes(forest, reached, values, most), missed)
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
  readonly edges: Edges
  private readonly forest: Forest
  private readonly onPath: OnPath
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
    this.edges = new Edges(forest)
    this.onPath = {
      splitsOf: (tree) => this.edges.visitor(tree),
      leaf: (tree, leaf) => {
        this.reached[tree]![leaf] = 1
      },
    }
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
    const expected = rawScores(this.forest, batch, this.onPath)
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
      edges: this.edges.counts(),
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

function probesMax(forest: Forest): number {
  return Math.floor(WALKS_MAX / Math.max(1, forest.trees.length))
}
