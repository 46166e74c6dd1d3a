// A consumed message as a value that outlives it: key, value, headers as bytes, and its time.

import { type Pointer, ptr } from 'bun:ffi'
import { ERR_NONE } from './error.ts'
import { rd, textAt } from './library.ts'
import { copyOut } from './memory.ts'
import {
  MESSAGE_KEY,
  MESSAGE_KEY_LEN,
  MESSAGE_LEN,
  MESSAGE_OFFSET,
  MESSAGE_PARTITION,
  MESSAGE_PAYLOAD,
  i32At,
  offsetAt,
  pointerAt,
  u32At,
} from './structs.ts'

/** A header's value may be null, as a record's key and value may. */
export type RawHeader = readonly [name: string, value: Uint8Array | null]

export type KafkaRecord = {
  partition: number
  recordOffset: number
  /** Milliseconds since 1970; -1 where the record has no time. */
  timestampMs: number
  key: Uint8Array | null
  value: Uint8Array | null
}

export type RawRecord = KafkaRecord & { headers: RawHeader[] }

/**
 * Copies a record without its headers.
 *
 * @param message  native address of a consumed rd_kafka_message_t that is no error
 */
export function copyRecord(message: number): KafkaRecord {
  return {
    partition: i32At(message, MESSAGE_PARTITION),
    recordOffset: offsetAt(message, MESSAGE_OFFSET),
    timestampMs: Number(rd.rd_kafka_message_timestamp(message as Pointer, null)),
    key: copyOut(pointerAt(message, MESSAGE_KEY), u32At(message, MESSAGE_KEY_LEN)),
    value: copyOut(pointerAt(message, MESSAGE_PAYLOAD), u32At(message, MESSAGE_LEN)),
  }
}

/** All headers of such a message, in their order; names may repeat. */
export function copyHeaders(message: number): RawHeader[] {
  const out = new BigUint64Array(3)
  if (rd.rd_kafka_message_headers(message as Pointer, ptr(out)) !== ERR_NONE) return []
  const native = Number(out[0]) as Pointer
  const headers: RawHeader[] = []
  const at = (index: number) => (ptr(out) + index * 8) as Pointer
  for (let i = 0; ; i++) {
    const code = rd.rd_kafka_header_get_all(native, i, at(0), at(1), at(2))
    if (code !== ERR_NONE) return headers
    headers.push([textAt(Number(out[0])), copyOut(Number(out[1]), Number(out[2]))])
  }
}
