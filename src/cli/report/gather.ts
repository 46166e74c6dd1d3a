// What a report is made of: decisions from a file or their topic, applications and groups joined to
// them, the training figures of the model.

import { join } from 'node:path'
import { readColumnMap } from '../../applications/column-map.ts'
import { ApplicationChecker } from '../../applications/check.ts'
import type { Application } from '../../applications/application.ts'
import { openApplications } from '../../applications/open.ts'
import { badRowText, isBad } from '../../applications/source.ts'
import { type SchemaVersion, loadSchemaVersions, newest } from '../../avro/schema-files.ts'
import type { Config } from '../../config.ts'
import { OperatingError, usageError } from '../../errors.ts'
import { nearest } from '../../nearest.ts'
import type { AssignedReader } from '../../rdkafka/assigned-reader.ts'
import { type Window, partitionsOf, windowsOf } from '../../replay/window.ts'
import { readDecisionFile } from '../../report/decision-file.ts'
import { DecidedTable } from '../../report/decided-table.ts'
import { Grouping } from '../../report/grouping.ts'
import { type Report, makeReport } from '../../report/report.ts'
import { Stability } from '../../report/stability.ts'
import { readTextRows } from '../../report/text-rows.ts'
import { topicApplications, topicDecisions } from '../../report/topic.ts'
import { programFiles } from '../../runtime.ts'
import { loadArtefact } from '../../scorer/artefact.ts'
import { type Context, configure, requireBroker } from '../context.ts'
import { answered, boundOf, openReader, windowText } from '../replay/open.ts'
import type { ReportOptions } from '../report.ts'

/** The group of an application where nothing else is asked for. */
const REGION_FIELD = 'region'
const ID_FIELD = 'application_id'
/** Rows of a file that are told one by one; the rest is only counted. */
const TOLD_MAX = 20

type Schemas = { applications: SchemaVersion[]; decisions: SchemaVersion[] }

/** @throws OperatingError with file and line, or option, of what is wrong */
export async function gather(options: ReportOptions, context: Context): Promise<Report> {
  const { config } = configure(options, context)
  const files = programFiles(config)
  const schemas = {
    applications: loadSchemaVersions(join(files.schemas, 'loan_application')),
    decisions: loadSchemaVersions(join(files.schemas, 'loan_decision')),
  }
  const columns = columnsOf(options, newest(schemas.applications))
  const table = new DecidedTable()
  using topic = options.input === undefined ? openTopic(options, config) : undefined
  const { source, unreadable } = await readDecisions(options, schemas, topic, table)
  if (table.size === 0) {
    throw new OperatingError('fatal', 'report', `there are no decisions in ${source}`)
  }
  const folder = options.model ?? files.model
  const { stability, note } = stabilityOf(folder, table)
  const joined = new Joined(options, config, columns.ofApplications, table, stability)
  const groupings = columns.ofFile.map((name) => new Grouping(name, options.groups!, table))
  if (options.groups !== undefined) await joinGroups(options.groups, groupings, table)
  const applications = await joined.read(schemas, topic)
  return makeReport({
    source,
    table,
    unreadable,
    applications,
    groupings: [...groupings, ...joined.groupings],
    stability,
    stabilityNote: note,
    psiThreshold: options.psiThreshold,
    groupOptions: {
      level: options.confidence,
      threshold: options.threshold,
      smallest: options.smallestGroup,
      references: options.reference ?? new Map(),
    },
  })
}

type Columns = { ofFile: string[]; ofApplications: string[] }

/** Which columns tell groups apart, of the groups' file and of the applications. */
function columnsOf(options: ReportOptions, schema: SchemaVersion): Columns {
  const { groups, groupColumn, applications, input, reference } = options
  const fields = schema.schema.fields.map(({ name }) => name)
  const hasApplications = applications !== undefined || input === undefined
  const named = [...new Set(groupColumn ?? [])]
  const region = hasApplications && fields.includes(REGION_FIELD) ? [REGION_FIELD] : []
  const columns =
    groups === undefined
      ? { ofFile: [], ofApplications: groupColumn ? named : region }
      : { ofFile: named, ofApplications: region.filter((name) => !named.includes(name)) }
  if (columns.ofApplications.length > 0 && !hasApplications) {
    throw usageError('option', '--group-column goes with --groups, --applications or a topic')
  }
  for (const name of columns.ofApplications) {
    if (fields.includes(name)) continue
    const close = nearest(name, fields)
    const hint = close === undefined ? '' : `; the nearest is ${close}`
    throw usageError('option', `--group-column ${name}: applications have no such field${hint}`)
  }
  const all = [...columns.ofFile, ...columns.ofApplications]
  for (const name of reference?.keys() ?? []) {
    if (all.includes(name)) continue
    const what = all.length === 0 ? 'there are no groups' : `groups are by ${all.join(', ')}`
    throw usageError('option', `--reference ${name}: ${what}`)
  }
  return columns
}

type OpenTopic = Disposable & {
  reader: AssignedReader
  topic: string
  windows: Window[]
  size: { records: number; inputBytes: number }
}

