// A producer: the worker's, transactional or not, and the one behind `produce`. Records go in
// batches that WebAssembly laid out, or one at a time with headers.

import { type Pointer, ptr } from 'bun:ffi'
import { assert } from '../errors.ts'
import {
  EVENT_DELIVERY,
  EVENT_ERROR,
  EVENT_LOG,
  PRODUCER,
  type Properties,
  makeClient,
  destroyClient,
} from './conf.ts'
import {
  ERR_QUEUE_FULL,
  ERR_STATE,
  ERR_TIMED_OUT,
  KafkaError,
  throwCode,
  throwError,
} from './error.ts'
import { type KafkaEvent, pollEvent } from './event.ts'
import { cString, rd } from './library.ts'
import { type TopicMetadata, topicMetadata } from './metadata.ts'
import {
  MESSAGE_BYTES,
  MESSAGE_ERR,
  type Span,
  VU_BYTES,
  VU_HEADERS,
  VU_KEY,
  VU_MSGFLAGS,
  VU_PARTITION,
  VU_RKT,
  VU_SIZE,
  VU_TYPE,
  VU_VALUE,
  VU_VALUE_BYTES,
  i32At,
  keySpan,
  valueSpan,
  writeMessage,
} from './structs.ts'
import type { RawHeader } from './record.ts'
import type { TopicPartitionList } from './topic-partition-list.ts'

/** RD_KAFKA_MSG_F_COPY: librdkafka copies payload and key. */
const COPY = 0x2
/** RD_KAFKA_PARTITION_UA: the partitioner chooses by key. */
export const ANY_PARTITION = -1
/** RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT */
const PURGE_ALL = 3
/** Arguments that `forward` gives rd_kafka_produceva. */
const VU_COUNT = 6

/** The transaction failed in the background already, and wants to be aborted. */
function abortError({ kafkaCode, message }: KafkaError): KafkaError {
  return new KafkaError('abort', kafkaCode, message)
}

/** Bytes of no length have no address of their own. */
const NOTHING = new Uint8Array(1)

function spanOf(bytes: Uint8Array | null): Span {
  if (bytes === null) return [0, 0]
  return [ptr(bytes.length > 0 ? bytes : NOTHING), bytes.length]
}

function addHeader(headers: Pointer, name: string, value: Uint8Array | null): void {
  const data = value === null || value.length > 0 ? value : NOTHING
  const code = rd.rd_kafka_header_add(headers, cString(name), -1, data, value?.length ?? 0)
  throwCode(code, `header ${name}`, 'fatal')
}

export class Producer {
  private readonly pointer: Pointer
  private readonly queue: Pointer
  /**
   * Logs have a queue of their own: flushing and committing serve the main queue, and would print
   * them to standard error.
   */
  private readonly logs: Pointer
  private readonly topics = new Map<string, Pointer>()
  /** What native code was given the address of, kept until the next call. */
  protected pinned: unknown

  /**
   * @param properties  librdkafka's. With transactional.id, failures to deliver surface when the
   *                    transaction commits; without, as events of type 'undelivered'
   */
  constructor(properties: Properties) {
    // Delivery reports must not be asked for with transactions: committing waits until they are
    // polled, and nobody polls while committing.
    const transactional = properties['transactional.id'] !== undefined
    const events = EVENT_LOG | EVENT_ERROR | (transactional ? 0 : EVENT_DELIVERY)
    const own = { 'log.queue': 'true', 'delivery.report.only.error': 'true' }
    this.pointer = makeClient(PRODUCER, { ...properties, ...own }, events)
    const queue = rd.rd_kafka_queue_get_main(this.pointer)
    const logs = rd.rd_kafka_queue_new(this.pointer)
    assert(queue && logs, 'a producer has queues')
    this.queue = queue
    this.logs = logs
    throwCode(rd.rd_kafka_set_log_queue(this.pointer, logs), 'log queue')
  }

  metadata(topic: string, timeoutMs: number): TopicMetadata | undefined {
    return topicMetadata(this.pointer, topic, timeoutMs)
  }

