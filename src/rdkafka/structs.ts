// Structures of librdkafka that are read or written in place, as offsets. All 64-bit.
// Source: rdkafka.h 2.15. A test holds each against what the library itself reports.

import { read, type Pointer } from 'bun:ffi'

import {
  MESSAGE_KEY,
  MESSAGE_KEY_LEN,
  MESSAGE_LEN,
  MESSAGE_PAYLOAD,
} from '../../assembly/layout.ts'

export {
  MESSAGE_BYTES,
  MESSAGE_ERR,
  MESSAGE_KEY,
  MESSAGE_KEY_LEN,
  MESSAGE_LEN,
  MESSAGE_OFFSET,
  MESSAGE_PARTITION,
  MESSAGE_PAYLOAD,
} from '../../assembly/layout.ts'

// rd_kafka_topic_partition_list_t
export const LIST_COUNT = 0
export const LIST_ELEMENTS = 8

// rd_kafka_topic_partition_t
export const PARTITION_TOPIC = 0
export const PARTITION_NUMBER = 8
export const PARTITION_OFFSET = 16
export const PARTITION_ERR = 48
export const PARTITION_BYTES = 64

// rd_kafka_metadata_t
export const METADATA_TOPIC_COUNT = 16
export const METADATA_TOPICS = 24

// rd_kafka_metadata_topic_t
export const TOPIC_NAME = 0
export const TOPIC_PARTITION_COUNT = 8
export const TOPIC_PARTITIONS = 16
export const TOPIC_ERR = 24

// rd_kafka_metadata_partition_t
export const METADATA_PARTITION_REPLICA_COUNT = 12

// rd_kafka_vu_t, argument of rd_kafka_produceva: tag, then a union of at least 64 bytes.
export const VU_TYPE = 0
export const VU_VALUE = 8
export const VU_SIZE = 16
export const VU_BYTES = 72
/** rd_kafka_vtype_t */
export const VU_RKT = 2
export const VU_PARTITION = 3
export const VU_VALUE_BYTES = 4
export const VU_KEY = 5
export const VU_MSGFLAGS = 7
export const VU_HEADERS = 10

/** Native address and bytes; address 0 is null. */
export type Span = readonly [address: number, bytes: number]

/** Lays a rd_kafka_message_t out as rd_kafka_produce_batch takes it. */
export function writeMessage(view: DataView, at: number, key: Span, value: Span): void {
  view.setBigUint64(at + MESSAGE_KEY, BigInt(key[0]), true)
  view.setBigUint64(at + MESSAGE_KEY_LEN, BigInt(key[1]), true)
  view.setBigUint64(at + MESSAGE_PAYLOAD, BigInt(value[0]), true)
  view.setBigUint64(at + MESSAGE_LEN, BigInt(value[1]), true)
}

/** @param message  native address of a rd_kafka_message_t */
export function keySpan(message: number): Span {
  return [pointerAt(message, MESSAGE_KEY), u32At(message, MESSAGE_KEY_LEN)]
}

/** @param message  native address of a rd_kafka_message_t */
export function valueSpan(message: number): Span {
  return [pointerAt(message, MESSAGE_PAYLOAD), u32At(message, MESSAGE_LEN)]
}

/** Reads an address stored at an address. */
export function pointerAt(address: number, offset: number): number {
  return read.ptr(address as Pointer, offset)
}

export function i32At(address: number, offset: number): number {
  return read.i32(address as Pointer, offset)
}

export function u32At(address: number, offset: number): number {
  return read.u32(address as Pointer, offset)
}

export function i64At(address: number, offset: number): bigint {
  return read.i64(address as Pointer, offset)
}

/**
 * Reads a non-negative i64, such as a Kafka offset, as a number: exact up to 2^53, which at a
 * million records a second lasts 285 years.
 */
export function offsetAt(address: number, offset: number): number {
  return (
    read.i32(address as Pointer, offset + 4) * 4294967296 + read.u32(address as Pointer, offset)
  )
}
