// A decoder of single records that is slow and plain: the resolver, which knows nothing of decode
// plans, with what the worker asks beside Avro: an id of text, numbers within the bounds of their
// fields, decimals that databases hold. What the module makes of a record is held against it:
// status, field and byte included.

import {
  DECIMAL_BYTES_MAX,
  ID_BYTES_MAX,
  STATUS_BAD_LENGTH,
  STATUS_BAD_STRING,
  STATUS_IMPOSSIBLE_VALUE,
  STATUS_UNKNOWN_FRAMING,
  STATUS_OK,
  STATUS_UNKNOWN_SCHEMA,
} from '../../assembly/layout.ts'
import { ByteReader, Fault } from '../../src/avro/byte-reader.ts'
import { numericPaths } from '../../src/avro/columns.ts'
import { decimalNumber } from '../../src/avro/decimal.ts'
import { Resolver, type Watch } from '../../src/avro/resolver.ts'
import type { SchemaVersion } from '../../src/avro/schema-files.ts'
import { type Field, type RecordSchema, type Schema, withoutNull } from '../../src/avro/schema.ts'
import type { Value } from '../../src/avro/value.ts'

export type Decoded = {
  code: number
  /** Path of the field that is at fault, where one is. */
  field: string
  /** Which byte of the record is at fault. */
  byte: number
  /** Columns by the reader's names; complete when the code is STATUS_OK. */
  row: Record<string, number>
  id: Uint8Array
}

const HEADER_BYTES = 10
const PATH = /^([\w.]+)(?:\[(\w+)\](?:\.(.+))?)?$/

/** Decodes one record, written by one of the versions, as the newest. */
export function referenceDecode(
  bytes: Uint8Array,
  versions: readonly SchemaVersion[],
  asked: readonly string[] = [],
): Decoded {
  const reader = versions[versions.length - 1]!.schema
  const columns = [...numericPaths(reader), ...asked]
  const decoded: Decoded = { code: STATUS_OK, field: '', byte: 0, row: {}, id: new Uint8Array(0) }
  try {
    const writer = writerOf(bytes, versions)
    const watch = watcher(bytes, reader, columns, decoded)
    const value = resolverOf(writer.schema, reader).decodeWhole(bytes, HEADER_BYTES, watch)
    for (const path of columns) decoded.row[path] = numberAt(value, reader, path)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    decoded.code = error.status
    decoded.field = error.field
    decoded.byte = error.byte
  }
  return decoded
}

const resolvers = new WeakMap<RecordSchema, WeakMap<RecordSchema, Resolver>>()

function resolverOf(writer: RecordSchema, reader: RecordSchema): Resolver {
  const ofWriter = resolvers.get(writer) ?? new WeakMap<RecordSchema, Resolver>()
  resolvers.set(writer, ofWriter)
  const resolver = ofWriter.get(reader) ?? new Resolver(writer, reader)
  ofWriter.set(reader, resolver)
  return resolver
}

