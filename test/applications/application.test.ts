import { expect, test } from 'bun:test'
import { type Schema, Type } from 'avsc'
import fc from 'fast-check'
import {
  type Application,
  ApplicationEncoder,
  type Value,
} from '../../src/applications/application.ts'
import { type ApplicationField, ApplicationChecker, shown } from '../../src/applications/check.ts'
import { singleObjectHeader } from '../../src/avro/fingerprint.ts'
import { runs } from '../support/engine.ts'
import { good, refusal, schema, variant, without } from './support.ts'

const checker = new ApplicationChecker(schema)

/** avsc's own reading of the file, without this project's types in between. */
const reference = Type.forSchema((await Bun.file(schema.path).json()) as Schema)

function decode(bytes: Uint8Array): Application {
  return { ...(reference.fromBuffer(Buffer.from(bytes.subarray(10))) as Application) }
}

function problemsOf(values: Record<string, unknown>): string[] {
  const checked = checker.check(values)
  if ('application' in checked) return []
  return checked.problems.map(({ field, message }) => `${field}: ${message}`)
}

test('an encoded application is its header and what avsc decodes to the same values', () => {
  const bytes = new ApplicationEncoder(schema).encode(good)
  expect(bytes.subarray(0, 10)).toEqual(singleObjectHeader(schema.fingerprint))
  expect(decode(bytes)).toEqual(good)
  expect(bytes.subarray(10)).toEqual(new Uint8Array(reference.toBuffer(good)))
})

test('any application that passes the check decodes to itself', () => {
  const encoder = new ApplicationEncoder(schema)
  const property = fc.property(anyApplication(), (application) => {
    const checked = checker.check(application)
    if (!('application' in checked)) throw new Error(JSON.stringify(checked.problems))
    expect(decode(encoder.encode(checked.application))).toEqual(application)
  })
  fc.assert(property, runs(500))
})

test('bytes stay as they are when the next application is encoded', () => {
  const encoder = new ApplicationEncoder(schema)
  const first = encoder.encode(good)
  const copy = Uint8Array.from(first)
  encoder.encode({ ...good, application_id: 'x'.repeat(36), loan_amount: 1 })
  expect(first).toEqual(copy)
})

test('an application larger than the scratch buffer is encoded, and so is the next', () => {
  const encoder = new ApplicationEncoder(schema)
  const large = { ...good, application_id: 'ü'.repeat(100_000) }
  expect(decode(encoder.encode(large))).toEqual(large)
  expect(decode(encoder.encode(good))).toEqual(good)
})

test('values that were not checked and have another type are not encoded', () => {
  const encoder = new ApplicationEncoder(schema)
  const wrong: Record<string, Value> = { ...good, loan_amount: '12000' }
  expect(() => encoder.encode(wrong as Application)).toThrow()
  expect(() => encoder.encode(without('credit_score'))).toThrow()
})

const INVALID: [field: string, value: unknown, message: string][] = [
  ['application_id', '', 'is empty'],
  ['application_id', null, 'is missing'],
  ['application_id', 17, 'must be text, is 17'],
  ['application_id', 'half \ud83d', 'is not valid Unicode: "half \\ud83d"'],
  ['submitted_at', '2026-01-01', 'must be a number, is "2026-01-01"'],
  ['submitted_at', 1.5, 'must be a whole number, is 1.5'],
  ['submitted_at', 2 ** 53, 'must be at most 9007199254740990, is 9007199254740992'],
  ['submitted_at', -(2 ** 52) - 1, 'must be at least -4503599627370496, is -4503599627370497'],
  ['region', undefined, 'is missing'],
  ['loan_amount', 0, 'must be above 0, is 0'],
  ['loan_amount', -0, 'must be above 0, is 0'],
  ['loan_amount', -5000, 'must be above 0, is -5000'],
  ['loan_amount', 1e9 + 1, 'must be at most 1000000000, is 1000000001'],
  ['loan_amount', '5000', 'must be a number, is "5000"'],
  ['loan_amount', true, 'must be a number, is true'],
  ['loan_amount', [5000], 'must be a number, is [5000]'],
  ['annual_income', Number.NaN, 'must be a finite number, is NaN'],
  ['annual_income', Number.POSITIVE_INFINITY, 'must be a finite number, is Infinity'],
  ['annual_income', -1, 'must be at least 0, is -1'],
  ['annual_income', undefined, 'is missing'],
  ['credit_score', 299, 'must be at least 300, is 299'],
  ['credit_score', 851, 'must be at most 850, is 851'],
  ['credit_score', 700.5, 'must be a whole number, is 700.5'],
  ['employment_years', 101, 'must be at most 100, is 101'],
  ['total_accounts', 2 ** 31, 'must be at most 2147483647, is 2147483648'],
  ['total_accounts', null, 'is missing'],
]

