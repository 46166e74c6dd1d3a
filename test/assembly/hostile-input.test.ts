// Input that no schema wrote: cut, changed, spliced, absurd. Every record must get the status that
// a slow decoder gives it, harm no neighbour, and depend on nothing but its own bytes.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  ID_BYTES_MAX,
  CONTEXT_WRITERS,
  DEPTH_MAX,
  INPUT_PADDING,
  ITEMS_MAX,
  STATUS_BAD_BRANCH,
  STATUS_BAD_LENGTH,
  STATUS_BAD_STRING,
  STATUS_BAD_SYMBOL,
  STATUS_BAD_VARINT,
  STATUS_IMPOSSIBLE_VALUE,
  STATUS_INCOMPATIBLE_SCHEMA,
  STATUS_UNKNOWN_FRAMING,
  STATUS_OK,
  STATUS_TOO_DEEP,
  STATUS_TRAILING_BYTES,
  STATUS_TRUNCATED,
  STATUS_UNKNOWN_SCHEMA,
  WRITER_BYTES,
} from '../../assembly/layout.ts'
import { ByteWriter } from '../../src/avro/bytes.ts'
import { singleObjectHeader } from '../../src/avro/fingerprint.ts'
import type { SchemaVersion } from '../../src/avro/schema-files.ts'
import type { Json } from '../../src/avro/schema.ts'
import type { Engine } from '../../src/scorer/engine.ts'
import { sampleRecord } from '../../src/scorer/warm-up.ts'
import {
  applicationSchema,
  contextValue,
  decode,
  draws,
  engineOf,
  faultOf,
  fieldOf,
  idOf,
  programOf,
  randomFrom,
  rowOf,
  schemaVersion,
  statusOf,
  withHeader,
} from '../support/engine.ts'
import { fill } from '../support/fill.ts'
import { damaged } from './damage.ts'
import { RecordMaker, avscType, numberOf, sameRow } from './random-records.ts'
import { referenceDecode } from './reference-decoder.ts'

const RECORDS = 200
/** Statuses that say which field is at fault. */
const WITH_FIELD: ReadonlySet<number> = new Set([
  STATUS_BAD_VARINT,
  STATUS_BAD_BRANCH,
  STATUS_IMPOSSIBLE_VALUE,
  STATUS_BAD_LENGTH,
  STATUS_BAD_STRING,
  STATUS_BAD_SYMBOL,
  STATUS_TOO_DEEP,
])

/** Decodes all records, batch by batch, and holds each against the reference. */
function expectReference(
  engine: Engine,
  versions: readonly SchemaVersion[],
  records: readonly Uint8Array[],
): Map<number, number> {
  const seen = new Map<number, number>()
  for (let from = 0; from < records.length; from += RECORDS) {
    const batch = records.slice(from, from + RECORDS)
    const statuses = decode(engine, batch)
    for (const [i, record] of batch.entries()) {
      const expected = referenceDecode(record, versions)
      const { code } = statuses[i]!
      const field = WITH_FIELD.has(code) ? fieldOf(engine, i) : ''
      seen.set(code, (seen.get(code) ?? 0) + 1)
      const byte = code === STATUS_OK ? 0 : faultOf(engine, i)
      if (code !== expected.code || field !== expected.field || byte !== expected.byte) {
        const what = `${record.toHex()}: status ${code} at "${field}", byte ${byte}`
        const due = `${expected.code} at "${expected.field}", byte ${expected.byte}`
        throw new Error(`${what}, the reference says ${due}`)
      }
      if (code !== STATUS_OK) continue
      expect(idOf(engine, i).toHex()).toBe(expected.id.toHex())
      const row = rowOf(engine, i)
      expect(sameRow(row, expected.row) ? expected.row : row).toEqual(expected.row)
    }
  }
  return seen
}

const shipped = {
  versions: [applicationSchema],
  engine: engineOf(programOf({}), RECORDS, 1 << 20),
  sample: sampleRecord(applicationSchema),
}

/** The shipped schema's record with every nullable field null, and long varints elsewhere. */
function otherSample(): Uint8Array {
  const writer = new ByteWriter().raw(singleObjectHeader(applicationSchema.fingerprint))
  for (const field of applicationSchema.schema.fields) {
    if (field.schema.kind === 'union') writer.long(0)
    else if (field.schema.kind !== 'primitive') throw new Error('no such field')
    else if (field.schema.type === 'string') writer.string('ä€😀'.repeat(9))
    else if (field.schema.type === 'double') writer.double(12345.678)
    else writer.long(field.name === 'submitted_at' ? 1.5e15 : Math.min(field.maximum, 2147483647))
  }
  return writer.take()
}

