// Records with headers of any bytes, as a registry's producers write them.

import { type Pointer, ptr } from 'bun:ffi'
import { PRODUCER, destroyClient, makeClient } from '../../src/rdkafka/conf.ts'
import { throwCode, throwError } from '../../src/rdkafka/error.ts'
import { cString, rd } from '../../src/rdkafka/library.ts'
import {
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
} from '../../src/rdkafka/structs.ts'

/** RD_KAFKA_MSG_F_COPY */
const COPY = 0x2

export type HeadedRecord = {
  partition: number
  key: Uint8Array
  value: Uint8Array
  headers: readonly (readonly [name: string, value: Uint8Array])[]
}

/** Sends records and waits until all are delivered. */
export function sendWithHeaders(
  bootstrapServers: string,
  topicName: string,
  records: readonly HeadedRecord[],
): void {
  const client = makeClient(PRODUCER, { 'bootstrap.servers': bootstrapServers }, 0)
  const topic = rd.rd_kafka_topic_new(client, cString(topicName), null)!
  for (const record of records) produce(client, topic, record)
  throwCode(rd.rd_kafka_flush(client, 30_000), 'flush')
  rd.rd_kafka_topic_destroy(topic)
  destroyClient(client)
}

function produce(client: Pointer, topic: Pointer, record: HeadedRecord): void {
  const native = rd.rd_kafka_headers_new(8)!
  for (const [name, value] of record.headers) {
    const code = rd.rd_kafka_header_add(native, cString(name), -1, value, value.length)
    throwCode(code, `header ${name}`)
  }
  const parts: [type: number, value: number, size: number][] = [
    [VU_RKT, topic, 0],
    [VU_PARTITION, record.partition, 0],
    [VU_MSGFLAGS, COPY, 0],
    [VU_VALUE_BYTES, ptr(record.value), record.value.length],
    [VU_KEY, ptr(record.key), record.key.length],
    [VU_HEADERS, native, 0],
  ]
  const bytes = new Uint8Array(parts.length * VU_BYTES)
  const view = new DataView(bytes.buffer)
  for (const [i, [type, value, size]] of parts.entries()) {
    view.setInt32(i * VU_BYTES + VU_TYPE, type, true)
    view.setBigUint64(i * VU_BYTES + VU_VALUE, BigInt(value), true)
    view.setBigUint64(i * VU_BYTES + VU_SIZE, BigInt(size), true)
  }
  throwError(rd.rd_kafka_produceva(client, bytes, parts.length), 'produce')
}
