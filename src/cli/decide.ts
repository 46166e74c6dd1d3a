// `decide`: the same WebAssembly path without Kafka, from a file to a file: for back-tests and for
// trying a model.

import { Command } from 'commander'
import { ApplicationEncoder } from '../applications/application.ts'
import { readColumnMap } from '../applications/column-map.ts'
import { ApplicationChecker } from '../applications/check.ts'
import { readContainerRecords } from '../applications/container.ts'
import { openApplications } from '../applications/open.ts'
import { type BadRow, badRowText, isBad } from '../applications/source.ts'
import { DECISIONS } from '../avro/encode-plan.ts'
import { DecisionDecoder } from '../decisions.ts'
import { OperatingError, usageError } from '../errors.ts'
import { MODULE_PATH } from '../paths.ts'
import { Decider } from '../pipeline/decider.ts'
import { programFiles } from '../runtime.ts'
import { loadModule } from '../scorer/module.ts'
import { type Program, loadProgram, withWriter } from '../scorer/program.ts'
import { type ConfigOptions, type Context, configure, withConfigOptions } from './context.ts'
import { decisionWriter } from './decision-writer.ts'
import { wholeNumber } from './numbers.ts'
import { startProgress } from './progress.ts'
import { isSameFile } from './same-file.ts'

type DecideOptions = ConfigOptions & {
  input: string
  output: string
  columns?: string
  onError: 'skip' | 'stop'
  topic?: string
  partition: number
  offset: number
  json: boolean
}

/** What decisions name them as: an int and a long, which must hold the last row's offset too. */
const partition = wholeNumber(0, 2 ** 31 - 1)
const offset = wholeNumber(0, 2 ** 52)

export function decideCommand(run: (action: () => Promise<number>) => void, context: Context) {
  const command = new Command('decide')
    .description('decide applications of a file, without Kafka')
    .requiredOption('-i, --input <file>', 'applications: .csv, .jsonl or .avro')
    .requiredOption('-o, --output <file>', 'decisions: .jsonl, .csv or .avro')
    .option('--columns <file>', 'which column of a CSV is which field, as JSON')
    .option('--on-error <what>', 'rows that make no decision: skip or stop', skipOrStop, 'skip')
    .option('--topic <name>', "topic the decisions name as their input's (default: the setting)")
    .option('--partition <number>', 'partition they name', partition, 0)
    .option('--offset <number>', 'offset the first of them names', offset, 0)
    .option('--json', 'print the summary as one JSON object', false)
  return withConfigOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((options: DecideOptions) => run(() => decide(options, context)))
}

const EXAMPLES = `
Examples:
  bun run decide --input applications.csv --output decisions.jsonl
  bun run decide -i in.avro -o out.avro --set policy.path=models/default/policy.toml`

export function skipOrStop(value: string): 'skip' | 'stop' {
  if (value === 'skip' || value === 'stop') return value
  throw new OperatingError('usage', 'option', `--on-error is skip or stop, not ${value}`)
}

/** Records decided in one go. */
const CHUNK_RECORDS = 4096
/** Rows without a decision that are told one by one; the rest is only counted. */
const TOLD_MAX = 20

type Totals = { rows: number; undecided: number; outcomes: number[] }

async function decide(options: DecideOptions, context: Context): Promise<number> {
  refuseOverwriting(options)
  const { config } = configure(options, context)
  const module = loadModule(MODULE_PATH)
  const base = loadProgram(programFiles(config))
  const write = decisionWriter(options.output, base.decisionSchema)
  const totals: Totals = { rows: 0, undecided: 0, outcomes: DECISIONS.map(() => 0) }
  const { program, records } = await openRecords(options, base)
  const topic = options.topic ?? config.settings['topic.applications']
  const decider = new Decider(module, program, topic, options.partition)
  const progress = startProgress('decided', 0)
  const startedMs = performance.now()
  try {
    await write(decisions(decider, program, records, options, totals, progress.update))
  } finally {
    progress.stop()
  }
  const seconds = (performance.now() - startedMs) / 1000
  report(totals, options, seconds, context)
  return 0
}