function openTopic(options: ReportOptions, config: Config): OpenTopic {
  const [from, to] = [boundOf(options.from, '--from'), boundOf(options.to, '--to')]
  requireBroker(config, ['consumer'])
  const { settings } = config
  const topic = settings['topic.decisions']
  const reader = openReader(config)
  const size = { records: settings['batch.records'], inputBytes: settings['batch.bytes'] }
  try {
    const windows = answered(config, () => {
      return windowsOf(reader, topic, partitionsOf(reader, topic, options.partition), from, to)
    })
    return { reader, topic, windows, size, [Symbol.dispose]: () => reader[Symbol.dispose]() }
  } catch (error) {
    reader[Symbol.dispose]()
    throw error
  }
}

async function readDecisions(
  { input }: ReportOptions,
  schemas: Schemas,
  topic: OpenTopic | undefined,
  table: DecidedTable,
): Promise<{ source: string; unreadable: number }> {
  if (!topic) {
    for await (const decision of readDecisionFile(input!)) table.add(decision)
    return { source: input!, unreadable: 0 }
  }
  let unreadable = 0
  for await (const decision of topicDecisions(topic, schemas.decisions)) {
    if (decision) table.add(decision)
    else unreadable++
  }
  return { source: `topic ${topic.topic} (${windowText(topic.windows)})`, unreadable }
}

function stabilityOf(
  folder: string,
  table: DecidedTable,
): { stability: Stability | undefined; note: string | null } {
  const artefact = loadArtefact(folder)
  if (!artefact.training) {
    return { stability: undefined, note: `${folder} has no training.json to compare with` }
  }
  const stability = new Stability(artefact, artefact.training)
  if (!table.models.has(stability.model)) {
    const models = [...table.models.keys()].map((model) => model.slice(0, 12)).join(', ')
    const note = `the decisions are of ${models}; that in ${folder} is ${stability.model.slice(0, 12)} (--model names another)`
    return { stability: undefined, note }
  }
  for (const [row, margin] of table.margins.entries()) {
    if (table.isOf(row, stability.model)) stability.addMargin(margin)
  }
  return { stability, note: null }
}

async function joinGroups(
  path: string,
  groupings: readonly Grouping[],
  table: DecidedTable,
): Promise<void> {
  const columns = [ID_FIELD, ...groupings.map(({ column }) => column)]
  let [rows, joined] = [0, 0]
  for await (const { line, values } of readTextRows(path, columns)) {
    const id = values[ID_FIELD]
    const place = `${path}:${line}`
    if (typeof id !== 'string' || id === '') {
      throw usageError('group', `${place}: ${ID_FIELD} must be text that is not empty`)
    }
    rows++
    for (const row of table.ofId(id)) {
      joined++
      for (const grouping of groupings) grouping.add(row, values[grouping.column], place)
    }
  }
  if (joined > 0) return
  throw usageError('group', `${path}: no ${ID_FIELD} of its ${rows} rows is that of a decision`)
}

/** The applications, joined to their decisions. */
class Joined {
  readonly groupings: Grouping[]
  private readonly source: string
  private readonly options: ReportOptions
  private readonly topic: string
  private readonly table: DecidedTable
  private readonly stability: Stability | undefined
  private readonly found = new Set<number>()
  private repeated = 0
  private unreadable = 0

  constructor(
    options: ReportOptions,
    config: Config,
    columns: readonly string[],
    table: DecidedTable,
    stability: Stability | undefined,
  ) {
    this.options = options
    this.topic = config.settings['topic.applications']
    this.source = options.applications ?? `topic ${this.topic}`
    this.table = table
    this.stability = stability
    this.groupings = columns.map((name) => new Grouping(name, this.source, table))
  }

  async read(schemas: Schemas, topic: OpenTopic | undefined): Promise<Report['applications']> {
    const { table } = this
    if (this.options.applications !== undefined) {
      await this.readFile(this.options.applications, newest(schemas.applications))
    } else if (topic) {
      const input = { reader: topic.reader, topic: this.topic, size: topic.size }
      for await (const joined of topicApplications(input, schemas.applications, table)) {
        this.add(joined.row, joined.application, joined.place)
      }
    } else return null
    const { source, repeated, unreadable } = this
    return { source, found: this.found.size, repeated, unreadable }
  }

  private async readFile(path: string, schema: SchemaVersion): Promise<void> {
    const { columns: file } = this.options
    const columns =
      file === undefined ? undefined : readColumnMap(file, new ApplicationChecker(schema).fields)
    for await (const row of openApplications(path, { schema, columns })) {
      if (isBad(row)) {
        // It made no decision: the file may hold such rows, as what decides passes them over.
        this.unreadable++
        if (this.unreadable <= TOLD_MAX) process.stderr.write(`${badRowText(path, row)}\n`)
        continue
      }
      const { application, line } = row
      const id = application[ID_FIELD] as string
      for (const i of this.table.ofId(id)) this.add(i, application, `${path}:${line}`)
    }
  }

  private add(row: number, application: Application, place: string): void {
    for (const grouping of this.groupings) grouping.add(row, application[grouping.column], place)
    if (this.found.has(row)) {
      this.repeated++
      return
    }
    this.found.add(row)
    const { stability, table } = this
    if (stability && table.isOf(row, stability.model)) stability.addApplication(application)
  }
}
