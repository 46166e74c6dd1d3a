// Canonical form and fingerprint: the specification's own vectors, then other implementations.

import { describe, expect, test } from 'bun:test'
import avsc from 'avsc'
import fc from 'fast-check'
import {
  canonicalForm,
  crc64Avro,
  fingerprintOf,
  fingerprintText,
  singleObjectHeader,
} from '../../src/avro/fingerprint.ts'
import { type Json, parseSchema } from '../../src/avro/schema.ts'
import { applicationSchema, decisionSchema, refusal, runs } from '../support/engine.ts'
import { schemaJson } from './random-schema.ts'

/**
 * Schema, canonical form, fingerprint as a signed long. Source: apache/avro,
 * share/test/data/schema-tests.txt, cases 000 to 033 (016, the empty union, is below).
 */
const SPECIFICATION: [schema: Json, canonical: string, fingerprint: bigint][] = [
  ['null', '"null"', 7195948357588979594n],
  [{ type: 'null' }, '"null"', 7195948357588979594n],
  ['boolean', '"boolean"', -6970731678124411036n],
  [{ type: 'boolean' }, '"boolean"', -6970731678124411036n],
  ['int', '"int"', 8247732601305521295n],
  [{ type: 'int' }, '"int"', 8247732601305521295n],
  ['long', '"long"', -3434872931120570953n],
  [{ type: 'long' }, '"long"', -3434872931120570953n],
  ['float', '"float"', 5583340709985441680n],
  [{ type: 'float' }, '"float"', 5583340709985441680n],
  ['double', '"double"', -8181574048448539266n],
  [{ type: 'double' }, '"double"', -8181574048448539266n],
  ['bytes', '"bytes"', 5746618253357095269n],
  [{ type: 'bytes' }, '"bytes"', 5746618253357095269n],
  ['string', '"string"', -8142146995180207161n],
  [{ type: 'string' }, '"string"', -8142146995180207161n],
  [['int'], '["int"]', -5232228896498058493n],
  [['int', { type: 'boolean' }], '["int","boolean"]', 5392556393470105090n],
  [
    { fields: [], type: 'record', name: 'foo' },
    '{"name":"foo","type":"record","fields":[]}',
    -4824392279771201922n,
  ],
  [
    { fields: [], type: 'record', name: 'foo', namespace: 'x.y' },
    '{"name":"x.y.foo","type":"record","fields":[]}',
    5916914534497305771n,
  ],
  [
    { fields: [], type: 'record', name: 'a.b.foo', namespace: 'x.y' },
    '{"name":"a.b.foo","type":"record","fields":[]}',
    -4616218487480524110n,
  ],
  [
    { fields: [], type: 'record', name: 'foo', doc: 'Useful info' },
    '{"name":"foo","type":"record","fields":[]}',
    -4824392279771201922n,
  ],
  [
    { fields: [], type: 'record', name: 'foo', aliases: ['foo', 'bar'] },
    '{"name":"foo","type":"record","fields":[]}',
    -4824392279771201922n,
  ],
  [
    { fields: [], type: 'record', name: 'foo', doc: 'foo', aliases: ['foo', 'bar'] },
    '{"name":"foo","type":"record","fields":[]}',
    -4824392279771201922n,
  ],
  [
    { fields: [{ type: { type: 'boolean' }, name: 'f1' }], type: 'record', name: 'foo' },
    '{"name":"foo","type":"record","fields":[{"name":"f1","type":"boolean"}]}',
    7843277075252814651n,
  ],
  [
    {
      // The specification's case has the default "true", a string: no valid default of a boolean.
      fields: [
        { type: 'boolean', aliases: [], name: 'f1', default: true },
        { order: 'descending', name: 'f2', doc: 'Hello', type: 'int' },
      ],
      type: 'record',
      name: 'foo',
    },
    '{"name":"foo","type":"record","fields":[{"name":"f1","type":"boolean"},{"name":"f2","type":"int"}]}',
    -4860222112080293046n,
  ],
  [
    { type: 'enum', name: 'foo', symbols: ['A1'] },
    '{"name":"foo","type":"enum","symbols":["A1"]}',
    -6342190197741309591n,
  ],
  [
    { namespace: 'x.y.z', type: 'enum', name: 'foo', doc: 'foo bar', symbols: ['A1', 'A2'] },
    '{"name":"x.y.z.foo","type":"enum","symbols":["A1","A2"]}',
    -4448647247586288245n,
  ],
  [
    { name: 'foo', type: 'fixed', size: 15 },
    '{"name":"foo","type":"fixed","size":15}',
    1756455273707447556n,
  ],
  [
    { namespace: 'x.y.z', type: 'fixed', name: 'foo', doc: 'foo bar', size: 32 },
    '{"name":"x.y.z.foo","type":"fixed","size":32}',
    -3064184465700546786n,
  ],
  [
    { items: { type: 'null' }, type: 'array' },
    '{"type":"array","items":"null"}',
    -589620603366471059n,
  ],
  [{ values: 'string', type: 'map' }, '{"type":"map","values":"string"}', -8732877298790414990n],
  [
    {
      name: 'PigValue',
      type: 'record',
      fields: [{ name: 'value', type: ['null', 'int', 'long', 'PigValue'] }],
    },
    '{"name":"PigValue","type":"record","fields":[{"name":"value","type":["null","int","long","PigValue"]}]}',
    -1759257747318642341n,
  ],
]

