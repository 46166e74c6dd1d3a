// What a decision says of where it came from, read straight from its bytes: millions are looked at,
// and most of each is not wanted.

import type { SchemaVersion } from '../avro/schema-files.ts'
import type { Schema } from '../avro/schema.ts'
import { singleObjectHeader } from '../avro/fingerprint.ts'
import { registryHeader } from '../avro/schema-id.ts'
import { usageError } from '../errors.ts'

/** Where the fields lie that name model, policy and input; the topic as bytes. */
export type RecordedFields = {
  modelAt: number
  policyAt: number
  topicAt: number
  topicBytes: number
  partition: number
  recordOffset: number
}

const WANTED = ['model', 'policy', 'topic', 'partition', 'offset'] as const
/** Varint of 64 bits. */
const VARINT_BYTES_MAX = 10

type Cursor = { bytes: Uint8Array; at: number }
type Step = { name: string; skip: (cursor: Cursor) => void }

export class RecordedReader {
  readonly version: SchemaVersion
  /** The registry's id that its decisions start with, where it is not the fingerprint. */
  readonly id: number | undefined
  private readonly header: Uint8Array
  private readonly steps: readonly Step[]
  private readonly cursor: Cursor = { bytes: new Uint8Array(0), at: 0 }
  private readonly found: RecordedFields = {
    modelAt: 0,
    policyAt: 0,
    topicAt: 0,
    topicBytes: 0,
    partition: 0,
    recordOffset: 0,
  }

  /**
   * @param id  the registry's, for decisions that start with it
   * @throws OperatingError kind 'usage' when the schema does not name the input
   */
  constructor(version: SchemaVersion, id?: number) {
    const { fields } = version.schema
    for (const name of WANTED) {
      if (fields.some((field) => field.name === name)) continue
      throw usageError('schema', `${version.path}: has no field ${name}, which tells the input`)
    }
    this.version = version
    this.id = id
    this.header = id === undefined ? singleObjectHeader(version.fingerprint) : registryHeader(id)
    this.steps = fields.map(({ name, schema }) => ({ name, skip: skipOf(schema) }))
  }

  /** Tells it from the others. */
  get names(): string {
    return `${this.version.version}/${this.id ?? ''}`
  }

  /** Whether the bytes start as a decision of this schema does. */
  owns(bytes: Uint8Array): boolean {
    for (let i = 0; i < this.header.length; i++) if (bytes[i] !== this.header[i]) return false
    return true
  }

  /** @returns undefined when the bytes end too early; the object is the same with every call */
  read(bytes: Uint8Array): RecordedFields | undefined {
    const { cursor, found } = this
    cursor.bytes = bytes
    cursor.at = this.header.length
    for (const { name, skip } of this.steps) {
      const start = cursor.at
      switch (name) {
        case 'model':
          found.modelAt = start
          skip(cursor)
          break
        case 'policy':
          found.policyAt = start
          skip(cursor)
          break
        case 'topic':
          found.topicBytes = varint(cursor)
          found.topicAt = cursor.at
          cursor.at += found.topicBytes
          break
        case 'partition':
          found.partition = varint(cursor)
          break
        case 'offset':
          found.recordOffset = varint(cursor)
          break
        default:
          skip(cursor)
      }
    }
    return cursor.at === bytes.length ? found : undefined
  }
}

/** Passes a zig-zag varint and returns it, exact up to 2^53. Beyond the end everything is NaN. */
function varint(cursor: Cursor): number {
  const { bytes } = cursor
  let value = 0
  let scale = 1
  for (let i = 0; i < VARINT_BYTES_MAX; i++) {
    const byte = bytes[cursor.at++]
    if (byte === undefined) break
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    scale *= 128
  }
  cursor.at = Number.NaN
  return Number.NaN
}

function skipOf(schema: Schema): (cursor: Cursor) => void {
  switch (schema.kind) {
    case 'record': {
      const skips = schema.fields.map((field) => skipOf(field.schema))
      return (cursor) => {
        for (const skip of skips) skip(cursor)
      }
    }
    case 'array':
      return skipItems(skipOf(schema.items))
    case 'map': {
      const value = skipOf(schema.values)
      return skipItems((cursor) => {
        skipSized(cursor)
        value(cursor)
      })
    }
    case 'union': {
      const branches = schema.branches.map(skipOf)
      return (cursor) => {
        const skip = branches[varint(cursor)]
        if (skip) skip(cursor)
        else cursor.at = Number.NaN
      }
    }
    case 'enum':
      return varint
    case 'fixed':
      return skipBytes(schema.size)
    case 'primitive':
      switch (schema.type) {
        case 'null':
          return () => {}
        case 'boolean':
          return skipBytes(1)
        case 'float':
          return skipBytes(4)
        case 'double':
          return skipBytes(8)
        case 'int':
        case 'long':
          return varint
        case 'bytes':
        case 'string':
          return skipSized
      }
  }
}

function skipBytes(count: number) {
  return (cursor: Cursor) => {
    cursor.at += count
  }
}

function skipSized(cursor: Cursor): void {
  const bytes = varint(cursor)
  cursor.at = bytes >= 0 ? cursor.at + bytes : Number.NaN
}

function skipItems(skip: (cursor: Cursor) => void) {
  return (cursor: Cursor) => {
    for (;;) {
      let count = varint(cursor)
      if (count === 0 || Number.isNaN(cursor.at)) return
      if (count < 0) {
        varint(cursor)
        count = -count
      }
      for (let i = 0; i < count && cursor.at <= cursor.bytes.length; i++) skip(cursor)
      if (!(cursor.at <= cursor.bytes.length)) cursor.at = Number.NaN
    }
  }
}
