// A reader that no group knows of: partitions are assigned by hand, from an offset up to another,
// and no offset is ever asked of a group or committed. One partition at a time, so that what is
// fetched ahead is bounded however many there are.

import type { Pointer } from 'bun:ffi'
import { OperatingError, assert } from '../errors.ts'
import { BatchBuffer, type BatchSize } from './batch-buffer.ts'
import {
  CONSUMER,
  EVENT_ERROR,
  EVENT_LOG,
  type Properties,
  destroyClient,
  makeClient,
} from './conf.ts'
import {
  ERR_NONE,
  ERR_PARTITION_EOF,
  ERR_UNKNOWN_TOPIC_OR_PARTITION,
  KafkaError,
  errorName,
  throwCode,
} from './error.ts'
import { pollEvent } from './event.ts'
import { cString, rd } from './library.ts'
import { type TopicMetadata, topicMetadata } from './metadata.ts'
import { PartitionSource, type SourceNotice } from './partition-source.ts'
import { type RawRecord, copyHeaders, copyRecord } from './record.ts'
import { TopicPartitionList } from './topic-partition-list.ts'
import { queryWatermarks } from './watermarks.ts'

/** Longest single wait for records, between looks at what the client has to tell. */
const WAIT_MS = 200
/** RD_KAFKA_OFFSET_END: what a search by time gives when no record is as young. */
const OFFSET_END = -1n
/**
 * rd_kafka_resp_err_t of a client that may not look for its group's coordinator: it needs none.
 */
const ERR_GROUP_AUTHORIZATION_FAILED = 30

/**
 * LEADER_NOT_AVAILABLE and NOT_LEADER_FOR_PARTITION: of a topic that is new or whose leader has
 * changed just now. The next answer is of fresher metadata.
 */
const NO_LEADER_YET: ReadonlySet<number> = new Set([5, 6, ERR_UNKNOWN_TOPIC_OR_PARTITION])
const LEADER_PAUSE_MS = 100

export class AssignedReader implements Disposable {
  private readonly client: Pointer
  private readonly events: Pointer
  private readonly timeoutMs: number
  private stream: PartitionStream | undefined

  /**
   * @param properties  of a consumer; isolation.level decides how far can be read
   * @param timeoutMs   longest wait for the brokers
   */
  constructor(properties: Properties, timeoutMs: number) {
    const own = {
      'enable.auto.commit': 'false',
      'enable.auto.offset.store': 'false',
      'enable.partition.eof': 'true',
      // An offset that is not there is told; another must not be read in its place.
      'auto.offset.reset': 'error',
      'log.queue': 'true',
    }
    this.timeoutMs = timeoutMs
    this.client = makeClient(CONSUMER, { ...properties, ...own }, EVENT_LOG | EVENT_ERROR)
    rd.rd_kafka_poll_set_consumer(this.client)
    const events = rd.rd_kafka_queue_get_consumer(this.client)
    assert(events, 'a consumer has a queue')
    this.events = events
    throwCode(rd.rd_kafka_set_log_queue(this.client, events), 'log queue')
  }

  /** @returns undefined when the topic does not exist */
  metadata(topic: string): TopicMetadata | undefined {
    return topicMetadata(this.client, topic, this.timeoutMs)
  }

  /**
   * What of a partition can be read: its first offset, and the one after its last record. With
   * read_committed that is before the first record of any open transaction.
   */
  bounds(topic: string, partition: number): { low: number; high: number } {
    let low = 0
    let high = 0
    this.ask(`the bounds of ${topic} [${partition}]`, () => {
      const answer = queryWatermarks(this.client, topic, partition, this.timeoutMs)
      ;({ low, high } = answer)
      return answer.code
    })
    return { low, high }
  }

  /**
   * Offset of the first record that is not older than a time.
   *
   * @param timeMs  milliseconds since 1970
   * @returns undefined when there is none as young
   */
  offsetAt(topic: string, partition: number, timeMs: number): number | undefined {
    let found = OFFSET_END
    this.ask(`the offset of a time on ${topic} [${partition}]`, () => {
      // The answer takes the question's place in the list.
      using list = new TopicPartitionList([{ topic, partition, offset: BigInt(timeMs) }])
      const code = rd.rd_kafka_offsets_for_times(this.client, list.pointer, this.timeoutMs)
      const answer = list.values()[0]!
      found = answer.offset
      return code === ERR_NONE ? answer.err : code
    })
    return found === OFFSET_END ? undefined : Number(found)
  }

  /** Asks until there is a leader to answer. */
  private ask(doing: string, question: () => number): void {
    const deadline = performance.now() + this.timeoutMs
    for (;;) {
      const code = question()
      if (!NO_LEADER_YET.has(code) || performance.now() > deadline) {
        throwCode(code, doing)
        return
      }
      Bun.sleepSync(LEADER_PAUSE_MS)
    }
  }

