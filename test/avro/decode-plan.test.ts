// Schema resolution: what a writer's field becomes in the reader's columns, seen from the row that
// WebAssembly reads with the plan; and which pairs are refused, with their reason.

import { describe, expect, test } from 'bun:test'
import avsc from 'avsc'
import {
  STATUS_BAD_BRANCH,
  STATUS_IMPOSSIBLE_VALUE,
  STATUS_OK,
  STEP_BYTES,
  STEP_CODE,
  DECODE_DOUBLE,
  DECODE_END,
  DECODE_ID,
  DECODE_PLAIN,
  INPUT_PADDING,
} from '../../assembly/layout.ts'
import { isNumeric } from '../../src/avro/columns.ts'
import { makeDecodePlan } from '../../src/avro/decode-plan.ts'
import { type Json, isNullable, parseRecord, parseSchema } from '../../src/avro/schema.ts'
import type { Program } from '../../src/scorer/program.ts'
import {
  type Status,
  decode,
  engineOf,
  fieldOf,
  idOf,
  programOf,
  rowOf,
  schemaVersion,
  withHeader,
} from '../support/engine.ts'

type Attributes = { [key: string]: Json }

/** An application of an id and these fields. */
function applicationOf(...fields: Json[]): Json {
  return {
    type: 'record',
    name: 'LoanApplication',
    fields: [{ name: 'application_id', type: 'string' }, ...fields],
  }
}

function recordOf(...fields: Json[]): Json {
  return { type: 'record', name: 'S', fields }
}

function field(name: string, type: Json, attributes: Attributes = {}): Json {
  return { name, type, ...attributes }
}

/** The program that reads both; the writer's entry is the first. */
function programFor(writer: Json, reader: Json): Program {
  const versions = [schemaVersion(writer, 1), schemaVersion(reader, 2)] as const
  const isSame = versions[0].fingerprint === versions[1].fingerprint
  return programOf({ applications: isSame ? [versions[1]] : [...versions] })
}

type Read = { status: Status; field: string; row: Record<string, number>; id: string }

/** Writes the value with avsc, unions wrapped, and reads it as the reader's. */
function readThrough(writer: Json, reader: Json, value: Attributes): Read {
  const program = programFor(writer, reader)
  expect(program.writers[0]!.refusal).toBe('')
  const engine = engineOf(program, 4, 4096)
  const type = avsc.Type.forSchema(writer as avsc.Schema, { wrapUnions: 'always' })
  const body = type.toBuffer({ application_id: 'app-1', ...value })
  const [status] = decode(engine, [withHeader(schemaVersion(writer), body)])
  const id = new TextDecoder().decode(idOf(engine, 0))
  return { status: status!, field: fieldOf(engine, 0), row: rowOf(engine, 0), id }
}

function refusalOf(writer: Json, reader: Json): string {
  return programFor(writer, reader).writers[0]!.refusal
}

const OK: Status = { code: STATUS_OK, field: 0 }

