// `bun run anchors`: the native engines and our kernels on the same model and rows, one thread, in
// turns, each at the least of many rounds. Prints how many times faster ours are, beside what they
// are meant to be in batches. Exit code 1 when they are not.
//
// The engines come from a virtual environment in build/anchors, which is made on the first run. One
// that is not to be had, or scores something else, is named and left out.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { styleText } from 'node:util'
import { Command } from 'commander'
import { rawScores } from '../../src/compiler/forest.ts'
import { parseLightGbm } from '../../src/compiler/lightgbm.ts'
import { OperatingError } from '../../src/errors.ts'
import { MODULE_PATH, fromRoot } from '../../src/paths.ts'
import { loadModule } from '../../src/scorer/module.ts'
import { applicationRows } from '../support/engine.ts'
import { KernelTimer } from '../support/kernels.ts'
import { type Facts, type Kind, NativeEngines } from './engines.ts'
import { pythonEnvironment } from './environment.ts'

const FOLDER = fromRoot('build/anchors')
const MODEL = fromRoot('bench/model/model.txt')
/** What batches of rows are timed in; YDF's model is trained on more. */
const BATCH_ROWS = 1024
const TRAINING_BATCHES = 20
const KINDS: readonly Kind[] = ['one', 'batch']

/** What people call them, and how many times faster ours are meant to be in batches. */
const ENGINES: Readonly<Record<string, { title: string; due: number }>> = {
  ydf: { title: 'YDF, SIMD QuickScorer', due: 4 },
  lleaves: { title: 'lleaves', due: 6 },
  tl2cgen: { title: 'tl2cgen, quantised, annotated', due: 10 },
  lightgbm: { title: 'LightGBM, C API', due: 25 },
}

type Row = { engine: string; times: Record<Kind, number>; ratios?: Record<Kind, number> }

const command = new Command('anchors')
  .description("measure native engines and our kernels on the bench's model")
  .option('--rounds <n>', 'rounds of all engines', Number, 5)
  .option('--json', 'print one JSON object', false)
  .parse()
const options = command.opts<{ rounds: number; json: boolean }>()

try {
  process.exitCode = (await main()) ? 0 : 1
} catch (error) {
  if (!(error instanceof OperatingError) || error.kind !== 'usage') throw error
  process.stderr.write(`error: ${error.message}\n`)
  process.exitCode = 2
}

async function main(): Promise<boolean> {
  const forest = parseLightGbm(readFileSync(MODEL, 'utf8'), MODEL)
  const width = forest.features.length
  const rows = applicationRows(width, TRAINING_BATCHES)
  const ours = new KernelTimer(
    loadModule(MODULE_PATH),
    forest,
    rows.subarray(0, BATCH_ROWS * width),
  )
  mkdirSync(FOLDER, { recursive: true })
  const python = await pythonEnvironment(FOLDER, fromRoot('bench/anchors/requirements.txt'))
  const all = Array.from({ length: rows.length / width }, (_, i) =>
    rows.subarray(i * width, (i + 1) * width),
  )
  writeFileSync(`${FOLDER}/rows.f64`, rows)
  writeFileSync(`${FOLDER}/scores.f64`, rawScores(forest, all))
  const engines = new NativeEngines(python, FOLDER, MODEL)
  try {
    const known = await engines.prepare()
    return print(await measure(ours, engines, known), known)
  } finally {
    engines.end()
  }
}

/** Ours first, then each engine with how many times its time is ours. */
async function measure(
  ours: KernelTimer,
  engines: NativeEngines,
  known: readonly Facts[],
): Promise<Row[]> {
  const names = known.filter((facts) => 'difference' in facts).map(({ engine }) => engine)
  const own = { one: Infinity, batch: Infinity }
  const theirs = new Map(names.map((name) => [name, { one: Infinity, batch: Infinity }]))
  for (let round = 0; round < options.rounds; round++) {
    for (const kind of KINDS) {
      for (const [name, times] of theirs) {
        const rows = kind === 'one' ? 1 : BATCH_ROWS
        own[kind] = Math.min(own[kind], ours.nanoseconds(rows) / rows / 1000)
        times[kind] = Math.min(times[kind], await engines.measure(name, kind))
      }
    }
  }
  const others = [...theirs].map(([engine, times]) => {
    const ratios = { one: times.one / own.one, batch: times.batch / own.batch }
    return { engine, times, ratios }
  })
  return [{ engine: 'loanstream', times: own }, ...others]
}

function print(rows: readonly Row[], known: readonly Facts[]): boolean {
  const isWithin = ({ engine, ratios }: Row) => !ratios || ratios.batch >= ENGINES[engine]!.due
  const ok = rows.every(isWithin)
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ ok, rows, engines: known }, null, 2)}\n`)
    return ok
  }
  const line = (cells: string[]) =>
    `${cells[0]!.padEnd(32)}${cells
      .slice(1)
      .map((cell) => cell.padStart(12))
      .join('')}\n`
  const head = ['µs a row', 'one row', `${BATCH_ROWS} rows`, 'times ours', 'times ours', 'due']
  process.stdout.write(styleText('bold', line(head)))
  for (const row of rows) {
    const { engine, times, ratios } = row
    const title = ENGINES[engine]?.title ?? engine
    const cells = [title, times.one.toFixed(3), times.batch.toFixed(3)]
    if (ratios)
      cells.push(ratios.one.toFixed(1), ratios.batch.toFixed(1), `${ENGINES[engine]!.due}`)
    const text = line(cells)
    process.stdout.write(isWithin(row) ? text : styleText('red', text))
  }
  for (const facts of known) {
    const title = ENGINES[facts.engine]!.title
    const what =
      'skipped' in facts ? `left out: ${facts.skipped}` : `scores differ by ${facts.difference}`
    process.stdout.write(`${title}: ${what}\n`)
  }
  return ok
}
