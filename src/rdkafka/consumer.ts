// The consumer group's member. The main thread owns it: it joins, polls for rebalances and leaves.
// The workers hold only its address, and the queue of their own partition (partition-source.ts).

import { type Pointer, ptr } from 'bun:ffi'
import { assert } from '../errors.ts'
import {
  CONSUMER,
  EVENT_ERROR,
  EVENT_LOG,
  EVENT_OFFSET_COMMIT,
  EVENT_REBALANCE,
  EVENT_STATS,
  type Properties,
  makeClient,
  destroyClient,
} from './conf.ts'
import { throwCode, throwError } from './error.ts'
import { type KafkaEvent, pollEvent } from './event.ts'
import { cString, rd } from './library.ts'
import { type TopicMetadata, topicMetadata } from './metadata.ts'
import { type TopicPartition, TopicPartitionList } from './topic-partition-list.ts'

/** RD_KAFKA_OFFSET_END */
const OFFSET_END = -1n
/** Longest wait for an answer that is of no interest. */
const WAKE_WAIT_MS = 10

export class Consumer {
  /** Address of the client, to be handed to the workers. */
  readonly pointer: Pointer
  private readonly queue: Pointer

  /** @param properties  librdkafka's; events are switched on here */
  constructor(properties: Properties) {
    const events = EVENT_LOG | EVENT_ERROR | EVENT_REBALANCE | EVENT_OFFSET_COMMIT | EVENT_STATS
    this.pointer = makeClient(CONSUMER, { ...properties, 'log.queue': 'true' }, events)
    rd.rd_kafka_poll_set_consumer(this.pointer)
    const queue = rd.rd_kafka_queue_get_consumer(this.pointer)
    assert(queue, 'a consumer has a queue')
    this.queue = queue
    throwCode(rd.rd_kafka_set_log_queue(this.pointer, queue), 'log queue')
  }

  metadata(topic: string, timeoutMs: number): TopicMetadata | undefined {
    return topicMetadata(this.pointer, topic, timeoutMs)
  }

  /** Joins the group; assignments come as events. */
  subscribe(topic: string): void {
    using list = new TopicPartitionList([{ topic, partition: -1 }])
    throwCode(rd.rd_kafka_subscribe(this.pointer, list.pointer), `subscribe to ${topic}`, 'fatal')
  }

  /** Leaves the group once all partitions are let go; what is subscribed to then joins it again. */
  unsubscribe(): void {
    throwCode(rd.rd_kafka_unsubscribe(this.pointer), 'unsubscribe')
  }

  /** Whether the group has taken this member in, with or without partitions. */
  isMember(): boolean {
    const metadata = rd.rd_kafka_consumer_group_metadata(this.pointer)
    if (!metadata) return false
    const generation = rd.rd_kafka_consumer_group_metadata_generation_id(metadata)
    rd.rd_kafka_consumer_group_metadata_destroy(metadata)
    return generation > 0
  }

  poll(timeoutMs: number): KafkaEvent | undefined {
    return pollEvent(this.queue, timeoutMs)
  }

  /**
   * The partition's own queue, which no longer forwards to the consumer's. To be taken before the
   * partition is assigned: librdkafka keeps this setting, so no record slips into the shared queue.
   * The caller destroys it with `destroyQueue`.
   */
  takePartitionQueue({ topic, partition }: TopicPartition): Pointer {
    const queue = rd.rd_kafka_queue_get_partition(this.pointer, cString(topic), partition)
    assert(queue, `partition ${partition} of ${topic} has a queue`)
    rd.rd_kafka_queue_forward(queue, null)
    return queue
  }

  destroyQueue(queue: Pointer): void {
    rd.rd_kafka_queue_destroy(queue)
  }

  /** Lets a worker that waits on the queue return at once. */
  wakeQueue(queue: Pointer): void {
    rd.rd_kafka_queue_yield(queue)
  }

  /** Answers an assign event. */
  assign(partitions: readonly TopicPartition[]): void {
    using list = new TopicPartitionList(partitions)
    if (this.isCooperative()) {
      throwError(rd.rd_kafka_incremental_assign(this.pointer, list.pointer), 'assign')
    } else {
      throwCode(rd.rd_kafka_assign(this.pointer, list.pointer), 'assign')
    }
  }

  /** Answers a revoke event, once the workers have let go. */
  unassign(partitions: readonly TopicPartition[]): void {
    if (this.isCooperative()) {
      using list = new TopicPartitionList(partitions)
      throwError(rd.rd_kafka_incremental_unassign(this.pointer, list.pointer), 'unassign')
    } else {
      throwCode(rd.rd_kafka_assign(this.pointer, null), 'unassign')
    }
  }

  /**
   * Has fetching go on at once after a rebalance was answered. librdkafka pauses it until then, and
   * its broker threads, which it does not wake, may sleep for another second
   * (rd_kafka_broker_consumer_serve). Any question to a partition's leader wakes them.
   */
  wakeFetchers(partitions: readonly TopicPartition[]): void {
    if (partitions.length === 0) return
    using list = new TopicPartitionList(
      partitions.map(({ topic, partition }) => ({ topic, partition, offset: OFFSET_END })),
    )
    rd.rd_kafka_offsets_for_times(this.pointer, list.pointer, WAKE_WAIT_MS)
  }

  /** Whether the partitions being revoked may belong to another member already. */
  isAssignmentLost(): boolean {
    return rd.rd_kafka_assignment_lost(this.pointer) !== 0
  }

  private isCooperative(): boolean {
    return String(rd.rd_kafka_rebalance_protocol(this.pointer)) === 'COOPERATIVE'
  }

  /** Ends of the partition as the last fetch told them; -1001 before the first. */
  watermarks({ topic, partition }: TopicPartition): { low: number; high: number } {
    const low = new BigInt64Array(1)
    const high = new BigInt64Array(1)
    rd.rd_kafka_get_watermark_offsets(this.pointer, cString(topic), partition, ptr(low), ptr(high))
    return { low: Number(low[0]), high: Number(high[0]) }
  }

  /** Starts leaving the group; poll on until `isClosed`, a last revoke may come. */
  startClosing(): void {
    throwError(rd.rd_kafka_consumer_close_queue(this.pointer, this.queue), 'close the consumer')
  }

  isClosed(): boolean {
    return rd.rd_kafka_consumer_closed(this.pointer) !== 0
  }

  /** Frees the client. All queues must have been destroyed, and all workers have let go. */
  destroy(): void {
    rd.rd_kafka_queue_destroy(this.queue)
    destroyClient(this.pointer)
  }
}
