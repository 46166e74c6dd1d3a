// Exactly once: decisions, dead letters and offsets in one transaction per partition, with the
// group's metadata, so that a member that lost the partition is fenced (KIP-447). The transactional
// id belongs to the partition, so that its next owner also fences whoever still holds it.
//
// Shape after librdkafka's examples/transactions.c: on an abortable error abort, rewind, read
// again.

import { OperatingError } from '../errors.ts'
import type { PartitionSource } from '../rdkafka/partition-source.ts'
import type { Delivery, DeliverySettings, Letter } from './delivery.ts'
import type { Outbox } from './outbox.ts'

/** Longest wait in one call that may be repeated, between looks at the command. */
const WAIT_SLICE_MS = 1000
/** Longest wait for a connection before the producer is initialised all the same. */
const CONNECT_WAIT_MS = 1000
/** Enough for librdkafka's threads to begin to send what lingers. */
const FLUSH_START_MS = 1
/** Within this the broker has written a transaction's markers, mostly. */
const MARKERS_MS = 5
/** By which a transaction grows first, of those that have no interval. */
const GROW_FIRST_MS = 10
/** Records that are no burden for any broker; a transaction may have so many. */
const RECORDS_FIRST = 1000
/** A commit that takes longer may do so for its size, whatever the intervals are. */
const SLOW_MS = 1000

export class Transaction implements Delivery {
  private readonly outbox: Outbox
  private readonly source: PartitionSource
  private readonly settings: DeliverySettings
  private open = false
  /** Whether the broker was asked to commit, and has not said that it did. */
  private isEnding = false
  /** When the next commit is due; in the past at first, and after a time without records. */
  private dueAtMs = 0
  /** How much longer than the interval the transactions of a partition that is behind last. */
  private growsForMs = 0
  /** Records after which it is due, as far as the broker is known to take them in time. */
  private recordsMax = RECORDS_FIRST
  private records = 0
  /** Topics that the transaction's records go to. */
  private readonly topics = new Set<string>()
  private nextOffset = -1
  /** Up to where an aborted transaction went: that much was due already. */
  private dueOffset = -1

  constructor(outbox: Outbox, source: PartitionSource, settings: DeliverySettings) {
    this.outbox = outbox
    this.source = source
    this.settings = settings
  }

  /**
   * A producer that has no connection yet would look for its coordinator at once, in vain, and
   * again half a second later (librdkafka's rd_kafka_txn_coord_query).
   */
  start(): void {
    this.outbox.producer.connect(this.settings.decisionsTopic, CONNECT_WAIT_MS)
    this.retry((sliceMs) => this.outbox.producer.initTransactions(sliceMs))
  }

  produce(messages: number, count: number, traces?: number[]): void {
    this.begin(this.settings.decisionsTopic)
    this.outbox.send(this.settings.decisionsTopic, messages, count, traces)
  }

  refer(messages: number, count: number, traces?: number[]): void {
    this.begin(this.settings.referredTopic)
    this.outbox.send(this.settings.referredTopic, messages, count, traces)
  }

  deadLetter(letter: Letter): void {
    this.begin(this.settings.deadLettersTopic)
    this.outbox.sendDeadLetter(letter)
  }

  private begin(topic: string): void {
    if (!this.open) {
      this.outbox.producer.beginTransaction()
      this.open = true
      this.records = 0
      this.topics.clear()
    }
    this.topics.add(topic)
  }

  advance(nextOffset: number, records: number): void {
    this.nextOffset = nextOffset
    this.records += records
  }

  /** Nobody sees a record before the commit, which sends what is left. */
  push(): void {}

  /**
   * What a transaction costs does not depend on how much is in it, and records that wait for their
   * turn wait less when there are fewer: while the partition is behind, its transactions grow.
   */
  untilDue(nowMs: number, idleMs: number, isBehind: boolean): number {
    if (!this.open) return idleMs
    if (this.records >= Math.min(this.recordsMax, this.settings.commitRecords)) return 0
    if (this.dueOffset >= 0 && this.nextOffset >= this.dueOffset) return 0
    const growsForMs = isBehind ? this.growsForMs : 0
    return Math.max(0, Math.min(this.dueAtMs + growsForMs - nowMs, idleMs))
  }

