import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { ApplicationEncoder } from '../../src/applications/application.ts'
import { Generator } from '../../src/applications/generator.ts'
import { POISON, POISON_KINDS, Poison } from '../../src/applications/poison.ts'
import { decode, engineOf, fieldOf, programOf, runs } from '../support/engine.ts'
import { good, schema, schemaOf, variant } from './support.ts'

const encoder = new ApplicationEncoder(schema)
const engine = engineOf(programOf({ applications: [schema] }))

test.each(POISON_KINDS)('%s gets its status, and its neighbours are decoded', (kind) => {
  const property = fc.property(fc.maxSafeNat(), (seed) => {
    const record = encoder.encode(new Generator(seed).next())
    const copy = Uint8Array.from(record)
    const damaged = new Poison(schema, 1, seed).damage(record, kind)
    expect(record).toEqual(copy)
    const codes = decode(engine, [record, damaged, record]).map((status) => status.code)
    expect(codes).toEqual([0, POISON[kind], 0])
  })
  fc.assert(property, runs(100))
})

test('the status of an impossible value names its field', () => {
  const poison = new Poison(schema, 1, 1)
  const record = encoder.encode(good)
  const fieldNamed = (kind: (typeof POISON_KINDS)[number]) => {
    decode(engine, [poison.damage(record, kind)])
    return fieldOf(engine, 0)
  }
  expect(fieldNamed('impossible amount')).toBe('loan_amount')
  expect(fieldNamed('NaN income')).toBe('annual_income')
  expect(fieldNamed('overlong varint')).toBe('credit_score')
  expect(fieldNamed('bad union branch')).toBe('employment_years')
  expect(fieldNamed('invalid UTF-8 id')).toBe('application_id')
})

test('a rate of 0 damages nothing, and a rate of 1 everything, all kinds in turn', () => {
  const record = encoder.encode(good)
  const none = new Poison(schema, 0, 1)
  for (let i = 0; i < 100; i++)
    expect(none.dose(record)).toEqual({ bytes: record, kind: undefined })
  const all = new Poison(schema, 1, 1)
  const kinds = POISON_KINDS.map(() => all.dose(record).kind)
  expect(kinds).toEqual([...POISON_KINDS])
})

test('the rate is the share that is damaged, the same ones for the same seed', () => {
  const record = encoder.encode(good)
  const kindsOf = (seed: number) => {
    const poison = new Poison(schema, 0.02, seed)
    return Array.from({ length: 50_000 }, () => poison.dose(record).kind)
  }
  const kinds = kindsOf(3)
  expect(kindsOf(3)).toEqual(kinds)
  // Five standard deviations of 1000 expected.
  expect(Math.abs(kinds.filter((kind) => kind !== undefined).length - 1000)).toBeLessThan(157)
})

test('records of a schema with its fields in another order are damaged just as well', () => {
  const reversed = variant((fields) => fields.toReversed())
  const own = engineOf(programOf({ applications: [reversed] }))
  const poison = new Poison(reversed, 1, 1)
  const record = new ApplicationEncoder(reversed).encode(good)
  for (const kind of POISON_KINDS) {
    expect(decode(own, [poison.damage(record, kind)])[0]!.code).toBe(POISON[kind])
  }
})

test('a rate that is no share, or a record of another schema, is a mistake of the program', () => {
  expect(() => new Poison(schema, 1.5, 1)).toThrow('a rate is from 0 to 1, is 1.5')
  const other = schemaOf({ type: 'record', name: 'Other', fields: [] })
  expect(() => new Poison(other, 1, 1)).toThrow('has a nullable field')
  expect(() => new Poison(schema, 1, 1).damage(new Uint8Array(3), 'empty')).toThrow('of the schema')
})