  /**
   * Waits until a broker answers, and learns where the topic's partitions are. The first answer
   * tells librdkafka which brokers there are, and the connection that brought it ends; one that is
   * kept is there when the second comes.
   */
  connect(topic: string, timeoutMs: number): void {
    const deadline = Date.now() + timeoutMs
    try {
      this.metadata(topic, timeoutMs)
      this.metadata(topic, Math.max(1, deadline - Date.now()))
    } catch {
      // Whatever is wrong, what needs the broker next tells it.
    }
  }

  /** Takes the next log line, error or failed delivery. */
  poll(timeoutMs: number): KafkaEvent | undefined {
    return pollEvent(this.logs, 0) ?? pollEvent(this.queue, timeoutMs)
  }

  /** Records that are not yet delivered, or whose failure was not polled yet. */
  get outstanding(): number {
    return rd.rd_kafka_outq_len(this.pointer)
  }

  /**
   * Hands over records of one partition, in order.
   *
   * @param messages  native address of rd_kafka_message_t[count]; bytes are copied
   * @returns how many were taken, from the first on; less than `count` when the queue is full
   * @throws KafkaError kind 'fatal' when they can never be taken, as one that is too large
   */
  produceBatch(topic: string, partition: number, messages: number, count: number): number {
    const handle = this.topic(topic)
    const at = messages as Pointer
    const taken = rd.rd_kafka_produce_batch(handle, partition, COPY, at, count)
    if (taken === count) return taken
    for (let i = 0; i < count; i++) {
      const err = i32At(messages, i * MESSAGE_BYTES + MESSAGE_ERR)
      // Once the queue is full librdkafka refuses the rest of the batch, so the order is kept.
      if (err === ERR_QUEUE_FULL) return i
      throwCode(err, `produce to ${topic}`, err === ERR_STATE ? 'abort' : 'fatal')
    }
    return taken
  }

  /** Hands over one record; false when the queue is full. */
  produce(topic: string, partition: number, key: Uint8Array | null, value: Uint8Array): boolean {
    const message = new Uint8Array(MESSAGE_BYTES)
    this.pinned = { key, value, message }
    const view = new DataView(message.buffer)
    const span = (bytes: Uint8Array | null): Span =>
      bytes && bytes.length > 0 ? [ptr(bytes), bytes.length] : [0, 0]
    writeMessage(view, 0, span(key), span(value))
    return this.produceBatch(topic, partition, ptr(message), 1) === 1
  }

  /**
   * Hands over a consumed message as it is, key, value and headers, with headers of ours added.
   *
   * @param source     native address of the consumed rd_kafka_message_t
   * @param withValue  whether its value goes along; without, the record has none
   * @returns false when the queue is full
   */
  forward(
    topic: string,
    partition: number,
    source: number,
    headers: readonly (readonly [name: string, value: string])[],
    withValue = true,
  ): boolean {
    const native = this.copyHeaders(source)
    for (const [name, text] of headers) addHeader(native, name, new TextEncoder().encode(text))
    const value: Span = withValue ? valueSpan(source) : [0, 0]
    return this.orDrop(native, this.produceVa(topic, partition, keySpan(source), value, native))
  }

  /**
   * Hands over one record that is laid out already, with headers.
   *
   * @param message  native address of a rd_kafka_message_t; its bytes are copied
   * @param headers  native address; taken over, but when the queue is full
   * @returns false when the queue is full
   */
  produceMessage(topic: string, partition: number, message: number, headers: number): boolean {
    const [key, value] = [keySpan(message), valueSpan(message)]
    return this.produceVa(topic, partition, key, value, headers as Pointer)
  }

  /**
   * Hands over one record with headers; a null key, value or header stays one.
   *
   * @param partition  ANY_PARTITION lets the key choose
   * @returns false when the queue is full
   */
  produceWithHeaders(
    topic: string,
    partition: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RawHeader[],
  ): boolean {
    const native = rd.rd_kafka_headers_new(headers.length)
    assert(native, 'librdkafka makes headers')
    for (const [name, bytes] of headers) addHeader(native, name, bytes)
    this.pinned = { key, value }
    const taken = this.produceVa(topic, partition, spanOf(key), spanOf(value), native)
    return this.orDrop(native, taken)
  }

  private orDrop(headers: Pointer, taken: boolean): boolean {
    if (!taken) rd.rd_kafka_headers_destroy(headers)
    return taken
  }

