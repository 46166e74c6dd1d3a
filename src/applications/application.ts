// An application for a loan as a plain object, and its bytes as they lie on the topic: Avro's
// single-object encoding under the schema file that the encoder was made from. The bytes are
// avsc's.

import { type Schema as AvroSchema, Type } from 'avsc'
import { singleObjectHeader } from '../avro/fingerprint.ts'
import type { SchemaVersion } from '../avro/schema-files.ts'
import { withoutWideDefaults } from '../avro/schema-json.ts'
import type { LoanApplication } from '../records.ts'

/** A field's value: text, number, yes or no, or unknown. */
export type Value = string | number | boolean | null

/**
 * One application by the fields of the newest schema, each in its unit there. Which that is, is
 * known when the program runs: the fields of the project's own are typed, none is certain.
 */
export type Application = {
  // A time or a count that no number holds exactly is none of an application.
  [Field in keyof LoanApplication]?: Exclude<LoanApplication[Field], bigint>
} & { [field: string]: Value }

/** Room that most applications fit into; a larger one makes the encoder grow. */
const SCRATCH_BYTES = 4096

export class ApplicationEncoder {
  readonly schema: SchemaVersion
  private readonly type: Type
  private readonly headerBytes: number
  /** The header, then room for the body: reused, since allocating costs more than encoding. */
  private scratch: Buffer

  constructor(schema: SchemaVersion) {
    this.schema = schema
    this.type = avroType(schema.json)
    const header = singleObjectHeader(schema.fingerprint)
    this.headerBytes = header.length
    this.scratch = Buffer.alloc(SCRATCH_BYTES)
    this.scratch.set(header)
  }

  /**
   * The application's bytes, for the caller to keep: C3 01, the schema's fingerprint, the record.
   *
   * The application must have passed an ApplicationChecker; values of another type throw, and
   * values out of bounds are encoded as they are.
   */
  encode(application: Application): Uint8Array {
    let end = this.type.encode(application, this.scratch, this.headerBytes)
    if (end < 0) {
      // avsc answers with minus the bytes that were missing.
      const larger = Buffer.alloc(2 * (this.scratch.length - end))
      this.scratch.copy(larger, 0, 0, this.headerBytes)
      this.scratch = larger
      end = this.type.encode(application, this.scratch, this.headerBytes)
    }
    const bytes = new Uint8Array(end)
    bytes.set(this.scratch.subarray(0, end))
    return bytes
  }
}

/** avsc's type of a schema that src/avro has parsed. */
export function avroType(json: SchemaVersion['json']): Type {
  return Type.forSchema(withoutWideDefaults(json) as AvroSchema)
}
