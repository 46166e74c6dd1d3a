// rd_kafka_topic_partition_list_t: partitions as values, and as the native list that calls take.

import type { Pointer } from 'bun:ffi'
import { assert } from '../errors.ts'
import { cString, rd, textAt } from './library.ts'
import {
  LIST_COUNT,
  LIST_ELEMENTS,
  PARTITION_BYTES,
  PARTITION_ERR,
  PARTITION_NUMBER,
  PARTITION_OFFSET,
  PARTITION_TOPIC,
  i32At,
  i64At,
  pointerAt,
} from './structs.ts'

export type TopicPartition = { topic: string; partition: number }
export type PartitionOffset = TopicPartition & { offset: bigint; err: number }

/** A native list; disposing destroys it. */
export class TopicPartitionList implements Disposable {
  readonly pointer: Pointer

  constructor(partitions: readonly (TopicPartition & { offset?: bigint })[]) {
    const list = rd.rd_kafka_topic_partition_list_new(partitions.length)
    assert(list, 'librdkafka makes a list')
    this.pointer = list
    for (const { topic, partition, offset } of partitions) {
      const name = cString(topic)
      rd.rd_kafka_topic_partition_list_add(list, name, partition)
      if (offset !== undefined) {
        rd.rd_kafka_topic_partition_list_set_offset(list, name, partition, offset)
      }
    }
  }

  values(): PartitionOffset[] {
    return readList(this.pointer)
  }

  [Symbol.dispose](): void {
    rd.rd_kafka_topic_partition_list_destroy(this.pointer)
  }
}

/** Reads a native list that someone else owns. */
export function readList(list: number): PartitionOffset[] {
  const count = i32At(list, LIST_COUNT)
  const elements = pointerAt(list, LIST_ELEMENTS)
  return Array.from({ length: count }, (_, i) => {
    const at = elements + i * PARTITION_BYTES
    return {
      topic: textAt(pointerAt(at, PARTITION_TOPIC)),
      partition: i32At(at, PARTITION_NUMBER),
      offset: i64At(at, PARTITION_OFFSET),
      err: i32At(at, PARTITION_ERR),
    }
  })
}
