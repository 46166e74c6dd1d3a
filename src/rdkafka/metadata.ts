// Metadata of topics: which partitions there are.

import { type Pointer, ptr } from 'bun:ffi'
import { ERR_UNKNOWN_TOPIC_OR_PARTITION, throwCode } from './error.ts'
import { cString, rd, textAt } from './library.ts'
import {
  METADATA_PARTITION_REPLICA_COUNT,
  METADATA_TOPICS,
  METADATA_TOPIC_COUNT,
  TOPIC_ERR,
  TOPIC_NAME,
  TOPIC_PARTITIONS,
  TOPIC_PARTITION_COUNT,
  i32At,
  pointerAt,
} from './structs.ts'

export type TopicMetadata = { topic: string; partitions: number; replicationFactor: number }

/**
 * Asks the cluster for a topic.
 *
 * @returns undefined when the topic does not exist
 * @throws KafkaError kind 'retriable' when no broker answers within the time
 */
export function topicMetadata(
  client: Pointer,
  topic: string,
  timeoutMs: number,
): TopicMetadata | undefined {
  const handle = rd.rd_kafka_topic_new(client, cString(topic), null)
  if (!handle) throwCode(rd.rd_kafka_last_error(), `topic ${topic}`)
  const out = new BigUint64Array(1)
  const code = rd.rd_kafka_metadata(client, 0, handle, ptr(out), timeoutMs)
  rd.rd_kafka_topic_destroy(handle)
  throwCode(code, `metadata of ${topic}`)
  const metadata = Number(out[0])
  try {
    if (i32At(metadata, METADATA_TOPIC_COUNT) !== 1) return undefined
    const at = pointerAt(metadata, METADATA_TOPICS)
    const err = i32At(at, TOPIC_ERR)
    if (err === ERR_UNKNOWN_TOPIC_OR_PARTITION) return undefined
    throwCode(err, `metadata of ${topic}`)
    const partitions = i32At(at, TOPIC_PARTITION_COUNT)
    const first = pointerAt(at, TOPIC_PARTITIONS)
    return {
      topic: textAt(pointerAt(at, TOPIC_NAME)),
      partitions,
      replicationFactor: partitions > 0 ? i32At(first, METADATA_PARTITION_REPLICA_COUNT) : 0,
    }
  } finally {
    rd.rd_kafka_metadata_destroy(metadata as Pointer)
  }
}
