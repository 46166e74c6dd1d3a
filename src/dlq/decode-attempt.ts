// A value decoded field by field up to where it fails, for people: what was read, from which byte,
// and what is wrong there.

import { STATUS_TRAILING_BYTES } from '../../assembly/layout.ts'
import { Fault } from '../avro/byte-reader.ts'
import { fingerprintText } from '../avro/fingerprint.ts'
import { Resolver } from '../avro/resolver.ts'
import { type SchemaVersion, newest } from '../avro/schema-files.ts'
import {
  SCHEMA_ID_HEADER,
  type SchemaHeader,
  type SchemaId,
  schemaIdOf,
} from '../avro/schema-id.ts'
import type { RecordSchema } from '../avro/schema.ts'
import { valueText } from '../avro/value.ts'
import { OperatingError } from '../errors.ts'
import { classOf } from '../pipeline/dead-letter.ts'
import type { Registered } from '../scorer/program.ts'

export type Attempt = {
  /** What it was read with, or why it was not read at all. */
  schema: string
  /** Values that were read, each with its field and the byte that it starts at. */
  fields: { byte: number; field: string; value: string }[]
  /** Undefined when all of it could be read. */
  fault: { byte: number; class: string; field: string } | undefined
}

/** Schemas that a record may say to be written with. */
export type Writers = {
  /** Of applications, oldest first; found by their fingerprint. */
  versions: readonly SchemaVersion[]
  /** Of records without framing. */
  raw: SchemaVersion | undefined
  /** What a registry's id or GUID names; undefined without a registry. */
  named: ((id: SchemaId) => Registered | undefined) | undefined
}

const SINGLE_OBJECT_BYTES = 10
const REGISTRY_BYTES = 5

/** What was written with which schema: where its body starts, and where its name. */
type Framed = { text: string; writer: RecordSchema; bodyAt: number; nameAt: number }

/** @param header  what the record's header names its schema by, where a worker looks at it */
export function attemptDecode(value: Uint8Array, header: SchemaHeader, writers: Writers): Attempt {
  const framed = frame(value, header, writers)
  if ('fault' in framed) return framed
  const { text, writer, bodyAt, nameAt } = framed
  try {
    const resolver = new Resolver(writer, newest(writers.versions).schema)
    return read(value, bodyAt, resolver, text)
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    return failed(`${text}: ${error.message}`, 'incompatible-schema', nameAt)
  }
}

function failed(schema: string, name: string, byte = 0): Attempt {
  return { schema, fields: [], fault: { byte, class: name, field: '' } }
}

function frame(value: Uint8Array, header: SchemaHeader, writers: Writers): Framed | Attempt {
  const { versions, raw, named } = writers
  if (header === null) return failed(`${SCHEMA_ID_HEADER} is no GUID and no id`, 'unknown-framing')
  const isSingle = value.length >= SINGLE_OBJECT_BYTES && value[0] === 0xc3 && value[1] === 0x01
  if (header === undefined && isSingle) {
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
    const fingerprint = view.getBigUint64(2, true)
    const text = fingerprintText(fingerprint)
    const writer = versions.find((version) => version.fingerprint === fingerprint)
    if (!writer) return failed(`no schema file has the fingerprint ${text}`, 'unknown-schema', 2)
    const name = `version ${writer.version}, fingerprint ${text}`
    return { text: name, writer: writer.schema, bodyAt: SINGLE_OBJECT_BYTES, nameAt: 2 }
  }
  const id = named && schemaIdOf(value, header)
  if (named && id !== undefined) {
    const [bodyAt, nameAt] = header === undefined ? [REGISTRY_BYTES, 1] : [0, 0]
    const found = named(id)
    if (!found) return failed(`the registry has no schema ${id}`, 'unknown-schema', nameAt)
    const { name, schema, refusal } = found
    if (!schema) return failed(refusal, 'incompatible-schema', nameAt)
    return { text: name, writer: schema, bodyAt, nameAt }
  }
  if (raw) return { text: raw.path, writer: raw.schema, bodyAt: 0, nameAt: 0 }
  return failed('no framing that is known, as C3 01 of a single object', 'unknown-framing')
}

function read(bytes: Uint8Array, start: number, resolver: Resolver, schema: string): Attempt {
  const fields: Attempt['fields'] = []
  try {
    const { end } = resolver.decode(bytes, start, (_, field, value, byte) => {
      fields.push({ byte, field, value: valueText(value) })
    })
    if (end !== bytes.length) throw new Fault(STATUS_TRAILING_BYTES, end)
    return { schema, fields, fault: undefined }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const { status, byte, field } = error
    return { schema, fields, fault: { byte, class: classOf(status), field } }
  }
}
