// `produce`: applications to the topic, from a file or synthetic, keyed, at a rate.

import { Argument, Command, Option } from 'commander'
import { ApplicationChecker } from '../applications/check.ts'
import { readColumnMap } from '../applications/column-map.ts'
import { Generator } from '../applications/generator.ts'
import { openApplications } from '../applications/open.ts'
import { badRowText, isBad } from '../applications/source.ts'
import { type SchemaVersion, loadSchemaVersions, newest } from '../avro/schema-files.ts'
import { usageError } from '../errors.ts'
import { makeLog } from '../log.ts'
import { programFiles } from '../runtime.ts'
import {
  type ConfigOptions,
  type Context,
  configure,
  requireBroker,
  withConfigOptions,
} from './context.ts'
import { skipOrStop } from './decide.ts'
import { rate, wholeNumber } from './numbers.ts'
import { startProgress } from './progress.ts'
import { type Row, Sender, type Sent, TOLD_MAX } from './sender.ts'
import { stopSignal } from './signals.ts'

type ProduceOptions = ConfigOptions & {
  generate?: number
  seed: number
  key: 'application_id' | 'region'
  rate: number
  columns?: string
  onError: 'skip' | 'stop'
  json: boolean
}

export function produceCommand(run: (action: () => Promise<number>) => void, context: Context) {
  const command = new Command('produce')
    .description('send applications to the topic, from a file or synthetic')
    .addArgument(new Argument('[file]', 'applications: .csv, .jsonl or .avro'))
    .option('-n, --generate <number>', 'send so many synthetic applications', wholeNumber())
    .option('--seed <number>', 'same seed, same synthetic applications', wholeNumber(), 1)
    .addOption(
      new Option('--key <field>', 'what decides the partition')
        .choices(['application_id', 'region'])
        .default('application_id'),
    )
    .option('--rate <number>', 'applications a second; 0: as fast as it goes', rate, 0)
    .option('--columns <file>', 'which column of a CSV is which field, as JSON')
    .option('--on-error <what>', 'rows that make no application: skip or stop', skipOrStop, 'skip')
    .option('--json', 'print the summary as one JSON object', false)
  return withConfigOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((file: string | undefined, options: ProduceOptions) =>
      run(() => produce(file, options, context)),
    )
}

const EXAMPLES = `
Examples:
  bun run produce applications.csv --set bootstrap.servers=broker1:9092
  bun run produce --generate 100000 --rate 5000 --key region
  bun run produce loans.csv --columns columns.json --on-error stop`

async function produce(
  file: string | undefined,
  options: ProduceOptions,
  context: Context,
): Promise<number> {
  if ((file === undefined) === (options.generate === undefined)) {
    throw usageError('option', 'give a file or --generate NUMBER, one of them')
  }
  const { config } = configure(options, context)
  requireBroker(config, ['producer'])
  const schema = newest(loadSchemaVersions(`${programFiles(config).schemas}/loan_application`))
  const log = makeLog(config.settings['log.level'], config.settings['log.format'])
  const total = options.generate ?? 0
  const rows = file === undefined ? generate(total, options.seed) : fileRows(file, options, schema)
  let signal = ''
  const sender = new Sender(config, { ...options, isStopped: () => signal !== '' }, schema, log)
  void stopSignal(() => context.exit(1)).then((name) => (signal = name))
  const progress = startProgress('sent', total)
  try {
    await sender.waitForTopic()
    let failure: unknown
    const stoppedAt = await sender.sendAll(rows, progress.update).catch((error: unknown) => {
      failure = error
      return ''
    })
    const sent = await sender.finish()
    progress.stop()
    report({ ...sent, signal, stopped_at: stoppedAt }, options, context)
    if (failure !== undefined) throw failure
    return sent.undelivered > 0 || signal || stoppedAt ? 1 : 0
  } finally {
    progress.stop()
    sender.close()
  }
}

async function* generate(count: number, seed: number): AsyncGenerator<Row> {
  const generator = new Generator(seed)
  for (let i = 0; i < count; i++) yield { application: generator.next() }
}

async function* fileRows(
  path: string,
  options: ProduceOptions,
  schema: SchemaVersion,
): AsyncGenerator<Row> {
  const columns = options.columns
    ? readColumnMap(options.columns, new ApplicationChecker(schema).fields)
    : undefined
  for await (const row of openApplications(path, { schema, columns })) {
    if (isBad(row)) yield { problem: badRowText(path, row), place: `${path}:${row.line}` }
    else yield { application: row.application }
  }
}

/** Both are '' when all rows were read. */
type Summary = Sent & { signal: string; stopped_at: string }

function report(summary: Summary, options: ProduceOptions, { output }: Context): void {
  if (options.json) {
    output.print(`${JSON.stringify(summary)}\n`)
    return
  }
  const { topic, sent, bad, undelivered, seconds, signal, stopped_at: stoppedAt } = summary
  if (bad > TOLD_MAX) process.stderr.write(`… and ${bad - TOLD_MAX} more bad rows\n`)
  const parts = [
    `${sent} sent to ${topic} in ${seconds.toFixed(1)} s (${rateOf(sent, seconds)}/s)`,
    `${bad} bad rows skipped`,
    `${undelivered} undelivered`,
    ...(signal ? [`stopped by ${signal}`] : []),
    ...(stoppedAt ? [`stopped at ${stoppedAt}`] : []),
  ]
  process.stderr.write(`${parts.join(', ')}\n`)
}

function rateOf(sent: number, seconds: number): number {
  return Math.round(sent / Math.max(seconds, 0.001))
}