const SAMPLES = [shipped.sample, otherSample()]

function changed(record: Uint8Array, at: number, byte: number): Uint8Array {
  const copy = record.slice()
  copy[at] = byte
  return copy
}

describe('one record of the shipped schema', () => {
  test('is decoded', () => {
    const seen = expectReference(shipped.engine, shipped.versions, SAMPLES)
    expect(seen).toEqual(new Map([[STATUS_OK, SAMPLES.length]]))
  })

  test('cut short anywhere is refused', () => {
    for (const record of SAMPLES) {
      const cuts = Array.from(record, (_, length) => record.subarray(0, length))
      const seen = expectReference(shipped.engine, shipped.versions, cuts)
      expect(seen.has(STATUS_OK)).toBeFalse()
      expect(seen.get(STATUS_UNKNOWN_FRAMING)).toBe(10)
    }
  })

  test('with bytes behind it is refused', () => {
    for (const count of [1, 2, 9, 10, 300]) {
      const longer = SAMPLES.map((record) => new Uint8Array([...record, ...new Uint8Array(count)]))
      const seen = expectReference(shipped.engine, shipped.versions, longer)
      expect([...seen.keys()]).toEqual([STATUS_TRAILING_BYTES])
    }
  })

  test('with any one byte changed gets the status that is due', () => {
    const random = randomFrom(1)
    const specials = [0x00, 0x01, 0x02, 0x03, 0x04, 0x7f, 0x80, 0x81, 0xfe, 0xff]
    const records = SAMPLES.flatMap((record) =>
      [...record].flatMap((byte, at) => [
        ...Array.from({ length: 8 }, (_, bit) => changed(record, at, byte ^ (1 << bit))),
        ...specials.map((special) => changed(record, at, special)),
        ...Array.from({ length: 4 }, () => changed(record, at, Math.floor(random() * 256))),
      ]),
    )
    const seen = expectReference(shipped.engine, shipped.versions, records)
    // The change must have met every way to fail that this schema has, or the test is too tame.
    expect([...seen.keys()].sort((a, b) => a - b)).toEqual([
      STATUS_OK,
      STATUS_UNKNOWN_FRAMING,
      STATUS_UNKNOWN_SCHEMA,
      STATUS_TRUNCATED,
      STATUS_BAD_VARINT,
      STATUS_TRAILING_BYTES,
      STATUS_BAD_BRANCH,
      STATUS_IMPOSSIBLE_VALUE,
      STATUS_BAD_LENGTH,
      STATUS_BAD_STRING,
    ])
  })

  test('does not depend on the bytes behind it', () => {
    // The same broken records, once before nothing but zeros and once before bytes of every kind.
    const { engine } = shipped
    const cuts = Array.from(shipped.sample, (_, length) => shipped.sample.subarray(0, length))
    for (const filler of [0x00, 0x01, 0x02, 0x7f, 0x80, 0xff]) {
      for (const [length, cut] of cuts.entries()) {
        fill(engine, [cut])
        engine.u8.fill(filler, engine.inputAt + length, engine.inputAt + length + INPUT_PADDING)
        engine.stages.decode(1)
        const expected = referenceDecode(cut, shipped.versions).code
        expect(statusOf(engine, 0).code).toBe(expected)
      }
    }
  })

  test('may end on the last byte of the memory laid out for it', () => {
    const engine = engineOf(programOf({}), 1, shipped.sample.length)
    const end = engine.inputAt + engine.size.inputBytes
    expect(end + INPUT_PADDING).toBeLessThanOrEqual(engine.u8.length)
    expect(decode(engine, [shipped.sample])[0]!.code).toBe(STATUS_OK)
    // A field that starts on the last byte reads as far past the end as any does.
    for (let length = 10; length < shipped.sample.length; length++) {
      expect(decode(engine, [shipped.sample.subarray(0, length)])[0]!.code).not.toBe(STATUS_OK)
    }
  })
})