test.each(INVALID)('%s = %p is refused', (field, value, message) => {
  expect(problemsOf({ ...good, [field]: value })).toEqual([`${field}: ${message}`])
})

const VALID: [field: string, value: Value][] = [
  ['application_id', ' '],
  ['application_id', 'Müller 👍'],
  ['submitted_at', 0],
  ['submitted_at', -(2 ** 52)],
  ['submitted_at', 2 ** 53 - 2],
  ['region', ''],
  ['loan_amount', Number.MIN_VALUE],
  ['loan_amount', 1e9],
  ['annual_income', -0],
  ['credit_score', 300],
  ['credit_score', 850],
  ['employment_years', null],
  ['total_accounts', 2 ** 31 - 1],
]

test.each(VALID)('%s = %p is taken', (field, value) => {
  const application = { ...good, [field]: value }
  expect(checker.check(application)).toEqual({ application })
})

test('a field with a default may be absent, and becomes it', () => {
  const checked = checker.check(without('employment_years', 'bankcard_utilization'))
  const application = { ...good, employment_years: null, bankcard_utilization: null }
  expect(checked).toEqual({ application })
})

test('every problem is named, in the order of the fields', () => {
  const values = { ...good, credit_score: 12, loan_amount: null, bankruptcies: 0.5 }
  expect(problemsOf(values)).toEqual([
    'loan_amount: is missing',
    'credit_score: must be at least 300, is 12',
    'bankruptcies: must be a whole number, is 0.5',
  ])
})

test('a long value is cut short in its message', () => {
  const [problem] = problemsOf({ ...good, loan_amount: 'x'.repeat(1000) })
  expect(problem!.length).toBeLessThan(100)
})

test('fields of later schemas may be enums, booleans and floats, with defaults', () => {
  const channel = { type: 'enum', name: 'Channel', symbols: ['WEB', 'BRANCH'] }
  const later = variant((fields) => [
    ...fields,
    { name: 'channel', type: channel, default: 'WEB' },
    { name: 'joint', type: 'boolean', default: false },
    { name: 'rate', type: ['null', 'float'], default: null, exclusiveMinimum: 0 },
  ])
  const laterChecker = new ApplicationChecker(later)
  const defaults = { channel: 'WEB', joint: false, rate: null }
  expect(laterChecker.check(good)).toEqual({ application: { ...good, ...defaults } })
  const wrong = laterChecker.check({ ...good, channel: 'FAX', joint: 1, rate: 1e-60 })
  expect(wrong).toEqual({
    problems: [
      { field: 'channel', message: 'must be one of WEB, BRANCH, is "FAX"' },
      { field: 'joint', message: 'must be true or false, is 1' },
      { field: 'rate', message: 'must be above 0, is 1e-60' },
    ],
  })
})

test('a schema whose fields are no values is refused with the field', async () => {
  const list = variant((fields) => [
    ...fields,
    { name: 'notes', type: { type: 'array', items: 'string' } },
  ])
  expect(await refusal(() => new ApplicationChecker(list))).toContain('notes: is array')
})

/** Applications within the schema's bounds, ends included. */
function anyApplication(): fc.Arbitrary<Application> {
  return fc.record(Object.fromEntries(checker.fields.map((field) => [field.name, anyValue(field)])))
}

function anyValue(field: ApplicationField): fc.Arbitrary<Value> {
  const value = anyNonNull(field)
  return field.nullable ? fc.option(value) : value
}

function anyNonNull(field: ApplicationField): fc.Arbitrary<Value> {
  const min = Math.max(field.minimum, field.type === 'int' ? -(2 ** 31) : -(2 ** 52))
  const max = Math.min(field.maximum, field.type === 'int' ? 2 ** 31 - 1 : 2 ** 53 - 2)
  switch (field.type) {
    case 'string':
      return fc.string({ unit: 'grapheme', minLength: field.name === 'application_id' ? 1 : 0 })
    case 'int':
    case 'long':
      return fc.integer({ min, max })
    case 'double':
      return fc.double({ min: field.minimum, max: field.maximum, noNaN: true })
    default:
      throw new Error(`the schema has a field of type ${shown(field.type)}`)
  }
}
