// One partition's records, as its worker sees them: fetched in batches from the partition's own
// queue, their bytes gathered into WebAssembly memory, the messages given back. Also what the
// worker needs of the group: where the committed offset is, and the metadata that fences a
// transaction.

import { type Pointer, ptr, read } from 'bun:ffi'
import { OperatingError, assert } from '../errors.ts'
import { ERR_NONE, KafkaError, errorName, throwCode, throwError } from './error.ts'
import { rd } from './library.ts'
import { copyBytes, copyOut } from './memory.ts'
import { SchemaHeaders } from './schema-headers.ts'
import {
  MESSAGE_ERR,
  MESSAGE_KEY,
  MESSAGE_KEY_LEN,
  MESSAGE_LEN,
  MESSAGE_OFFSET,
  MESSAGE_PAYLOAD,
  i32At,
  offsetAt,
  pointerAt,
  u32At,
} from './structs.ts'
import { TopicPartitionList } from './topic-partition-list.ts'

/** Where a batch goes: memory that stays where it is while the target is used. */
export type BatchTarget = {
  u8: Uint8Array
  u32: Uint32Array
  /** Addresses within the memory: pointers to messages, spans, i64 offsets, input bytes. */
  pointersAt: number
  spansAt: number
  offsetsAt: number
  inputAt: number
  /** Where it goes what headers name the schemas by; 0: none is read, at no cost. */
  headersAt: number
  /** Most records, and most bytes of input. */
  size: { records: number; inputBytes: number }
}

/** A fetched message that is no record. */
export type SourceNotice = { code: number; name: string; message: string; recordOffset: number }

export class PartitionSource {
  readonly topic: string
  readonly partition: number
  private readonly consumer: Pointer
  private readonly queue: Pointer
  target: BatchTarget
  /** How long the last `fetch` waited for the first message. */
  waitedNanoseconds = 0
  private base: number
  private pointers: Pointer
  private headers: SchemaHeaders | undefined

  /**
   * @param consumer  address of the consumer, owned by the main thread
   * @param queue     address of the partition's queue, owned by the main thread
   */
  constructor(
    consumer: number,
    queue: number,
    topic: string,
    partition: number,
    target: BatchTarget,
  ) {
    this.consumer = consumer as Pointer
    this.queue = queue as Pointer
    this.topic = topic
    this.partition = partition
    this.target = target
    this.base = ptr(target.u8)
    this.pointers = (this.base + target.pointersAt) as Pointer
  }

  /**
   * Goes on with another target of the same size.
   *
   * @param held  messages that were fetched and not all given back: they are gathered there again
   */
  setTarget(target: BatchTarget, held = 0): void {
    const from = this.target.pointersAt
    target.u8.set(this.target.u8.subarray(from, from + held * 8), target.pointersAt)
    this.target = target
    this.base = ptr(target.u8)
    this.pointers = (this.base + target.pointersAt) as Pointer
  }

  /**
   * Takes what is there, up to `max` messages; when nothing is, waits for the first.
   * rd_kafka_consume_batch_queue alone would wait for a full batch, and its time-out be latency.
   *
   * @returns how many messages were taken; each must be given back with `release`
   */
  fetch(max: number, timeoutMs: number): number {
    this.waitedNanoseconds = 0
    const taken = this.take(0, max)
    if (taken > 0 || timeoutMs === 0) return taken
    const started = Bun.nanoseconds()
    const first = rd.rd_kafka_consume_queue(this.queue, timeoutMs)
    this.waitedNanoseconds = Bun.nanoseconds() - started
    if (!first) return 0
    const slot = this.target.pointersAt >> 2
    this.target.u32[slot] = first >>> 0
    this.target.u32[slot + 1] = Math.floor(first / 4294967296)
    return 1 + (max > 1 ? this.take(1, max - 1) : 0)
  }

  private take(from: number, max: number): number {
    const target = (this.pointers + from * 8) as Pointer
    const taken = Number(rd.rd_kafka_consume_batch_queue(this.queue, 0, target, max))
    if (taken < 0) throwCode(rd.rd_kafka_last_error(), 'fetch')
    return taken
  }

  /**
   * Copies the bytes of messages `from` to `until` - 1 into the target as records 0, 1, …, and sets
   * their spans. Stops before a message that is a notice, or whose bytes no longer fit.
   *
   * @returns how many records were gathered; 0 when message `from` is a notice
   */
  gather(from: number, until: number): number {
    const { u32, spansAt, inputAt, size } = this.target
    const { base, pointers } = this
    const inputEnd = inputAt + size.inputBytes
    let span = spansAt >> 2
    let at = inputAt
    let i = from
    for (; i < until; i++) {
      const message = read.ptr(pointers, i * 8) as Pointer
      if (read.i32(message, MESSAGE_ERR) !== ERR_NONE) break
      let length = read.u32(message, MESSAGE_LEN)
      // One that no batch holds is gathered as an empty one, which becomes a dead letter.
      if (length > size.inputBytes) length = 0
      if (at + length > inputEnd) break
      copyBytes(base + at, read.ptr(message, MESSAGE_PAYLOAD), length)
      u32[span] = at
      u32[span + 1] = length
      span += 2
      at += length
    }
    if (this.target.headersAt !== 0) this.gatherHeaders(from, i - from)
    return i - from
  }

