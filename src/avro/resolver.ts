// Records of a writer as values of the reader, for people and as the measure of the decode plans:
// the same resolution, verdicts and limits as in WebAssembly, for any pair of schemas, with all
// values and not only the numbers. Source: Avro 1.12 specification, "Schema Resolution".

import {
  DEPTH_MAX,
  ITEMS_MAX,
  STATUS_BAD_BRANCH,
  STATUS_BAD_LENGTH,
  STATUS_BAD_SYMBOL,
  STATUS_IMPOSSIBLE_VALUE,
  STATUS_TOO_DEEP,
  STATUS_TRAILING_BYTES,
} from '../../assembly/layout.ts'
import { ByteReader, Fault } from './byte-reader.ts'
import {
  Resolution,
  checkEnd,
  incompatible,
  isRecursive,
  matchFields,
  matchSymbols,
} from './resolution.ts'
import {
  type Enum,
  type PrimitiveName,
  type RecordSchema,
  type Schema,
  type Union,
} from './schema.ts'
import { conversionOf, convert } from './time-units.ts'
import { type Value, defaultValue, floatOfLong } from './value.ts'

/**
 * Told of each value that holds no other, in the order of the bytes; may throw a Fault.
 *
 * @param path   the reader's, with [] for items and {} for a map's values
 * @param field  the writer's path, as faults have it
 * @param at     where the value starts
 */
export type Watch = (path: string, field: string, value: Value, at: number) => void

/** What is the same for one record. */
type State = { input: ByteReader; depth: number; items: number; watch: Watch | undefined }
type Read = (state: State) => Value
/** The writer's path and the reader's. */
type Place = { field: string; path: string }

export class Resolver {
  private readonly resolution = new Resolution()
  /** How types that contain themselves are read and skipped. */
  private readonly recursive = new Map<Schema, Map<Schema | undefined, { read: Read }>>()
  private readonly read: Read

  /** @throws OperatingError kind 'usage', code 'schema_incompatible', with the path */
  constructor(writer: Schema, reader: Schema) {
    const mismatch = this.resolution.mismatch(writer, reader)
    if (mismatch) throw incompatible(mismatch.path, mismatch.why)
    const place = { field: '', path: '' }
    this.read =
      writer.kind === 'record' && reader.kind === 'record'
        ? this.fields(writer, reader, place)
        : this.value(writer, reader, place)
  }

  /**
   * Reads a record that starts at `at`.
   *
   * @returns the value and where it ends
   * @throws Fault
   */
  decode(bytes: Uint8Array, at: number, watch?: Watch): { value: Value; end: number } {
    const input = new ByteReader(bytes, at)
    const value = this.read({ input, depth: 0, items: 0, watch })
    return { value, end: input.position }
  }

  /** Reads a record that must end where the bytes end. */
  decodeWhole(bytes: Uint8Array, at: number, watch?: Watch): Value {
    const { value, end } = this.decode(bytes, at, watch)
    if (end !== bytes.length) throw new Fault(STATUS_TRAILING_BYTES, end)
    return value
  }

  private value(writer: Schema, reader: Schema, place: Place): Read {
    if (writer.kind === 'union') return this.union(writer, reader, place)
    if (reader.kind === 'union') {
      return this.value(writer, this.resolution.branchOf(writer, reader)!, place)
    }
    if (writer.kind === 'record' && reader.kind === 'record') {
      return this.shared(writer, reader, () => this.fields(writer, reader, place))
    }
    if (writer.kind === 'array' && reader.kind === 'array') {
      const inner = within(place, '[]')
      return items(inner, this.value(writer.items, reader.items, inner))
    }
    if (writer.kind === 'map' && reader.kind === 'map') {
      const inner = within(place, '{}')
      return entries(inner, this.value(writer.values, reader.values, inner))
    }
    return watched(place, leaf(writer, reader, place))
  }

