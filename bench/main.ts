// `bun bench [NAME …]`: runs the benches, each in a fresh process, holds their figures against the
// budgets in budgets.toml, and prints a table. Exit code 1 when a budget is broken or an answer is
// wrong. With --compare the figures of another revision are beside them instead, with --profile it
// is told where the time goes. `saturation`, `account`, `scale` and `score-model` are by name only.

import { Command } from 'commander'
import { wholeNumber } from '../src/cli/numbers.ts'
import { ROOT } from '../src/paths.ts'
import { nearest } from '../src/nearest.ts'
import { OperatingError, messageOf, usageError } from '../src/errors.ts'
import { account } from './account.ts'
import type { Bench, Size } from './bench.ts'
import { benchNames, runBench } from './bench-process.ts'
import { type Limit, judge, readBudgets } from './budgets.ts'
import { compareWith } from './compare.ts'
import { saturation } from './saturation.ts'
import { scale } from './scale.ts'
import { scoreModels } from './score-model.ts'
import { profile } from './profile.ts'
import { type Report, printReport } from './report.ts'

type Options = {
  json: boolean
  size: Size
  compare?: string
  runs: number
  profile?: string
}

/** What takes long and has no budget: by its name alone. Each returns the exit code. */
const LONG = new Map<string, (options: Options) => Promise<number>>(
  Object.entries({
    account,
    saturation: async (options: Options) => (await saturation(options), 0),
  }),
)

const command = new Command('bench')
  .description('run the benches and hold them against their budgets')
  .argument(
    '[names...]',
    'which ones, all without; or account, saturation, scale [axes...], score-model models...',
  )
  .option('--json', 'print one JSON object', false)
  .option('--size <size>', 'large for figures, small to see that they run', 'large')
  .option('--compare <ref>', 'beside the benches of another revision, in turns')
  .option('--runs <number>', 'with --compare: runs of each side', wholeNumber(1, 100), 5)
  .option('--profile <name>', 'where the time of a bench goes, by thread')
  .parse()

try {
  process.exit(await main(command.args, command.opts<Options>()))
} catch (error) {
  process.stderr.write(`error: ${messageOf(error)}\n`)
  process.exit(error instanceof OperatingError && error.kind === 'usage' ? 2 : 1)
}

/** @returns the exit code */
async function main(given: readonly string[], options: Options): Promise<number> {
  if (options.size !== 'large' && options.size !== 'small') {
    throw usageError('size', `--size is large or small, not ${String(options.size)}`)
  }
  if (given[0] === 'scale') return (await scale(given.slice(1), options), 0)
  if (given[0] === 'score-model') return (scoreModels(given.slice(1), options), 0)
  const long = given.length === 1 ? LONG.get(given[0]!) : undefined
  if (long) return long(options)
  const names = chosen(given)
  if (options.profile !== undefined) {
    await profile(chosen([options.profile])[0]!, options)
    return 0
  }
  if (options.compare !== undefined) {
    return (await compareWith(options.compare, names, options)) ? 0 : 1
  }
  const budgets = readBudgets()
  const reports: Report[] = []
  for (const name of names) {
    const report = await runOne(name, options.size, budgets[name] ?? {})
    reports.push(report)
    if (!options.json) process.stdout.write(printReport(report))
  }
  const ok = reports.every(
    ({ error, rows }) => error === '' && rows.every(({ verdict }) => verdict !== 'BROKEN'),
  )
  if (options.json) process.stdout.write(`${JSON.stringify({ ok, benches: reports }, null, 2)}\n`)
  else process.stdout.write(ok ? '\nall within budget\n' : '\na budget is broken\n')
  return ok ? 0 : 1
}

function chosen(given: readonly string[]): readonly string[] {
  const known = benchNames(ROOT)
  const unknown = given.find((name) => !known.includes(name))
  if (unknown === undefined) return given.length > 0 ? given : known
  const meant = nearest(unknown, known)
  const others = meant ? `did you mean ${meant}?` : `there are ${known.join(', ')}`
  throw usageError('bench', `there is no bench ${unknown}: ${others}`)
}

async function runOne(
  name: string,
  size: Size,
  limits: Readonly<Record<string, Limit>>,
): Promise<Report> {
  const { bench } = (await import(`./benches/${name}.ts`)) as { bench: Bench }
  const { question, load = '' as const } = bench
  const report: Omit<Report, 'skipped' | 'error'> = {
    bench: name,
    question,
    load,
    rows: [],
    checksum: '',
    kernel: 0,
  }
  const skipped = bench.unavailable?.()
  if (skipped) return { ...report, skipped, error: '' }
  try {
    const { figures, checksum, kernel } = await runBench(ROOT, name, size)
    // Small runs show that a bench works; their figures mean nothing.
    const rows = figures.map((figure) =>
      judge(figure, size === 'small' ? undefined : limits[figure.name], kernel),
    )
    const measured = new Set(figures.map((figure) => figure.name))
    const idle = Object.keys(limits).filter((figure) => !measured.has(figure))
    const error = size === 'large' && idle.length > 0 ? `budgets of no figure: ${idle.join()}` : ''
    return { ...report, rows, checksum, kernel, skipped: '', error }
  } catch (error) {
    return { ...report, skipped: '', error: messageOf(error) }
  }
}