  private gatherHeaders(from: number, count: number): void {
    const { u8, headersAt } = this.target
    this.headers ??= new SchemaHeaders()
    const view = new DataView(u8.buffer, u8.byteOffset, u8.byteLength)
    this.headers.read((this.pointers + from * 8) as Pointer, count, view, headersAt)
  }

  /**
   * Writes the Kafka offsets of gathered messages into the target when they have a gap (compaction
   * and transaction markers leave some).
   *
   * @returns the first offset when they run on without a gap, else -1
   * @throws OperatingError kind 'abort' when they do not ascend: librdkafka fetched some again
   */
  gatherOffsets(from: number, count: number): number {
    const first = this.recordOffset(from)
    if (this.recordOffset(from + count - 1) - first === count - 1) return first
    const { u32, offsetsAt } = this.target
    for (let i = 0, last = -1; i < count; i++) {
      const message = pointerAt(this.pointers, (from + i) * 8)
      const recordOffset = offsetAt(message, MESSAGE_OFFSET)
      if (recordOffset <= last) {
        const what = `offset ${recordOffset} was fetched after ${last}`
        throw new OperatingError('abort', 'fetched_again', what)
      }
      last = recordOffset
      u32[(offsetsAt >> 2) + i * 2] = u32At(message, MESSAGE_OFFSET)
      u32[(offsetsAt >> 2) + i * 2 + 1] = u32At(message, MESSAGE_OFFSET + 4)
    }
    return -1
  }

  recordOffset(index: number): number {
    return offsetAt(pointerAt(this.pointers, index * 8), MESSAGE_OFFSET)
  }

  /** When the record was sent or stored, milliseconds since 1970; -1 where it does not say. */
  recordTimestamp(index: number): number {
    return Number(rd.rd_kafka_message_timestamp(this.message(index) as Pointer, null))
  }

  /** Address of the native message, for what copies it whole. */
  message(index: number): number {
    return pointerAt(this.pointers, index * 8)
  }

  /** Bytes of the record's value. */
  valueBytes(index: number): number {
    return u32At(this.message(index), MESSAGE_LEN)
  }

  keyBytes(index: number): number {
    return u32At(this.message(index), MESSAGE_KEY_LEN)
  }

  key(index: number): Uint8Array | null {
    const message = this.message(index)
    return copyOut(pointerAt(message, MESSAGE_KEY), u32At(message, MESSAGE_KEY_LEN))
  }

  /** What a message says that is no record, such as the end of the partition. */
  notice(index: number): SourceNotice {
    const message = this.message(index)
    const code = i32At(message, MESSAGE_ERR)
    return {
      code,
      name: errorName(code),
      message: String(rd.rd_kafka_message_errstr(message as Pointer)),
      recordOffset: offsetAt(message, MESSAGE_OFFSET),
    }
  }

  /** Gives messages `from` to `until` - 1 back. */
  release(from: number, until: number): void {
    const pointers = this.pointers
    for (let i = from; i < until; i++) {
      rd.rd_kafka_message_destroy(read.ptr(pointers, i * 8) as Pointer)
    }
  }

  /**
   * The member's metadata as it stands now, which a transaction sends along so that a member that
   * lost its partitions is fenced (KIP-447). Give it to `use` and nowhere else: it is freed after.
   */
  withGroupMetadata<T>(use: (metadata: Pointer) => T): T {
    const metadata = rd.rd_kafka_consumer_group_metadata(this.consumer)
    assert(metadata, 'a member has group metadata')
    try {
      return use(metadata)
    } finally {
      rd.rd_kafka_consumer_group_metadata_destroy(metadata)
    }
  }

  /** Starts committing an offset (the next to read); failures come as events of the consumer. */
  commitAsync(nextOffset: number): void {
    using list = this.list(BigInt(nextOffset))
    throwCode(rd.rd_kafka_commit(this.consumer, list.pointer, 1), 'commit offsets')
  }

  /** Commits an offset and waits for the broker's word. */
  commit(nextOffset: number): void {
    using list = this.list(BigInt(nextOffset))
    throwCode(rd.rd_kafka_commit(this.consumer, list.pointer, 0), 'commit offsets')
  }

  /** A list of this partition alone; the caller disposes it. */
  list(offset: bigint): TopicPartitionList {
    return new TopicPartitionList([{ topic: this.topic, partition: this.partition, offset }])
  }

  /**
   * Goes on reading from an offset. What the queue still holds is discarded by librdkafka.
   *
   * @throws KafkaError kind 'retriable' when that cannot be done in time
   */
  seek(offset: number, timeoutMs: number): void {
    using list = this.list(BigInt(offset))
    throwError(rd.rd_kafka_seek_partitions(this.consumer, list.pointer, timeoutMs), 'seek')
    throwCode(list.values()[0]!.err, 'seek')
  }

  /**
   * The committed offset (the next to read); negative when there is none. With read_committed the
   * broker waits for transactions that hold offsets of the partition.
   *
   * @throws KafkaError kind 'retriable' when the broker does not answer in time
   */
  committed(timeoutMs: number): number {
    using list = this.list(0n)
    throwCode(rd.rd_kafka_committed(this.consumer, list.pointer, timeoutMs), 'committed offset')
    const [value] = list.values()
    if (value!.err !== ERR_NONE) {
      throw new KafkaError('retriable', value!.err, `committed offset: ${errorName(value!.err)}`)
    }
    return Number(value!.offset)
  }
}
