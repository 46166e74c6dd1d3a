// Avro's binary encoding of single values, read with every check that there is: for the resolver,
// which is for people and tests. The hot path reads in WebAssembly.

import {
  INT_VARINT_BYTES,
  LONG_VARINT_BYTES,
  STATUS_BAD_LENGTH,
  STATUS_BAD_VARINT,
  STATUS_IMPOSSIBLE_VALUE,
  STATUS_TRUNCATED,
} from '../../assembly/layout.ts'

/** What is wrong with a record. */
export class Fault extends Error {
  /** STATUS_… in assembly/layout.ts. */
  readonly status: number
  /** Which byte, counted from the record's first. */
  readonly byte: number
  /** Path of the writer's field, where it is one's. */
  readonly field: string

  constructor(status: number, byte: number, field = '') {
    super(`status ${status} at byte ${byte}${field === '' ? '' : `, ${field}`}`)
    this.status = status
    this.byte = byte
    this.field = field
  }
}

export class ByteReader {
  readonly bytes: Uint8Array
  position: number
  private readonly end: number
  private readonly view: DataView

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes
    this.position = position
    this.end = bytes.length
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get left(): number {
    return this.end - this.position
  }

  /** Passes so many bytes and returns where they start. */
  take(count: number): number {
    if (count > this.left) throw new Fault(STATUS_TRUNCATED, this.end)
    this.position += count
    return this.position - count
  }

  boolean(field: string): boolean {
    const at = this.take(1)
    const byte = this.bytes[at]!
    if (byte > 1) throw new Fault(STATUS_IMPOSSIBLE_VALUE, at, field)
    return byte === 1
  }

  int(field: string): number {
    return Number(unzigzag(this.varint(INT_VARINT_BYTES, 32n, field)))
  }

  long(field: string): bigint {
    return unzigzag(this.varint(LONG_VARINT_BYTES, 64n, field))
  }

  float(): number {
    return this.view.getFloat32(this.take(4), true)
  }

  double(): number {
    return this.view.getFloat64(this.take(8), true)
  }

  fixed(size: number): Uint8Array {
    const at = this.take(size)
    return this.bytes.slice(at, at + size)
  }

  /** The bytes of a string or of bytes: a length and as many of them. */
  sized(field: string): Uint8Array {
    const at = this.position
    const length = this.long(field)
    if (length < 0n || length > BigInt(this.left)) throw new Fault(STATUS_BAD_LENGTH, at, field)
    return this.fixed(Number(length))
  }

  private varint(bytesMax: number, bits: bigint, field: string): bigint {
    const start = this.position
    let value = 0n
    for (let i = 0; i < bytesMax; i++) {
      const byte = this.bytes[this.take(1)]!
      value |= BigInt(byte & 0x7f) << BigInt(7 * i)
      if (byte >= 0x80) continue
      if (value >> bits) break
      return value
    }
    throw new Fault(STATUS_BAD_VARINT, start, field)
  }
}

function unzigzag(value: bigint): bigint {
  return (value >> 1n) ^ -(value & 1n)
}