/** Decisions in the place of what they were made from, and of what says how to read it. */
function refuseOverwriting({ input, columns, output }: DecideOptions): void {
  for (const path of columns === undefined ? [input] : [input, columns]) {
    if (!isSameFile(path, output)) continue
    throw usageError('file', `--output ${output} is the same file as ${path}: it would be lost`)
  }
}

/** A record's bytes with its place, or a row that makes none. */
type Numbered = { line: number; bytes: Uint8Array } | BadRow

async function openRecords(
  options: DecideOptions,
  program: Program,
): Promise<{ program: Program; records: AsyncIterable<Numbered> }> {
  const { input } = options
  if (input.toLowerCase().endsWith('.avro')) {
    // The writer's own bytes, so that the path resolves its schema as it would on the topic.
    const container = await readContainerRecords(input)
    return { program: withWriter(program, container.schema), records: numbered(container.records) }
  }
  const schema = program.applicationSchema
  const columns = options.columns
    ? readColumnMap(options.columns, new ApplicationChecker(schema).fields)
    : undefined
  const rows = openApplications(input, { schema, columns })
  return { program, records: encoded(rows, new ApplicationEncoder(schema)) }
}

async function* numbered(records: AsyncIterable<Uint8Array>): AsyncGenerator<Numbered> {
  let line = 0
  for await (const bytes of records) yield { line: ++line, bytes }
}

async function* encoded(
  rows: ReturnType<typeof openApplications>,
  encoder: ApplicationEncoder,
): AsyncGenerator<Numbered> {
  for await (const row of rows) {
    yield isBad(row) ? row : { line: row.line, bytes: encoder.encode(row.application) }
  }
}

/** Decides chunk by chunk; rows that make no decision are told, and counted or fatal. */
async function* decisions(
  decider: Decider,
  program: Program,
  records: AsyncIterable<Numbered>,
  options: DecideOptions,
  totals: Totals,
  onProgress: (rows: number) => void,
): AsyncGenerator<Uint8Array> {
  const decoder = new DecisionDecoder(program.decisionSchema)
  const tell = (row: BadRow) => {
    const text = badRowText(options.input, row)
    if (options.onError === 'stop') throw new OperatingError('fatal', 'row', text)
    totals.undecided++
    if (totals.undecided <= TOLD_MAX) process.stderr.write(`${text}\n`)
  }
  let offset = BigInt(options.offset)
  let chunk: { line: number; bytes: Uint8Array }[] = []
  const flush = function* () {
    const outcomes = decider.decide(
      chunk.map(({ bytes }) => bytes),
      offset,
    )
    offset += BigInt(chunk.length)
    for (const [i, outcome] of outcomes.entries()) {
      if ('deadLetter' in outcome) {
        const { class: name, message } = outcome.deadLetter
        tell({ line: chunk[i]!.line, message: `${name}: ${message}` })
      } else {
        totals.outcomes[decoder.outcome(outcome.decision)]!++
        yield outcome.decision
      }
    }
    chunk = []
    onProgress(totals.rows)
  }
  for await (const record of records) {
    totals.rows++
    if ('message' in record) tell(record)
    else chunk.push(record)
    if (chunk.length === CHUNK_RECORDS) yield* flush()
  }
  yield* flush()
}

function report(
  totals: Totals,
  options: DecideOptions,
  seconds: number,
  { output }: Context,
): void {
  const counts = Object.fromEntries(DECISIONS.map((name, i) => [name, totals.outcomes[i]!]))
  if (options.json) {
    const summary = { applications: totals.rows, ...counts, undecided: totals.undecided, seconds }
    output.print(`${JSON.stringify(summary)}\n`)
    return
  }
  if (totals.undecided > TOLD_MAX) {
    process.stderr.write(`… and ${totals.undecided - TOLD_MAX} more rows without a decision\n`)
  }
  const parts = Object.entries(counts).map(([name, count]) => `${count} ${name}`)
  const text = `${totals.rows} applications: ${parts.join(', ')}, ${totals.undecided} undecided`
  process.stderr.write(`${text}; in ${seconds.toFixed(1)} s to ${options.output}\n`)
}
