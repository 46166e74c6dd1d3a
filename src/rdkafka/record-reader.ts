// A reader of whole topics outside any group: for the demo's display, the intake's answers, the
// terminal's monitor, the benches and the tests.
// It copies every record out, so it is handy rather than fast.

import { type Pointer, ptr } from 'bun:ffi'
import { assert } from '../errors.ts'
import { CONSUMER, type Properties, makeClient, destroyClient } from './conf.ts'
import { ERR_NONE, ERR_PARTITION_EOF, errorName, throwCode } from './error.ts'
import { rd } from './library.ts'
import { type KafkaRecord, type RawHeader, copyHeaders, copyRecord } from './record.ts'
import { MESSAGE_ERR, MESSAGE_PARTITION, i32At } from './structs.ts'
import { TopicPartitionList } from './topic-partition-list.ts'
import { queryWatermarks } from './watermarks.ts'

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
   * @param withHeaders  called with each record's headers, as text and as they came, which are
   *                     read only when it is given
   */
  read(
    timeoutMs: number,
    withHeaders?: (record: KafkaRecord, headers: Header[], raw: RawHeader[]) => void,
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
        if (withHeaders) {
          const raw = copyHeaders(Number(message))
          withHeaders(record, raw.map(textOf), raw)
        }
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
    const { code, high } = queryWatermarks(this.client, this.topic, partition, timeoutMs)
    throwCode(code, `the end of ${this.topic} [${partition}]`)
    return high
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
    return copyRecord(message)
  }

  [Symbol.dispose](): void {
    rd.rd_kafka_queue_destroy(this.queue)
    destroyClient(this.client)
  }
}

/** A null value is ''. */
function textOf([name, value]: RawHeader): Header {
  return [name, new TextDecoder().decode(value ?? undefined)]
}
