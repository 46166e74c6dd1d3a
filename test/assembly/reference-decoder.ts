// A decoder of single records that is slow and plain: it walks the writer's schema by the Avro
// specification, checks every byte before it looks at it, and knows nothing of decode plans. What
// the module makes of a record is held against it, status and field included.

import {
  ID_BYTES_MAX,
  STATUS_BAD_BRANCH,
  STATUS_BAD_LENGTH,
  STATUS_BAD_STRING,
  STATUS_BAD_VARINT,
  STATUS_IMPOSSIBLE_VALUE,
  STATUS_NOT_SINGLE_OBJECT,
  STATUS_OK,
  STATUS_TRAILING_BYTES,
  STATUS_TRUNCATED,
  STATUS_UNKNOWN_SCHEMA,
} from '../../assembly/layout.ts'
import { isNumeric } from '../../src/avro/decode-plan.ts'
import type { SchemaVersion } from '../../src/avro/schema-files.ts'
import type { Field, PrimitiveName, RecordSchema, Schema } from '../../src/avro/schema.ts'
import { floatOfLong, isFloat } from './random-records.ts'

export type Decoded = {
  code: number
  /** Path of the field that is at fault, where one is. */
  field: string
  /** Columns by the reader's names; complete when the code is STATUS_OK. */
  row: Record<string, number>
  id: Uint8Array
}

const HEADER_BYTES = 10
const INT_BYTES = 5
const LONG_BYTES = 10

class Fault extends Error {
  readonly code: number
  readonly field: string

  constructor(code: number, field = '') {
    super(`status ${code} at ${field}`)
    this.code = code
    this.field = field
  }
}

/** Decodes one record, written by one of the versions, as the newest. */
export function referenceDecode(bytes: Uint8Array, versions: readonly SchemaVersion[]): Decoded {
  const decoder = new Decoder(bytes)
  const decoded: Decoded = { code: STATUS_OK, field: '', row: {}, id: new Uint8Array(0) }
  try {
    const writer = decoder.header(versions)
    decoder.record(writer.schema, versions[versions.length - 1]!.schema, decoded)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    decoded.code = error.code
    decoded.field = error.field
  }
  return decoded
}

class Decoder {
  private readonly bytes: Uint8Array
  private readonly view: DataView
  private position = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  header(versions: readonly SchemaVersion[]): SchemaVersion {
    const { bytes } = this
    if (bytes.length < HEADER_BYTES || bytes[0] !== 0xc3 || bytes[1] !== 0x01) {
      throw new Fault(STATUS_NOT_SINGLE_OBJECT)
    }
    const fingerprint = this.view.getBigUint64(2, true)
    const writer = versions.find((version) => version.fingerprint === fingerprint)
    if (!writer) throw new Fault(STATUS_UNKNOWN_SCHEMA)
    this.position = HEADER_BYTES
    return writer
  }

  record(writer: RecordSchema, reader: RecordSchema, decoded: Decoded): void {
    const unread = new Set(reader.fields)
    for (const field of writer.fields) {
      const target =
        reader.fields.find((f) => f.name === field.name) ??
        reader.fields.find((f) => f.aliases.includes(field.name))
      if (target) unread.delete(target)
      if (target?.name === 'application_id') decoded.id = this.id(field.name)
      else if (target && isNumeric(target.schema)) {
        decoded.row[target.name] = this.column(field, target)
      } else this.skip(field.schema, field.name)
    }
    for (const field of unread) {
      if (isNumeric(field.schema)) {
        const value = field.default === null ? Number.NaN : Number(field.default)
        decoded.row[field.name] = isFloat(field.schema) ? Math.fround(value) : value
      }
    }
    if (this.position !== this.bytes.length) throw new Fault(STATUS_TRAILING_BYTES)
  }

  private take(count: number): number {
    if (this.bytes.length - this.position < count) throw new Fault(STATUS_TRUNCATED)
    this.position += count
    return this.position - count
  }

  /** An unsigned varint of at most so many bytes and bits. */
  private varint(bytesMax: number, bits: bigint, field: string): bigint {
    let value = 0n
    for (let i = 0; i < bytesMax; i++) {
      const byte = this.bytes[this.take(1)]!
      value |= BigInt(byte & 0x7f) << BigInt(7 * i)
      if (byte >= 0x80) continue
      if (value >> bits) throw new Fault(STATUS_BAD_VARINT, field)
      return value
    }
    throw new Fault(STATUS_BAD_VARINT, field)
  }

