// At least once: no transaction, lowest latency. Decisions go out as they are made; an offset is
// committed once everything decided before it was delivered. After a crash some decisions are made
// again, byte for byte the same: downstream drops them by (topic, partition, offset).

import { OperatingError } from '../errors.ts'
import type { PartitionSource } from '../rdkafka/partition-source.ts'
import type { Delivery, DeliverySettings, Letter } from './delivery.ts'
import type { Outbox } from './outbox.ts'

/** How long to wait before looking again for a delivery that a commit waits for. */
const UNDELIVERED_WAIT_MS = 5

/** Longest wait for the delivery of a lone batch. */
const PUSH_MS_MAX = 20

/** Longest wait for deliveries between looks at what failed. */
const FLUSH_STEP_MS = 100

/** All before nextOffset is delivered once `produced` decisions are. */
type Checkpoint = { produced: number; nextOffset: number }

export class AtLeastOnce implements Delivery {
  private readonly outbox: Outbox
  private readonly source: PartitionSource
  private readonly settings: DeliverySettings
  private readonly checkpoints: Checkpoint[] = []
  private produced = 0
  private dueAtMs = 0
  private records = 0
  /** Handed over since the last flush for another topic than the decisions'. */
  private elsewhere = 0
  /** As `produced` was when the last push began. */
  private pushed = 0

  constructor(outbox: Outbox, source: PartitionSource, settings: DeliverySettings) {
    this.outbox = outbox
    this.source = source
    this.settings = settings
  }

  start(): void {}

  produce(messages: number, count: number, traces?: number[]): void {
    this.outbox.send(this.settings.decisionsTopic, messages, count, traces)
    this.produced += count
  }

  refer(messages: number, count: number, traces?: number[]): void {
    this.outbox.send(this.settings.referredTopic, messages, count, traces)
    this.produced += count
    this.elsewhere += count
  }

  deadLetter(letter: Letter): void {
    this.outbox.sendDeadLetter(letter)
    this.produced++
    this.elsewhere++
  }

  advance(nextOffset: number, records: number): void {
    // Deliveries are counted, and counting tells nothing of the order between two topics: a batch
    // with dead letters or referrals waits until all of it is delivered.
    if (this.elsewhere > 0) this.flush()
    if (this.checkpoints.length === 0) this.dueAtMs = Date.now() + this.settings.commitIntervalMs
    this.checkpoints.push({ produced: this.produced, nextOffset })
    this.records += records
  }

  /**
   * Sends at once and waits until it is delivered; what comes meanwhile is the next batch. So a
   * record waits for one request at most, and none is in librdkafka's queue behind a request that
   * is out, where its thread would ask again and again (see lingerMs). When the broker is slower
   * than the wait, records take the linger.
   */
  push(): void {
    const before = this.pushed
    this.pushed = this.produced
    const { producer } = this.outbox
    const isAlone = producer.outstanding <= this.produced - before
    if (this.produced > before && isAlone) producer.flush(PUSH_MS_MAX)
  }

  untilDue(nowMs: number, idleMs: number): number {
    if (this.checkpoints.length === 0) return idleMs
    if (this.records >= this.settings.commitRecords) return 0
    return Math.max(0, Math.min(this.dueAtMs - nowMs, idleMs))
  }

  commit(all: boolean): number {
    if (this.checkpoints.length === 0) return -1
    if (all) this.flush()
    const delivered = this.produced - this.outbox.producer.outstanding
    const pending = this.checkpoints.findIndex((checkpoint) => checkpoint.produced > delivered)
    const count = pending < 0 ? this.checkpoints.length : pending
    this.records = 0
    if (count === 0) {
      this.dueAtMs = Date.now() + UNDELIVERED_WAIT_MS
      return -1
    }
    const { nextOffset } = this.checkpoints[count - 1]!
    if (all) this.source.commit(nextOffset)
    else this.source.commitAsync(nextOffset)
    this.checkpoints.splice(0, count)
    this.dueAtMs = Date.now() + this.settings.commitIntervalMs
    return nextOffset
  }

  rest(): void {}

  /** What is out cannot be called back: a new producer starts from the committed offset. */
  abort(): boolean {
    throw new OperatingError('fatal', 'abort', 'at-least-once delivery starts anew')
  }

  /** A record that was not delivered counts as outstanding until that was taken from the queue. */
  private flush(): void {
    const { timeoutMs } = this.settings
    const deadline = Date.now() + timeoutMs
    while (!this.outbox.producer.flush(Math.min(FLUSH_STEP_MS, timeoutMs))) {
      this.outbox.poll(0)
      this.outbox.checkOwnership()
      if (Date.now() > deadline) {
        const what = `records were not delivered in ${timeoutMs} ms`
        throw new OperatingError('fatal', 'undelivered', what)
      }
    }
    this.outbox.poll(0)
    this.elsewhere = 0
  }

  poll(): void {
    this.outbox.poll(0)
  }

  close(): void {
    this.outbox.close()
  }
}