describe('promotions', () => {
  /** A value of each type that all it may become can hold. */
  const VALUES: { [type: string]: Json } = {
    boolean: true,
    int: -1234567,
    long: 1234567890123,
    float: 0.5,
    double: 0.1,
  }
  /** Specification, "Schema Resolution". */
  const PROMOTED: { [type: string]: string[] } = {
    boolean: ['boolean'],
    int: ['int', 'long', 'float', 'double'],
    long: ['long', 'float', 'double'],
    float: ['float', 'double'],
    double: ['double'],
    bytes: [],
    string: [],
  }
  const NUMERIC = ['boolean', 'int', 'long', 'float', 'double']
  const pairs = Object.keys(PROMOTED).flatMap((w) => NUMERIC.map((r) => [w, r] as const))
  const isAllowed = ([w, r]: readonly [string, string]) => PROMOTED[w]!.includes(r)

  test.each(pairs.filter(isAllowed))('%s is read as %s', (writer, reader) => {
    const value = VALUES[writer]!
    const read = readThrough(applicationOf(field('x', writer)), applicationOf(field('x', reader)), {
      x: value,
    })
    expect(read.status).toEqual(OK)
    expect(read.row).toEqual({
      x: reader === 'float' ? Math.fround(value as number) : Number(value),
    })
    expect(read.id).toBe('app-1')
  })

  test.each(pairs.filter((pair) => !isAllowed(pair)))('%s is not read as %s', (writer, reader) => {
    const refused = refusalOf(applicationOf(field('x', writer)), applicationOf(field('x', reader)))
    expect(refused).toBe(`schemas/test/1.avsc: x: ${writer} cannot be read as ${reader}`)
  })

  test('an id written as bytes is read as a string', () => {
    const writer: Json = {
      type: 'record',
      name: 'LoanApplication',
      fields: [field('application_id', 'bytes')],
    }
    const value = { application_id: Buffer.from('äöü') as unknown as Json }
    const read = readThrough(writer, applicationOf(), value)
    expect([read.status, read.id]).toEqual([OK, 'äöü'])
  })

  // A reader's float holds floats: by the specification the int becomes the float 16777216, and the
  // default 0.1 the float 0.10000000149011612, as if a writer had written it. The row gets the
  // double instead, so the same application scores differently by which schema wrote it.
  test('what becomes a float is rounded to one', () => {
    const reader = applicationOf(field('x', 'float', { default: 0.1 }))
    expect(readThrough(applicationOf(field('x', 'int')), reader, { x: 16777217 }).row['x']).toBe(
      16777216,
    )
    expect(readThrough(applicationOf(), reader, {}).row['x']).toBe(Math.fround(0.1))
  })
})

describe('null', () => {
  const nullable = (type: string, nullFirst: boolean): Json =>
    nullFirst ? ['null', type] : [type, 'null']
  const CASES = ['boolean', 'int', 'long', 'float', 'double'].flatMap((type) =>
    [true, false].flatMap((writerFirst) =>
      [true, false].map((readerFirst) => [type, writerFirst, readerFirst] as const),
    ),
  )

  test.each(CASES)('%s and null, null first in the writer: %p, in the reader: %p', (type, w, r) => {
    const writer = applicationOf(field('x', nullable(type, w)), field('y', 'double'))
    const reader = applicationOf(field('x', nullable(type, r)), field('y', 'double'))
    const value = type === 'boolean' ? true : 42
    const written = readThrough(writer, reader, { x: { [type]: value }, y: 7 })
    expect([written.status, written.row]).toEqual([OK, { x: Number(value), y: 7 }])
    const absent = readThrough(writer, reader, { x: null, y: 7 })
    expect([absent.status, absent.row]).toEqual([OK, { x: Number.NaN, y: 7 }])
  })

  test.each(CASES)('%s or null (first: %p) is read as one that has no null', (type, w) => {
    const writer = applicationOf(field('x', nullable(type, w)))
    const reader = applicationOf(field('x', type))
    const value = type === 'boolean' ? true : 42
    expect(readThrough(writer, reader, { x: { [type]: value } }).row).toEqual({ x: Number(value) })
    const absent = readThrough(writer, reader, { x: null })
    expect([absent.status.code, absent.field]).toEqual([STATUS_BAD_BRANCH, 'x'])
  })

  test.each(['boolean', 'int', 'long', 'float', 'double'])(
    '%s is read as one that may be null',
    (type) => {
      const reader = applicationOf(field('x', ['null', type], { default: null }))
      const value = type === 'boolean' ? false : 42
      const read = readThrough(applicationOf(field('x', type)), reader, { x: value })
      expect([read.status, read.row]).toEqual([OK, { x: Number(value) }])
    },
  )

  test('a promotion within a union is made', () => {
    const writer = applicationOf(field('x', ['int', 'null']))
    const reader = applicationOf(field('x', ['null', 'double']))
    expect(readThrough(writer, reader, { x: { int: -3 } }).row).toEqual({ x: -3 })
    expect(readThrough(writer, reader, { x: null }).row).toEqual({ x: Number.NaN })
  })

  // That writer alone is refused, or all its records hold null.
  describe.each([
    ['null', 'null'],
    ['null or string', ['null', 'string']],
    ['null or bytes', ['bytes', 'null']],
  ] satisfies [string, Json][])('a writer that had only %s', (_, type) => {
    test('does not end the program', () => {
      const reader = applicationOf(field('x', ['null', 'double'], { default: null }))
      expect(() => programFor(applicationOf(field('x', type)), reader)).not.toThrow()
    })
  })

  // That null can be read says nothing of the number beside it: a record with one is at fault.
  test.each([
    ['long', 'int'],
    ['double', 'int'],
    ['double', 'float'],
    ['boolean', 'double'],
    ['int', 'boolean'],
  ])('of null or %s, null alone is read as null or %s', (type, other) => {
    const writer = applicationOf(field('x', ['null', type]))
    const reader = applicationOf(field('x', ['null', other]))
    expect(readThrough(writer, reader, { x: null }).row).toEqual({ x: Number.NaN })
    const value = type === 'boolean' ? true : 1
    const read = readThrough(writer, reader, { x: { [type]: value } })
    expect([read.status.code, read.field]).toEqual([STATUS_BAD_BRANCH, 'x'])
  })
})

