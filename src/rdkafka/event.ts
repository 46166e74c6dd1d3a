// Events: everything librdkafka has to tell, taken from a queue and turned into values. No callback
// ever runs from C into JavaScript: thread-safe callbacks corrupted the heap in several Bun
// releases (oven-sh/bun#33840, #28113).

import { type Pointer, ptr } from 'bun:ffi'
import {
  EVENT_DELIVERY,
  EVENT_ERROR,
  EVENT_LOG,
  EVENT_OFFSET_COMMIT,
  EVENT_REBALANCE,
  EVENT_STATS,
} from './conf.ts'
import { ERR_ASSIGN_PARTITIONS, errorName, errorText } from './error.ts'
import { rd, textAt } from './library.ts'
import { MESSAGE_ERR, i32At } from './structs.ts'
import { type TopicPartition, readList } from './topic-partition-list.ts'

export type KafkaEvent =
  | { type: 'log'; level: number; facility: string; message: string }
  | { type: 'error'; code: number; name: string; message: string; fatal: boolean }
  | { type: 'rebalance'; assign: boolean; partitions: TopicPartition[] }
  /** Records that could not be delivered; those that could raise no event. */
  | { type: 'undelivered'; count: number; code: number; message: string }
  | { type: 'commit'; code: number; message: string }
  /** How far each partition can be read: before the first transaction that is still open. */
  | { type: 'stats'; stableEnds: (TopicPartition & { stableEnd: number })[] }
  | { type: 'other'; code: number }

/**
 * Takes the next event from a queue.
 *
 * @param timeoutMs  how long to wait for one; 0 does not wait
 */
export function pollEvent(queue: Pointer, timeoutMs: number): KafkaEvent | undefined {
  const event = rd.rd_kafka_queue_poll(queue, timeoutMs)
  if (!event) return undefined
  try {
    return readEvent(event)
  } finally {
    rd.rd_kafka_event_destroy(event)
  }
}

function readEvent(event: Pointer): KafkaEvent {
  const type = rd.rd_kafka_event_type(event)
  switch (type) {
    case EVENT_LOG:
      return readLog(event)
    case EVENT_ERROR: {
      const code = rd.rd_kafka_event_error(event)
      const fatal = rd.rd_kafka_event_error_is_fatal(event) !== 0
      const message = String(rd.rd_kafka_event_error_string(event))
      return { type: 'error', code, name: errorName(code), message, fatal }
    }
    case EVENT_REBALANCE: {
      const list = rd.rd_kafka_event_topic_partition_list(event)
      const partitions = list
        ? readList(list).map(({ topic, partition }) => ({ topic, partition }))
        : []
      const assign = rd.rd_kafka_event_error(event) === ERR_ASSIGN_PARTITIONS
      return { type: 'rebalance', assign, partitions }
    }
    case EVENT_DELIVERY:
      return readDelivery(event)
    case EVENT_OFFSET_COMMIT: {
      const code = rd.rd_kafka_event_error(event)
      return { type: 'commit', code, message: errorText(code) }
    }
    case EVENT_STATS:
      return readStats(String(rd.rd_kafka_event_stats(event)))
    default:
      return { type: 'other', code: type }
  }
}

/** Of librdkafka's statistics what we use. Source: STATISTICS.md of librdkafka. */
type Statistics = {
  topics: Record<string, { partitions: Record<string, { partition: number; ls_offset: number }> }>
}

function readStats(json: string): KafkaEvent {
  const { topics } = JSON.parse(json) as Statistics
  const stableEnds = Object.entries(topics).flatMap(([topic, { partitions }]) =>
    Object.values(partitions)
      .filter(({ partition, ls_offset }) => partition >= 0 && ls_offset >= 0)
      .map(({ partition, ls_offset }) => ({ topic, partition, stableEnd: ls_offset })),
  )
  return { type: 'stats', stableEnds }
}

function readLog(event: Pointer): KafkaEvent {
  const facility = new BigUint64Array(1)
  const message = new BigUint64Array(1)
  const level = new Int32Array(1)
  rd.rd_kafka_event_log(event, ptr(facility), ptr(message), ptr(level))
  return {
    type: 'log',
    level: level[0]!,
    facility: textAt(Number(facility[0])),
    message: textAt(Number(message[0])),
  }
}

function readDelivery(event: Pointer): KafkaEvent {
  let count = 0
  let code = 0
  for (;;) {
    const message = rd.rd_kafka_event_message_next(event)
    if (!message) break
    const err = i32At(message, MESSAGE_ERR)
    if (err === 0) continue
    count++
    code = err
  }
  return { type: 'undelivered', count, code, message: errorText(code) }
}
