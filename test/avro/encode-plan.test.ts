// The decision's schema file as a plan: which schemas can be written, which are refused and why,
// and what stands in the constants. What WebAssembly writes by the plan is in test/assembly/encode.

import { describe, expect, test } from 'bun:test'
import {
  ENCODE_CONSTANT,
  ENCODE_DECISION,
  ENCODE_END,
  ENCODE_ID,
  ENCODE_MARGIN,
  ENCODE_OFFSET,
  ENCODE_PROBABILITY,
  ENCODE_REASONS,
  ENCODE_SCORE,
  ENCODE_WRITER,
} from '../../assembly/layout.ts'
import {
  type EncodeStep,
  checkDecisionFields,
  encodeReason,
  makeEncodePlan,
} from '../../src/avro/encode-plan.ts'
import { singleObjectHeader } from '../../src/avro/fingerprint.ts'
import type { Json } from '../../src/avro/schema.ts'
import { decisionSchema, refusal, schemaVersion } from '../support/engine.ts'

const CONSTANTS = {
  model: new Uint8Array(32).fill(0xaa),
  policy: new Uint8Array(32).fill(0xbb),
  topic: 'loans',
  partition: 3,
}

type Fields = { [key: string]: Json }[]

const SHIPPED = (decisionSchema.json as { fields: Fields }).fields

function decisionOf(fields: Fields) {
  return schemaVersion({ type: 'record', name: 'LoanDecision', fields })
}

/** The shipped schema with one field changed. */
function withField(name: string, type: Json) {
  return decisionOf(SHIPPED.map((field) => (field['name'] === name ? { name, type } : field)))
}

function codes(steps: readonly EncodeStep[]): number[] {
  return steps.map((step) => step.code)
}

const SHA = { type: 'fixed', name: 'Sha', size: 32 }

test('the plan follows the fields, with neighbouring constants merged', () => {
  const plan = makeEncodePlan(decisionSchema, CONSTANTS)
  expect(codes(plan)).toEqual([
    ENCODE_CONSTANT,
    ENCODE_ID,
    ENCODE_DECISION,
    ENCODE_MARGIN,
    ENCODE_PROBABILITY,
    ENCODE_SCORE,
    ENCODE_REASONS,
    ENCODE_CONSTANT,
    ENCODE_WRITER,
    ENCODE_CONSTANT,
    ENCODE_OFFSET,
    ENCODE_END,
  ])
  expect(plan[0]!.constant).toEqual(singleObjectHeader(decisionSchema.fingerprint))
  expect([...plan[7]!.constant!]).toEqual([
    ...Array.from({ length: 32 }, () => 0xaa),
    ...Array.from({ length: 32 }, () => 0xbb),
  ])
  // topic: length 5 as a zig-zag varint, then the bytes; partition 3.
  expect([...plan[9]!.constant!]).toEqual([10, ...Buffer.from('loans'), 6])
})

test('fields in another order are written in that order', () => {
  const plan = makeEncodePlan(decisionOf([...SHIPPED].reverse().map(flat)), CONSTANTS)
  expect(codes(plan)).toEqual([
    ENCODE_CONSTANT,
    ENCODE_OFFSET,
    ENCODE_CONSTANT,
    ENCODE_WRITER,
    ENCODE_CONSTANT,
    ENCODE_REASONS,
    ENCODE_SCORE,
    ENCODE_PROBABILITY,
    ENCODE_MARGIN,
    ENCODE_DECISION,
    ENCODE_ID,
    ENCODE_END,
  ])
})

/** Sha256 is defined at "model" and referred to at "policy": reversed, each needs its own. */
function flat(field: { [key: string]: Json }): { [key: string]: Json } {
  const name = field['name'] as string
  if (name === 'model' || name === 'policy') return { name, type: { ...SHA, name: `Sha_${name}` } }
  return field
}