describe('random schemas, damaged records', () => {
  test('the status is the one that is due, whatever lies around the record', () => {
    fc.assert(
      fc.property(fc.integer(), (start) => {
        const maker = new RecordMaker(randomFrom(start))
        const versions = maker.versions(3)
        const reader = versions[versions.length - 1]!
        const engine = engineOf(programOf({ applications: versions }), RECORDS, 1 << 20)
        const whole = Array.from(
          { length: 30 },
          () => maker.record(maker.pick(versions), reader).bytes,
        )
        const records = Array.from({ length: 600 }, () => damaged(maker, whole))
        expectReference(engine, versions, records)
      }),
      draws(40),
    )
  })

  test('a bad record leaves its neighbours as they are without it', () => {
    fc.assert(
      fc.property(fc.integer(), (start) => {
        const maker = new RecordMaker(randomFrom(start))
        const versions = maker.versions(2)
        const reader = versions[versions.length - 1]!
        const program = programOf({ applications: versions })
        const good = Array.from(
          { length: 60 },
          () => maker.record(maker.pick(versions), reader).bytes,
        )
        const alone = engineOf(program, RECORDS, 1 << 20)
        decode(alone, good)
        const mixed = engineOf(program, RECORDS, 1 << 20)
        const batch: Uint8Array[] = []
        const places = good.map((record) => {
          for (let i = maker.below(3); i > 0; i--) batch.push(damaged(maker, good))
          return batch.push(record) - 1
        })
        decode(mixed, batch)
        for (const [i, place] of places.entries()) {
          expect(statusOf(mixed, place).code).toBe(STATUS_OK)
          expect(idOf(mixed, place).toHex()).toBe(idOf(alone, i).toHex())
          expect(sameRow(rowOf(mixed, place), rowOf(alone, i))).toBeTrue()
        }
      }),
      draws(40),
    )
  })
})

// ---- Single values: every shape of a wrong one.

function applicationOf(...fields: Json[]): SchemaVersion {
  return schemaVersion({
    type: 'record',
    name: 'LoanApplication',
    fields: [{ name: 'application_id', type: 'string' }, ...fields],
  })
}

/** Status, field and value of x in a record of an id and x, and whether the reference agrees. */
function readValue(type: Json, bytes: number[]): [code: number, field: string, x: number] {
  const writer = applicationOf({ name: 'x', type })
  const engine = engineOf(programOf({ applications: [writer] }), 1, 1 << 20)
  const record = withHeader(writer, new Uint8Array([2, 0x61, ...bytes]))
  const [status] = decode(engine, [record])
  const code = status!.code
  const expected = referenceDecode(record, [writer])
  const field = WITH_FIELD.has(code) ? fieldOf(engine, 0) : ''
  const byte = code === STATUS_OK ? 0 : faultOf(engine, 0)
  expect([code, field, byte]).toEqual([expected.code, expected.field, expected.byte])
  return [code, field, code === STATUS_OK ? (rowOf(engine, 0)['x'] ?? Number.NaN) : Number.NaN]
}

const NAN = Number.NaN
const FF = (count: number) => Array.from({ length: count }, () => 0xff)
const X80 = (count: number) => Array.from({ length: count }, () => 0x80)

describe('varints', () => {
  const INTS: [what: string, bytes: number[], code: number, value: number][] = [
    ['zero', [0], STATUS_OK, 0],
    ['zero in two bytes: longer than it need be, and allowed', [0x80, 0], STATUS_OK, 0],
    ['zero in five bytes', [...X80(4), 0], STATUS_OK, 0],
    ['zero in six bytes', [...X80(5), 0], STATUS_BAD_VARINT, NAN],
    ['the largest', [0xfe, 0xff, 0xff, 0xff, 0x0f], STATUS_OK, 2147483647],
    ['the smallest', [...FF(4), 0x0f], STATUS_OK, -2147483648],
    ['one beyond the largest', [...X80(4), 0x10], STATUS_BAD_VARINT, NAN],
    ['one beyond the smallest', [0x81, ...X80(3), 0x10], STATUS_BAD_VARINT, NAN],
    ['35 bits', [...FF(4), 0x7f], STATUS_BAD_VARINT, NAN],
    ['five bytes that go on', [...FF(5), 0], STATUS_BAD_VARINT, NAN],
    ['no end before the record ends', [0x80], STATUS_TRUNCATED, NAN],
    ['four bytes without an end', X80(4), STATUS_TRUNCATED, NAN],
    ['five bytes without an end', X80(5), STATUS_BAD_VARINT, NAN],
    ['nothing', [], STATUS_TRUNCATED, NAN],
    ['a byte too many', [2, 0], STATUS_TRAILING_BYTES, NAN],
  ]
  test.each(INTS)('int: %s', (_, bytes, code, value) => {
    expect(readValue('int', bytes)).toEqual([code, code === STATUS_BAD_VARINT ? 'x' : '', value])
    const nullable = readValue(['null', 'int'], [2, ...bytes])
    expect(nullable).toEqual([code, code === STATUS_BAD_VARINT ? 'x' : '', value])
  })

  const LONGS: [what: string, bytes: number[], code: number, value: number][] = [
    ['zero in ten bytes', [...X80(9), 0], STATUS_OK, 0],
    ['zero in eleven bytes', [...X80(10), 0], STATUS_BAD_VARINT, NAN],
    ['the largest', [0xfe, ...FF(8), 0x01], STATUS_OK, 2 ** 63],
    ['the smallest', [...FF(9), 0x01], STATUS_OK, -(2 ** 63)],
    ['65 bits', [...FF(9), 0x02], STATUS_BAD_VARINT, NAN],
    ['70 bits', [...FF(9), 0x7f], STATUS_BAD_VARINT, NAN],
    ['ten bytes that go on', [...FF(10), 0], STATUS_BAD_VARINT, NAN],
    ['nine bytes without an end', X80(9), STATUS_TRUNCATED, NAN],
    ['ten bytes without an end', X80(10), STATUS_BAD_VARINT, NAN],
    ['2^53 + 1, rounded to even', [0x82, ...X80(6), 0x20], STATUS_OK, 2 ** 53],
    ['2^53 + 3, rounded to even', [0x86, ...X80(6), 0x20], STATUS_OK, 2 ** 53 + 4],
  ]
  test.each(LONGS)('long: %s', (_, bytes, code, value) => {
    expect(readValue('long', bytes)).toEqual([code, code === STATUS_BAD_VARINT ? 'x' : '', value])
  })
})

