// Consumed messages as librdkafka has them, without a copy: for the reader and the relay, which must
// cost little beside what they measure.

import { type Pointer, ptr } from 'bun:ffi'
import { assert } from '../../src/errors.ts'
import { CONSUMER, type Properties, destroyClient, makeClient } from '../../src/rdkafka/conf.ts'
import { ERR_NONE, ERR_PARTITION_EOF, errorName, throwCode } from '../../src/rdkafka/error.ts'
import { rd } from '../../src/rdkafka/library.ts'
import { MESSAGE_ERR, MESSAGE_PARTITION, i32At } from '../../src/rdkafka/structs.ts'
import { TopicPartitionList } from '../../src/rdkafka/topic-partition-list.ts'

const BATCH_MESSAGES = 4096
/** RD_KAFKA_OFFSET_END, rdkafka.h 2.15. */
const END = -1n

/** Reads partitions of a topic from their end on, in no group. */
export class Messages implements Disposable {
  private readonly client: Pointer
  private readonly queue: Pointer
  private readonly pointers = new BigUint64Array(BATCH_MESSAGES)
  private readonly ended = new Set<number>()
  private readonly partitions: number

  constructor(properties: Properties, topic: string, partitions: number) {
    this.partitions = partitions
    const own = {
      'group.id': 'load',
      'enable.auto.commit': 'false',
      'enable.partition.eof': 'true',
    }
    this.client = makeClient(CONSUMER, { ...properties, ...own }, 0)
    rd.rd_kafka_poll_set_consumer(this.client)
    const queue = rd.rd_kafka_queue_get_consumer(this.client)
    assert(queue, 'a consumer has a queue')
    this.queue = queue
    const all = Array.from({ length: partitions }, (_, partition) => partition)
    using list = new TopicPartitionList(all.map((partition) => ({ topic, partition, offset: END })))
    throwCode(rd.rd_kafka_assign(this.client, list.pointer), `read ${topic}`)
  }

  /** Waits until every partition has a position: what is sent from here on is not missed. */
  settle(): void {
    while (this.ended.size < this.partitions) this.take(100, () => undefined)
  }

  /**
   * Gives each message that is there to `use`, by its address, which holds until it returns; when
   * there is none, waits for the first.
   *
   * @param before  called once the messages are there, before the first of them
   */
  take(timeoutMs: number, use: (message: number) => void, before?: () => void): void {
    const first = rd.rd_kafka_consume_queue(this.queue, timeoutMs)
    if (!first) return
    const pointers = ptr(this.pointers)
    const more = rd.rd_kafka_consume_batch_queue(this.queue, 0, pointers, BATCH_MESSAGES)
    before?.()
    this.give(Number(first), use)
    for (let i = 0; i < Number(more); i++) this.give(Number(this.pointers[i]), use)
  }

  private give(message: number, use: (message: number) => void): void {
    const err = i32At(message, MESSAGE_ERR)
    if (err === ERR_NONE) use(message)
    else if (err === ERR_PARTITION_EOF) this.ended.add(i32At(message, MESSAGE_PARTITION))
    else throw new Error(`load: ${errorName(err)}`)
    rd.rd_kafka_message_destroy(message as Pointer)
  }

  [Symbol.dispose](): void {
    rd.rd_kafka_queue_destroy(this.queue)
    destroyClient(this.client)
  }
}
