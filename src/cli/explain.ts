// `explain`: one decision made again and taken apart, from a topic or from a file.

import { writeFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { ApplicationEncoder } from '../applications/application.ts'
import { readColumnMap } from '../applications/column-map.ts'
import { ApplicationChecker } from '../applications/check.ts'
import { readContainerRecords } from '../applications/container.ts'
import { openApplications } from '../applications/open.ts'
import { badRowText, isBad } from '../applications/source.ts'
import { type SchemaHeader, schemaIdOf } from '../avro/schema-id.ts'
import { consumerProperties } from '../config/clients.ts'
import type { Config } from '../config.ts'
import { OperatingError, messageOf, usageError } from '../errors.ts'
import { MODULE_PATH } from '../paths.ts'
import { RecordReader } from '../rdkafka/record-reader.ts'
import { loadArtefact } from '../scorer/artefact.ts'
import { loadModule } from '../scorer/module.ts'
import { type Program, withWriter } from '../scorer/program.ts'
import {
  type ConfigOptions,
  type Context,
  configure,
  requireBroker,
  withConfigOptions,
} from './context.ts'
import { type Place, explain } from '../explain/explanation.ts'
import { explanationText } from './explain/text.ts'
import { waterfallSvg } from './explain/waterfall.ts'
import { Framings } from './framings.ts'
import { wholeNumber } from './numbers.ts'

type ExplainOptions = ConfigOptions & {
  topic?: string
  partition?: number
  offset?: number
  input?: string
  row?: number
  id?: string
  columns?: string
  svg?: string
  json: boolean
}

export function explainCommand(run: (action: () => Promise<number>) => void, context: Context) {
  const command = new Command('explain')
    .description('explain one decision: its reasons, and what each feature adds to the score')
    .option('--topic <name>', 'topic the application lies on (default: the setting)')
    .option('--partition <number>', 'its partition', wholeNumber(0, 2 ** 31 - 1))
    .option('--offset <number>', 'its offset', wholeNumber())
    .addOption(
      new Option('-i, --input <file>', 'applications: .csv, .jsonl or .avro').conflicts([
        'topic',
        'partition',
        'offset',
      ]),
    )
    .addOption(
      new Option('--row <number>', 'which application of the file, from 1 (default: the first)')
        .argParser(wholeNumber(1))
        .conflicts('id'),
    )
    .option('--id <text>', 'the one with this application_id')
    .option('--columns <file>', 'which column of a CSV is which field, as JSON')
    .option('--svg <file>', 'draw it as a waterfall')
    .option('--json', 'print one JSON object', false)
  return withConfigOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((options: ExplainOptions) => run(() => explainOne(options, context)))
}

const EXAMPLES = `
Examples:
  bun run explain --topic loan_applications --partition 3 --offset 4711
  bun run explain --input applications.csv --row 17 --svg waterfall.svg
  bun run explain --input applications.jsonl --id 8e0c4a7e --json`

/** How long a broker may take to give the record. */
const READ_MS_MAX = 30_000
const READ_STEP_MS = 500

/** The record with where it lies, and the program that reads it. */
type Found = {
  program: () => Program
  record: Uint8Array
  header: SchemaHeader
  place: Place
  where: string
}

async function explainOne(options: ExplainOptions, context: Context): Promise<number> {
  const { config } = configure(options, context)
  const framings = new Framings(config)
  const { manifest } = loadArtefact(framings.files.model)
  const program = await framings.programOf()
  const found =
    options.input === undefined
      ? { ...fromTopic(options, config, framings), program }
      : await fromFile(options.input, options, program(), config)
  const { record, header, place, where } = found
  const id = schemaIdOf(record, header)
  if (id !== undefined) await framings.schemas.learn([id])
  const explanation = tellWhere(where, () =>
    explain(loadModule(MODULE_PATH), found.program(), manifest, record, header, place),
  )
  if (options.svg !== undefined) writePicture(options.svg, await waterfallSvg(explanation))
  const text = options.json ? `${JSON.stringify(explanation)}\n` : explanationText(explanation)
  context.output.print(text)
  return 0
}

function tellWhere<T>(where: string, call: () => T): T {
  try {
    return call()
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    throw new OperatingError(error.kind, error.code, `${where} ${error.message}`, error)
  }
}

function writePicture(path: string, svg: string): void {
  try {
    writeFileSync(path, svg)
  } catch (error) {
    throw usageError('file', `cannot write ${path}: ${messageOf(error)}`, error)
  }
}

function fromTopic(
  options: ExplainOptions,
  config: Config,
  framings: Framings,
): Omit<Found, 'program'> {
  const { partition, offset } = options
  for (const name of ['row', 'id', 'columns'] as const) {
    if (options[name] === undefined) continue
    throw usageError('option', `--${name} goes with --input`)
  }
  if (partition === undefined || offset === undefined) {
    throw usageError('option', 'give --partition and --offset of a record, or --input with a file')
  }
  requireBroker(config, ['consumer'])
  const topic = options.topic ?? config.settings['topic.applications']
  const where = `${topic} [${partition}] at ${offset}`
  const properties = { ...consumerProperties(config), 'auto.offset.reset': 'error' }
  using reader = new RecordReader(properties, topic, [partition], { offset })
  const deadline = Date.now() + READ_MS_MAX
  while (Date.now() < deadline) {
    let header: SchemaHeader
    const isFirst = ({ recordOffset }: { recordOffset: number }) => recordOffset === offset
    const [first] = tellWhere(`${where}:`, () =>
      reader.read(READ_STEP_MS, (record, _, headers) => {
        if (isFirst(record)) header = framings.headerOf(headers)
      }),
    )
    if (first && first.recordOffset !== offset) {
      throw usageError('record', `${where}: no record; the next is at ${first.recordOffset}`)
    }
    if (first?.value) {
      return { record: first.value, header, place: { topic, partition, offset }, where }
    }
    if (first) throw usageError('record', `${where}: the record has no value`)
    if (reader.ended.has(partition)) {
      throw usageError('record', `${where}: no record; the partition ends before`)
    }
  }
  throw new OperatingError('fatal', 'record', `${where}: no answer in ${READ_MS_MAX / 1000} s`)
}

async function fromFile(
  path: string,
  options: ExplainOptions,
  program: Program,
  config: Config,
): Promise<Found> {
  const schema = program.applicationSchema
  const columns = options.columns
    ? readColumnMap(options.columns, new ApplicationChecker(schema).fields)
    : undefined
  let number = 0
  for await (const row of openApplications(path, { schema, columns })) {
    number++
    const isWanted =
      options.id === undefined
        ? number === (options.row ?? 1)
        : !isBad(row) && row.application['application_id'] === options.id
    if (!isWanted) continue
    if (isBad(row)) throw usageError('row', badRowText(path, row))
    const topic = config.settings['topic.applications']
    const found = {
      header: undefined,
      place: { topic, partition: 0, offset: number - 1 },
      where: `${path}:${row.line}`,
    }
    if (!path.toLowerCase().endsWith('.avro')) {
      return {
        program: () => program,
        record: new ApplicationEncoder(schema).encode(row.application),
        ...found,
      }
    }
    const container = await readContainerRecords(path)
    const record = await nth(container.records, number)
    const own = withWriter(program, container.schema)
    return { program: () => own, record, ...found }
  }
  const wanted = options.id === undefined ? `row ${options.row ?? 1}` : `"${options.id}"`
  throw usageError('row', `${path}: has ${number} applications, and no ${wanted}`)
}

/** The writer's own bytes, so that its schema is resolved as on the topic. */
async function nth(records: AsyncIterable<Uint8Array>, number: number): Promise<Uint8Array> {
  let count = 0
  for await (const record of records) if (++count === number) return record
  throw usageError('row', `the container ends before record ${number}`)
}