describe('unions', () => {
  test.each(['int', 'long', 'float', 'double', 'boolean'])(
    'a nullable %s has two branches',
    (type) => {
      for (const wire of [1, 3, 4, 5, 0x7e, 0x7f, 0x81, 0x84, 0xff]) {
        const [code, field] = readValue(['null', type], [wire, ...new Uint8Array(10)])
        expect([code, field]).toEqual([STATUS_BAD_BRANCH, 'x'])
      }
      // A branch in more bytes than it needs is that branch.
      expect(readValue(['null', type], [0x80, 0])).toEqual([STATUS_OK, '', NAN])
      expect(readValue([type, 'null'], [0x82, 0x80, 0])).toEqual([STATUS_OK, '', NAN])
      expect(readValue(['null', type], X80(9))[0]).toBe(STATUS_TRUNCATED)
      expect(readValue(['null', type], X80(10))[0]).toBe(STATUS_BAD_VARINT)
      expect(readValue(['null', type], [])[0]).toBe(STATUS_TRUNCATED)
      expect(readValue(['null', type], [0])).toEqual([STATUS_OK, '', NAN])
      expect(readValue(['null', type], [0, 0])[0]).toBe(STATUS_TRAILING_BYTES)
      expect(readValue(['null', type], [2])[0]).toBe(STATUS_TRUNCATED)
      expect(readValue([type, 'null'], [2])).toEqual([STATUS_OK, '', NAN])
      expect(readValue([type, 'null'], [0])[0]).toBe(STATUS_TRUNCATED)
    },
  )

  const SKIPPED: [what: string, bytes: number[], code: number][] = [
    ['the first branch', [0], STATUS_OK],
    ['the last', [4, 2, 0x61], STATUS_OK],
    ['a branch in a long varint', [...X80(9), 0], STATUS_OK],
    ['one beyond the last', [6], STATUS_BAD_BRANCH],
    ['a negative one', [1], STATUS_BAD_BRANCH],
    ['2^32, which is 0 in 32 bits', [...X80(4), 0x20], STATUS_BAD_BRANCH],
    ['the smallest long', [...FF(9), 1], STATUS_BAD_BRANCH],
    ['no branch', [], STATUS_TRUNCATED],
    ['a branch without its value', [2], STATUS_TRUNCATED],
  ]
  test.each(SKIPPED)('one that is skipped: %s', (_, bytes, code) => {
    expect(readValue(['null', 'int', 'string'], bytes)[0]).toBe(code)
  })
})