test('score and partition may be long', () => {
  const plan = makeEncodePlan(
    decisionOf([
      { name: 'score', type: 'long' },
      { name: 'partition', type: 'long' },
    ]),
    CONSTANTS,
  )
  expect(codes(plan)).toEqual([ENCODE_CONSTANT, ENCODE_SCORE, ENCODE_CONSTANT, ENCODE_END])
})

describe('a field this version does not fill', () => {
  const record = { type: 'record', name: 'S', fields: [{ name: 'a', type: 'int', default: 1 }] }
  const fixed = { type: 'fixed', name: 'F', size: 1 }
  const WRITTEN: [type: Json, value: Json, bytes: number[]][] = [
    ['null', null, []],
    ['boolean', true, [1]],
    ['boolean', false, [0]],
    ['int', -1, [1]],
    ['int', 2147483647, [0xfe, 0xff, 0xff, 0xff, 0x0f]],
    ['long', 64, [0x80, 0x01]],
    ['long', -9007199254740991, [0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f]],
    ['float', 0.5, [0, 0, 0, 0x3f]],
    ['double', -2, [0, 0, 0, 0, 0, 0, 0, 0xc0]],
    ['string', '', [0]],
    ['string', 'é', [4, 0xc3, 0xa9]],
    [{ type: 'enum', name: 'E', symbols: ['A', 'B', 'C'] }, 'C', [4]],
    [['null', 'string'], null, [0]],
    [['string', 'null'], 'x', [0, 2, 0x78]],
    [['null', 'string'], 'x', [2, 2, 0x78]],
    [{ type: 'array', items: 'int' }, [], [0]],
    [{ type: 'map', values: 'int' }, {}, [0]],
  ]
  test.each(WRITTEN)('%j is written with its default %j', (type, value, bytes) => {
    const version = decisionOf([{ name: 'extra', type, default: value }])
    const [step, end] = makeEncodePlan(version, CONSTANTS)
    expect(end!.code).toBe(ENCODE_END)
    expect(Array.from(step!.constant!.slice(10))).toEqual(bytes)
  })

  const REFUSED: [type: Json, attributes: { [key: string]: Json }][] = [
    ['int', {}],
    [['null', 'int'], {}],
    ['bytes', { default: 'a' }],
    [fixed, { default: 'a' }],
    [record, { default: {} }],
    [['null', fixed], { default: 'a' }],
    [{ type: 'array', items: 'int' }, { default: [1] }],
    [{ type: 'map', values: 'int' }, { default: { a: 1 } }],
  ]
  test.each(REFUSED)('%j %j is refused', (type, attributes) => {
    const version = decisionOf([{ name: 'extra', type, ...attributes }])
    const error = refusal(() => makeEncodePlan(version, CONSTANTS))
    expect(error.code).toBe('decision_schema')
    expect(error.message).toBe(
      'schemas/test/1.avsc: extra: is no field this version fills, and has no default that can be written',
    )
  })

  // DYNAMIC is a plain object: DYNAMIC['constructor'] is found, and the field "must be undefined".
  test.each(['constructor', 'toString', 'valueOf'])('may be called %s', (name) => {
    const version = decisionOf([{ name, type: 'int', default: 1 }])
    expect(Array.from(makeEncodePlan(version, CONSTANTS)[0]!.constant!.slice(10))).toEqual([2])
  })
})