describe('unions of any branches', () => {
  const UNIONS: [type: Json, reader: Json, value: Json, column: number][] = [
    [['double', 'string'], 'double', { double: 0.5 }, 0.5],
    [['null', 'int', 'double'], 'double', { int: 7 }, 7],
    [['null', 'int', 'double'], ['null', 'double'], null, Number.NaN],
    [['double'], 'double', { double: 0.5 }, 0.5],
    [['long', 'float'], ['null', 'double'], { float: 0.25 }, 0.25],
  ]
  test.each(UNIONS)('%j as %j: %j', (type, other, value, column) => {
    const writer = applicationOf(field('x', type), field('z', 'int'))
    const reader = applicationOf(field('x', other), field('z', 'int'))
    const read = readThrough(writer, reader, { x: value, z: 3 })
    expect([read.status, read.row]).toEqual([OK, { x: column, z: 3 }])
  })

  test('a branch that the reader cannot read is the fault of its records alone', () => {
    const writer = applicationOf(field('x', ['string', 'int']))
    const read = readThrough(writer, applicationOf(field('x', 'double')), { x: { string: 'a' } })
    expect([read.status.code, read.field]).toEqual([STATUS_BAD_BRANCH, 'x'])
  })
})

describe('ids', () => {
  const identified = (type: Json): Json => ({
    type: 'record',
    name: 'LoanApplication',
    fields: [field('application_id', type)],
  })
  const uuid: Json = { type: 'fixed', name: 'Uuid', size: 16, logicalType: 'uuid' }
  const ID = '00112233-4455-6677-8899-aabbccddeeff'
  const BYTES = Buffer.from(ID.replaceAll('-', ''), 'hex') as unknown as Json
  const IDS: [writer: Json, reader: Json, value: Json][] = [
    ['bytes', 'string', Buffer.from(ID) as unknown as Json],
    ['string', 'bytes', ID],
    [{ type: 'string', logicalType: 'uuid' }, 'string', ID],
    [['null', 'string'], 'string', { string: ID }],
    ['string', ['null', 'string'], ID],
    [uuid, uuid, BYTES],
    [['null', uuid], uuid, { Uuid: BYTES }],
  ]
  test.each(IDS)('%j as %j', (writer, reader, value) => {
    const read = readThrough(identified(writer), identified(reader), { application_id: value })
    expect([read.status, read.id]).toEqual([OK, ID])
  })

  test('null identifies nothing, even where the reader would take it', () => {
    const nullable = identified(['null', 'string'])
    for (const reader of [nullable, identified('string')]) {
      const read = readThrough(nullable, reader, { application_id: null })
      expect([read.status.code, read.field]).toEqual([STATUS_BAD_BRANCH, 'application_id'])
    }
  })

  test('a fixed that is no UUID identifies nothing', () => {
    const plain = identified({ type: 'fixed', name: 'F', size: 16 })
    expect(() => programFor(plain, plain)).toThrow('application_id')
  })
})