  private fields(writer: RecordSchema, reader: RecordSchema, place: Place): Read {
    checkEnd(writer, place.field)
    const targets = matchFields(writer, reader)
    const read = new Set(targets.values())
    const sources = writer.fields.map((field) => {
      const target = targets.get(field)
      const inner = {
        field: dotted(place.field, field.name),
        path: dotted(place.path, target?.name ?? ''),
      }
      return target
        ? { name: target.name, read: this.value(field.schema, target.schema, inner) }
        : { name: '', read: this.skip(field.schema, inner.field) }
    })
    const defaults = reader.fields.filter((field) => !read.has(field))
    const names = reader.fields.map(({ name }) => name)
    return (state) => {
      const values = new Map<string, Value>()
      for (const source of sources) values.set(source.name, source.read(state))
      for (const field of defaults) {
        values.set(field.name, defaultValue(field.schema, field.default!))
      }
      // In the reader's order, whatever the writer's.
      return new Map(names.map((name) => [name, values.get(name)!]))
    }
  }

  private union(writer: Union, reader: Schema, place: Place): Read {
    const branches = writer.branches.map((branch) => {
      if (!this.resolution.canRead(branch, reader)) return undefined
      const read = this.value(branch, reader, place)
      return branch.kind === 'record' ? deeper(place.field, read) : read
    })
    return chosen(place.field, branches)
  }

  private skip(schema: Schema, field: string): Read {
    switch (schema.kind) {
      case 'record': {
        const skipFields = () => this.skipFields(schema, field)
        return this.shared(schema, undefined, skipFields)
      }
      case 'array':
        return skipItems(`${field}[]`, this.skip(schema.items, `${field}[]`), false)
      case 'map':
        return skipItems(`${field}{}`, this.skip(schema.values, `${field}{}`), true)
      case 'union': {
        const branches = schema.branches.map((branch) => {
          const skip = this.skip(branch, field)
          return branch.kind === 'record' ? deeper(field, skip) : skip
        })
        return chosen(field, branches)
      }
      case 'enum':
        return (state) => symbolIndex(state, schema, field)
      case 'fixed':
        return ({ input }) => input.take(schema.size)
      case 'primitive':
        return skipPrimitive(schema.type, field)
    }
  }

  private skipFields(record: RecordSchema, field: string): Read {
    checkEnd(record, field)
    const skips = record.fields.map((it) => this.skip(it.schema, dotted(field, it.name)))
    return (state) => {
      for (const skip of skips) skip(state)
      return null
    }
  }

  /** A type that contains itself is made once, and refers to itself. */
  private shared(writer: RecordSchema, reader: Schema | undefined, make: () => Read): Read {
    if (!isRecursive(writer)) return make()
    const ofWriter = this.recursive.get(writer) ?? new Map<Schema | undefined, { read: Read }>()
    this.recursive.set(writer, ofWriter)
    const known = ofWriter.get(reader)
    if (known) return (state) => known.read(state)
    const made = { read: (): Value => null } as { read: Read }
    ofWriter.set(reader, made)
    made.read = make()
    return made.read
  }
}

function within({ field, path }: Place, suffix: string): Place {
  return { field: field + suffix, path: path + suffix }
}

function dotted(outer: string, name: string): string {
  return outer === '' ? name : `${outer}.${name}`
}

function watched({ field, path }: Place, read: Read): Read {
  return (state) => {
    const at = state.input.position
    const value = read(state)
    state.watch?.(path, field, value, at)
    return value
  }
}

/** What lies in a container that counts towards the depth. */
function deeper(field: string, read: Read): Read {
  return (state) => {
    if (state.depth === DEPTH_MAX) throw new Fault(STATUS_TOO_DEEP, state.input.position, field)
    state.depth++
    const value = read(state)
    state.depth--
    return value
  }
}

function chosen(field: string, branches: readonly (Read | undefined)[]): Read {
  return (state) => {
    const at = state.input.position
    const index = state.input.long(field)
    const read = index < 0n ? undefined : branches[Number(index)]
    if (!read) throw new Fault(STATUS_BAD_BRANCH, at, field)
    return read(state)
  }
}

