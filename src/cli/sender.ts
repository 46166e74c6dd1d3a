// Sends rows to the applications' topic. Nothing here waits without letting go of the thread, so
// that a signal is heard: the first one ends the sending, what was accepted is still delivered.

import { type Application, ApplicationEncoder } from '../applications/application.ts'
import type { SchemaVersion } from '../avro/schema-files.ts'
import type { Config } from '../config.ts'
import { OperatingError, usageError } from '../errors.ts'
import { type Log, RepeatFilter } from '../log.ts'
import { ANY_PARTITION, Producer } from '../rdkafka/producer.ts'

/** An application, or the text about a row that makes none and its place in the file. */
export type Row = { application: Application } | { problem: string; place: string }

export type SenderOptions = {
  key: 'application_id' | 'region'
  /** Rows a second; 0: as fast as it goes. */
  rate: number
  onError: 'skip' | 'stop'
  /** Asked between any two waits. */
  isStopped: () => boolean
}

export type Sent = {
  topic: string
  sent: number
  bad: number
  undelivered: number
  seconds: number
}

/** Bad rows that are told one by one; the rest is only counted. */
export const TOLD_MAX = 20
/** Rows between two looks at the rate, the signal and librdkafka's events. */
const TURN_ROWS_MAX = 100
/** Turns a second, at a rate that is low enough for so many. */
const TURNS_A_SECOND = 10
/** Longest pause without a look at the signal. */
const PAUSE_MS_MAX = 100
const FULL_WAIT_MS = 10
const FLUSH_MS = 50
/** Asking for the topic holds the thread: short at first, longer where the brokers are far away. */
const METADATA_MS_FIRST = 100
const METADATA_MS_MAX = 500

export class Sender {
  private readonly config: Config
  private readonly options: SenderOptions
  private readonly log: Log
  private readonly topic: string
  private readonly timeoutMs: number
  private readonly encoder: ApplicationEncoder
  private readonly producer: Producer
  private readonly repeats = new RepeatFilter()
  private rows = 0
  private sent = 0
  private bad = 0
  private undelivered = 0
  private startedMs = performance.now()
  /** Waited for the brokers long enough. */
  private isStuck = false

  constructor(config: Config, options: SenderOptions, schema: SchemaVersion, log: Log) {
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
  async waitForTopic(): Promise<void> {
    const deadline = performance.now() + this.timeoutMs
    let waitMs = METADATA_MS_FIRST
    while (!this.options.isStopped()) {
      const metadata = this.metadata(waitMs, deadline)
      if (metadata === 'missing') {
        throw usageError('topic', `topic ${this.topic} does not exist; "bun run topics" makes it`)
      }
      if (metadata === 'there') return
      waitMs = Math.min(2 * waitMs, METADATA_MS_MAX)
      this.poll()
      await nextTurn()
    }
  }

  private metadata(waitMs: number, deadline: number): 'there' | 'missing' | 'unknown' {
    try {
      return this.producer.metadata(this.topic, waitMs) ? 'there' : 'missing'
    } catch (error) {
      if (performance.now() < deadline) return 'unknown'
      const brokers = this.config.producer['bootstrap.servers']
      const message = `no answer from ${brokers} within ${this.timeoutMs} ms`
      throw new OperatingError('retriable', 'broker', message, error)
    }
  }

  /**
   * Sends rows until there are no more, or a signal came, or a bad row that is to stop it. What was
   * sent is still to be delivered then, and also when it throws.
   *
   * @returns the place of the bad row that stopped it, or ''
   * @throws OperatingError when the rows cannot be read any further, or the brokers take nothing
   */
  async sendAll(rows: AsyncIterable<Row>, onProgress: (sent: number) => void): Promise<string> {
    const { rate, onError, isStopped } = this.options
    const fitting = rate === 0 ? TURN_ROWS_MAX : Math.floor(rate / TURNS_A_SECOND)
    const turnRows = Math.max(1, Math.min(TURN_ROWS_MAX, fitting))
    this.startedMs = performance.now()
    for await (const row of rows) {
      if (this.rows % turnRows === 0) {
        onProgress(this.sent)
        await this.pace()
        if (isStopped()) return ''
      }
      this.rows++
      if (!('problem' in row)) {
        await this.send(row.application)
      } else if (onError === 'stop') {
        process.stderr.write(`${row.problem}\n`)
        return row.place
      } else {
        this.bad++
        if (this.bad <= TOLD_MAX) process.stderr.write(`${row.problem}\n`)
      }
    }
    return ''
  }

  /** Waits until the next row is due. */
  private async pace(): Promise<void> {
    const { rate, isStopped } = this.options
    const dueMs = rate === 0 ? 0 : this.startedMs + (this.rows / rate) * 1000
    for (;;) {
      this.poll()
      const aheadMs = dueMs - performance.now()
      if (aheadMs < 1 || isStopped()) return await nextTurn()
      await Bun.sleep(Math.min(aheadMs, PAUSE_MS_MAX))
    }
  }

  private async send(application: Application): Promise<void> {
    const value = this.encoder.encode(application)
    const key = new TextEncoder().encode(String(application[this.options.key]))
    const deadline = performance.now() + this.timeoutMs
    while (!this.producer.produce(this.topic, ANY_PARTITION, key, value)) {
      this.poll()
      if (this.options.isStopped()) return
      if (performance.now() > deadline) {
        this.isStuck = true
        const message = `the brokers took nothing for ${this.timeoutMs} ms`
        throw new OperatingError('retriable', 'queue_full', message)
      }
      await Bun.sleep(FULL_WAIT_MS)
    }
    this.sent++
  }

  private poll(): void {
    for (;;) {
      const event = this.producer.poll(0)
      if (!event) return
      if (event.type === 'undelivered') this.undelivered += event.count
      const isText = event.type === 'log' || event.type === 'error' || event.type === 'undelivered'
      if (!isText || this.repeats.check(event.message) === undefined) continue
      this.log.warn(event.message)
    }
  }

  /**
   * Waits until all that was sent is delivered, or has failed; what is neither in time counts as
   * undelivered.
   */
  async finish(): Promise<Sent> {
    const { isStopped } = this.options
    const startedMs = performance.now()
    const stopMs = this.config.settings['shutdown.timeout.ms']
    while (this.producer.outstanding > 0 && !this.isStuck) {
      const limitMs = isStopped() ? Math.min(stopMs, this.timeoutMs) : this.timeoutMs
      if (performance.now() - startedMs > limitMs) break
      // A flush does not wait for linger.ms.
      this.producer.flush(FLUSH_MS)
      this.poll()
      await nextTurn()
    }
    const seconds = (performance.now() - this.startedMs) / 1000
    const { topic, sent, bad } = this
    const undelivered = this.undelivered + this.producer.outstanding
    return { topic, sent, bad, undelivered, seconds }
  }

  close(): void {
    this.producer.destroy()
  }
}

/** Lets signals and timers have their turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