describe('lengths', () => {
  const fixed = (size: number): Json => ({ type: 'fixed', name: 'F', size })
  const enumOf = (count: number): Json => ({
    type: 'enum',
    name: 'E',
    symbols: Array.from({ length: count }, (_, i) => `S${i}`),
  })
  const CASES: [what: string, type: Json, bytes: number[], code: number][] = [
    ['an empty string', 'string', [0], STATUS_OK],
    ['a string one longer than the record', 'string', [4, 0x61], STATUS_BAD_LENGTH],
    ['a string of length -1', 'string', [1], STATUS_BAD_LENGTH],
    ['bytes of length -1 before others', 'bytes', [1, ...new Uint8Array(20)], STATUS_BAD_LENGTH],
    ['2^31', 'string', [...X80(4), 0x10, 0], STATUS_BAD_LENGTH],
    ['2^32, which is 0 in 32 bits', 'string', [...X80(4), 0x20], STATUS_BAD_LENGTH],
    ['2^32 + 1', 'string', [0x82, ...X80(3), 0x20, 0x61], STATUS_BAD_LENGTH],
    ['the largest long', 'bytes', [0xfe, ...FF(8), 1], STATUS_BAD_LENGTH],
    ['the smallest long', 'bytes', [...FF(9), 1], STATUS_BAD_LENGTH],
    ['-2^32', 'bytes', [...FF(4), 0x1f], STATUS_BAD_LENGTH],
    ['a length that does not end', 'bytes', X80(10), STATUS_BAD_VARINT],
    ['a fixed one byte short', fixed(4), [1, 2, 3], STATUS_TRUNCATED],
    ['the largest fixed', fixed(0x7fffffff), [1, 2, 3], STATUS_TRUNCATED],
    ['the last symbol', enumOf(3), [4], STATUS_OK],
    ['one beyond the last symbol', enumOf(3), [6], STATUS_BAD_SYMBOL],
    ['symbol -1', enumOf(3), [1], STATUS_BAD_SYMBOL],
    ['symbol 2^32', enumOf(3), [...X80(4), 0x20], STATUS_BAD_SYMBOL],
  ]
  test.each(CASES)('%s', (_, type, bytes, code) => {
    expect(readValue(type, bytes)[0]).toBe(code)
  })
})

describe('arrays and maps', () => {
  const array = (items: Json): Json => ({ type: 'array', items })
  const map = (values: Json): Json => ({ type: 'map', values })
  const long = (value: number | bigint) => [...new ByteWriter().long(value).take()]
  const CASES: [what: string, type: Json, bytes: number[], code: number][] = [
    ['none', array('int'), [0], STATUS_OK],
    ['two blocks', array('int'), [2, 8, 4, 2, 4, 0], STATUS_OK],
    ['a block with its size', array('int'), [1, 2, 8, 0], STATUS_OK],
    ['no end', array('int'), [2, 8], STATUS_TRUNCATED],
    ['items that are missing', array('int'), [200, 1, 8], STATUS_TRUNCATED],
    ['as many nulls as there may be', array('null'), [...long(ITEMS_MAX), 0], STATUS_OK],
    ['one null more', array('null'), [...long(ITEMS_MAX + 1), 0], STATUS_BAD_LENGTH],
    ['one more in two blocks', array('null'), [...long(ITEMS_MAX), 2, 0], STATUS_BAD_LENGTH],
    ['2^62 nulls', array('null'), [...long(2n ** 62n), 0], STATUS_BAD_LENGTH],
    ['the largest long of nulls', array('null'), [...long(2n ** 63n - 1n), 0], STATUS_BAD_LENGTH],
    ['the smallest long', array('null'), [...long(-(2n ** 63n)), 0, 0], STATUS_BAD_LENGTH],
    ['2^32 nulls, 0 in 32 bits', array('null'), [...long(2n ** 32n), 0], STATUS_BAD_LENGTH],
    ['arrays of arrays of nulls', array(array('null')), nested(), STATUS_BAD_LENGTH],
    ['a count that does not end', array('int'), X80(10), STATUS_BAD_VARINT],
    ['a size that does not end', array('int'), [1, ...X80(10)], STATUS_BAD_VARINT],
    ['a size that is wrong, of items that are read', array('int'), [1, 99, 8, 0], STATUS_OK],
    ['a map', map('int'), [2, 2, 0x61, 8, 0], STATUS_OK],
    ['a key beyond the end', map('int'), [2, 20, 0x61, 8, 0], STATUS_BAD_LENGTH],
    ['a key of length -1', map('int'), [2, 1, 0x61, 8, 0], STATUS_BAD_LENGTH],
  ]

  /** Arrays of 60,000 nulls each: two of them are too many. */
  function nested(): number[] {
    const inner = [...long(60_000), 0]
    return [4, ...inner, ...inner, 0]
  }

  test.each(CASES)('read: %s', (_, type, bytes, code) => {
    expect(readValue(type, bytes)[0]).toBe(code)
  })

  /** Status of a record whose x the reader does not have. */
  function skipValue(type: Json, bytes: number[]): number {
    const versions = [applicationOf({ name: 'x', type }), applicationOf()]
    const programs = programOf({ applications: versions })
    const engine = engineOf(programs, 1, 1 << 20)
    const record = withHeader(versions[0]!, new Uint8Array([2, 0x61, ...bytes]))
    expectReference(engine, versions, [record])
    return statusOf(engine, 0).code
  }

  const SKIPPED: typeof CASES = [
    ...CASES.filter(([what]) => !what.includes('that are read')),
    ['a size beyond the end', array('int'), [1, 99, 8, 0], STATUS_BAD_LENGTH],
    ['a size of -1', array('int'), [1, 1, 8, 0], STATUS_BAD_LENGTH],
    ['a size of 2^32', array('int'), [1, ...long(2n ** 32n), 8, 0], STATUS_BAD_LENGTH],
    ['a size that does not fit its items', array('int'), [3, 2, 0xff, 0], STATUS_OK],
  ]
  test.each(SKIPPED)('skipped: %s', (_, type, bytes, code) => {
    expect(skipValue(type, bytes)).toBe(code)
  })

  const list: Json = {
    type: 'record',
    name: 'List',
    fields: [{ name: 'next', type: ['null', 'List'] }],
  }
  const tree: Json = {
    type: 'record',
    name: 'Tree',
    fields: [{ name: 'inner', type: { type: 'array', items: 'Tree' } }],
  }
  test.each([DEPTH_MAX - 1, DEPTH_MAX, DEPTH_MAX + 1, 100_000])(
    'a list and a tree of depth %p',
    (depth) => {
      const code = depth <= DEPTH_MAX ? STATUS_OK : STATUS_TOO_DEEP
      const chain = [...Array.from({ length: depth }, () => 2), 0]
      expect([readValue(list, chain)[0], skipValue(list, chain)]).toEqual([code, code])
      // An array within each but the last, which is empty.
      const arrays = Array.from({ length: depth - 1 }, () => 2)
      const nests = [...arrays, 0, ...arrays.map(() => 0)]
      expect([readValue(tree, nests)[0], skipValue(tree, nests)]).toEqual([code, code])
    },
  )
})