/** Runs `each` for every item; a block with its size is jumped over where none is to be read. */
function forItems(state: State, field: string, isSkipped: boolean, each: () => void): void {
  const { input } = state
  for (;;) {
    const at = input.position
    const stated = input.long(field)
    const count = stated < 0n ? -stated : stated
    if (count > BigInt(ITEMS_MAX - state.items)) throw new Fault(STATUS_BAD_LENGTH, at, field)
    state.items += Number(count)
    if (count === 0n) return
    if (stated < 0n) {
      const sizeAt = input.position
      const size = input.long(field)
      if (isSkipped) {
        const isOutside = size < 0n || size > BigInt(input.left)
        if (isOutside) throw new Fault(STATUS_BAD_LENGTH, sizeAt, field)
        input.take(Number(size))
        continue
      }
    }
    for (let i = 0n; i < count; i++) each()
  }
}

function items({ field }: Place, read: Read): Read {
  return deeper(field, (state) => {
    const values: Value[] = []
    forItems(state, field, false, () => values.push(read(state)))
    return values
  })
}

function entries({ field }: Place, read: Read): Read {
  return deeper(field, (state) => {
    const values = new Map<string, Value>()
    forItems(state, field, false, () => {
      const key = textOf(state.input.sized(field))
      values.set(key, read(state))
    })
    return values
  })
}

function skipItems(field: string, skip: Read, isMap: boolean): Read {
  return deeper(field, (state) => {
    forItems(state, field, true, () => {
      if (isMap) state.input.sized(field)
      skip(state)
    })
    return null
  })
}

function symbolIndex({ input }: State, { symbols }: Enum, field: string): number {
  const at = input.position
  const index = input.long(field)
  if (index >= 0n && index < BigInt(symbols.length)) return Number(index)
  throw new Fault(STATUS_BAD_SYMBOL, at, field)
}

/** Skipped numbers are passed, not looked at: an int may have the length of a long. */
function skipPrimitive(type: PrimitiveName, field: string): Read {
  switch (type) {
    case 'null':
      return () => null
    case 'boolean':
      return ({ input }) => input.take(1)
    case 'int':
    case 'long':
      return ({ input }) => input.long(field)
    case 'float':
      return ({ input }) => input.take(4)
    case 'double':
      return ({ input }) => input.take(8)
    case 'bytes':
    case 'string':
      return ({ input }) => input.sized(field)
  }
}

function leaf(writer: Schema, reader: Schema, { field }: Place): Read {
  if (writer.kind === 'fixed') return ({ input }) => input.fixed(writer.size)
  if (writer.kind === 'enum' && reader.kind === 'enum') {
    const symbols = matchSymbols(writer, reader)
    return (state) => {
      const at = state.input.position
      const symbol = symbols[symbolIndex(state, writer, field)]
      if (symbol === undefined) throw new Fault(STATUS_BAD_SYMBOL, at, field)
      return reader.symbols[symbol]!
    }
  }
  if (writer.kind !== 'primitive' || reader.kind !== 'primitive') {
    throw new Error(`assertion failed: ${writer.kind} holds other values`)
  }
  const conversion = conversionOf(writer, reader)
  const number = (value: number | bigint) => promoted(value, reader.type)
  switch (writer.type) {
    case 'null':
      return () => null
    case 'boolean':
      return ({ input }) => input.boolean(field)
    case 'int':
    case 'long':
      return ({ input }) => {
        const at = input.position
        const value = writer.type === 'int' ? input.int(field) : input.long(field)
        if (!conversion) return number(value)
        const converted = convert(BigInt(value), conversion)
        if (converted === undefined) throw new Fault(STATUS_IMPOSSIBLE_VALUE, at, field)
        return number(converted)
      }
    case 'float':
      return ({ input }) => input.float()
    case 'double':
      return ({ input }) => input.double()
    case 'bytes':
    case 'string':
      return reader.type === 'string'
        ? ({ input }) => textOf(input.sized(field))
        : ({ input }) => input.sized(field)
  }
}

/** A whole number as the reader's type, which can hold it. */
function promoted(value: number | bigint, type: PrimitiveName): Value {
  switch (type) {
    case 'long':
      return BigInt(value)
    case 'float':
      return typeof value === 'bigint' ? floatOfLong(value) : Math.fround(value)
    default:
      return Number(value)
  }
}

/** Other readers replace what is not UTF-8, too; an id is held to it by the worker. */
function textOf(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
}