describe('times', () => {
  const at = (type: string, logicalType: string): Json =>
    applicationOf(field('x', { type, logicalType }))
  /** With a field more: a fingerprint does not tell one logical type from another. */
  const written = (type: string, logicalType: string): Json =>
    applicationOf(field('x', { type, logicalType }), field('more', 'null'))
  const TIMES: [from: [string, string], to: [string, string], value: number, column: number][] = [
    [['long', 'timestamp-millis'], ['long', 'timestamp-micros'], -5, -5000],
    [['long', 'timestamp-micros'], ['long', 'timestamp-millis'], -1, -1],
    [['long', 'timestamp-micros'], ['long', 'timestamp-millis'], 1999, 1],
    [['long', 'timestamp-nanos'], ['long', 'local-timestamp-micros'], -1001, -2],
    [['int', 'date'], ['long', 'timestamp-millis'], -1, -86_400_000],
    [['int', 'time-millis'], ['long', 'time-micros'], 86_399_999, 86_399_999_000],
    [['int', 'time-millis'], ['long', 'timestamp-micros'], 7, 7],
    [['long', 'timestamp-millis'], ['long', 'moon-phase'], 7, 7],
    [['long', 'timestamp-millis'], ['double', ''], 7, 7],
  ]
  test.each(TIMES)('%j as %j: %p is %p', (from, to, value, column) => {
    const read = readThrough(written(...from), at(...to), { x: value, more: null })
    expect([read.status, read.row]).toEqual([OK, { x: column }])
  })

  test('one that no long can hold is impossible', () => {
    const writer = written('long', 'timestamp-millis')
    const value = { x: 9_000_000_000_000_000, more: null }
    const read = readThrough(writer, at('long', 'timestamp-nanos'), value)
    expect([read.status.code, read.field]).toEqual([STATUS_IMPOSSIBLE_VALUE, 'x'])
  })

  test('two versions that differ in nothing else are refused: no record says which it is', () => {
    const versions = ['timestamp-millis', 'timestamp-micros'].map((type, i) =>
      schemaVersion(at('long', type), i + 1),
    )
    expect(() => programOf({ applications: versions })).toThrow(
      'schemas/test/1.avsc and schemas/test/2.avsc have one fingerprint and are read differently',
    )
  })
})

describe('fields', () => {
  const x = field('x', 'double')

  test('order does not matter, names do', () => {
    const writer: Json = {
      type: 'record',
      name: 'LoanApplication',
      fields: [field('b', 'int'), field('application_id', 'string'), field('a', 'double')],
    }
    const reader = applicationOf(field('a', 'double'), field('b', 'int'))
    const read = readThrough(writer, reader, { a: 0.5, b: 3 })
    expect([read.status, read.row, read.id]).toEqual([OK, { a: 0.5, b: 3 }, 'app-1'])
  })

  const DEFAULTS: [type: Json, value: Json, column: number][] = [
    ['int', 5, 5],
    ['long', -9007199254740991, -9007199254740991],
    ['double', 0.1, 0.1],
    ['double', -0, -0],
    ['float', 0.5, 0.5],
    ['boolean', true, 1],
    ['boolean', false, 0],
    [['null', 'double'], null, Number.NaN],
    [['double', 'null'], 2.5, 2.5],
    [['null', 'int'], 7, 7],
  ]
  test.each(DEFAULTS)('one the writer lacks has its default: %j, %j', (type, value, column) => {
    const reader = applicationOf(field('x', type, { default: value }), field('y', 'int'))
    const read = readThrough(applicationOf(field('y', 'int')), reader, { y: 1 })
    expect(read.status).toEqual(OK)
    expect(Object.is(read.row['x'], column)).toBeTrue()
    expect(read.row['y']).toBe(1)
  })

  test('one the writer lacks and that has no default makes the writer unreadable', () => {
    const refused = refusalOf(applicationOf(), applicationOf(x))
    expect(refused).toBe('schemas/test/1.avsc: x: is not in the writer and has no default')
  })

  test('one the reader does not count has no use for its default', () => {
    const reader = applicationOf(x, field('note', 'string', { default: '' }))
    expect(readThrough(applicationOf(x), reader, { x: 1 }).row).toEqual({ x: 1 })
  })

  test('a field without a default is missed even when it is no number', () => {
    const refused = refusalOf(applicationOf(x), applicationOf(x, field('note', 'string')))
    expect(refused).toBe('schemas/test/1.avsc: note: is not in the writer and has no default')
  })

  test('the id has no default, even when the schema states one', () => {
    const reader: Json = {
      type: 'record',
      name: 'LoanApplication',
      fields: [field('application_id', 'string', { default: 'none' }), x],
    }
    const writer: Json = { type: 'record', name: 'LoanApplication', fields: [x] }
    const refused = refusalOf(writer, reader)
    expect(refused).toBe('schemas/test/1.avsc: application_id: identifies the record')
  })

  test("an alias of the reader's field finds the writer's old name", () => {
    const reader = applicationOf(field('x', 'double', { aliases: ['old', 'older'] }))
    expect(readThrough(applicationOf(field('older', 'int')), reader, { older: 3 }).row).toEqual({
      x: 3,
    })
  })

  test('an alias finds the id', () => {
    const reader: Json = {
      type: 'record',
      name: 'LoanApplication',
      fields: [field('application_id', 'string', { aliases: ['id'] })],
    }
    const writer: Json = {
      type: 'record',
      name: 'LoanApplication',
      fields: [field('application_id', 'int'), field('id', 'string')],
    }
    // The new name stands for an older thing there, and its type gives it away.
    expect(refusalOf(writer, reader)).toBe(
      'schemas/test/1.avsc: application_id: int cannot be read as string',
    )
  })

  test("an alias of the writer's field means nothing to the reader", () => {
    const writer = applicationOf(field('x', 'double', { aliases: ['y'] }))
    const refused = refusalOf(writer, applicationOf(field('y', 'double')))
    expect(refused).toBe('schemas/test/1.avsc: y: is not in the writer and has no default')
  })

  // A writer that keeps a field beside its successor.
  test('the name outweighs an alias, whichever comes first', () => {
    const reader = applicationOf(field('x', 'double', { aliases: ['old'] }))
    for (const names of [
      ['old', 'x'],
      ['x', 'old'],
    ]) {
      const writer = applicationOf(...names.map((name) => field(name, 'double')))
      expect(readThrough(writer, reader, { x: 1, old: 2 }).row).toEqual({ x: 1 })
    }
  })

  // Renamed, and then its name given to something new: what was written is the older thing.
  test("an alias outweighs another field's name", () => {
    const reader = applicationOf(
      field('x', 'double', { default: 7 }),
      field('renamed', 'double', { aliases: ['x'] }),
    )
    const read = readThrough(applicationOf(field('x', 'double')), reader, { x: 1 })
    expect(read.row).toEqual({ x: 7, renamed: 1 })
  })

  test('bounds are those of the reader', () => {
    const writer = applicationOf(field('x', 'double', { minimum: 100 }))
    const reader = applicationOf(field('x', 'double', { maximum: 10 }))
    expect(readThrough(writer, reader, { x: 10 }).status).toEqual(OK)
    expect(readThrough(writer, reader, { x: 11 }).field).toBe('x')
  })
})

