// `bun bench [NAME …]`: runs the benches, each in a fresh process, holds their figures against the
// budgets in budgets.toml, and prints a table. Exit code 1 when a budget is broken or an answer is
// wrong. Budgets of what keeps two cores busy are scaled by the share of two cores there was.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { styleText } from 'node:util'
import { Command } from 'commander'
import { closest } from 'fastest-levenshtein'
import { z } from 'zod'
import { parseToml } from '../src/toml.ts'
import type { Bench, Result, Size } from './bench.ts'
import { coresShare } from './calibration.ts'

const FOLDER = import.meta.dir
const TIMEOUT_MS = 400_000

const budgetFile = z.record(
  z.string(),
  z.record(z.string(), z.strictObject({ max: z.number().optional(), min: z.number().optional() })),
)
/** Benches that keep both cores busy. */
const TWO_CORES = new Set(['broker-pipeline', 'mock-pipeline', 'reasons-pipeline'])
type Budgets = z.infer<typeof budgetFile>

type Row = {
  bench: string
  figure: string
  value: number
  unit: string
  budget: string
  verdict: 'within' | 'BROKEN' | ''
}

type Report = {
  bench: string
  question: string
  rows: Row[]
  checksum: string
  /** Share of two cores there was, around the run; 1 where it does not matter. */
  cores: number
  /** Why it did not run, or what went wrong. */
  skipped: string
  error: string
}

const command = new Command('bench')
  .description('run the benches and hold them against their budgets')
  .argument('[names...]', 'which ones; all without')
  .option('--json', 'print one JSON object', false)
  .option('--size <size>', 'large for figures, small to see that they run', 'large')
  .parse()
const options = command.opts<{ json: boolean; size: Size }>()
const known = readdirSync(join(FOLDER, 'benches')).map((file) => file.replace(/\.ts$/, ''))
const names = command.args.length > 0 ? command.args : known

for (const name of names) {
  if (known.includes(name)) continue
  process.stderr.write(`error: there is no bench ${name}; the nearest is ${closest(name, known)}\n`)
  process.exit(2)
}
const path = join(FOLDER, 'budgets.toml')
const budgets = budgetFile.parse(parseToml(readFileSync(path, 'utf8'), path))
const reports: Report[] = []
for (const name of names) {
  const report = await runBench(name, budgets[name] ?? {})
  reports.push(report)
  if (!options.json) print(report)
}
const ok = reports.every(
  ({ error, rows }) => error === '' && rows.every(({ verdict }) => verdict !== 'BROKEN'),
)
if (options.json) process.stdout.write(`${JSON.stringify({ ok, benches: reports }, null, 2)}\n`)
else process.stdout.write(ok ? 'all within budget\n' : 'a budget is broken\n')
process.exit(ok ? 0 : 1)

async function runBench(name: string, limits: Budgets[string]): Promise<Report> {
  const { bench } = (await import(`./benches/${name}.ts`)) as { bench: Bench }
  const report: Report = {
    bench: name,
    question: bench.question,
    rows: [],
    checksum: '',
    cores: 1,
    skipped: '',
    error: '',
  }
  const unavailable = bench.unavailable?.()
  if (unavailable) return { ...report, skipped: unavailable }
  const sharesCores = TWO_CORES.has(name) && options.size === 'large'
  const before = sharesCores ? await coresShare() : 1
  const process_ = Bun.spawn([process.execPath, join(FOLDER, 'run.ts'), name, options.size], {
    // As a worker has it: see deploy/systemd/loanstream.service.
    env: { BUN_JSC_maxNumWasmFastMemories: '256', ...process.env },
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: TIMEOUT_MS,
  })
  const [output, errors] = await Promise.all([
    new Response(process_.stdout).text(),
    new Response(process_.stderr).text(),
  ])
  if ((await process_.exited) !== 0) {
    return { ...report, error: errors.trim() || `no result within ${TIMEOUT_MS} ms` }
  }
  const cores = Math.min(before, sharesCores ? await coresShare() : 1)
  const { figures, checksum } = JSON.parse(output) as Result
  const rows = figures.map((figure) => judge(name, figure, limits[figure.name], cores))
  return { ...report, rows, checksum, cores }
}

function judge(
  bench: string,
  { name, value, unit }: Result['figures'][number],
  limit: Budgets[string][string] | undefined,
  cores: number,
): Row {
  const row: Row = { bench, figure: name, value, unit, budget: '', verdict: '' }
  // Small runs show that a bench works; their figures mean nothing.
  if (!limit || options.size === 'small') return row
  // Half the cores: half the rate, and CPU time that counts for half.
  const scale = unit === 'µs' ? 1 / cores : unit === '/s' ? cores : 1
  const max = (limit.max ?? Infinity) * scale
  const min = (limit.min ?? -Infinity) * scale
  const within = value <= max && value >= min
  const bound = Number((limit.max === undefined ? min : max).toPrecision(3))
  const budget = limit.max === undefined ? `at least ${bound}` : `at most ${bound}`
  return { ...row, budget, verdict: within ? 'within' : 'BROKEN' }
}

function print(report: Report): void {
  process.stdout.write(`\n${styleText('bold', report.question)}\n`)
  if (report.skipped) process.stdout.write(`  skipped: ${report.skipped}\n`)
  if (report.error) process.stdout.write(`  ${styleText('red', report.error)}\n`)
  for (const { figure, value, unit, budget, verdict } of report.rows) {
    const cells = [figure.padEnd(38), `${value} ${unit}`.padEnd(16), budget.padEnd(18), verdict]
    const line = `  ${cells.join('')}`.trimEnd()
    process.stdout.write(`${verdict === 'BROKEN' ? styleText('red', line) : line}\n`)
  }
  if (report.checksum)
    process.stdout.write(`  ${styleText('dim', `checksum ${report.checksum}`)}\n`)
}
