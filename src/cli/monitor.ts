// `monitor`: decisions as they are made, in the terminal. It reads the decisions' topic, committed
// ones alone, outside any group: it takes nothing from the workers and asks nothing of them.

import { Command, Option } from 'commander'
import { loadSchemaVersions, newest } from '../avro/schema-files.ts'
import type { Config } from '../config.ts'
import { DecisionDecoder } from '../decisions.ts'
import { DECISIONS } from '../avro/encode-plan.ts'
import { OperatingError, usageError } from '../errors.ts'
import { nearest } from '../nearest.ts'
import { Consumer } from '../rdkafka/consumer.ts'
import { RecordReader } from '../rdkafka/record-reader.ts'
import { programFiles } from '../runtime.ts'
import {
  type ConfigOptions,
  type Context,
  configure,
  requireBroker,
  withConfigOptions,
} from './context.ts'
import { DecisionTable, type SeenDecision } from './decision-table.ts'
import { wholeNumber } from './numbers.ts'
import { RegionJoin } from './region-join.ts'
import { stopSignal } from './signals.ts'

type MonitorOptions = ConfigOptions & {
  follow: boolean
  outcome?: string[]
  region?: string[]
  reason?: string[]
  limit: number
  json: boolean
}

const METADATA_MS = 10_000
const TURN_MS = 20
/** Offsets that a transaction's marker takes are no decisions: so many are read for each asked. */
const TAIL_FACTOR = 3
const TAIL_MIN = 50
/** Offsets of each partition that are looked through for what passes a filter. */
const TAIL_FILTERED = 10_000
/** Longest wait for regions: an application may be gone by its topic's retention. */
const JOIN_MS = 5000

export function monitorCommand(run: (action: () => Promise<number>) => void, context: Context) {
  const command = new Command('monitor')
    .description('show decisions as they are made: the last ones, and with --follow those to come')
    .option('-f, --follow', 'go on with new ones until ctrl-C', false)
    .addOption(
      new Option('--outcome <names...>', 'only decisions of these outcomes').choices(DECISIONS),
    )
    .option('--region <names...>', 'only applications of these regions')
    .option('--reason <codes...>', 'only decisions with one of these reasons')
    .option('-n, --limit <number>', 'how many to show, the last ones', wholeNumber(1, 1000), 20)
    .option('--json', 'lines of JSON, one a decision', false)
  return withConfigOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((options: MonitorOptions) => run(() => monitor(options, context)))
}

const EXAMPLES = `
Examples:
  bun run monitor --follow
  bun run monitor --outcome rejected --reason CREDIT_SCORE_BELOW_MINIMUM --limit 50
  bun run monitor --follow --region 9 --json | jq .score`

async function monitor(options: MonitorOptions, context: Context): Promise<number> {
  const { config } = configure(options, context)
  requireBroker(config, ['consumer'])
  const { output } = context
  const isTerminal = process.stdout.isTTY && !options.json
  const table = new DecisionTable(output, {
    limit: options.limit,
    isJson: options.json,
    isLive: isTerminal && options.follow,
    isColoured: isTerminal && !context.environment['NO_COLOR'],
    withRegion: options.region !== undefined,
  })
  using watch = new DecisionWatch(config, options)
  const signal = options.follow ? stopSignal(() => context.exit(1)) : undefined
  let isStopped = false
  void Promise.race([output.ended, ...(signal ? [signal] : [])]).then(() => (isStopped = true))
  while (!isStopped) {
    table.add(watch.read())
    if (watch.isCaughtUp) {
      table.catchUp()
      if (!options.follow) break
    }
    table.draw(Date.now())
    await Bun.sleep(TURN_MS)
  }
  table.end()
  return 0
}

class DecisionWatch implements Disposable {
  private readonly decoder: DecisionDecoder
  private readonly reader: RecordReader
  private readonly join: RegionJoin | undefined
  private readonly partitions: number
  private readonly options: MonitorOptions
  private endedAtMs: number | undefined

  constructor(config: Config, options: MonitorOptions) {
    const schemas = programFiles(config).schemas
    const topic = config.settings['topic.decisions']
    const properties = readerProperties(config)
    this.options = options
    this.decoder = new DecisionDecoder(newest(loadSchemaVersions(`${schemas}/loan_decision`)))
    this.partitions = partitionsOf(properties, topic)
    const numbers = Array.from({ length: this.partitions }, (_, i) => i)
    const isFiltered = options.outcome ?? options.region ?? options.reason
    const least = isFiltered ? TAIL_FILTERED : TAIL_MIN
    const tail = Math.max(least, options.limit * TAIL_FACTOR)
    this.reader = new RecordReader(properties, topic, numbers, { tail })
    if (options.region) {
      const applications = loadSchemaVersions(`${schemas}/loan_application`)
      checkRegions(applications.at(-1)!.schema.fields.map(({ name }) => name))
      this.join = new RegionJoin(properties, config.settings['topic.applications'], applications)
    }
  }

  /** Whether all that was there at the start has been read. */
  get isCaughtUp(): boolean {
    if (this.reader.ended.size < this.partitions) return false
    this.endedAtMs ??= Date.now()
    return (this.join?.isEmpty ?? true) || Date.now() - this.endedAtMs > JOIN_MS
  }

  /** What is new and passes the filters, in the order of the topic. */
  read(): SeenDecision[] {
    const { options } = this
    const seen = this.reader.read(0).flatMap(({ value, timestampMs }) => {
      if (!value) return []
      return [{ atMs: timestampMs, decision: this.decoder.decode(value), region: null }]
    })
    const told = this.join ? this.join.add(seen) : seen
    return told.filter(
      ({ decision, region }) =>
        (!options.outcome || options.outcome.includes(decision.decision)) &&
        (!options.region || (region !== null && options.region.includes(region))) &&
        (!options.reason || decision.reasons.some(({ code }) => options.reason!.includes(code))),
    )
  }

  [Symbol.dispose](): void {
    this.reader[Symbol.dispose]()
    this.join?.[Symbol.dispose]()
  }
}

function checkRegions(fields: readonly string[]): void {
  if (fields.includes('region')) return
  const meant = nearest('region', [...fields])
  const help = meant === undefined ? '' : `; the nearest field is ${meant}`
  throw usageError('option', `--region: applications have no field region${help}`)
}

/** The consumer's as configured, without what makes it a member of the group. */
function readerProperties(config: Config): Record<string, string> {
  const ofMembers = ['group.id', 'group.instance.id', 'group.protocol', 'group.remote.assignor']
  const given = Object.entries(config.consumer).filter(([name]) => !ofMembers.includes(name))
  return { ...Object.fromEntries(given), 'isolation.level': 'read_committed' }
}

/** @throws OperatingError when no broker answers, or there is no such topic */
function partitionsOf(properties: Record<string, string>, topic: string): number {
  const consumer = new Consumer({ ...properties, 'group.id': 'monitor' })
  try {
    const metadata = consumer.metadata(topic, METADATA_MS)
    if (metadata) return metadata.partitions
  } catch (error) {
    const brokers = properties['bootstrap.servers']
    const message = `no answer from ${brokers} within ${METADATA_MS} ms`
    throw new OperatingError('retriable', 'broker', message, error)
  } finally {
    consumer.destroy()
  }
  throw usageError('topic', `topic ${topic} does not exist; "bun run topics" makes it`)
}