describe('application ids', () => {
  const version = applicationOf()
  const engine = engineOf(programOf({ applications: [version] }), 1, 1 << 20)

  function statusOfId(id: Uint8Array): number {
    const body = new ByteWriter().long(id.length).raw(id).take()
    const record = withHeader(version, body)
    const [status] = decode(engine, [record])
    expect(status!.code).toBe(referenceDecode(record, [version]).code)
    if (status!.code === STATUS_OK) expect(idOf(engine, 0)).toEqual(id)
    return status!.code
  }

  test('may not be empty', () => {
    expect(statusOfId(new Uint8Array(0))).toBe(STATUS_IMPOSSIBLE_VALUE)
  })

  test('may be long, but not longer than a key should be', () => {
    const id = new Uint8Array(ID_BYTES_MAX).fill(0x61)
    expect(statusOfId(id)).toBe(STATUS_OK)
    id[id.length - 1] = 0xc3
    expect(statusOfId(id)).toBe(STATUS_BAD_STRING)
    expect(statusOfId(new Uint8Array(ID_BYTES_MAX + 1).fill(0x61))).toBe(STATUS_BAD_LENGTH)
    expect(statusOfId(new Uint8Array(1 << 19).fill(0x61))).toBe(STATUS_BAD_LENGTH)
  })

  test('may have any length that ends within the record', () => {
    for (const length of [2, -1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 62, -(2 ** 63)]) {
      const body = new ByteWriter().long(BigInt(length)).raw(Uint8Array.of(0x61)).take()
      const [status] = decode(engine, [withHeader(version, body)])
      expect(status!.code).toBe(STATUS_BAD_LENGTH)
    }
  })

  /** Source: RFC 3629, and its table of well-formed sequences. */
  const UTF8: [what: string, bytes: number[], isValid: boolean][] = [
    ['U+0000', [0x00], true],
    ['U+007F', [0x7f], true],
    ['a continuation byte alone', [0x80], false],
    ['the last continuation byte alone', [0xbf], false],
    ['an overlong NUL', [0xc0, 0x80], false],
    ['an overlong U+007F', [0xc1, 0xbf], false],
    ['U+0080', [0xc2, 0x80], true],
    ['U+07FF', [0xdf, 0xbf], true],
    ['two bytes, the second missing', [0xc2], false],
    ['two bytes, the second ASCII', [0xc2, 0x41], false],
    ['two bytes, the second a lead', [0xc2, 0xc2], false],
    ['an overlong U+07FF', [0xe0, 0x9f, 0xbf], false],
    ['U+0800', [0xe0, 0xa0, 0x80], true],
    ['U+D7FF', [0xed, 0x9f, 0xbf], true],
    ['the first surrogate', [0xed, 0xa0, 0x80], false],
    ['the last surrogate', [0xed, 0xbf, 0xbf], false],
    ['U+E000', [0xee, 0x80, 0x80], true],
    ['U+FEFF, the byte order mark', [0xef, 0xbb, 0xbf], true],
    ['U+FFFF', [0xef, 0xbf, 0xbf], true],
    ['three bytes, the last missing', [0xe2, 0x82], false],
    ['three bytes, the last two missing', [0xe2], false],
    ['an overlong U+FFFF', [0xf0, 0x8f, 0xbf, 0xbf], false],
    ['U+10000', [0xf0, 0x90, 0x80, 0x80], true],
    ['U+10FFFF', [0xf4, 0x8f, 0xbf, 0xbf], true],
    ['U+110000', [0xf4, 0x90, 0x80, 0x80], false],
    ['a lead of 0xF5', [0xf5, 0x80, 0x80, 0x80], false],
    ['a lead of 0xF8', [0xf8, 0x88, 0x80, 0x80, 0x80], false],
    ['0xFE', [0xfe], false],
    ['0xFF', [0xff], false],
    ['four bytes, the last missing', [0xf0, 0x9f, 0x98], false],
    ['a pair of surrogates (CESU-8)', [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80], false],
  ]
  test.each(UTF8)('%s, at any distance from a step of 16 bytes', (_, bytes, isValid) => {
    for (let before = 0; before < 36; before++) {
      for (const after of [0, 1, 15, 16, 17]) {
        const id = new Uint8Array(before + bytes.length + after).fill(0x61)
        id.set(bytes, before)
        expect(statusOfId(id)).toBe(isValid ? STATUS_OK : STATUS_BAD_STRING)
      }
    }
  })

  test('are valid UTF-8 exactly when a strict decoder says so', () => {
    const lead = fc.constantFrom(
      0xc1,
      0xc2,
      0xdf,
      0xe0,
      0xe1,
      0xec,
      0xed,
      0xee,
      0xef,
      0xf0,
      0xf1,
      0xf4,
      0xf5,
    )
    const next = fc.constantFrom(0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0)
    const piece = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 5 }),
      fc.tuple(lead, next),
      fc.tuple(lead, next, next),
      fc.tuple(lead, next, next, next),
      fc.string({ unit: 'binary', minLength: 1 }).map((text) => Buffer.from(text)),
      fc.constant(Buffer.from('ascii of 16 byte')),
    )
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), (pieces) => {
        statusOfId(Uint8Array.from(pieces.flatMap((bytes) => [...bytes])))
      }),
      draws(2000),
    )
  })
})

