// Decisions read back: from the topic's bytes to values for people, by the schema they were written
// with. Hashes and fingerprints show as hexadecimal text.

import avsc from 'avsc'
import type { SchemaVersion } from './avro/schema-files.ts'
import { DECISIONS } from './avro/encode-plan.ts'
import { singleObjectHeader } from './avro/fingerprint.ts'
import { withoutWideDefaults } from './avro/schema-json.ts'
import { OperatingError } from './errors.ts'
import type { LoanDecision } from './records.ts'

/** A decision for people: bytes as hexadecimal text, and offsets as numbers, which avsc bounds. */
export type DecisionRecord = Shown<LoanDecision>

type Shown<T> = T extends Uint8Array
  ? string
  : T extends bigint
    ? never
    : T extends readonly (infer Item)[]
      ? Shown<Item>[]
      : T extends object
        ? { [Name in keyof T]: Shown<T[Name]> }
        : T

const HEADER_BYTES = 10
/** Confluent's wire format: 0, then the schema's id, 4 bytes. */
const REGISTRY_MAGIC = 0
const REGISTRY_HEADER_BYTES = 5

export class DecisionDecoder {
  private readonly type: avsc.Type
  private readonly header: Uint8Array
  private readonly startsWithOutcome: boolean

  constructor(schema: SchemaVersion) {
    this.type = avsc.Type.forSchema(withoutWideDefaults(schema.json) as avsc.Schema)
    this.header = singleObjectHeader(schema.fingerprint)
    const [first, second] = schema.schema.fields
    this.startsWithOutcome = first?.name === 'application_id' && second?.name === 'decision'
  }

  /**
   * The decision's outcome alone, as index of DECISIONS: cheaper than decoding all of it where the
   * schema starts with the id, a string, and the decision, an enum.
   */
  outcome(value: Uint8Array): number {
    if (!this.startsWithOutcome) return DECISIONS.indexOf(this.decode(value).decision)
    // The length of the id is a zig-zag varint.
    let length = 0
    let shift = 0
    let at = value[0] === REGISTRY_MAGIC ? REGISTRY_HEADER_BYTES : HEADER_BYTES
    for (; value[at]! >= 0x80; at++, shift += 7) length |= (value[at]! & 0x7f) << shift
    length = (length | (value[at]! << shift)) >> 1
    return value[at + 1 + length]! >> 1
  }

  /**
   * All of a decision.
   *
   * @throws OperatingError when the bytes are of another schema
   */
  decode(value: Uint8Array): DecisionRecord {
    const all = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    const body = all.subarray(this.bodyAt(value))
    const raw = this.type.fromBuffer(body) as Record<string, unknown>
    const entries = Object.entries(raw).map(([name, field]) => [name, forPeople(field)])
    return Object.fromEntries(entries) as DecisionRecord
  }

  /** Where the record starts. A registry's id does not say here which schema it is. */
  private bodyAt(value: Uint8Array): number {
    if (value[0] === REGISTRY_MAGIC) return REGISTRY_HEADER_BYTES
    for (let i = 0; i < HEADER_BYTES; i++) {
      if (value[i] !== this.header[i]) {
        throw new OperatingError('fatal', 'decision', 'no decision of the newest schema')
      }
    }
    return HEADER_BYTES
  }
}

/** Bytes as hexadecimal text; avsc's records as plain objects. */
function forPeople(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('hex')
  if (Array.isArray(value)) return value.map(forPeople)
  return value !== null && typeof value === 'object' ? { ...value } : value
}
