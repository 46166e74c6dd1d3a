// Which field of a record a byte belongs to, for telling where two of them differ.

import { Fault } from '../avro/byte-reader.ts'
import { Resolver } from '../avro/resolver.ts'
import type { RecordSchema } from '../avro/schema.ts'

/**
 * @param bytes  in single-object encoding under the schema
 * @returns the field's path; 'header' before the first
 */
export function fieldAt(schema: RecordSchema, bytes: Uint8Array, byte: number): string {
  const headerBytes = 10
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
