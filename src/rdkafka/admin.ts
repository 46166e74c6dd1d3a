// Administration of topics: what there is, how it is configured, and making what is missing.

import { type Pointer, ptr } from 'bun:ffi'
import { OperatingError, assert, usageError } from '../errors.ts'
import {
  EVENT_ERROR,
  EVENT_LOG,
  PRODUCER,
  type Properties,
  makeClient,
  destroyClient,
} from './conf.ts'
import { ERR_NONE, ERR_TOPIC_ALREADY_EXISTS, KafkaError, errorName, throwCode } from './error.ts'
import { type KafkaEvent, pollEvent } from './event.ts'
import { cString, rd } from './library.ts'
import { type TopicMetadata, topicMetadata } from './metadata.ts'
import { pointerAt } from './structs.ts'

/** rd_kafka_admin_op_t and rd_kafka_ResourceType_t, rdkafka.h 2.15. */
const OP_CREATE_TOPICS = 1
const OP_DESCRIBE_CONFIGS = 5
const RESOURCE_TOPIC = 2
const ERROR_TEXT_BYTES = 512

export type TopicPlan = {
  topic: string
  partitions: number
  replicationFactor: number
  /** Kafka's topic settings, such as retention.ms. */
  config: Readonly<Record<string, string>>
}

export class Admin implements Disposable {
  private readonly client: Pointer
  private readonly main: Pointer
  private readonly timeoutMs: number

  /** @param timeoutMs  longest wait for the brokers in one call */
  constructor(properties: Properties, timeoutMs: number) {
    const own = { ...properties, 'log.queue': 'true' }
    this.client = makeClient(PRODUCER, own, EVENT_LOG | EVENT_ERROR)
    const queue = rd.rd_kafka_queue_get_main(this.client)
    assert(queue, 'a client has a queue')
    this.main = queue
    throwCode(rd.rd_kafka_set_log_queue(this.client, queue), 'log queue')
    this.timeoutMs = timeoutMs
  }

  /** Takes librdkafka's next log line or error. */
  poll(): KafkaEvent | undefined {
    return pollEvent(this.main, 0)
  }

  /** @returns undefined when the topic does not exist */
  topic(topic: string, timeoutMs = this.timeoutMs): TopicMetadata | undefined {
    return topicMetadata(this.client, topic, timeoutMs)
  }

  /** Settings of an existing topic, by Kafka's names; defaults included. */
  topicConfig(topic: string): Map<string, string> {
    const resource = rd.rd_kafka_ConfigResource_new(RESOURCE_TOPIC, cString(topic))
    assert(resource, 'librdkafka makes a resource')
    try {
      return this.call(OP_DESCRIBE_CONFIGS, resource, rd.rd_kafka_DescribeConfigs, (event) => {
        const result = rd.rd_kafka_event_DescribeConfigs_result(event)
        assert(result, 'the answer is to the question')
        const [first] = pointers((count) =>
          rd.rd_kafka_DescribeConfigs_result_resources(result, count),
        )
        throwCode(rd.rd_kafka_ConfigResource_error(first!), `settings of ${topic}`)
        const entries = pointers((count) => rd.rd_kafka_ConfigResource_configs(first!, count))
        return new Map(
          entries.map((entry) => [
            String(rd.rd_kafka_ConfigEntry_name(entry)),
            String(rd.rd_kafka_ConfigEntry_value(entry)),
          ]),
        )
      })
    } finally {
      rd.rd_kafka_ConfigResource_destroy(resource)
    }
  }

  /**
   * Makes a topic.
   *
   * @returns false when it is there already
   * @throws OperatingError kind 'usage' with the broker's sentence when it refuses
   */
  createTopic(plan: TopicPlan): boolean {
    const newTopic = makeNewTopic(plan)
    try {
      return this.call(OP_CREATE_TOPICS, newTopic, rd.rd_kafka_CreateTopics, (event) => {
        const result = rd.rd_kafka_event_CreateTopics_result(event)
        assert(result, 'the answer is to the question')
        const [first] = pointers((count) => rd.rd_kafka_CreateTopics_result_topics(result, count))
        const code = rd.rd_kafka_topic_result_error(first!)
        if (code === ERR_TOPIC_ALREADY_EXISTS) return false
        if (code === ERR_NONE) return true
        const why = String(rd.rd_kafka_topic_result_error_string(first!))
        throw usageError('topic', `cannot make topic ${plan.topic}: ${why} (${errorName(code)})`)
      })
    } finally {
      rd.rd_kafka_NewTopic_destroy(newTopic)
    }
  }

  /** Sends one request about one thing, waits for its answer, and reads it. */
  private call<T>(
    operation: number,
    argument: Pointer,
    send: (
      client: Pointer,
      list: NodeJS.TypedArray,
      count: number,
      options: Pointer,
      queue: Pointer,
    ) => void,
    read: (event: Pointer) => T,
  ): T {
    const queue = rd.rd_kafka_queue_new(this.client)
    const options = rd.rd_kafka_AdminOptions_new(this.client, operation)
    assert(queue && options, 'librdkafka makes a queue and options')
    const text = new Uint8Array(ERROR_TEXT_BYTES)
    rd.rd_kafka_AdminOptions_set_request_timeout(options, this.timeoutMs, text, text.length)
    const list = new BigUint64Array([BigInt(argument)])
    send(this.client, list, 1, options, queue)
    const event = rd.rd_kafka_queue_poll(queue, this.timeoutMs + 1000)
    try {
      if (!event) throw new OperatingError('retriable', 'timed_out', 'the brokers did not answer')
      const code = rd.rd_kafka_event_error(event)
      if (code !== ERR_NONE) {
        throw new KafkaError('retriable', code, String(rd.rd_kafka_event_error_string(event)))
      }
      return read(event)
    } finally {
      if (event) rd.rd_kafka_event_destroy(event)
      rd.rd_kafka_AdminOptions_destroy(options)
      rd.rd_kafka_queue_destroy(queue)
    }
  }

  [Symbol.dispose](): void {
    rd.rd_kafka_queue_destroy(this.main)
    destroyClient(this.client)
  }
}

function makeNewTopic(plan: TopicPlan): Pointer {
  const { topic, partitions, replicationFactor, config } = plan
  const text = new Uint8Array(ERROR_TEXT_BYTES)
  const newTopic = rd.rd_kafka_NewTopic_new(
    cString(topic),
    partitions,
    replicationFactor,
    text,
    text.length,
  )
  if (!newTopic) {
    const why = new TextDecoder().decode(text.subarray(0, text.indexOf(0)))
    throw usageError('topic', `cannot make topic ${topic}: ${why}`)
  }
  for (const [name, value] of Object.entries(config)) {
    throwCode(rd.rd_kafka_NewTopic_set_config(newTopic, cString(name), cString(value)), name)
  }
  return newTopic
}

/** The addresses in an array whose count a call gives beside it. */
function pointers(call: (count: Pointer) => number | null): Pointer[] {
  const count = new BigUint64Array(1)
  const array = call(ptr(count))
  assert(array !== null, 'librdkafka gives an array')
  return Array.from({ length: Number(count[0]) }, (_, i) => pointerAt(array, i * 8) as Pointer)
}
