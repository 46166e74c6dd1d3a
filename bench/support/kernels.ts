// How long rows take to score, by batch size: as the model's plan has it, and at best with the
// kernels there are.

import { IMAGE_LANES_AT, IMAGE_NODES_AT, IMAGE_PLAN, PLAN_ROWS } from '../../assembly/layout.ts'
import { type Forest, rawScores } from '../../src/compiler/forest.ts'
import { makeTables } from '../../src/compiler/tables.ts'
import { Engine } from '../../src/scorer/engine.ts'
import { scoringProgram } from '../../src/scorer/scoring-program.ts'
import { type Size, check, fnv1a } from '../bench.ts'

/** Sizes that people ask for, and in between those at which the plan may change its mind. */
const BATCH_SIZES = [1, 4, 8, 12, 16, 24, 32, 48, 64, 128, 1024, 4096]
const EDGES = [2, 3, 6, 10, 14, 20, 28, 36, 40, 44, 56, 65, 72, 80, 96, 100, 129, 160, 200, 300]
const KERNEL_ROWS = [16, 32, 64, 128]
/** Rows that the trees are walked for, as the answer. */
const CHECKED_ROWS = 256
/** Batches take other rows in turn, as a branch that only ever sees one row is foreseen. */
const ROTATED_ROWS = 512
const ROWS = 4096
const FIGURE_MS = 20
/** A busy spell of the machine should not hit one figure only. */
const PASSES = 3
const ROUND_NS_MIN = 100_000
/** A large batch may take a turn's time, and another process's turn on the core with it. */
const ROUNDS_MIN = 5

export type Times = {
  /** Microseconds a row, by batch size. */
  perRow: Map<number, number>
  /** Greatest quotient of a batch's time and the best time that these kernels make of it. */
  overBest: number
  overBestAt: number
  checksum: number
}

/** Times batches as the model's plan has them scored, after their scores were checked. */
export class KernelTimer {
  private readonly engine: Engine

  constructor(module: WebAssembly.Module, forest: Forest, rows: Float64Array) {
    this.engine = engineOf(module, forest, rows)
    checkAnswers(this.engine, forest)
  }

  /** Least nanoseconds of a batch of n rows. */
  nanoseconds(n: number): number {
    return batchNanoseconds(this.engine, n, 'large')
  }
}

/** @param rows  f64[at least 1][features], repeated up to as many as are needed */
export function timeKernels(
  module: WebAssembly.Module,
  forest: Forest,
  rows: Float64Array,
  size: Size,
): Times {
  const engine = engineOf(module, forest, rows)
  const checksum = checkAnswers(engine, forest)
  const sizes = size === 'small' ? [1, 12, 64, 128] : [...BATCH_SIZES, ...EDGES]
  const batches = new Map(sizes.map((n) => [n, Number.POSITIVE_INFINITY]))
  const timeBatches = () => {
    for (const [n, ns] of batches) batches.set(n, Math.min(ns, batchNanoseconds(engine, n, size)))
  }
  // At first with one engine, as a worker has it: where there are several, JavaScriptCore looks up
  // at each call whose module it is, which is a twelfth of a lone row's time.
  timeBatches()
  const kernels = kernelsOf(forest).map((count) => ({
    rows: count,
    ns: Number.POSITIVE_INFINITY,
    engine: engineOf(module, forest, rows, count),
  }))
  for (let pass = 0; pass < PASSES; pass++) {
    for (const kernel of kernels) {
      kernel.ns = Math.min(kernel.ns, batchNanoseconds(kernel.engine, kernel.rows, size))
    }
    timeBatches()
  }
  let [overBest, overBestAt] = [0, 0]
  for (const [n, ns] of batches) {
    // The plan's own time is a way to score them too.
    const quotient = ns / Math.min(ns, leastNanoseconds(n, kernels))
    if (quotient > overBest) [overBest, overBestAt] = [quotient, n]
  }
  const perRow = new Map([...batches].map(([n, ns]) => [n, ns / n / 1000]))
  return { perRow, overBest, overBestAt, checksum }
}

