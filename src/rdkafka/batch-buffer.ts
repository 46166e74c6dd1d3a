// Room for a fetched batch outside of any engine: messages, spans, offsets and the values' bytes.

import { HEADER_BYTES } from '../../assembly/layout.ts'
import type { BatchTarget } from './partition-source.ts'

export type BatchSize = {
  records: number
  inputBytes: number
  /** Whether it is read what the records' headers name their schemas by. */
  headers?: boolean
}

export class BatchBuffer implements BatchTarget {
  readonly u8: Uint8Array
  readonly u32: Uint32Array
  readonly pointersAt = 0
  readonly spansAt: number
  readonly offsetsAt: number
  readonly inputAt: number
  /** 0: headers are not read. */
  readonly headersAt: number
  readonly size: BatchSize

  constructor(size: BatchSize) {
    const column = size.records * 8
    this.size = size
    this.spansAt = column
    this.offsetsAt = 2 * column
    this.headersAt = size.headers ? 3 * column : 0
    this.inputAt = 3 * column + (size.headers ? size.records * HEADER_BYTES : 0)
    const memory = new ArrayBuffer(this.inputAt + Math.ceil(size.inputBytes / 8) * 8)
    this.u8 = new Uint8Array(memory)
    this.u32 = new Uint32Array(memory)
  }

  /** A view of a record's value, good until the buffer is filled again. */
  value(index: number): Uint8Array {
    const span = (this.spansAt >> 2) + index * 2
    const at = this.u32[span]!
    return this.u8.subarray(at, at + this.u32[span + 1]!)
  }
}
