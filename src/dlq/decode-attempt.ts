// A value decoded field by field up to where it fails, for people: what was read, from which byte,
// and what is wrong there.

import { STATUS_TRAILING_BYTES } from '../../assembly/layout.ts'
import { Fault } from '../avro/byte-reader.ts'
import { fingerprintText } from '../avro/fingerprint.ts'
import { Resolver } from '../avro/resolver.ts'
import { type SchemaVersion, newest } from '../avro/schema-files.ts'
import { valueText } from '../avro/value.ts'
import { OperatingError } from '../errors.ts'
import { classOf } from '../pipeline/dead-letter.ts'

export type Attempt = {
  /** What it was read with, or why it was not read at all. */
  schema: string
  /** Values that were read, each with its field and the byte that it starts at. */
  fields: { byte: number; field: string; value: string }[]
  /** Undefined when all of it could be read. */
  fault: { byte: number; class: string; field: string } | undefined
}

const HEADER_BYTES = 10

/** @param versions  of applications, oldest first */
export function attemptDecode(value: Uint8Array, versions: readonly SchemaVersion[]): Attempt {
  const none = (schema: string, name: string, byte = 0): Attempt => {
    return { schema, fields: [], fault: { byte, class: name, field: '' } }
  }
  if (value.length < HEADER_BYTES || value[0] !== 0xc3 || value[1] !== 0x01) {
    return none('no single-object encoding: that starts with C3 01', 'unknown-framing')
  }
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  const fingerprint = view.getBigUint64(2, true)
  const writer = versions.find((version) => version.fingerprint === fingerprint)
  const text = fingerprintText(fingerprint)
  if (!writer) return none(`no schema file has the fingerprint ${text}`, 'unknown-schema', 2)
  try {
    const resolver = new Resolver(writer.schema, newest(versions).schema)
    return read(value, resolver, `version ${writer.version}, fingerprint ${text}`)
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    return none(`version ${writer.version}: ${error.message}`, 'incompatible-schema', 2)
  }
}

function read(bytes: Uint8Array, resolver: Resolver, schema: string): Attempt {
  const fields: Attempt['fields'] = []
  try {
    const { end } = resolver.decode(bytes, HEADER_BYTES, (_, field, value, byte) => {
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