/** @param kernel  rows of the one kernel to use, instead of the plan */
function engineOf(
  module: WebAssembly.Module,
  forest: Forest,
  rows: Float64Array,
  kernel?: number,
): Engine {
  const tables = makeTables(forest, 'the forest')
  if (kernel !== undefined) tables.fill(kernel, IMAGE_PLAN, IMAGE_PLAN + PLAN_ROWS)
  const program = scoringProgram(tables, forest.features)
  // A batch may start at any of the rotated rows, and compute up to a block more.
  const count = ROWS + ROTATED_ROWS + PLAN_ROWS
  const engine = new Engine(module, program, { records: count, inputBytes: 1 })
  const all = engine.f64.subarray(
    engine.rowsAt / 8,
    engine.rowsAt / 8 + ROWS * forest.features.length,
  )
  for (let at = 0; at < all.length; at += rows.length) {
    all.set(rows.subarray(0, all.length - at), at)
  }
  return engine
}

/** Every batch size gives the walk's scores, to the last bit. */
function checkAnswers(engine: Engine, forest: Forest): number {
  const width = forest.features.length
  const rows = Array.from({ length: CHECKED_ROWS }, (_, i) => {
    const at = engine.rowsAt / 8 + i * width
    return engine.f64.subarray(at, at + width)
  })
  const due = rawScores(forest, rows)
  const margins = engine.f64.subarray(engine.marginsAt / 8, engine.marginsAt / 8 + CHECKED_ROWS)
  for (const n of [...BATCH_SIZES, ...EDGES].filter((count) => count <= CHECKED_ROWS)) {
    margins.fill(Number.NaN)
    for (let from = 0; from < CHECKED_ROWS; from += n) {
      engine.stages.score(Math.min(n, CHECKED_ROWS - from), from)
    }
    const wrong = due.findIndex((score, i) => !Object.is(score, margins[i]))
    check(wrong < 0, `row ${wrong} in batches of ${n} scores ${margins[wrong]}, not ${due[wrong]}`)
  }
  return fnv1a(new Uint8Array(due.buffer))
}

/** Rows of each kernel that the model has tables for. */
function kernelsOf(forest: Forest): number[] {
  const tables = new DataView(makeTables(forest, 'the forest').buffer)
  const hasOneRow = [IMAGE_LANES_AT, IMAGE_NODES_AT].some((at) => tables.getUint32(at, true) > 0)
  return [...(hasOneRow ? [1] : []), ...KERNEL_ROWS]
}

/** Least time for n rows in any sequence of kernels; the last may take more rows than there are. */
function leastNanoseconds(n: number, kernels: readonly { rows: number; ns: number }[]): number {
  const least = [0]
  for (let left = 1; left <= n; left++) {
    const sums = kernels.map(({ rows, ns }) => ns + least[Math.max(0, left - rows)]!)
    least.push(Math.min(...sums))
  }
  return least[n]!
}

/** Least time of a batch of n rows. */
function batchNanoseconds(engine: Engine, n: number, size: Size): number {
  let from = 0
  const run = (calls: number) => {
    const started = Bun.nanoseconds()
    for (let i = 0; i < calls; i++) {
      from = from + n < ROTATED_ROWS ? from + n : 0
      engine.stages.score(n, from)
    }
    return (Bun.nanoseconds() - started) / calls
  }
  const calls = Math.ceil(ROUND_NS_MIN / run(1))
  const end = Bun.nanoseconds() + (size === 'small' ? 0 : FIGURE_MS * 1e6)
  let least = run(calls)
  const roundsMin = size === 'small' ? 0 : ROUNDS_MIN
  for (let round = 0; round < roundsMin || Bun.nanoseconds() < end; round++) {
    least = Math.min(least, run(calls))
  }
  return least
}
