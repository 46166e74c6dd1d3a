// A reader of whole topics outside any group: for the demo's display, the intake's answers, the
// terminal's monitor, the benches and the tests.
// It copies every record out, so it is handy rather than fast.

import { type Pointer, ptr } from 'bun:ffi'
import { assert } from '../errors.ts'
import { CONSUMER, type Properties, makeClient, destroyClient } from './conf.ts'
import { ERR_NONE, ERR_PARTITION_EOF, errorName, throwCode } from './error.ts'
import { cString, rd, textAt } from './library.ts'
import { copyOut } from './memory.ts'
import {
  MESSAGE_ERR,
  MESSAGE_KEY,
  MESSAGE_KEY_LEN,
  MESSAGE_LEN,
  MESSAGE_OFFSET,
  MESSAGE_PARTITION,
  MESSAGE_PAYLOAD,
  i32At,
  offsetAt,
  pointerAt,
  u32At,
} from './structs.ts'
import { TopicPartitionList } from './topic-partition-list.ts'

export type KafkaRecord = {
  partition: number
  recordOffset: number
  /** Milliseconds since 1970; -1 where it has none. */
  timestampMs: number
  key: Uint8Array | null
  value: Uint8Array | null
}

export type Header = [name: string, value: string]

/** RD_KAFKA_OFFSET_…, rdkafka.h 2.15. */
const START_OFFSETS = { earliest: -2n, latest: -1n } as const
const OFFSET_TAIL_BASE = -2000

/** From where a partition is read; `tail`: so many offsets before its end. */
export type Start = keyof typeof START_OFFSETS | { tail: number } | { offset: number }

function startOffset(start: Start): bigint {
  if (typeof start === 'string') return START_OFFSETS[start]
  return BigInt('tail' in start ? OFFSET_TAIL_BASE - start.tail : start.offset)
}

const BATCH_RECORDS = 1000

export class RecordReader implements Disposable {
  private readonly topic: string
  private readonly client: Pointer
  private readonly queue: Pointer
  private readonly messages = new BigUint64Array(BATCH_RECORDS)
  /** Partitions whose end was reached since their last record. */
  readonly ended = new Set<number>()
  /** Partitions of which a record or the end was seen: from there on nothing is missed. */
  readonly positioned = new Set<number>()

  /**
   * @param properties  of the consumer; isolation.level decides whether uncommitted records show
   * @param start       from where each partition is read; a number is an offset
   */
  constructor(properties: Properties, topic: string, partitions: readonly number[], start: Start) {
    this.topic = topic
    const own = {
      'group.id': 'reader',
      'enable.auto.commit': 'false',
      'enable.partition.eof': 'true',
    }
    this.client = makeClient(CONSUMER, { ...own, ...properties }, 0)
    rd.rd_kafka_poll_set_consumer(this.client)
    const queue = rd.rd_kafka_queue_get_consumer(this.client)
    assert(queue, 'a consumer has a queue')
    this.queue = queue
    const offset = startOffset(start)
    using list = new TopicPartitionList(
      partitions.map((partition) => ({ topic, partition, offset })),
    )
    throwCode(rd.rd_kafka_assign(this.client, list.pointer), `read ${topic}`)
  }

  /**
   * Takes the records that are there, waiting for the first.
   *
   * @param withHeaders  called with each record's headers, which are read only when it is given
   */
  read(
    timeoutMs: number,
    withHeaders?: (record: KafkaRecord, headers: Header[]) => void,
  ): KafkaRecord[] {
    const first = rd.rd_kafka_consume_queue(this.queue, timeoutMs)
    if (!first) return []
    const taken = Number(
      rd.rd_kafka_consume_batch_queue(this.queue, 0, ptr(this.messages), BATCH_RECORDS),
    )
    const records: KafkaRecord[] = []
    for (const message of [first, ...this.messages.subarray(0, Math.max(0, taken))]) {
      const record = this.take(Number(message))
      if (record) {
        records.push(record)
        withHeaders?.(record, readHeaders(Number(message)))
      }
      rd.rd_kafka_message_destroy(Number(message) as Pointer)
    }
    return records
  }

  /**
   * Asks the broker for the offset after the partition's last record: with read_committed the last
   * stable one, before the first record of any open transaction.
   */
  end(partition: number, timeoutMs = 10_000): number {
    const low = new BigInt64Array(1)
    const high = new BigInt64Array(1)
    throwCode(
      rd.rd_kafka_query_watermark_offsets(
        this.client,
        cString(this.topic),
        partition,
        ptr(low),
        ptr(high),
        timeoutMs,
      ),
      `the end of ${this.topic} [${partition}]`,
    )
    return Number(high[0])
  }

  private take(message: number): KafkaRecord | undefined {
    const partition = i32At(message, MESSAGE_PARTITION)
    const err = i32At(message, MESSAGE_ERR)
    if (err === ERR_PARTITION_EOF) {
      this.positioned.add(partition)
      this.ended.add(partition)
      return undefined
    }
    if (err !== ERR_NONE) {
      const text = String(rd.rd_kafka_message_errstr(message as Pointer))
      throw new Error(`read partition ${partition}: ${text} (${errorName(err)})`)
    }
    this.ended.delete(partition)
    this.positioned.add(partition)
    return {
      partition,
      recordOffset: offsetAt(message, MESSAGE_OFFSET),
      timestampMs: Number(rd.rd_kafka_message_timestamp(message as Pointer, null)),
      key: copyOut(pointerAt(message, MESSAGE_KEY), u32At(message, MESSAGE_KEY_LEN)),
      value: copyOut(pointerAt(message, MESSAGE_PAYLOAD), u32At(message, MESSAGE_LEN)),
    }
  }

  [Symbol.dispose](): void {
    rd.rd_kafka_queue_destroy(this.queue)
    destroyClient(this.client)
  }
}

function readHeaders(message: number): Header[] {
  const out = new BigUint64Array(3)
  if (rd.rd_kafka_message_headers(message as Pointer, ptr(out)) !== ERR_NONE) return []
  const native = Number(out[0]) as Pointer
  const headers: Header[] = []
  for (let i = 0; ; i++) {
    const [name, value, size] = [ptr(out), ptr(out) + 8, ptr(out) + 16] as [
      Pointer,
      Pointer,
      Pointer,
    ]
    if (rd.rd_kafka_header_get_all(native, i, name, value, size) !== ERR_NONE) return headers
    const bytes = copyOut(Number(out[1]), Number(out[2])) ?? new Uint8Array(0)
    headers.push([textAt(Number(out[0])), new TextDecoder().decode(bytes)])
  }
}