  commit(): number {
    if (!this.open) return -1
    const { commitIntervalMs, requestRecords, timeoutMs } = this.settings
    const startedAtMs = Date.now()
    this.outbox.waitForTurns(this.topics.size * requestRecords)
    // What lingers goes beside the offsets, not after them.
    this.outbox.producer.flush(FLUSH_START_MS)
    using offsets = this.source.list(BigInt(this.nextOffset))
    this.retry(() =>
      this.source.withGroupMetadata((metadata) => {
        // The order matters.
        // 1. The partition is revoked: the main thread sets the command to abandon.
        // 2. The group begins a new generation, which this member may be part of.
        // 3. Metadata read here would be the new generation's, and the broker would take it.
        // As 1 comes before 2, looking at the command after reading the metadata closes the gap.
        this.outbox.checkOwnership()
        this.outbox.producer.sendOffsets(offsets, metadata, timeoutMs)
      }),
    )
    this.isEnding = true
    this.retry((sliceMs) => this.outbox.producer.commitTransaction(sliceMs))
    this.isEnding = false
    this.open = false
    this.dueOffset = -1
    // From commit to commit, as the commit's own time is a part of what a record waits; but when
    // that takes long, half of the time is left for gathering.
    this.dueAtMs = Math.max(startedAtMs + commitIntervalMs, Date.now() + commitIntervalMs / 2)
    this.grow(Date.now() - startedAtMs)
    return this.nextOffset
  }

  /**
   * Transactions of a partition that is behind double until they last for as long as they may. When
   * a commit takes longer than that, the broker cannot take more, such as by its quota: a large one
   * would not be out before its time is up, and be read again for ever. As a fast machine fills a
   * large one in no time, one is due at twice the records of the one before.
   */
  private grow(tookMs: number): void {
    const { commitIntervalMs, behindIntervalMs } = this.settings
    const isSlow = tookMs > behindIntervalMs
    const isTooMuch = tookMs > Math.max(SLOW_MS, commitIntervalMs, behindIntervalMs)
    this.recordsMax = Math.max(RECORDS_FIRST, this.records * (isTooMuch ? 0.5 : 2))
    const mostMs = Math.max(0, behindIntervalMs - commitIntervalMs)
    const nextMs = 2 * this.growsForMs + Math.max(commitIntervalMs, GROW_FIRST_MS)
    this.growsForMs = isSlow ? 0 : Math.min(mostMs, nextMs)
  }

  /**
   * A record that is handed over before the broker has written the last transaction's markers is
   * refused (CONCURRENT_TRANSACTIONS), and librdkafka tries again 20 ms later
   * (rd_kafka_txn_handle_AddPartitionsToTxn): longer than short transactions last.
   */
  rest(): void {
    Bun.sleepSync(Math.min(MARKERS_MS, this.settings.commitIntervalMs / 4))
  }

  abort(): boolean {
    const isSure = !this.isEnding
    if (!this.open) return isSure
    this.retry((sliceMs) => this.outbox.producer.abortTransaction(sliceMs))
    this.open = false
    this.dueOffset = Math.max(this.dueOffset, this.nextOffset)
    this.nextOffset = -1
    this.isEnding = false
    return isSure
  }

  /**
   * Repeats a call that librdkafka says may be repeated; each call goes on where the last stopped.
   * When the time is up nobody knows what the broker did: only a new producer finds out.
   *
   * @param call  given how long it may wait, so that commands are seen in between
   */
  private retry(call: (sliceMs: number) => void): void {
    const { timeoutMs } = this.settings
    const deadline = Date.now() + timeoutMs
    for (;;) {
      try {
        call(Math.min(timeoutMs, WAIT_SLICE_MS))
        return
      } catch (error) {
        const again = error instanceof OperatingError && error.kind === 'retriable'
        if (!again) throw error
        if (Date.now() > deadline) {
          throw new OperatingError('fatal', error.code, error.message, error)
        }
        this.outbox.poll(0)
        this.outbox.checkOwnership()
      }
    }
  }

  poll(): void {
    this.outbox.poll(0)
  }

  close(): void {
    this.outbox.close()
  }
}
