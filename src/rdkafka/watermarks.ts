// The ends of a partition, as its leader tells them.

import { type Pointer, ptr } from 'bun:ffi'
import { cString, rd } from './library.ts'

/**
 * Asks for the first offset and the one after the last record, with read_committed the last stable
 * one; they mean nothing unless `code` is ERR_NONE.
 */
export function queryWatermarks(
  client: Pointer,
  topic: string,
  partition: number,
  timeoutMs: number,
): { code: number; low: number; high: number } {
  const low = new BigInt64Array(1)
  const high = new BigInt64Array(1)
  const name = cString(topic)
  const code = rd.rd_kafka_query_watermark_offsets(
    client,
    name,
    partition,
    ptr(low),
    ptr(high),
    timeoutMs,
  )
  return { code, low: Number(low[0]), high: Number(high[0]) }
}