describe('headers', () => {
  const version = applicationOf({ name: 'x', type: 'int' })
  const other = applicationOf({ name: 'x', type: 'double' })
  const engine = engineOf(programOf({ applications: [version, other] }), 16, 4096)
  const record = withHeader(version, Uint8Array.of(2, 0x61, 8))

  test.each([
    ['nothing', [], STATUS_UNKNOWN_FRAMING],
    ['one byte', [0xc3], STATUS_UNKNOWN_FRAMING],
    ['the marker alone', [0xc3, 0x01], STATUS_UNKNOWN_FRAMING],
    ['one byte less than a header', [...record.subarray(0, 9)], STATUS_UNKNOWN_FRAMING],
    ['a header alone', [...record.subarray(0, 10)], STATUS_TRUNCATED],
    ['no marker', [0xc3, 0x02, ...record.subarray(2)], STATUS_UNKNOWN_FRAMING],
    ['the marker turned round', [0x01, 0xc3, ...record.subarray(2)], STATUS_UNKNOWN_FRAMING],
    ['a container file', [...Buffer.from('Obj\x01'), ...record], STATUS_UNKNOWN_FRAMING],
    [
      'the wire format of a registry',
      [0, 0, 0, 0, 1, ...record.subarray(10), 0, 0],
      STATUS_UNKNOWN_FRAMING,
    ],
    ['an unknown fingerprint', [0xc3, 0x01, ...new Uint8Array(8)], STATUS_UNKNOWN_SCHEMA],
    [
      'a fingerprint turned round',
      [0xc3, 0x01, ...record.slice(2, 10).reverse(), 2, 0x61, 8],
      STATUS_UNKNOWN_SCHEMA,
    ],
  ])('%s', (_, bytes, code) => {
    expect(decode(engine, [Uint8Array.from(bytes)])[0]).toEqual({ code, field: 0 })
  })

  test('an unknown schema between known ones does not lead the search astray', () => {
    const unknown = Uint8Array.of(0xc3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8)
    const double = withHeader(other, new ByteWriter().string('a').double(0.5).take())
    const batch = [unknown, record, unknown, double, unknown, unknown, record, double, unknown]
    const known = batch.map((bytes) => bytes !== unknown)
    const statuses = decode(engine, batch)
    expect(statuses.map(({ code }) => code === STATUS_OK)).toEqual(known)
    expect(batch.map((_, i) => (known[i] ? rowOf(engine, i)['x'] : 0))).toEqual([
      0, 4, 0, 0.5, 0, 0, 4, 0.5, 0,
    ])
  })

  test('what lies behind the table of schemas is no schema', () => {
    // The search for the unknown one ends behind the table; the next must not be compared there.
    const at = contextValue(engine, CONTEXT_WRITERS) + 2 * WRITER_BYTES
    const behind = Uint8Array.from([0xc3, 0x01, ...engine.u8.slice(at, at + 8), 2, 0x61, 8])
    const unknown = Uint8Array.of(0xc3, 0x01, 1, 2, 3, 4, 5, 6, 7, 8)
    const codes = decode(engine, [unknown, behind, behind, record]).map(({ code }) => code)
    expect(codes.slice(0, 3)).toEqual([1, 1, 1].map(() => STATUS_UNKNOWN_SCHEMA))
    expect(codes[3]).toBe(STATUS_OK)
  })

  test('a program without any readable schema refuses every record by name', () => {
    const unreadable = applicationOf({ name: 'x', type: 'string' })
    const program = programOf({ applications: [unreadable, other] })
    const single = engineOf(program, 2, 4096)
    const bytes = withHeader(unreadable, Uint8Array.of(2, 0x61, 2, 0x61))
    expect(decode(single, [bytes])[0]!.code).toBe(STATUS_INCOMPATIBLE_SCHEMA)
    expect(single.writerOf(0).refusal).toContain('x: string cannot be read as double')
  })
})