describe('a field of the wrong type is refused, with file and field', () => {
  const reasonOf = (...fields: Json[]): Json => ({
    type: 'array',
    items: { type: 'record', name: 'Reason', fields },
  })
  const reasons = 'must be an array of records of code (string) and fields (array of string)'
  const code = { name: 'code', type: 'string' }
  const fields = { name: 'fields', type: { type: 'array', items: 'string' } }
  const CASES: [name: string, type: Json, message: string][] = [
    ['application_id', 'bytes', 'must be string, is bytes'],
    ['application_id', ['null', 'string'], 'must be string, is union of null, string'],
    ['margin', 'float', 'must be double, is float'],
    ['probability_of_default', 'float', 'must be double, is float'],
    ['offset', 'int', 'must be long, is int'],
    ['decision', 'string', 'must be an enum of approved, rejected, referred, is string'],
    [
      'decision',
      { type: 'enum', name: 'Decision', symbols: ['rejected', 'approved', 'referred'] },
      'must be an enum of approved, rejected, referred, is Decision',
    ],
    [
      'decision',
      { type: 'enum', name: 'Decision', symbols: ['approved', 'rejected', 'referred', 'other'] },
      'must be an enum of approved, rejected, referred, is Decision',
    ],
    ['score', 'double', 'must be int or long, is double'],
    ['partition', 'string', 'must be int or long, is string'],
    ['topic', 'bytes', 'must be string, is bytes'],
    ['schema', 'long', 'must be a fixed of 8 bytes, is long'],
    ['schema', { type: 'fixed', name: 'F', size: 16 }, 'must be a fixed of 8 bytes, is F'],
    ['policy', 'bytes', 'must be a fixed of 32 bytes, is bytes'],
    ['policy', { type: 'fixed', name: 'F', size: 31 }, 'must be a fixed of 32 bytes, is F'],
    ['reasons', 'string', reasons],
    ['reasons', { type: 'array', items: 'string' }, reasons],
    ['reasons', reasonOf(code), reasons],
    ['reasons', reasonOf(code, fields, { name: 'more', type: 'int', default: 1 }), reasons],
    ['reasons', reasonOf({ name: 'code', type: 'bytes' }, fields), reasons],
    ['reasons', reasonOf(code, { name: 'fields', type: 'string' }), reasons],
    ['reasons', reasonOf(code, { name: 'fields', type: { type: 'array', items: 'int' } }), reasons],
  ]
  test.each(CASES)('%s as %j', (name, type, message) => {
    const error = refusal(() => makeEncodePlan(withField(name, type), CONSTANTS))
    expect(error.message).toBe(`schemas/test/1.avsc: ${name}: ${message}`)
    expect([error.kind, error.code]).toEqual(['usage', 'decision_schema'])
  })

  test('model as text', () => {
    const version = decisionOf([{ name: 'model', type: 'string' }])
    const error = refusal(() => makeEncodePlan(version, CONSTANTS))
    expect(error.message).toBe('schemas/test/1.avsc: model: must be a fixed of 32 bytes, is string')
  })

  test.each(SHIPPED.map((field) => field['name'] as string))(
    'a schema without %s is refused',
    (name) => {
      const fields = SHIPPED.filter((field) => field['name'] !== name).map(flat)
      expect(refusal(() => checkDecisionFields(decisionOf(fields))).message).toContain(name)
    },
  )
})

describe('reasons', () => {
  const swapped: Json = {
    type: 'array',
    items: {
      type: 'record',
      name: 'Reason',
      fields: [
        { name: 'fields', type: { type: 'array', items: 'string' } },
        { name: 'code', type: 'string' },
      ],
    },
  }

  test('are encoded once, code first as in the schema', () => {
    const bytes = encodeReason(decisionSchema, { code: 'AB', fields: ['x', 'yz'] })
    expect([...bytes]).toEqual([4, 0x41, 0x42, 4, 2, 0x78, 4, 0x79, 0x7a, 0])
  })

  test('without fields have an empty array', () => {
    expect([...encodeReason(decisionSchema, { code: 'A', fields: [] })]).toEqual([2, 0x41, 0])
  })

  test('follow the order of the schema', () => {
    const version = withField('reasons', swapped)
    expect([...encodeReason(version, { code: 'A', fields: ['x'] })]).toEqual([
      2, 2, 0x78, 0, 2, 0x41,
    ])
  })

  test('are nothing where the schema has none', () => {
    expect(encodeReason(decisionOf([]), { code: 'A', fields: [] }).length).toBe(0)
  })
})
