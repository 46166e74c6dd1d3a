// `bun run drill`: proof by killing. Exit code 0 when every application has exactly one outcome, in
// order and byte for byte; 1 when not; 2 for a wrong option.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, CommanderError, Option } from 'commander'
import { startProgress } from '../../src/cli/progress.ts'
import { wholeNumber } from '../../src/cli/numbers.ts'
import { KafkaCluster } from '../support/kafka.ts'
import { type DrillOptions, runDrill } from './drill.ts'
import { isClean } from './verdict.ts'
import { PROTOCOLS } from './fleet.ts'

const command = new Command('drill')
  .description('kill, freeze and slow down what a real cluster is made of, and count the outcomes')
  .option('--applications <n>', 'how many are sent', wholeNumber(1), 50_000)
  .option('--kills <n>', 'kills of workers and brokers; as many other faults', wholeNumber(), 20)
  .option('--seconds <n>', 'how long it goes on', wholeNumber(1), 120)
  .option(
    '--seed <n>',
    'of the plan and the applications; default: another each time',
    wholeNumber(),
  )
  .addOption(
    new Option('--protocol <name>', 'cooperative-sticky, KIP-848, or static membership')
      .choices(PROTOCOLS)
      .default('cooperative'),
  )
  .option(
    '--logs <folder>',
    "keep the workers' logs there; without, they stay where all is not well",
  )
  .option('--json', 'end with one JSON object', false)
  .exitOverride()
  .addHelpText(
    'after',
    `
Examples:
  bun run drill
  bun run drill --seed 7 --protocol consumer
  bun run drill --kills 200 --applications 1000000 --seconds 900 --json`,
  )

type Options = Omit<DrillOptions, 'seed' | 'logs'> & {
  seed?: number
  logs?: string
  json: boolean
}

async function main(): Promise<number> {
  try {
    command.parse()
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? 0 : 2
  }
  const unavailable = KafkaCluster.unavailable()
  if (unavailable !== undefined) {
    process.stderr.write(`error: ${unavailable}\n`)
    return 1
  }
  const given = command.opts<Options>()
  const seed = given.seed ?? Date.now() % 1_000_000
  const logs = given.logs ?? mkdtempSync(join(tmpdir(), 'loanstream-drill-'))
  const options: DrillOptions = { ...given, seed, logs }
  const { applications, protocol, seconds } = options
  process.stderr.write(`drill --seed ${seed}: ${applications} applications, ${protocol}\n`)
  const progress = startProgress('applications', applications)
  const history = (elapsedMs: number, what: string) => {
    process.stderr.write(`${(elapsedMs / 1000).toFixed(1).padStart(7)} s  ${what}\n`)
  }
  const result = await runDrill(options, { history, progress: progress.update })
  progress.stop()
  const { lost, duplicated, out_of_order, different, kills, failures } = result
  const text =
    `${applications} applications, ${kills} kills in ${seconds} s: ${lost} lost, ` +
    `${duplicated} duplicated, ${out_of_order} out of order, ${different} different; ` +
    `${failures} workers ended by themselves; seed ${seed}`
  process.stdout.write(`${given.json ? JSON.stringify(result) : text}\n`)
  if (given.logs === undefined && isClean(result) && failures === 0)
    rmSync(logs, { recursive: true })
  else process.stderr.write(`logs are in ${logs}\n`)
  return isClean(result) ? 0 : 1
}

process.exit(await main())