  /**
   * Starts reading a partition; the one that was read before is let go.
   *
   * @param from, until  offsets; the second is the first that is not read
   */
  open(
    topic: string,
    partition: number,
    from: number,
    until: number,
    size: BatchSize,
  ): PartitionStream {
    this.closeStream()
    const queue = rd.rd_kafka_queue_get_partition(this.client, cString(topic), partition)
    assert(queue, `partition ${partition} of ${topic} has a queue`)
    // Before the partition is assigned, so that no record slips into the client's queue.
    rd.rd_kafka_queue_forward(queue, null)
    using list = new TopicPartitionList([{ topic, partition, offset: BigInt(from) }])
    throwCode(rd.rd_kafka_assign(this.client, list.pointer), `read ${topic}`)
    const target = new BatchBuffer(size)
    const source = new PartitionSource(this.client, queue, topic, partition, target)
    const check = () => this.checkEvents()
    this.stream = new PartitionStream(source, target, queue, { from, until }, this.timeoutMs, check)
    return this.stream
  }

  /** Throws for an error that ends all reading; others mend themselves, or time out. */
  private checkEvents(): void {
    for (;;) {
      const event = pollEvent(this.events, 0)
      if (!event) return
      if (event.type !== 'error' || event.code === ERR_GROUP_AUTHORIZATION_FAILED) continue
      if (event.fatal) throw new KafkaError('fatal', event.code, event.message)
    }
  }

  private closeStream(): void {
    if (!this.stream) return
    this.stream.close()
    throwCode(rd.rd_kafka_assign(this.client, null), 'let a partition go')
    this.stream = undefined
  }

  [Symbol.dispose](): void {
    this.closeStream()
    rd.rd_kafka_queue_destroy(this.events)
    destroyClient(this.client)
  }
}

/** The records of one partition between two offsets, batch by batch. */
export class PartitionStream {
  /** Values of the batch's records; their places are those of `recordOffset`. */
  readonly batch: BatchBuffer
  /** Records of the batch. */
  count = 0
  /** Offset after what was read so far. */
  position: number
  private readonly source: PartitionSource
  private readonly queue: Pointer
  private readonly until: number
  private readonly timeoutMs: number
  private readonly check: () => void
  /** Messages that were fetched; the batch's are those from `from` on. */
  private taken = 0
  private from = 0
  private isEnded: boolean

  constructor(
    source: PartitionSource,
    batch: BatchBuffer,
    queue: Pointer,
    { from, until }: { from: number; until: number },
    timeoutMs: number,
    check: () => void,
  ) {
    this.source = source
    this.batch = batch
    this.queue = queue
    this.position = from
    this.until = until
    this.timeoutMs = timeoutMs
    this.check = check
    this.isEnded = from >= until
  }

  /**
   * Goes on to the next batch, waiting for records; what the one before held is given back.
   *
   * @returns how many records it has; 0 at the end
   * @throws OperatingError kind 'retriable' when the brokers give nothing in time
   */
  next(): number {
    const deadline = performance.now() + this.timeoutMs
    while (!this.isEnded) {
      this.giveBack()
      if (this.from === this.taken) this.fetch(deadline)
      else if (this.gather()) return this.count
    }
    this.giveBack()
    return 0
  }

  private giveBack(): void {
    this.source.release(this.from, this.from + this.count)
    this.from += this.count
    this.count = 0
  }

  private fetch(deadline: number): void {
    this.check()
    this.from = 0
    this.taken = 0
    this.taken = this.source.fetch(this.batch.size.records, WAIT_MS)
    if (this.taken > 0 || performance.now() < deadline) return
    const { topic, partition } = this.source
    const what = `no records of ${topic} [${partition}] from offset ${this.position} on`
    const message = `${what} within ${this.timeoutMs} ms, though there are some`
    throw new OperatingError('retriable', 'broker', message)
  }

  /** Returns whether there are records of the window. */
  private gather(): boolean {
    const gathered = this.source.gather(this.from, this.taken)
    if (gathered === 0) {
      this.notice(this.source.notice(this.from))
      this.source.release(this.from, this.from + 1)
      this.from++
      return false
    }
    this.count = gathered
    while (this.count > 0 && this.recordOffset(this.count - 1) >= this.until) {
      this.isEnded = true
      this.count--
    }
    if (this.count === 0) return false
    this.position = this.recordOffset(this.count - 1) + 1
    if (this.position >= this.until) this.isEnded = true
    return true
  }

  private notice({ code, recordOffset, message }: SourceNotice): void {
    const { topic, partition } = this.source
    if (code === ERR_PARTITION_EOF) {
      // Behind the last record may be control records, which are never fetched.
      this.position = Math.max(this.position, Math.min(recordOffset, this.until))
      if (recordOffset >= this.until) this.isEnded = true
      return
    }
    if (code === ERR_GROUP_AUTHORIZATION_FAILED) return
    const what = `read ${topic} [${partition}] from offset ${this.position} on`
    throw new KafkaError('fatal', code, `${what}: ${message} (${errorName(code)})`)
  }

  recordOffset(index: number): number {
    return this.source.recordOffset(this.from + index)
  }

  /** Bytes of the record's value as it came; one that no batch holds is empty in this one. */
  valueBytes(index: number): number {
    return this.source.valueBytes(this.from + index)
  }

  /** A copy of a record with all that belongs to it. */
  record(index: number): RawRecord {
    const message = this.source.message(this.from + index)
    return { ...copyRecord(message), headers: copyHeaders(message) }
  }

  /** Gives all messages back; to be called before the partition is let go. */
  close(): void {
    this.source.release(this.from, this.taken)
    this.from = this.taken
    this.count = 0
    this.isEnded = true
    rd.rd_kafka_queue_destroy(this.queue)
  }
}
