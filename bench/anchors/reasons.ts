// `bun run anchors-reasons`: what explains a score elsewhere beside our attribution, on the same
// model, rows and reference, one thread: shap's C++ kernel and LightGBM's pred_contrib. Ours before
// and after, at the least of both. Their Python packages go into build/anchors-reasons.

import { mkdirSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { OperatingError } from '../../src/errors.ts'
import { fromRoot } from '../../src/paths.ts'
import { check } from '../bench.ts'
import { type Explained, explainedEngine } from '../support/reasons.ts'
import { pythonEnvironment } from './environment.ts'

const FOLDER = fromRoot('build/anchors-reasons')
const MODEL = fromRoot('bench/model/model.txt')
const ROUNDS = 40
/** shap's kernel keeps sums as floats; LightGBM's values are not the same thing. */
const DIFFERENCE_MAX = 1e-5

const facts = z.object({ engine: z.string(), us: z.number(), difference: z.number().optional() })

try {
  await main()
} catch (error) {
  if (!(error instanceof OperatingError) || error.kind !== 'usage') throw error
  process.stderr.write(`error: ${error.message}\n`)
  process.exitCode = 2
}

async function main(): Promise<void> {
  const explained = explainedEngine(1)
  const { engine, owing, forest, reference } = explained
  mkdirSync(FOLDER, { recursive: true })
  const python = await pythonEnvironment(FOLDER, fromRoot('bench/anchors/reasons-requirements.txt'))
  const width = forest.features.length
  const columns = engine.program.columns.length
  const rows = new Float64Array(owing.length * width)
  const values = new Float64Array(owing.length * width)
  for (const [i, row] of owing.entries()) {
    const at = engine.rowsAt / 8 + row * columns
    rows.set(engine.f64.subarray(at, at + width), i * width)
    values.set(engine.attribute(row), i * width)
  }
  writeFileSync(`${FOLDER}/rows.f64`, rows)
  writeFileSync(`${FOLDER}/values.f64`, values)
  writeFileSync(`${FOLDER}/reference.f64`, reference)
  const before = ours(explained)
  const child = Bun.spawn([python, fromRoot('bench/anchors/reasons.py'), FOLDER, MODEL], {
    stdout: 'pipe',
    stderr: Bun.file(`${FOLDER}/engines.log`),
  })
  const text = await new Response(child.stdout).text()
  check((await child.exited) === 0, `the engines have ended, ${FOLDER}/engines.log may say why`)
  const after = ours(explained)
  const own = {
    attribution: Math.min(before.attribution, after.attribution),
    reasons: Math.min(before.reasons, after.reasons),
  }
  const lines = text.trim().split('\n')
  const engines = lines.map((line) => facts.parse(JSON.parse(line)))
  print(own, engines)
  for (const { engine: name, difference = 0 } of engines) {
    check(difference < DIFFERENCE_MAX, `${name} differs by ${difference}`)
  }
}

/** Microseconds a row: the values alone, and with order and counterfactual checks. */
function ours({ engine, owing }: Explained) {
  const least = (call: () => void) => {
    let best = Number.POSITIVE_INFINITY
    for (let round = 0; round < ROUNDS; round++) {
      const started = Bun.nanoseconds()
      call()
      best = Math.min(best, Bun.nanoseconds() - started)
    }
    return best / owing.length / 1000
  }
  return {
    attribution: least(() => {
      for (const row of owing) engine.attribute(row)
    }),
    reasons: least(() => engine.stages.reason(engine.size.records)),
  }
}

function print(
  own: { attribution: number; reasons: number },
  engines: readonly z.infer<typeof facts>[],
): void {
  const line = (name: string, us: number, more = '') =>
    process.stdout.write(`${name.padEnd(34)}${us.toFixed(1).padStart(8)} µs a row${more}\n`)
  line('loanstream, attribution', own.attribution)
  line('loanstream, reasons, checked', own.reasons)
  for (const { engine, us, difference } of engines) {
    const times = `, ${(us / own.attribution).toFixed(1)} times ours`
    line(engine, us, difference === undefined ? times : `${times}; differs by ${difference}`)
  }
}
