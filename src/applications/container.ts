// Applications from Avro object container files, in two ways: as applications, resolved to the
// newest schema by avsc; and as the writer's own bytes, for the path that resolves in WebAssembly.

import { type Schema as AvroSchema, Type, types } from 'avsc'
import { fingerprintOf, singleObjectHeader } from '../avro/fingerprint.ts'
import type { SchemaVersion } from '../avro/schema-files.ts'
import { type Field, type Json, type RecordSchema, parseRecord } from '../avro/schema.ts'
import { messageOf, usageError } from '../errors.ts'
import { type Block, ContainerReader, damageAt } from './container-file.ts'
import { FILLED_IN, type Row, RowMaker, type Source, type SourceOptions } from './source.ts'

/**
 * The container's records as applications. Any writer's schema will do that avsc resolves to the
 * newest one. A null where the newest schema has none is the record's fault, not the schema's:
 * Spark and BigQuery declare every column nullable.
 */
export function containerSource(path: string, options: SourceOptions): Source {
  return { [Symbol.asyncIterator]: () => rows(path, options) }
}

async function* rows(path: string, options: SourceOptions): AsyncGenerator<Row, void> {
  const maker = new RowMaker(options)
  await using file = await ContainerReader.open(path)
  const writer = writerSchema(file)
  const { decode, filledIn } = resolve(writerType(writer), writer, options.schema)
  for await (const block of file.blocks()) {
    for (const { value, record } of recordsOf(block, decode, path)) {
      const values: Record<string, unknown> = { ...(value as object) }
      for (const name of filledIn) values[name] = undefined
      yield maker.row(record, values, () => JSON.stringify(value))
    }
  }
}

export type ContainerRecords = {
  /** The writer's schema; its path is the container's, and its version 0. */
  schema: SchemaVersion
  /** Each record as the writer encoded it, in single-object encoding under `schema`. */
  records: AsyncIterable<Uint8Array>
}

/**
 * The container's records as their writer encoded them, for whoever resolves schemas himself.
 *
 * @throws OperatingError kind 'usage', code 'file', 'container' or 'schema', naming the file; the
 *   records throw it too when a block is damaged
 */
export async function readContainerRecords(path: string): Promise<ContainerRecords> {
  await using file = await ContainerReader.open(path)
  const schema = writerSchema(file)
  writerType(schema)
  return { schema, records: { [Symbol.asyncIterator]: () => framedRecords(path) } }
}

async function* framedRecords(path: string): AsyncGenerator<Uint8Array, void> {
  await using file = await ContainerReader.open(path)
  const schema = writerSchema(file)
  const type = writerType(schema)
  const decode: Decode = (bytes, at) => type.decode(bytes, at)
  const header = singleObjectHeader(schema.fingerprint)
  for await (const block of file.blocks()) {
    for (const { start, end } of recordsOf(block, decode, path)) {
      const framed = new Uint8Array(header.length + end - start)
      framed.set(header)
      framed.set(block.data.subarray(start, end), header.length)
      yield framed
    }
  }
}

type Decoded = { value: unknown; record: number; start: number; end: number }

/** Walks a block's records; one that is damaged leaves no way to find the next. */
function* recordsOf(block: Block, decode: Decode, path: string): Generator<Decoded, void> {
  const { data, count, firstRecord } = block
  let start = 0
  for (let i = 0; i < count; i++) {
    const record = firstRecord + i
    const damaged = damageAt(path, `record ${record}`)
    let decoded: ReturnType<Decode>
    try {
      decoded = decode(data, start)
    } catch (error) {
      throw damaged(`cannot be decoded: ${messageOf(error)}`)
    }
    if (decoded.offset < 0) throw damaged('ends beyond its block')
    yield { value: decoded.value, record, start, end: decoded.offset }
    start = decoded.offset
  }
  const left = data.length - start
  const place = `the block of records ${firstRecord} to ${firstRecord + count - 1}`
  if (left > 0) throw damageAt(path, place)(`has ${left} bytes left over`)
}

function writerSchema(file: ContainerReader): SchemaVersion {
  const json = file.schemaJson
  const schema = parseRecord(json, `${file.path}: the schema`)
  return { path: file.path, version: 0, fingerprint: fingerprintOf(schema), schema, json }
}

/** Longs as doubles, at the price of their last bits: avsc's own would end the whole file. */
const ROUNDED_LONG = types.LongType.__with({
  fromBuffer: (bytes: Buffer) => Number(bytes.readBigInt64LE()),
  toBuffer: (value: number) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(value))
    return bytes
  },
  fromJSON: Number,
  toJSON: Number,
  isValid: (value: unknown) => Number.isInteger(value),
  compare: (a: number, b: number) => a - b,
})

function typeOf(json: Json): Type {
  // By hook: a registry is not asked about longs with a logical type.
  return Type.forSchema(json as AvroSchema, {
    typeHook: (schema) => (isLong(schema as Json) ? ROUNDED_LONG : undefined),
  })
}

function isLong(schema: Json): boolean {
  return schema === 'long' || (schema as JsonObject)['type'] === 'long'
}

function writerType(writer: SchemaVersion): Type {
  try {
    return typeOf(writer.json)
  } catch (error) {
    throw usageError('schema', `${writer.path}: the schema: ${messageOf(error)}`, error)
  }
}

type Decode = (bytes: Buffer, at: number) => { value: unknown; offset: number }

type Resolution = {
  decode: Decode
  /** Fields that the writer does not have and that are filled in. */
  filledIn: readonly string[]
}

/** @throws OperatingError kind 'usage', code 'schema_incompatible' */
function resolve(type: Type, writer: SchemaVersion, newest: SchemaVersion): Resolution {
  const names = new Set(writer.schema.fields.map((field) => field.name))
  const lacks = (field: Field) => ![field.name, ...field.aliases].some((name) => names.has(name))
  const absent = newest.schema.fields.filter((field) => FILLED_IN.has(field.name) && lacks(field))
  const filledIn = absent.map((field) => field.name)
  try {
    const reader = typeOf(lenient(newest.json, writer.schema, filledIn))
    const resolver = reader.createResolver(type, { ignoreNamespaces: true })
    return { decode: (bytes, at) => reader.decode(bytes, at, resolver), filledIn }
  } catch (error) {
    const what = `its schema cannot be read as ${newest.path}: ${messageOf(error)}`
    throw usageError('schema_incompatible', `${writer.path}: ${what}`, error)
  }
}

type JsonObject = { [key: string]: Json }

/**
 * The newest schema as the reader of what others write: null is allowed everywhere (the checker
 * complains about it, record by record), and the record may have any name (Spark calls all of them
 * topLevelRecord).
 */
function lenient(newest: Json, writer: RecordSchema, filledIn: readonly string[]): Json {
  const record = newest as JsonObject
  const fields = (record['fields'] as JsonObject[]).map((field) => {
    const type = field['type']!
    if (filledIn.includes(field['name'] as string)) {
      return { ...field, type: ['null', type], default: null }
    }
    if (Array.isArray(type)) return field
    // A default belongs to the first branch.
    return { ...field, type: field['default'] === undefined ? ['null', type] : [type, 'null'] }
  })
  return { ...record, aliases: [writer.name], fields }
}