  private int(field: string): number {
    return Number(unzigzag(this.varint(INT_BYTES, 32n, field)))
  }

  private long(field: string): bigint {
    return unzigzag(this.varint(LONG_BYTES, 64n, field))
  }

  private length(field: string): number {
    const length = this.long(field)
    const left = this.bytes.length - this.position
    if (length < 0n || length > BigInt(left)) throw new Fault(STATUS_BAD_LENGTH, field)
    return Number(length)
  }

  private id(field: string): Uint8Array {
    const length = this.length(field)
    if (length > ID_BYTES_MAX) throw new Fault(STATUS_BAD_LENGTH, field)
    if (length === 0) throw new Fault(STATUS_IMPOSSIBLE_VALUE, field)
    const id = this.bytes.slice(this.position, this.position + length)
    try {
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(id)
    } catch {
      throw new Fault(STATUS_BAD_STRING, field)
    }
    this.position += length
    return id
  }

  /**
   * A number within the reader's bounds, or NaN for null. Stricter than Avro in one thing: the
   * branch of a nullable number is one byte, where a longer varint of the same value would do.
   */
  private column(field: Field, target: Field): number {
    const { schema, name } = field
    let type = schema
    if (schema.kind === 'union') {
      const wire = this.bytes[this.take(1)]!
      if (wire !== 0 && wire !== 2) throw new Fault(STATUS_BAD_BRANCH, name)
      type = schema.branches[wire / 2]!
    }
    if (type.kind !== 'primitive') throw new Error('no number')
    if (type.type === 'null') {
      const takesNull = target.schema.kind === 'union'
      if (!takesNull) throw new Fault(STATUS_BAD_BRANCH, name)
      return Number.NaN
    }
    const value = this.number(type.type, isFloat(target.schema), name)
    if (value >= target.minimum && value <= target.maximum) return value
    throw new Fault(STATUS_IMPOSSIBLE_VALUE, name)
  }

  private number(type: PrimitiveName, asFloat: boolean, field: string): number {
    switch (type) {
      case 'boolean': {
        const byte = this.bytes[this.take(1)]!
        if (byte > 1) throw new Fault(STATUS_IMPOSSIBLE_VALUE, field)
        return byte
      }
      case 'int':
        return asFloat ? Math.fround(this.int(field)) : this.int(field)
      case 'long':
        return asFloat ? floatOfLong(this.long(field)) : Number(this.long(field))
      case 'float':
        return this.view.getFloat32(this.take(4), true)
      case 'double':
        return this.view.getFloat64(this.take(8), true)
      default:
        throw new Error(`${type} is no number`)
    }
  }

  private skip(schema: Schema, path: string): void {
    switch (schema.kind) {
      case 'record':
        for (const field of schema.fields) this.skip(field.schema, `${path}.${field.name}`)
        return
      case 'enum': {
        const index = this.long(path)
        if (index < 0n || index >= BigInt(schema.symbols.length)) {
          throw new Fault(STATUS_BAD_BRANCH, path)
        }
        return
      }
      case 'fixed':
        this.take(schema.size)
        return
      case 'union': {
        const index = this.long(path)
        if (index < 0n || index >= BigInt(schema.branches.length)) {
          throw new Fault(STATUS_BAD_BRANCH, path)
        }
        this.skip(schema.branches[Number(index)]!, path)
        return
      }
      case 'primitive':
        this.skipPrimitive(schema.type, path)
        return
      default:
        throw new Error(`${schema.kind} is not read`)
    }
  }

  /** Skipped numbers are passed, not looked at: an int may have the length of a long. */
  private skipPrimitive(type: PrimitiveName, path: string): void {
    if (type === 'int' || type === 'long') this.long(path)
    else if (type === 'string' || type === 'bytes') this.take(this.length(path))
    else this.take({ null: 0, boolean: 1, float: 4, double: 8 }[type])
  }
}

function unzigzag(value: bigint): bigint {
  return (value >> 1n) ^ -(value & 1n)
}
