// Whole numbers that no double holds, from a schema file to where they are used.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { ApplicationEncoder } from '../../src/applications/application.ts'
import { DecisionDecoder } from '../../src/decisions.ts'
import { makeEncodePlan } from '../../src/avro/encode-plan.ts'
import { Resolver } from '../../src/avro/resolver.ts'
import { parseSchemaJson, schemaText } from '../../src/avro/schema-json.ts'
import { type Json, parseSchema } from '../../src/avro/schema.ts'
import {
  decisionSchema,
  decode,
  engineOf,
  programOf,
  refusal,
  rowOf,
  schemaVersion,
  withHeader,
} from '../support/engine.ts'
import { resolve, unavailable } from './apache-avro.ts'
import { textOf } from './resolved-records.ts'

setDefaultTimeout(120_000)

function recordOf(...fields: string[]): string {
  return `{"type":"record","name":"R","fields":[${fields.join(',')}]}`
}

/** A field's type and default as they stand in a file, and the value as Resolve.java writes it. */
const DEFAULTS: [type: string, text: string, value: string][] = [
  ['"long"', '9007199254740993', '9007199254740993L'],
  ['"long"', '-9007199254740993', '-9007199254740993L'],
  ['"long"', '9223372036854775807', '9223372036854775807L'],
  ['"long"', '-9223372036854775808', '-9223372036854775808L'],
  ['"long"', '7', '7L'],
  ['["long","null"]', '9007199254740993', '9007199254740993L'],
  ['{"type":"array","items":"long"}', '[1,9007199254740993]', '[1L,9007199254740993L]'],
  ['{"type":"map","values":"long"}', '{"a":9007199254740995}', '{"a":9007199254740995L}'],
  [
    '{"type":"record","name":"I","fields":[{"name":"y","type":"long"}]}',
    '{"y":9007199254740993}',
    '{"y":9007199254740993L}',
  ],
  // The nearest even, of a double and of the float nearest to that.
  ['"double"', '9007199254740993', '4340000000000000'],
  ['"double"', '18446744073709551615', '43f0000000000000'],
  ['"float"', '16777217', '4170000000000000'],
]

describe('defaults', () => {
  test.each(DEFAULTS)('of %s, %s', (type, text, value) => {
    const reader = parseSchemaJson(recordOf(`{"name":"x","type":${type},"default":${text}}`), 'r')
    const resolver = new Resolver(
      parseSchema(parseSchemaJson(recordOf(), 'w'), 'w'),
      parseSchema(reader, 'r'),
    )
    expect(textOf(resolver.decodeWhole(new Uint8Array(0), 0))).toBe(`{"x":${value}}`)
  })

  test.skipIf(unavailable() !== undefined)('are those of Apache Avro', async () => {
    const written = DEFAULTS.map(([type, text]) => ({
      writer: parseSchemaJson(recordOf(), 'w'),
      reader: parseSchemaJson(recordOf(`{"name":"x","type":${type},"default":${text}}`), 'r'),
      records: [''],
    }))
    const due = DEFAULTS.map(([, , value]) => [`{"x":${value}}`])
    expect(await resolve(written)).toEqual(due)
  })

  test.each(['9223372036854775808', '-9223372036854775809', '1e400', '0.5'])(
    'of a long are refused when it does not hold them: %s',
    (text) => {
      const json = parseSchemaJson(
        recordOf(`{"name":"x","type":"long","default":${text}}`),
        'r.avsc',
      )
      expect(refusal(() => parseSchema(json, 'r.avsc')).message).toContain(
        'r.avsc: $.fields[0] (x).default: ',
      )
    },
  )

  test('of an int are refused beyond its range, to the last digit in the message', () => {
    const json = parseSchemaJson(
      recordOf('{"name":"x","type":"int","default":9007199254740993}'),
      'r',
    )
    const { message } = refusal(() => parseSchema(json, 'r'))
    expect(message).toBe('r: $.fields[0] (x).default: 9007199254740993 is no value of int')
  })
})

test('the text of a schema has all digits again', () => {
  const text = recordOf('{"name":"x","type":"long","default":9223372036854775807,"maximum":0.5}')
  expect(schemaText(parseSchemaJson(text, 'r'))).toBe(text)
})

test.each([501, 20_000, 1_000_000])('%d levels are refused, closed or not', (depth) => {
  for (const end of ['"int"'.padEnd(depth + 5, ']'), '']) {
    const text = '['.repeat(depth) + end
    const { message } = refusal(() => parseSchemaJson(text, 'r.avsc'))
    expect(message).toBe('r.avsc: is nested deeper than 500 levels')
  }
})

test('brackets in a text are no levels', () => {
  const doc = '[{'.repeat(1000)
  const text = `{"type":"string","doc":"\\"${doc}"}`
  expect(parseSchemaJson(text, 'r.avsc')).toEqual({ type: 'string', doc: `"${doc}` })
})

describe('an application with such a default', () => {
  const id: Json = { name: 'application_id', type: 'string' }
  const wide: Json = { name: 'x', type: 'long', default: (1n << 62n) + 1n }
  const application = (...fields: Json[]): Json => ({ type: 'record', name: 'L', fields })
  const versions = [schemaVersion(application(id), 1), schemaVersion(application(id, wide), 2)]

  test('has the nearest double in its column', () => {
    const engine = engineOf(programOf({ applications: versions }), 1, 4096)
    const [status] = decode(engine, [withHeader(versions[0]!, Uint8Array.of(2, 0x61))])
    expect(status!.code).toBe(0)
    expect(rowOf(engine, 0)['x']).toBe(2 ** 62)
  })

  test('can be written', () => {
    const encoder = new ApplicationEncoder(versions[1]!)
    const bytes = encoder.encode({ application_id: 'a', x: 3 })
    expect([...bytes.subarray(10)]).toEqual([2, 0x61, 6])
  })
})

test('a decision says such a default to the last digit', () => {
  const json = decisionSchema.json as { [key: string]: Json }
  const extra: Json = { name: 'extra', type: 'long', default: (1n << 53n) + 1n }
  const schema = schemaVersion({ ...json, fields: [...(json['fields'] as Json[]), extra] })
  const constants = { model: new Uint8Array(32), policy: new Uint8Array(32) }
  const plan = makeEncodePlan(schema, { ...constants, topic: 't', partition: 0 })
  const last = plan.findLast((step) => step.constant !== undefined)!.constant!
  // 2^53 + 1 as a zig-zag varint.
  expect([...last].slice(-8)).toEqual([0x82, ...Array.from({ length: 6 }, () => 0x80), 0x20])
  expect(() => new DecisionDecoder(schema)).not.toThrow()
})
