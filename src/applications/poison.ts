// Records that cannot be decided, made on purpose from good ones: for tests, and for drills of the
// dead letters. Each kind names the status that decoding must give it.

import { Type, types } from 'avsc'
import {
  STATUS_BAD_BRANCH,
  STATUS_BAD_STRING,
  STATUS_BAD_VARINT,
  STATUS_IMPOSSIBLE_VALUE,
  STATUS_UNKNOWN_FRAMING,
  STATUS_TRAILING_BYTES,
  STATUS_TRUNCATED,
  STATUS_UNKNOWN_SCHEMA,
} from '../../assembly/layout.ts'
import { singleObjectHeader } from '../avro/fingerprint.ts'
import type { SchemaVersion } from '../avro/schema-files.ts'
import { assert } from '../errors.ts'
import { avroType } from './application.ts'
import { Random } from './random.ts'

/** The kinds, and the status class (assembly/layout.ts) of each. */
export const POISON = {
  empty: STATUS_UNKNOWN_FRAMING,
  'not Avro': STATUS_UNKNOWN_FRAMING,
  'unknown fingerprint': STATUS_UNKNOWN_SCHEMA,
  truncated: STATUS_TRUNCATED,
  'trailing bytes': STATUS_TRAILING_BYTES,
  'overlong varint': STATUS_BAD_VARINT,
  'bad union branch': STATUS_BAD_BRANCH,
  'impossible amount': STATUS_IMPOSSIBLE_VALUE,
  'NaN income': STATUS_IMPOSSIBLE_VALUE,
  'invalid UTF-8 id': STATUS_BAD_STRING,
} as const

export type PoisonKind = keyof typeof POISON
export const POISON_KINDS = Object.keys(POISON) as readonly PoisonKind[]

/** A record as it goes to the topic, and what was done to it, if anything. */
export type Dosed = { bytes: Uint8Array; kind: PoisonKind | undefined }

/** Where a field's bytes lie in a record. */
type Span = { start: number; end: number }

/** avsc's names; an object with a logical type that avsc does not know is named like its base. */
const NUMBERS: ReadonlySet<string> = new Set(['int', 'long', 'float', 'double'])

const HEADER_BYTES = 10
const TRAILING_BYTES_MAX = 8

export class Poison {
  private readonly header: Uint8Array
  private readonly fields: readonly { name: string; type: Type }[]
  private readonly nullableField: string
  private readonly numbers: readonly string[]
  private readonly random: Random
  private readonly rate: number
  private kindIndex = 0

  /**
   * @param schema  that the records were encoded with
   * @param rate    share of records that `dose` damages, 0 to 1
   * @param seed    see Random
   */
  constructor(schema: SchemaVersion, rate: number, seed: number) {
    assert(rate >= 0 && rate <= 1, `a rate is from 0 to 1, is ${rate}`)
    this.header = singleObjectHeader(schema.fingerprint)
    this.fields = (avroType(schema.json) as types.RecordType).fields
    const named = (is: (kind: string) => boolean) =>
      this.fields.filter((field) => is(field.type.typeName)).map((field) => field.name)
    this.nullableField = named((kind) => kind.startsWith('union'))[0] ?? ''
    this.numbers = named((kind) => NUMBERS.has(kind))
    assert(this.nullableField !== '', `${schema.path} has a nullable field`)
    this.random = new Random(seed)
    this.rate = rate
  }

  /** The record, or now and then a damaged one; the kinds take turns. */
  dose(record: Uint8Array): Dosed {
    if (this.random.uniform() >= this.rate) return { bytes: record, kind: undefined }
    const kind = POISON_KINDS[this.kindIndex++ % POISON_KINDS.length]!
    return { bytes: this.damage(record, kind), kind }
  }

  /** A damaged copy of a good record in single-object encoding. */
  damage(record: Uint8Array, kind: PoisonKind): Uint8Array {
    assert(
      this.header.every((byte, i) => record[i] === byte),
      'a record to be damaged is of the schema given',
    )
    const spans = this.spansOf(record)
    const copy = Uint8Array.from(record)
    switch (kind) {
      case 'empty':
        return new Uint8Array(0)
      case 'not Avro':
        return new TextEncoder().encode('{"loan_amount":12000,"note":"sent as JSON by mistake"}')
      case 'unknown fingerprint':
        for (let i = 2; i < HEADER_BYTES; i++) copy[i] = ~copy[i]!
        return copy
      case 'truncated': {
        // Within a number: a text that is cut off is a bad length.
        const { start, end } = spans(this.numbers[this.random.below(this.numbers.length)]!)
        return copy.slice(0, start + this.random.below(end - start))
      }
      case 'trailing bytes':
        return concat(copy, new Uint8Array(1 + this.random.below(TRAILING_BYTES_MAX)))
      case 'overlong varint':
        // Six bytes, where an int has at most five.
        return splice(copy, spans('credit_score'), [0x80, 0x80, 0x80, 0x80, 0x80, 0x01])
      case 'bad union branch':
        // Branch 2 of null and a type.
        return splice(copy, spans(this.nullableField), [0x04])
      case 'impossible amount':
        return withDouble(copy, spans('loan_amount'), -12_000)
      case 'NaN income':
        return withDouble(copy, spans('annual_income'), Number.NaN)
      case 'invalid UTF-8 id':
        // 0xff occurs nowhere in UTF-8.
        copy[spans('application_id').end - 1] = 0xff
        return copy
    }
  }

  private spansOf(record: Uint8Array): (field: string) => Span {
    const bytes = Buffer.from(record.buffer, record.byteOffset, record.length)
    const spans = new Map<string, Span>()
    let start = HEADER_BYTES
    for (const { name, type } of this.fields) {
      const end = type.decode(bytes, start).offset
      assert(end >= start, 'a record to be damaged is good')
      spans.set(name, { start, end })
      start = end
    }
    return (field) => {
      const span = spans.get(field)
      assert(span, `the schema has the field ${field}`)
      return span
    }
  }
}

function splice(bytes: Uint8Array, span: Span, replacement: readonly number[]): Uint8Array {
  const after = bytes.subarray(span.end)
  return concat(bytes.subarray(0, span.start), Uint8Array.from(replacement), after)
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

function withDouble(bytes: Uint8Array, span: Span, value: number): Uint8Array {
  assert(span.end - span.start === 8, 'the field is a double')
  new DataView(bytes.buffer, bytes.byteOffset).setFloat64(span.start, value, true)
  return bytes
}
