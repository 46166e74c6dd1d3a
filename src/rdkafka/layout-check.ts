// Whether the loaded library lays out its structures as structs.ts says. The version alone does not
// tell: a library may be patched or built for another machine. What goes in by its functions must
// come out of its structures, and the other way round. Connects to nothing; takes milliseconds.

import { type Pointer, ptr } from 'bun:ffi'
import { assert, messageOf, usageError } from '../errors.ts'
import { EVENT_DELIVERY, PRODUCER, destroyClient, makeClient } from './conf.ts'
import { throwCode } from './error.ts'
import { cString, rd } from './library.ts'
import { copyOut } from './memory.ts'
import {
  MESSAGE_BYTES,
  MESSAGE_ERR,
  MESSAGE_KEY,
  MESSAGE_KEY_LEN,
  MESSAGE_LEN,
  MESSAGE_OFFSET,
  MESSAGE_PARTITION,
  MESSAGE_PAYLOAD,
  i32At,
  i64At,
  pointerAt,
  u32At,
  writeMessage,
} from './structs.ts'
import { TopicPartitionList } from './topic-partition-list.ts'

/** RD_KAFKA_MSG_F_COPY */
const COPY = 0x2
/** RD_KAFKA_PURGE_F_QUEUE */
const PURGE_QUEUE = 1
const ERR_PURGE_QUEUE = -152
const OFFSET_INVALID = -1001n
const EVENT_MS_MAX = 5000

/** Key and value of each message that goes in. */
const MESSAGES = [
  ['key', 'value'],
  ['another key', 'the value of another'],
] as const

/**
 * @throws OperatingError kind 'usage', code 'librdkafka', that names the structure that differs
 */
export function checkLayout(path: string): void {
  try {
    checkTopicPartitionList()
    checkMessages()
  } catch (error) {
    const version = String(rd.rd_kafka_version_str())
    const what = `${path} (version ${version}) is another librdkafka than this was written for`
    throw usageError('librdkafka', `${what}: ${messageOf(error)}`, error)
  }
}

function expectSame(structure: string, is: unknown, due: unknown): void {
  const text = (value: unknown) => Bun.inspect(value, { compact: true })
  assert(Bun.deepEquals(is, due), `${structure} reads ${text(is)} instead of ${text(due)}`)
}

function checkTopicPartitionList(): void {
  const due = [
    { topic: 'first', partition: 7, offset: 0x1122334455n },
    { topic: 'second', partition: 0x01020304, offset: 3n },
  ]
  using list = new TopicPartitionList(due)
  const values = list.values()
  expectSame(
    'rd_kafka_topic_partition_list_t',
    values,
    due.map((partition) => ({ ...partition, err: 0 })),
  )
}

/** Messages for a topic of no broker go in as an array, and come back when they are purged. */
function checkMessages(): void {
  const client = makeClient(PRODUCER, { 'client.id': 'layout', log_level: '0' }, EVENT_DELIVERY)
  const queue = rd.rd_kafka_queue_get_main(client)
  const topic = rd.rd_kafka_topic_new(client, cString('layout'), null)
  try {
    assert(queue && topic, 'a client has a queue and makes topics')
    produce(topic)
    throwCode(rd.rd_kafka_purge(client, PURGE_QUEUE), 'purge')
    expectSame(
      'rd_kafka_message_t',
      takeMessages(queue),
      MESSAGES.map(([key, value]) => {
        return { key, value, partition: 0, err: ERR_PURGE_QUEUE, offset: OFFSET_INVALID }
      }),
    )
  } finally {
    if (topic) rd.rd_kafka_topic_destroy(topic)
    if (queue) rd.rd_kafka_queue_destroy(queue)
    destroyClient(client)
  }
}

function produce(topic: Pointer): void {
  const messages = new Uint8Array(MESSAGES.length * MESSAGE_BYTES)
  const view = new DataView(messages.buffer)
  const texts = MESSAGES.map((pair) => pair.map((text) => new TextEncoder().encode(text)))
  for (const [i, [key, value]] of texts.entries()) {
    const at = i * MESSAGE_BYTES
    writeMessage(view, at, [ptr(key!), key!.length], [ptr(value!), value!.length])
  }
  const taken = rd.rd_kafka_produce_batch(topic, 0, COPY, ptr(messages), MESSAGES.length)
  expectSame('an array of rd_kafka_message_t', taken, texts.length)
}

function takeMessages(queue: Pointer) {
  const found = []
  while (found.length < MESSAGES.length) {
    const event = rd.rd_kafka_queue_poll(queue, EVENT_MS_MAX)
    assert(event, 'messages that are purged are told of')
    for (;;) {
      const message = rd.rd_kafka_event_message_next(event)
      if (!message) break
      const text = (pointer: number, length: number) =>
        new TextDecoder().decode(
          copyOut(pointerAt(message, pointer), u32At(message, length)) ?? new Uint8Array(0),
        )
      found.push({
        key: text(MESSAGE_KEY, MESSAGE_KEY_LEN),
        value: text(MESSAGE_PAYLOAD, MESSAGE_LEN),
        partition: i32At(message, MESSAGE_PARTITION),
        err: i32At(message, MESSAGE_ERR),
        offset: i64At(message, MESSAGE_OFFSET),
      })
    }
    rd.rd_kafka_event_destroy(event)
  }
  return found
}
