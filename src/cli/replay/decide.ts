// `replay --output`: the window's decisions to a file or to a topic of their own.

import { extname } from 'node:path'
import { DECISIONS } from '../../avro/encode-plan.ts'
import { TOPIC_SETTINGS } from '../../config.ts'
import { producerProperties } from '../../config/clients.ts'
import { OperatingError, usageError } from '../../errors.ts'
import { Producer } from '../../rdkafka/producer.ts'
import { MESSAGE_BYTES } from '../../rdkafka/structs.ts'
import { BatchDecider } from '../../replay/batch-decider.ts'
import { type Undecided, addBatch, batches, noTotals } from '../../replay/replay.ts'
import { offsetsIn } from '../../replay/window.ts'
import type { Context } from '../context.ts'
import { decisionWriter } from '../decision-writer.ts'
import { type Progress, startProgress } from '../progress.ts'
import type { ReplayOptions } from '../replay.ts'
import { type Opened, openWindow, windowText } from './open.ts'

/** Dead letters that are told one by one; the rest is only counted. */
const TOLD_MAX = 20
const TOPIC = 'topic:'
const FILES = new Set(['.jsonl', '.ndjson', '.csv', '.avro'])
const FULL_WAIT_MS = 20

export async function decideWindow(options: ReplayOptions, context: Context): Promise<number> {
  const output = options.output!
  if (!output.startsWith(TOPIC) && !FILES.has(extname(output).toLowerCase())) {
    const forms = 'a .jsonl, .csv or .avro file, or topic:NAME'
    throw usageError('option', `--output ${output}: must be ${forms}`)
  }
  using opened = openWindow(options, context)
  const program = await opened.framings.programOf(options)
  const decider = new BatchDecider(opened.module, program, opened.size)
  const write = output.startsWith(TOPIC)
    ? topicWriter(opened, output.slice(TOPIC.length))
    : fileWriter(output, program().decisionSchema)
  const progress = startProgress('replayed', offsetsIn(opened.windows))
  const run = new Run(opened, decider, progress)
  try {
    await write(run)
  } finally {
    progress.stop()
  }
  run.report(options, context)
  return 0
}

/** The window's decisions, and what was counted on the way. */
class Run {
  readonly decider: BatchDecider
  private readonly opened: Opened
  private readonly progress: Progress
  private readonly totals = noTotals()
  private readonly startedMs = performance.now()
  private told = 0

  constructor(opened: Opened, decider: BatchDecider, progress: Progress) {
    this.opened = opened
    this.decider = decider
    this.progress = progress
  }

  /** Each batch once it is decided: its partition, and how many decisions it has. */
  async *decided(): AsyncGenerator<{ partition: number; count: number }> {
    for await (const batch of batches(this.opened, [this.decider], this.progress.update)) {
      this.decider.decide(batch.stream)
      addBatch(this.totals, batch, this.decider, (undecided) => this.tell(undecided))
      yield { partition: batch.partition, count: this.decider.decidedCount }
    }
  }

  /** No values of the record are told: they are the applicant's. */
  private tell({ partition, offset, letter }: Undecided): void {
    if (this.told++ >= TOLD_MAX) return
    const text = `partition ${partition}, offset ${offset}: ${letter.class}: ${letter.message}`
    process.stderr.write(`${text}\n`)
  }

  report({ json, output }: ReplayOptions, context: Context): void {
    const { applications, outcomes, deadLetters } = this.totals
    const seconds = (performance.now() - this.startedMs) / 1000
    const counts = Object.fromEntries(DECISIONS.map((name, i) => [name, outcomes[i]!]))
    const { windows, topic } = this.opened
    if (json) {
      const letters = Object.fromEntries(deadLetters)
      const summary = { topic, windows, applications, ...counts, dead_letters: letters, seconds }
      context.output.print(`${JSON.stringify(summary)}\n`)
      return
    }
    if (this.told > TOLD_MAX) {
      process.stderr.write(`… and ${this.told - TOLD_MAX} more without a decision\n`)
    }
    const parts = Object.entries(counts).map(([name, count]) => `${count} ${name}`)
    const what = `${applications} applications of ${topic} (${windowText(windows)})`
    const text = `${what}: ${parts.join(', ')}, ${this.told} dead letters`
    process.stderr.write(`${text}; in ${seconds.toFixed(1)} s to ${output}\n`)
  }
}

type Write = (run: Run) => Promise<void>

function fileWriter(path: string, schema: Parameters<typeof decisionWriter>[1]): Write {
  const write = decisionWriter(path, schema)
  return (run) => write(decisionsOf(run))
}

/** Copies, as the writers keep some. */
async function* decisionsOf(run: Run): AsyncGenerator<Uint8Array> {
  for await (const { count } of run.decided()) {
    for (let i = 0; i < count; i++) yield run.decider.decision(i).slice()
  }
}

function topicWriter({ config, reader, windows }: Opened, topic: string): Write {
  const { settings } = config
  const taken = TOPIC_SETTINGS.find((key) => settings[key] === topic)
  if (taken) throw usageError('option', `--output topic:${topic} is ${taken}, which is live`)
  const metadata = reader.metadata(topic)
  if (!metadata) throw usageError('topic', `topic ${topic} does not exist`)
  const needed = Math.max(...windows.map(({ partition }) => partition)) + 1
  if (metadata.partitions < needed) {
    throw usageError('topic', `topic ${topic} has ${metadata.partitions} partitions, not ${needed}`)
  }
  return async (run) => {
    const producer = new Producer({ ...producerProperties(config), 'enable.idempotence': 'true' })
    const timeoutMs = settings['broker.timeout.ms']
    try {
      for await (const { partition, count } of run.decided()) {
        sendAll(producer, topic, partition, run.decider.messages, count, timeoutMs)
      }
      const isDelivered = producer.flush(timeoutMs)
      poll(producer, 0)
      if (!isDelivered) throw stuck(topic, timeoutMs)
    } finally {
      producer.destroy()
    }
  }
}

function sendAll(
  producer: Producer,
  topic: string,
  partition: number,
  messages: number,
  count: number,
  timeoutMs: number,
): void {
  const deadline = performance.now() + timeoutMs
  for (let sent = 0; sent < count;) {
    const at = messages + sent * MESSAGE_BYTES
    sent += producer.produceBatch(topic, partition, at, count - sent)
    poll(producer, sent < count ? FULL_WAIT_MS : 0)
    if (sent < count && performance.now() > deadline) throw stuck(topic, timeoutMs)
  }
}

/** @throws OperatingError for what was not delivered */
function poll(producer: Producer, timeoutMs: number): void {
  for (let wait = timeoutMs; ; wait = 0) {
    const event = producer.poll(wait)
    if (!event) return
    if (event.type === 'undelivered' && event.count > 0) {
      const what = `${event.count} decisions were not delivered: ${event.message}`
      throw new OperatingError('fatal', 'undelivered', what)
    }
    if (event.type === 'error' && event.fatal) {
      throw new OperatingError('fatal', event.name, event.message)
    }
  }
}

function stuck(topic: string, timeoutMs: number): OperatingError {
  const message = `not all decisions were delivered to ${topic} within ${timeoutMs} ms`
  return new OperatingError('retriable', 'broker', message)
}
