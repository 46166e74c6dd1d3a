// The trace context of a record (W3C Trace Context, its Kafka binding: headers traceparent and
// tracestate), copied for the decision that is made of it. The bytes go on as they came.

import { type Pointer, ptr } from 'bun:ffi'
import { assert } from '../errors.ts'
import { ERR_NONE, throwCode } from './error.ts'
import { cString, rd } from './library.ts'
import { copyOut } from './memory.ts'

const TRACEPARENT = cString('traceparent')
const TRACESTATE = cString('tracestate')
/** Version 00 has 55 characters; later ones may have more. */
const TRACEPARENT_BYTES_MIN = 55
/** What vendors should carry on at least, by the recommendation; larger ones are left out. */
const BYTES_MAX = 512

export class TraceContext {
  /** Filled by librdkafka: headers, then a header's value and size. */
  private readonly out = new BigUint64Array(3)
  private readonly headersPtr = ptr(this.out)
  private readonly valuePtr = (this.headersPtr + 8) as Pointer
  private readonly sizePtr = (this.headersPtr + 16) as Pointer

  /**
   * The message's trace context as headers of their own.
   *
   * @param message  native address of a consumed rd_kafka_message_t
   * @returns native address of the headers, which the caller owns; 0 when it has none
   */
  copy(message: number): number {
    const { out } = this
    if (rd.rd_kafka_message_headers(message as Pointer, this.headersPtr) !== ERR_NONE) return 0
    const source = Number(out[0]) as Pointer
    if (!this.find(source, TRACEPARENT) || Number(out[2]) < TRACEPARENT_BYTES_MIN) return 0
    const headers = rd.rd_kafka_headers_new(2)
    assert(headers, 'librdkafka makes headers')
    this.add(headers, TRACEPARENT)
    if (this.find(source, TRACESTATE)) this.add(headers, TRACESTATE)
    return headers
  }

  /** The message's traceparent as it came, however it looks; undefined when it has none. */
  traceparent(message: number): string | undefined {
    const { out } = this
    if (rd.rd_kafka_message_headers(message as Pointer, this.headersPtr) !== ERR_NONE) {
      return undefined
    }
    if (!this.find(Number(out[0]) as Pointer, TRACEPARENT)) return undefined
    return new TextDecoder().decode(copyOut(Number(out[1]), Number(out[2]))!)
  }

  private find(source: Pointer, name: Uint8Array): boolean {
    const { valuePtr, sizePtr, out } = this
    const code = rd.rd_kafka_header_get_last(source, name, valuePtr, sizePtr)
    return code === ERR_NONE && out[1] !== 0n && out[2]! > 0n && out[2]! <= BYTES_MAX
  }

  private add(headers: Pointer, name: Uint8Array): void {
    const value = Number(this.out[1]) as Pointer
    const code = rd.rd_kafka_header_add(headers, name, -1, value, Number(this.out[2]))
    throwCode(code, 'trace context', 'fatal')
  }
}
