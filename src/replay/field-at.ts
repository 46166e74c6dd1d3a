// Which field of a record a byte belongs to, for telling where two of them differ.

import { Fault } from '../avro/byte-reader.ts'
import { MAGIC_ID } from '../avro/schema-id.ts'
import { Resolver } from '../avro/resolver.ts'
import type { RecordSchema } from '../avro/schema.ts'

const SINGLE_OBJECT_BYTES = 10
const REGISTRY_HEADER_BYTES = 5

/**
 * @param bytes  in single-object encoding under the schema, or behind a registry's id
 * @returns the field's path; 'header' before the first
 */
export function fieldAt(schema: RecordSchema, bytes: Uint8Array, byte: number): string {
  const headerBytes = bytes[0] === MAGIC_ID ? REGISTRY_HEADER_BYTES : SINGLE_OBJECT_BYTES
  if (byte < headerBytes) return 'header'
  let field = schema.fields[0]!.name
  try {
    new Resolver(schema, schema).decode(bytes, headerBytes, (path, _, __, at) => {
      if (at <= byte) field = path
    })
  } catch (error) {
    // Of a damaged one the fields before the damage are known.
    if (!(error instanceof Fault)) throw error
  }
  return field
}