  /** @param headers  native; taken over, but when the queue is full */
  private produceVa(
    topic: string,
    partition: number,
    key: Span,
    value: Span,
    headers: Pointer,
  ): boolean {
    const arguments_ = new Uint8Array(VU_COUNT * VU_BYTES)
    const view = new DataView(arguments_.buffer)
    let at = 0
    const add = (type: number, first: number, size = 0) => {
      view.setInt32(at + VU_TYPE, type, true)
      view.setBigUint64(at + VU_VALUE, BigInt.asUintN(64, BigInt(first)), true)
      view.setBigUint64(at + VU_SIZE, BigInt(size), true)
      at += VU_BYTES
    }
    add(VU_RKT, this.topic(topic))
    add(VU_PARTITION, partition)
    add(VU_MSGFLAGS, COPY)
    add(VU_VALUE_BYTES, ...value)
    add(VU_KEY, ...key)
    add(VU_HEADERS, headers)
    try {
      throwError(rd.rd_kafka_produceva(this.pointer, arguments_, VU_COUNT), `produce to ${topic}`)
      return true
    } catch (error) {
      if (error instanceof KafkaError && error.kafkaCode === ERR_QUEUE_FULL) return false
      // Only a record that was taken takes its headers along.
      rd.rd_kafka_headers_destroy(headers)
      if (!(error instanceof KafkaError)) throw error
      throw error.kafkaCode === ERR_STATE ? abortError(error) : error
    }
  }

  /** Frees headers that go onto no record. */
  dropHeaders(headers: number): void {
    rd.rd_kafka_headers_destroy(headers as Pointer)
  }

  private copyHeaders(source: number): Pointer {
    const out = new BigUint64Array(1)
    const code = rd.rd_kafka_message_headers(source as Pointer, ptr(out))
    const headers =
      code === 0 ? rd.rd_kafka_headers_copy(Number(out[0]) as Pointer) : rd.rd_kafka_headers_new(8)
    assert(headers, 'librdkafka makes headers')
    return headers
  }

  /**
   * Waits until all records are delivered or have failed.
   *
   * @returns false when the time was not enough
   */
  flush(timeoutMs: number): boolean {
    const code = rd.rd_kafka_flush(this.pointer, timeoutMs)
    if (code === ERR_TIMED_OUT) return false
    throwCode(code, 'flush')
    return true
  }

  /** Fences older producers of the same transactional.id and aborts what they left open. */
  initTransactions(timeoutMs: number): void {
    throwError(rd.rd_kafka_init_transactions(this.pointer, timeoutMs), 'init transactions')
  }

  beginTransaction(): void {
    throwError(rd.rd_kafka_begin_transaction(this.pointer), 'begin transaction')
  }

  /**
   * Adds offsets to the transaction.
   *
   * @param metadata  the consumer group's, fetched after the last rebalance
   */
  sendOffsets(offsets: TopicPartitionList, metadata: Pointer, timeoutMs: number): void {
    const { pointer } = offsets
    throwError(
      rd.rd_kafka_send_offsets_to_transaction(this.pointer, pointer, metadata, timeoutMs),
      'send offsets to transaction',
    )
  }

  /** Waits for delivery of the transaction's records, and commits it. */
  commitTransaction(timeoutMs: number): void {
    throwError(rd.rd_kafka_commit_transaction(this.pointer, timeoutMs), 'commit transaction')
  }

  abortTransaction(timeoutMs: number): void {
    throwError(rd.rd_kafka_abort_transaction(this.pointer, timeoutMs), 'abort transaction')
  }

  private topic(name: string): Pointer {
    const known = this.topics.get(name)
    if (known) return known
    const handle = rd.rd_kafka_topic_new(this.pointer, cString(name), null)
    if (!handle) throwCode(rd.rd_kafka_last_error(), `topic ${name}`, 'fatal')
    assert(handle, 'librdkafka makes a topic')
    this.topics.set(name, handle)
    return handle
  }

  /** Drops what is not delivered, and frees the client. */
  destroy(): void {
    rd.rd_kafka_purge(this.pointer, PURGE_ALL)
    for (const handle of this.topics.values()) rd.rd_kafka_topic_destroy(handle)
    rd.rd_kafka_queue_destroy(this.logs)
    rd.rd_kafka_queue_destroy(this.queue)
    destroyClient(this.pointer)
    this.pinned = undefined
  }
}