describe('fields that are skipped', () => {
  const record: Json = {
    type: 'record',
    name: 'S',
    fields: [
      { name: 'a', type: 'int' },
      { name: 't', type: { type: 'record', name: 'T', fields: [{ name: 'b', type: 'string' }] } },
    ],
  }
  const list: Json = {
    type: 'record',
    name: 'N',
    fields: [
      { name: 'value', type: 'int' },
      { name: 'next', type: ['null', 'N'] },
    ],
  }
  const union: Json = ['null', 'int', 'string', { type: 'fixed', name: 'F', size: 3 }]
  const SKIPPED: [what: string, type: Json, value: Json | Uint8Array][] = [
    ['null', 'null', null],
    ['boolean', 'boolean', true],
    ['int', 'int', -2147483648],
    ['long', 'long', 9007199254740990],
    ['float', 'float', 1.5],
    ['double', 'double', 1.5],
    ['bytes', 'bytes', Buffer.from([1, 2, 3])],
    ['an empty string', 'string', ''],
    ['a string', 'string', 'not of interest'.repeat(20)],
    ['an enum', { type: 'enum', name: 'E', symbols: ['A', 'B'] }, 'B'],
    ['a fixed', { type: 'fixed', name: 'F', size: 5 }, Buffer.alloc(5, 7)],
    ['a fixed of no bytes', { type: 'fixed', name: 'F', size: 0 }, Buffer.alloc(0)],
    ['a record', record, { a: 300, t: { b: 'x' } }],
    ['an empty record', { type: 'record', name: 'S', fields: [] }, {}],
    ['a union: null', union, null],
    ['a union: int', union, { int: 99999 }],
    ['a union: string', union, { string: 'abc' }],
    ['a union: fixed', union, { F: Buffer.from('xyz') as unknown as Json }],
    ['a nullable one', ['string', 'null'], { string: 'abc' }],
    ['a union of one', ['double'], { double: 1 }],
    ['an array', { type: 'array', items: 'string' }, ['a', 'b']],
    ['an array of none', { type: 'array', items: 'string' }, []],
    ['a map', { type: 'map', values: 'double' }, { a: 1, b: 2 }],
    ['a union: array', ['null', { type: 'array', items: 'int' }], { array: [1, 2] }],
    ['a union: record', ['null', record], { S: { a: 300, t: { b: 'x' } } }],
    ['a list', list, { value: 1, next: { N: { value: 2, next: null } } }],
  ]

  test.each(SKIPPED)('%s, unknown to the reader', (_, type, value) => {
    const writer = applicationOf(field('a', 'int'), field('x', type), field('z', 'double'))
    const reader = applicationOf(field('z', 'double'), field('a', 'int'))
    const read = readThrough(writer, reader, { a: 1, x: value as Json, z: 2 })
    expect([read.status, read.row]).toEqual([OK, { z: 2, a: 1 }])
  })

  test.each([...SKIPPED.slice(6, 12), ...SKIPPED.slice(-6)])(
    '%s, known to both and no number',
    (_, type, value) => {
      const writer = applicationOf(field('x', type), field('z', 'double'))
      const read = readThrough(writer, writer, { x: value as Json, z: 2 })
      expect(read.status).toEqual(OK)
      expect(read.row).toMatchObject({ z: 2 })
    },
  )

  test('a field within a skipped record is named by its path', () => {
    const version = schemaVersion(applicationOf(field('s', record)))
    const reader = parseRecord(applicationOf(), 'r.avsc')
    const plan = makeDecodePlan(version.schema, reader, new Map(), 'application_id')
    expect(plan.fields).toEqual(['application_id', 's.a', 's.t.b'])
  })
})