function writerOf(bytes: Uint8Array, versions: readonly SchemaVersion[]): SchemaVersion {
  if (bytes.length < HEADER_BYTES || bytes[0] !== 0xc3 || bytes[1] !== 0x01) {
    throw new Fault(STATUS_UNKNOWN_FRAMING, 0)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const fingerprint = view.getBigUint64(2, true)
  const writer = versions.find((version) => version.fingerprint === fingerprint)
  if (!writer) throw new Fault(STATUS_UNKNOWN_SCHEMA, 2)
  return writer
}

/** Holds each value to what is asked of it where it is read. */
function watcher(
  bytes: Uint8Array,
  reader: RecordSchema,
  columns: readonly string[],
  decoded: Decoded,
): Watch {
  const fields = new Map(columns.flatMap((path) => leafOf(reader, path)))
  return (path, field, value, at) => {
    if (path === 'application_id') {
      decoded.id = idOf(bytes, field, value, at)
      return
    }
    const leaf = fields.get(path)
    if (!leaf || value === null) return
    if (value instanceof Uint8Array && withoutNull(leaf.schema).kind === 'primitive') {
      const isNumber = value.length >= 1 && value.length <= DECIMAL_BYTES_MAX
      if (!isNumber) throw new Fault(STATUS_BAD_LENGTH, at, field)
    }
    const number = numberOf(value, leaf.schema)
    if (number >= leaf.minimum && number <= leaf.maximum) return
    throw new Fault(STATUS_IMPOSSIBLE_VALUE, at, field)
  }
}

type Leaf = Pick<Field, 'schema' | 'minimum' | 'maximum'>

/** What a column rests on, by its path as the resolver tells it. */
function leafOf(reader: RecordSchema, column: string): [string, Leaf][] {
  const [, outer = '', reduction, inner] = PATH.exec(column)!
  const field = fieldAt(reader, outer)
  if (reduction === undefined) return [[outer, field]]
  if (reduction === 'count') return []
  const container = withoutNull(field.schema)
  const [items, suffix] =
    container.kind === 'array' ? [container.items, '[]'] : [valuesOf(container), '{}']
  if (inner !== undefined) return [[`${outer}${suffix}.${inner}`, fieldAt(items, inner)]]
  const { MAX_VALUE } = Number
  return [[`${outer}${suffix}`, { schema: items, minimum: -MAX_VALUE, maximum: MAX_VALUE }]]
}

function valuesOf(schema: Schema): Schema {
  if (schema.kind !== 'map') throw new Error(`${schema.kind} has no items`)
  return schema.values
}

function fieldAt(schema: Schema, path: string): Field {
  const [name, ...rest] = path.split('.')
  const type = withoutNull(schema)
  const field = type.kind === 'record' && type.fields.find((it) => it.name === name)
  if (!field) throw new Error(`${path} is no field`)
  return rest.length === 0 ? field : fieldAt(field.schema, rest.join('.'))
}

function idOf(bytes: Uint8Array, field: string, value: Value, at: number): Uint8Array {
  if (value instanceof Uint8Array && value.length === 16) {
    const hex = value.toHex()
    return Buffer.from(hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-'))
  }
  const id = new ByteReader(bytes, at).sized(field)
  if (id.length > ID_BYTES_MAX) throw new Fault(STATUS_BAD_LENGTH, at, field)
  if (id.length === 0) throw new Fault(STATUS_IMPOSSIBLE_VALUE, at, field)
  try {
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(id)
  } catch {
    throw new Fault(STATUS_BAD_STRING, at, field)
  }
  return id
}

function numberAt(value: Value, reader: RecordSchema, column: string): number {
  const [, outer = '', reduction, inner] = PATH.exec(column)!
  const found = valueAt(value, outer)
  const [leaf] = leafOf(reader, column)
  if (reduction === undefined) return numberOf(found, leaf![1].schema)
  if (found === null) return Number.NaN
  const items = found instanceof Map ? [...found.values()] : (found as Value[])
  if (reduction === 'count') return items.length
  const numbers = items.map((item) => {
    return numberOf(inner === undefined ? item : valueAt(item, inner), leaf![1].schema)
  })
  if (reduction === 'first') return numbers[0] ?? Number.NaN
  const known = numbers.filter((number) => !Number.isNaN(number))
  return known.length === 0 ? Number.NaN : Math.max(...known)
}

function valueAt(value: Value, path: string): Value {
  return path.split('.').reduce<Value>((outer, name) => {
    return outer instanceof Map ? (outer.get(name) ?? null) : null
  }, value)
}

function numberOf(value: Value, schema: Schema): number {
  const type = withoutNull(schema)
  if (value === null) return Number.NaN
  if (typeof value === 'string' && type.kind === 'enum') return type.symbols.indexOf(value)
  if (value instanceof Uint8Array && (type.kind === 'primitive' || type.kind === 'fixed')) {
    return decimalNumber(value, type.decimal!.scale)
  }
  return Number(value)
}