describe("the specification's own cases", () => {
  test.each(SPECIFICATION)('%j', (json, canonical, fingerprint) => {
    const schema = parseSchema(json, 'test')
    expect(canonicalForm(schema)).toBe(canonical)
    expect(BigInt.asIntN(64, fingerprintOf(schema))).toBe(fingerprint)
  })

  test('the one case that is refused is the union of nothing', () => {
    expect(refusal(() => parseSchema([], 'test')).message).toBe('test: $: is a union of nothing')
    expect(BigInt.asIntN(64, crc64Avro(Buffer.from('[]')))).toBe(-1241056759729112623n)
  })
})

/**
 * Schemas whose canonical form needs names resolved, and the fingerprint that the canonical form's
 * text has. The text is the specification's rules applied by hand.
 */
const NAMES: [what: string, schema: Json, canonical: string][] = [
  [
    'a namespace is inherited by fields, and a reference becomes a full name',
    {
      type: 'record',
      name: 'R',
      namespace: 'a.b',
      fields: [
        { name: 'x', type: { type: 'fixed', name: 'F', size: 4 } },
        { name: 'y', type: 'F' },
        { name: 'z', type: 'a.b.F' },
      ],
    },
    '{"name":"a.b.R","type":"record","fields":[{"name":"x","type":{"name":"a.b.F","type":"fixed","size":4}},{"name":"y","type":"a.b.F"},{"name":"z","type":"a.b.F"}]}',
  ],
  [
    'a nested name with dots brings its own namespace along',
    {
      type: 'record',
      name: 'R',
      namespace: 'a',
      fields: [
        {
          name: 'x',
          type: {
            type: 'record',
            name: 'b.S',
            fields: [{ name: 'e', type: { type: 'enum', name: 'E', symbols: ['P'] } }],
          },
        },
        { name: 'y', type: 'b.E' },
      ],
    },
    '{"name":"a.R","type":"record","fields":[{"name":"x","type":{"name":"b.S","type":"record","fields":[{"name":"e","type":{"name":"b.E","type":"enum","symbols":["P"]}}]}},{"name":"y","type":"b.E"}]}',
  ],
  [
    'an empty namespace is none',
    {
      type: 'record',
      name: 'R',
      namespace: 'a',
      fields: [{ name: 'x', type: { type: 'fixed', name: 'F', namespace: '', size: 1 } }],
    },
    '{"name":"a.R","type":"record","fields":[{"name":"x","type":{"name":"F","type":"fixed","size":1}}]}',
  ],
  [
    'logical types and attributes of our own leave no trace',
    {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'at', type: { type: 'long', logicalType: 'timestamp-micros' }, unit: 'µs' },
        { name: 'x', type: 'double', minimum: 0, exclusiveMaximum: 10, default: 1 },
      ],
    },
    '{"name":"R","type":"record","fields":[{"name":"at","type":"long"},{"name":"x","type":"double"}]}',
  ],
  [
    'a type within a type is unwrapped',
    { type: 'record', name: 'R', fields: [{ name: 'x', type: { type: { type: 'int' } } }] },
    '{"name":"R","type":"record","fields":[{"name":"x","type":"int"}]}',
  ],
]

test.each(NAMES)('canonical form: %s', (_, json, canonical) => {
  const schema = parseSchema(json, 'test')
  expect(canonicalForm(schema)).toBe(canonical)
  expect(fingerprintOf(schema)).toBe(crc64Avro(Buffer.from(canonical)))
})

test('the canonical form is its own canonical form', () => {
  fc.assert(
    fc.property(schemaJson, (json) => {
      const canonical = canonicalForm(parseSchema(json, 'test'))
      const again = canonicalForm(parseSchema(JSON.parse(canonical) as Json, 'test'))
      expect(again).toBe(canonical)
    }),
    runs(300),
  )
})

test('the canonical form of random records is what avsc makes of them', () => {
  // avsc's `schema()` is the canonical form, in the specification's order of attributes.
  fc.assert(
    fc.property(schemaJson, (json) => {
      const theirs = JSON.stringify(avsc.Type.forSchema(json as avsc.Schema).schema())
      expect(canonicalForm(parseSchema(json, 'test'))).toBe(theirs)
    }),
    runs(300),
  )
})

/** Origin: fastavro 1.13.1, fingerprint(…, 'CRC-64-AVRO'), whose digits are in wire order. */
const FASTAVRO = { loan_application: '95aa11966593b12b', loan_decision: 'fc849086ea4ca046' }

test('the shipped schemas have the fingerprints that fastavro gives them', () => {
  expect(fingerprintText(applicationSchema.fingerprint)).toBe(FASTAVRO.loan_application)
  expect(fingerprintText(decisionSchema.fingerprint)).toBe(FASTAVRO.loan_decision)
})

test('a fingerprint is written with 16 digits, most significant first', () => {
  expect(fingerprintText(fingerprintOf(parseSchema('null', '')))).toBe('63dd24e7cc258f8a')
  expect(fingerprintText(0x1n)).toBe('0000000000000001')
})

test('the header holds the marker and the fingerprint, least significant byte first', () => {
  const header = singleObjectHeader(0x63dd24e7cc258f8an)
  expect([...header]).toEqual([0xc3, 0x01, 0x8a, 0x8f, 0x25, 0xcc, 0xe7, 0x24, 0xdd, 0x63])
})

test('the bitwise definition of the specification gives the same checksum', () => {
  // The specification's own code, one bit at a time, without a table.
  const slow = (bytes: Uint8Array) => {
    let fp = 0xc15d213aa4d7a795n
    for (const byte of bytes) {
      fp ^= BigInt(byte)
      for (let bit = 0; bit < 8; bit++) fp = (fp >> 1n) ^ (fp & 1n ? 0xc15d213aa4d7a795n : 0n)
    }
    return fp
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect(crc64Avro(bytes)).toBe(slow(bytes))
    }),
    runs(200),
  )
})