describe('pairs that are refused', () => {
  const fixed = (name: string, size: number): Json => ({ type: 'fixed', name, size })
  const enumOf = (name: string): Json => ({ type: 'enum', name, symbols: ['A'] })
  const CASES: [writer: Json, reader: Json, why: string][] = [
    ['string', 'double', 'string cannot be read as double'],
    ['double', 'string', 'double cannot be read as string'],
    [fixed('F', 2), fixed('F', 3), 'F cannot be read as F'],
    [fixed('F', 2), fixed('G', 2), 'F cannot be read as G'],
    [enumOf('E'), enumOf('D'), 'E cannot be read as D'],
    ['string', ['null', 'double'], 'string cannot be read as union of null, double'],
    [['string', 'bytes'], 'double', 'union of string, bytes cannot be read as double'],
    [{ type: 'map', values: 'int' }, 'double', 'map cannot be read as double'],
    [enumOf('E'), 'string', 'E cannot be read as string'],
  ]
  test.each(CASES)('%j as %j', (writer, reader, why) => {
    const refused = refusalOf(applicationOf(field('x', writer)), applicationOf(field('x', reader)))
    expect(refused).toBe(`schemas/test/1.avsc: x: ${why}`)
  })

  const INNER: [writer: Json, reader: Json, why: string][] = [
    [{ type: 'array', items: 'long' }, { type: 'array', items: 'int' }, 'x[]: long cannot be'],
    [{ type: 'map', values: 'long' }, { type: 'map', values: 'int' }, 'x{}: long cannot be'],
    [recordOf(field('a', 'long')), recordOf(field('a', 'int')), 'x.a: long cannot be'],
    [recordOf(), recordOf(field('a', 'int')), 'x.a: is not in the writer and has no default'],
  ]
  test.each(INNER)('within: %j as %j', (writer, reader, why) => {
    const refused = refusalOf(applicationOf(field('x', writer)), applicationOf(field('x', reader)))
    expect(refused).toStartWith(`schemas/test/1.avsc: ${why}`)
  })

  test('a record that contains itself without an end', () => {
    const writer = applicationOf(field('x', 'LoanApplication'))
    expect(refusalOf(writer, applicationOf())).toBe(
      'schemas/test/1.avsc: LoanApplication contains itself without an end',
    )
  })

  // Records that hold the one before three times make 3^depth steps.
  test('records that unfold without end', () => {
    let type: Json = { type: 'record', name: 'L0', fields: [field('a', 'int')] }
    for (let i = 1; i <= 7; i++) {
      const known = `L${i - 1}`
      type = {
        type: 'record',
        name: `L${i}`,
        fields: [field('a', type), field('b', known), field('c', known)],
      }
    }
    expect(refusalOf(applicationOf(field('x', type)), applicationOf())).toContain('x')
  })

  test('an enum or fixed is known by an alias of the reader, which is a full name', () => {
    const aliased = (alias: string): Json =>
      applicationOf(
        field('x', { type: 'fixed', name: 'a.G', aliases: [alias], size: 2 }),
        field('z', 'int'),
      )
    const writer = applicationOf(field('x', fixed('b.F', 2)), field('z', 'int'))
    const value = { x: Buffer.alloc(2) as unknown as Json, z: 9 }
    expect(readThrough(writer, aliased('b.F'), value).row).toEqual({ z: 9 })
    // Without a namespace it is in the reader's own: a.F.
    expect(refusalOf(writer, aliased('F'))).toBe(
      'schemas/test/1.avsc: x: b.F cannot be read as a.G',
    )
  })

  test.each([
    ['is a long', [field('application_id', 'long')]],
    ['is missing', [field('x', 'double')]],
  ])('a reader whose id %s', (_, fields) => {
    const json: Json = { type: 'record', name: 'LoanApplication', fields }
    expect(() => programFor(json, json)).toThrow('application_id')
  })
})

