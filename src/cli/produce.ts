// `produce`: applications to the topic, from a file or synthetic, keyed, at a rate.

import { Argument, Command, Option } from 'commander'
import { ApplicationEncoder, type Application } from '../applications/application.ts'
import { ApplicationChecker } from '../applications/check.ts'
import { readColumnMap } from '../applications/column-map.ts'
import { Generator } from '../applications/generator.ts'
import { openApplications } from '../applications/open.ts'
import { badRowText, isBad } from '../applications/source.ts'
import { type SchemaVersion, loadSchemaVersions, newest } from '../avro/schema-files.ts'
import type { Config } from '../config.ts'
import { OperatingError, usageError } from '../errors.ts'
import { type Log, RepeatFilter, makeLog } from '../log.ts'
import { ANY_PARTITION, Producer } from '../rdkafka/producer.ts'
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

/** Bad rows that are told one by one; the rest is only counted. */
const TOLD_MAX = 20
/** Records between two looks at the rate, the signal and librdkafka's events. */
const TURN_RECORDS = 100
const FULL_WAIT_MS = 10

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
  const sender = new Sender(config, options, schema, log)
  const signal = { name: '' }
  void stopSignal(() => context.exit(1)).then((name) => (signal.name = name))
  const total = options.generate ?? 0
  const rows = file === undefined ? generate(total, options.seed) : fileRows(file, options, schema)
  const progress = startProgress('sent', total)
  try {
    sender.waitForTopic()
    await sender.sendAll(rows, () => signal.name !== '', progress.update)
    sender.finish()
  } finally {
    progress.stop()
    sender.close()
  }
  return sender.report(signal.name)
}

/** An application, or the text about a row that makes none. */
type Row = { application: Application } | { problem: string }

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
    yield isBad(row) ? { problem: badRowText(path, row) } : { application: row.application }
  }
}

class Sender {
  private readonly config: Config
  private readonly options: ProduceOptions
  private readonly log: Log
  private readonly topic: string
  private readonly timeoutMs: number
  private readonly encoder: ApplicationEncoder
  private readonly producer: Producer
  private readonly repeats = new RepeatFilter()
  private sent = 0
  private bad = 0
  private undelivered = 0
  private startedMs = performance.now()

  constructor(config: Config, options: ProduceOptions, schema: SchemaVersion, log: Log) {
    this.config = config
    this.options = options
    this.log = log
    this.topic = config.settings['topic.applications']
    this.timeoutMs = config.settings['broker.timeout.ms']
    this.encoder = new ApplicationEncoder(schema)
    this.producer = new Producer({
      // The Java client's, so that a key goes to the same partition whoever sends it.
      partitioner: 'murmur2_random',
      'linger.ms': '20',
      'queue.buffering.max.messages': '200000',
      ...config.producer,
      'enable.idempotence': 'true',
    })
  }

  /** @throws OperatingError when no broker answers in time, or the topic is missing */
  waitForTopic(): void {
    const deadline = Date.now() + this.timeoutMs
    for (;;) {
      try {
        const metadata = this.producer.metadata(this.topic, 1000)
        if (metadata) return
        throw usageError('topic', `topic ${this.topic} does not exist; "bun run topics" makes it`)
      } catch (error) {
        if (error instanceof OperatingError && error.kind === 'usage') throw error
        this.poll()
        if (Date.now() < deadline) continue
        const brokers = this.config.producer['bootstrap.servers']
        const message = `no answer from ${brokers} within ${this.timeoutMs} ms`
        throw new OperatingError('retriable', 'broker', message, error)
      }
    }
  }

  async sendAll(
    rows: AsyncIterable<Row>,
    isStopped: () => boolean,
    onProgress: (sent: number) => void,
  ): Promise<void> {
    this.startedMs = performance.now()
    for await (const row of rows) {
      if ('problem' in row) this.tell(row.problem)
      else this.send(row.application)
      if (this.sent % TURN_RECORDS !== 0) continue
      onProgress(this.sent)
      this.poll()
      await this.pace()
      if (isStopped()) return
    }
  }

  private send(application: Application): void {
    const value = this.encoder.encode(application)
    const key = new TextEncoder().encode(String(application[this.options.key]))
    const deadline = Date.now() + this.timeoutMs
    while (!this.producer.produce(this.topic, ANY_PARTITION, key, value)) {
      this.poll(FULL_WAIT_MS)
      if (Date.now() < deadline) continue
      const message = `the brokers took nothing for ${this.timeoutMs} ms`
      throw new OperatingError('retriable', 'queue_full', message)
    }
    this.sent++
  }

  private tell(problem: string): void {
    if (this.options.onError === 'stop') throw new OperatingError('fatal', 'row', problem)
    this.bad++
    if (this.bad <= TOLD_MAX) process.stderr.write(`${problem}\n`)
  }

  /** Sleeps while ahead of the rate. */
  private async pace(): Promise<void> {
    const { rate } = this.options
    if (rate === 0) return
    const dueMs = (this.sent / rate) * 1000
    const aheadMs = dueMs - (performance.now() - this.startedMs)
    if (aheadMs > 1) await Bun.sleep(aheadMs)
  }

  private poll(timeoutMs = 0): void {
    let wait = timeoutMs
    for (;;) {
      const event = this.producer.poll(wait)
      if (!event) return
      wait = 0
      if (event.type === 'undelivered') this.undelivered += event.count
      const isText = event.type === 'log' || event.type === 'error' || event.type === 'undelivered'
      if (!isText || this.repeats.check(event.message) === undefined) continue
      this.log.warn(event.message)
    }
  }

  /** Waits until all that was sent is delivered, or has failed. */
  finish(): void {
    const deadline = Date.now() + this.timeoutMs
    while (this.producer.outstanding > 0 && Date.now() < deadline) {
      this.producer.flush(100)
      this.poll()
    }
    this.undelivered += this.producer.outstanding
  }

  close(): void {
    this.producer.destroy()
  }

  report(signal: string): number {
    const seconds = (performance.now() - this.startedMs) / 1000
    const { sent, bad, undelivered } = this
    if (this.options.json) {
      process.stdout.write(`${JSON.stringify({ sent, bad, undelivered, seconds, signal })}\n`)
    } else {
      if (bad > TOLD_MAX) process.stderr.write(`… and ${bad - TOLD_MAX} more bad rows\n`)
      const rate = Math.round(sent / Math.max(seconds, 0.001))
      const stopped = signal ? `, stopped by ${signal}` : ''
      const text = `${sent} sent to ${this.topic} in ${seconds.toFixed(1)} s (${rate}/s)`
      process.stderr.write(
        `${text}, ${bad} bad rows skipped, ${undelivered} undelivered${stopped}\n`,
      )
    }
    return undelivered > 0 || signal ? 1 : 0
  }
}
