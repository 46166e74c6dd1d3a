// What the records' headers name their schemas by, for a registry whose producers write that there:
// the last header of the name holds 1 and the 16 bytes of a GUID, or 0 and the 4 of an id.

import { type Pointer, ptr, read } from 'bun:ffi'
import {
  HEADER_BAD,
  HEADER_BYTES,
  HEADER_GUID,
  HEADER_ID,
  HEADER_KIND,
  HEADER_NONE,
  NAMED_HIGH,
  NAMED_LOW,
} from '../../assembly/layout.ts'
import { MAGIC_GUID, MAGIC_ID, SCHEMA_ID_HEADER } from '../avro/schema-id.ts'
import { ERR_NONE } from './error.ts'
import { cString, rd } from './library.ts'
import { pointerAt } from './structs.ts'

const GUID_BYTES = 17
const ID_BYTES = 5

export class SchemaHeaders {
  private readonly name = cString(SCHEMA_ID_HEADER)
  /** Where librdkafka puts the headers, a value's address and its size. */
  private readonly out = new BigUint64Array(3)
  private readonly headers = ptr(this.out)
  private readonly value = (this.headers + 8) as Pointer
  private readonly size = (this.headers + 16) as Pointer

  /**
   * Reads those of messages 0 to count - 1.
   *
   * @param pointers  address of the messages' addresses
   * @param view      of the memory, where they go at `at`: see HEADER_… in assembly/layout.ts
   */
  read(pointers: Pointer, count: number, view: DataView, at: number): void {
    for (let i = 0; i < count; i++) {
      this.readOne(pointerAt(pointers, i * 8) as Pointer, view, at + i * HEADER_BYTES)
    }
  }

  private readOne(message: Pointer, view: DataView, at: number): void {
    const kind = this.find(message) ? this.kind() : HEADER_NONE
    view.setUint32(at + HEADER_KIND, kind, true)
    if (kind !== HEADER_GUID && kind !== HEADER_ID) return
    const bytes = Number(this.out[1]) as Pointer
    const big = (offset: number) => swap(read.u32(bytes, offset))
    // Most significant byte first, as in the text of a GUID.
    const high = kind === HEADER_ID ? [0, big(1)] : [big(1), big(5)]
    const low = kind === HEADER_ID ? [0, 0] : [big(9), big(13)]
    view.setUint32(at + NAMED_HIGH, high[1]!, true)
    view.setUint32(at + NAMED_HIGH + 4, high[0]!, true)
    view.setUint32(at + NAMED_LOW, low[1]!, true)
    view.setUint32(at + NAMED_LOW + 4, low[0]!, true)
  }

  private find(message: Pointer): boolean {
    if (rd.rd_kafka_message_headers(message, this.headers) !== ERR_NONE) return false
    const headers = Number(this.out[0]) as Pointer
    const code = rd.rd_kafka_header_get_last(headers, ptr(this.name), this.value, this.size)
    return code === ERR_NONE
  }

  private kind(): number {
    const [, value, size] = this.out
    if (value === 0n) return HEADER_BAD
    const magic = size === 0n ? -1 : read.u8(Number(value) as Pointer, 0)
    if (magic === MAGIC_GUID && size === BigInt(GUID_BYTES)) return HEADER_GUID
    return magic === MAGIC_ID && size === BigInt(ID_BYTES) ? HEADER_ID : HEADER_BAD
  }
}

/** The four bytes the other way round. */
function swap(x: number): number {
  return ((x >>> 24) | ((x >>> 8) & 0xff00) | ((x & 0xff00) << 8) | (x << 24)) >>> 0
}