// ---- avsc as a second judge.

describe('what avsc would take', () => {
  /**
   * Classes in which the module refuses what avsc reads, each judged right:
   * - header: avsc is given the body alone;
   * - varint: avsc bounds neither length nor range of an int;
   * - branch: avsc reads one beyond ten bytes as well;
   * - value: bounds of the schema file, booleans other than 0 and 1, the empty id;
   * - string: avsc replaces what is not UTF-8.
   */
  const STRICTER: ReadonlySet<number> = new Set([
    STATUS_UNKNOWN_FRAMING,
    STATUS_UNKNOWN_SCHEMA,
    STATUS_BAD_VARINT,
    STATUS_BAD_BRANCH,
    STATUS_IMPOSSIBLE_VALUE,
    STATUS_BAD_STRING,
  ])

  test('is refused only for the judged reasons, and what is taken has the same numbers', () => {
    fc.assert(
      fc.property(fc.integer(), (start) => {
        const maker = new RecordMaker(randomFrom(start))
        const type = avscType(applicationSchema.json)
        const records = Array.from({ length: RECORDS }, () => {
          const record = maker.pick(SAMPLES).slice()
          for (let i = 1 + maker.below(2); i > 0; i--) {
            record[10 + maker.below(record.length - 10)] = maker.below(256)
          }
          return maker.below(4) ? record : record.subarray(0, 10 + maker.below(record.length - 9))
        })
        const statuses = decode(shipped.engine, records)
        for (const [i, record] of records.entries()) {
          let theirs: { [name: string]: unknown } | undefined
          try {
            theirs = type.fromBuffer(Buffer.from(record.subarray(10))) as typeof theirs
          } catch (error) {
            // A long beyond 53 bits: avsc cannot hold it, a row can.
            if (String(error).includes('precision loss')) continue
            theirs = undefined
          }
          const { code } = statuses[i]!
          const why = `${record.toHex()}: status ${code}, avsc ${theirs ? 'reads' : 'refuses'} it`
          if (code !== STATUS_OK) expect(!theirs || STRICTER.has(code) ? '' : why).toBe('')
          else if (!theirs) expect(why).toBe('')
          else {
            for (const [name, column] of Object.entries(rowOf(shipped.engine, i))) {
              expect(Object.is(numberOf(theirs[name]), column) ? '' : name).toBe('')
            }
          }
        }
      }),
      draws(60),
    )
  })
})
