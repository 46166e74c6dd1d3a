// Decisions read back: from the topic's bytes to values for people, by the schema they were written
// with. Hashes and fingerprints show as hexadecimal text.

import avsc from 'avsc'
import type { SchemaVersion } from './avro/schema-files.ts'
import type { Decision, Reason } from './avro/encode-plan.ts'
import { singleObjectHeader } from './avro/fingerprint.ts'
import { OperatingError } from './errors.ts'

export type DecisionRecord = {
  application_id: string
  decision: Decision
  margin: number
  probability_of_default: number
  score: number
  reasons: Reason[]
  model: string
  policy: string
  schema: string
  topic: string
  partition: number
  offset: number
}

const HEADER_BYTES = 10

export class DecisionDecoder {
  private readonly type: avsc.Type
  private readonly header: Uint8Array

  constructor(schema: SchemaVersion) {
    this.type = avsc.Type.forSchema(schema.json as avsc.Schema)
    this.header = singleObjectHeader(schema.fingerprint)
  }

  /** The bytes' decision; null for hashes is never: every field is there. */
  decode(value: Uint8Array): DecisionRecord {
    for (let i = 0; i < HEADER_BYTES; i++) {
      if (value[i] !== this.header[i]) {
        throw new OperatingError('fatal', 'decision', 'no decision of the newest schema')
      }
    }
    const body = Buffer.from(value.buffer, value.byteOffset, value.byteLength).subarray(
      HEADER_BYTES,
    )
    const raw = this.type.fromBuffer(body) as Record<string, unknown>
    const entries = Object.entries(raw).map(([name, field]) => [name, forPeople(field)])
    return Object.fromEntries(entries) as DecisionRecord
  }
}

/** Bytes as hexadecimal text; avsc's records as plain objects. */
function forPeople(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('hex')
  if (Array.isArray(value)) return value.map(forPeople)
  return value !== null && typeof value === 'object' ? { ...value } : value
}
