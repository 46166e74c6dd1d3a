// Configuration of a client: librdkafka's own property names and values, checked by librdkafka.

import type { Pointer } from 'bun:ffi'
import { assert, usageError } from '../errors.ts'
import { cString, rd } from './library.ts'

/** Property values as strings, by librdkafka's names. */
export type Properties = Readonly<Record<string, string>>

/** RD_KAFKA_EVENT_…, rdkafka.h 2.15. */
export const EVENT_DELIVERY = 0x1
export const EVENT_LOG = 0x4
export const EVENT_ERROR = 0x8
export const EVENT_REBALANCE = 0x10
export const EVENT_OFFSET_COMMIT = 0x20
export const EVENT_STATS = 0x40

/** Properties of a producer whose records keep their order and come once each. */
export function deliveryProperties(transactionalId: string | undefined): Properties {
  return transactionalId === undefined
    ? { 'enable.idempotence': 'true' }
    : { 'transactional.id': transactionalId }
}

const CONF_OK = 0
/** Below syslog's emergency: nothing. */
const SILENT = -1
const ERROR_TEXT_BYTES = 512

export const PRODUCER = 0
export const CONSUMER = 1

/**
 * Makes a client.
 *
 * @param events  EVENT_… bits that shall come as events instead of being printed or dropped
 * @throws OperatingError kind 'usage', code 'kafka_property', with librdkafka's own sentence
 */
export function makeClient(type: number, properties: Properties, events: number): Pointer {
  const conf = makeConf(properties)
  rd.rd_kafka_conf_set_events(conf, events)
  const text = new Uint8Array(ERROR_TEXT_BYTES)
  const client = rd.rd_kafka_new(type, conf, text, text.length)
  if (!client) {
    // rd_kafka_new takes the configuration only when it succeeds.
    rd.rd_kafka_conf_destroy(conf)
    throw usageError('kafka_property', `cannot make a Kafka client: ${decode(text)}`)
  }
  return client
}

/** Makes a configuration; rd_kafka_new takes it over. */
function makeConf(properties: Properties): Pointer {
  const conf = rd.rd_kafka_conf_new()
  assert(conf, 'librdkafka makes a configuration')
  try {
    for (const [name, value] of Object.entries(properties)) setProperty(conf, name, value)
  } catch (error) {
    rd.rd_kafka_conf_destroy(conf)
    throw error
  }
  return conf
}

function setProperty(conf: Pointer, name: string, value: string): void {
  const text = new Uint8Array(ERROR_TEXT_BYTES)
  const result = rd.rd_kafka_conf_set(conf, cString(name), cString(value), text, text.length)
  if (result !== CONF_OK) throw usageError('kafka_property', `${name}: ${decode(text)}`)
}

/**
 * Frees a client. Its queues are gone by then, and what it logs on its way out would go to standard
 * error as librdkafka writes it.
 */
export function destroyClient(client: Pointer): void {
  rd.rd_kafka_set_log_level(client, SILENT)
  rd.rd_kafka_destroy(client)
}

/**
 * Checks properties without making a client.
 *
 * @throws OperatingError kind 'usage', code 'kafka_property', for the first that is wrong
 */
export function checkProperties(properties: Properties): void {
  rd.rd_kafka_conf_destroy(makeConf(properties))
}

/**
 * Checks properties by making a client and throwing it away: that finds what contradicts another
 * property, and files that cannot be read, too. It connects to nothing.
 *
 * @param type  PRODUCER or CONSUMER
 * @throws OperatingError kind 'usage', code 'kafka_property', with librdkafka's own sentence
 */
export function checkClient(type: number, properties: Properties): void {
  checkProperties(properties)
  const left = new Set(['bootstrap.servers', 'metadata.broker.list', 'debug'])
  const rest = Object.entries(properties).filter(([name]) => !left.has(name))
  // What is wrong with the properties is thrown; that there are no brokers, or that a token cannot
  // be had yet, is told by the client that stays.
  const quiet = { ...Object.fromEntries(rest), log_level: '0' }
  destroyClient(makeClient(type, quiet, 0))
}

function decode(text: Uint8Array): string {
  return new TextDecoder().decode(text.subarray(0, text.indexOf(0)))
}