describe('the plan', () => {
  const codesOf = (...fields: Json[]) => {
    const record = parseRecord(applicationOf(...fields), 'r.avsc')
    const { bytes } = makeDecodePlan(record, record, new Map([['x', 0]]), 'application_id')
    const view = new DataView(bytes.buffer)
    const codes: number[] = []
    for (let at = 0; codes.at(-1) !== DECODE_END; at += STEP_BYTES) {
      codes.push(view.getUint32(at + STEP_CODE, true))
    }
    return codes
  }

  test('ends with the step that ends it, and starts with the one that says it is plain', () => {
    const codes = codesOf(field('x', 'double'))
    expect(codes).toEqual([DECODE_PLAIN, DECODE_ID, DECODE_DOUBLE, DECODE_END])
  })

  test('is not plain with values that hold others, or that more bytes lie in than are padded', () => {
    const x = field('x', 'double')
    const big = (size: number): Json => ({ type: 'fixed', name: 'F', size })
    expect(codesOf(x, field('y', { type: 'array', items: 'int' }))).not.toContain(DECODE_PLAIN)
    expect(codesOf(x, field('y', big(INPUT_PADDING)))).not.toContain(DECODE_PLAIN)
    expect(codesOf(x, field('y', big(INPUT_PADDING / 2)))).toContain(DECODE_PLAIN)
  })

  test.each([
    ['boolean', true, false],
    ['int', true, false],
    ['long', true, false],
    ['float', true, false],
    ['double', true, false],
    ['null', false, false],
    ['string', false, false],
    ['bytes', false, false],
    [['null', 'int'], true, true],
    [['double', 'null'], true, true],
    [['null', 'string'], false, true],
    [['null', 'int', 'double'], false, true],
    [{ type: 'array', items: 'int' }, false, false],
  ] satisfies [Json, boolean, boolean][])(
    '%j: is a number: %p, may be null: %p',
    (type, numeric, nullable) => {
      const schema = parseSchema(type, 'r.avsc')
      expect([isNumeric(schema), isNullable(schema)]).toEqual([numeric, nullable])
    },
  )

  test('a writer is refused alone: the others stay readable', () => {
    const versions = [
      schemaVersion(applicationOf(field('x', 'string')), 1),
      schemaVersion(applicationOf(field('x', 'int')), 2),
      schemaVersion(applicationOf(field('x', 'double')), 3),
    ]
    const { writers } = programOf({ applications: versions })
    expect(writers.map((writer) => writer.plan !== undefined)).toEqual([false, true, true])
    expect(writers.map((writer) => writer.version)).toEqual([1, 2, 3])
    expect(writers[0]!.refusal).toBe('schemas/test/1.avsc: x: string cannot be read as double')
  })
})
