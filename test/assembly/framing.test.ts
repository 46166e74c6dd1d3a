// What stands before a record's body, or in its header, and which schema that names.

import { describe, expect, test } from 'bun:test'
import {
  HEADER_BAD,
  HEADER_BYTES,
  HEADER_GUID,
  HEADER_ID,
  HEADER_KIND,
  NAMED_HIGH,
  NAMED_LOW,
  STATUS_BAD_HEADER,
  STATUS_IMPOSSIBLE_VALUE,
  STATUS_INCOMPATIBLE_SCHEMA,
  STATUS_OK,
  STATUS_TRUNCATED,
  STATUS_UNKNOWN_FRAMING,
  STATUS_UNKNOWN_ID,
  STATUS_UNKNOWN_SCHEMA,
} from '../../assembly/layout.ts'
import { ByteWriter } from '../../src/avro/bytes.ts'
import { type SchemaId, guidText, idNumbers, registryHeader } from '../../src/avro/schema-id.ts'
import type { Json } from '../../src/avro/schema.ts'
import { explainDeadLetter } from '../../src/pipeline/dead-letter.ts'
import type { Engine } from '../../src/scorer/engine.ts'
import { unknownIds } from '../../src/scorer/schema-ids.ts'
import {
  decode,
  engineOf,
  faultOf,
  programOf,
  randomFrom,
  registered,
  rowOf,
  schemaVersion,
  statusOf,
  withHeader,
} from '../support/engine.ts'
import { fill } from '../support/fill.ts'

const application = (...fields: Json[]) => ({
  type: 'record',
  name: 'A',
  fields: [{ name: 'application_id', type: 'string' }, ...fields],
})
const older = schemaVersion(application({ name: 'x', type: 'int' }), 1)
const newer = schemaVersion(
  application({ name: 'y', type: 'double', default: 5 }, { name: 'x', type: 'double' }),
  2,
)
const foreign = schemaVersion(application({ name: 'x', type: 'string' }), 3)
const GUID = '89791762-2336-4186-9674-299b90a802e2'

const known = new Map([
  [7, registered(older)],
  [0x01020304, registered(newer)],
  [9, registered(foreign, 'schema 9 of the registry')],
  [10, { ...registered(foreign, 'schema 10'), schema: undefined, refusal: 'it is no record' }],
  [GUID, registered(older)],
] as [SchemaId, ReturnType<typeof registered>][])
const REGISTRY = { headers: false, known, decisionId: undefined }

const oldBody = (x: number) => new ByteWriter().string('id').long(x).take()
const newBody = (y: number, x: number) => new ByteWriter().string('id').double(y).double(x).take()
const withId = (id: number, body: Uint8Array) =>
  new ByteWriter().raw(registryHeader(id)).raw(body).take()

/** A GUID, an id, nothing, or neither: null. */
type NamedBy = SchemaId | null | undefined

/** Says what a record's header names, as the pipeline does when it reads one. */
function putHeader(engine: Engine, record: number, id: NamedBy): void {
  const view = new DataView(engine.memory.buffer)
  const at = engine.headersAt + record * HEADER_BYTES
  const kind = id === null ? HEADER_BAD : typeof id === 'string' ? HEADER_GUID : HEADER_ID
  view.setUint32(at + HEADER_KIND, id === undefined ? 0 : kind, true)
  if (id === undefined || id === null) return
  const [high, low] = idNumbers(id)
  view.setBigUint64(at + NAMED_HIGH, high, true)
  view.setBigUint64(at + NAMED_LOW, low, true)
}

function decodeNamed(engine: Engine, records: readonly [NamedBy, Uint8Array][]) {
  fill(
    engine,
    records.map(([, bytes]) => bytes),
  )
  for (const [i, [id]] of records.entries()) putHeader(engine, i, id)
  engine.stages.decode(records.length)
  return records.map((_, i) => statusOf(engine, i).code)
}

test('records of every framing, in any order, are read as the newest', () => {
  const raw = schemaVersion(application({ name: 'x', type: 'float' }), 0)
  const registry = { ...REGISTRY, headers: true }
  const engine = engineOf(programOf({ applications: [older, newer], raw, registry }))
  const records: [NamedBy, Uint8Array][] = [
    [undefined, withHeader(older, oldBody(1))],
    [undefined, withId(7, oldBody(2))],
    [GUID, oldBody(3)],
    [undefined, new ByteWriter().string('id').float(4).take()],
    [7, oldBody(5)],
    [undefined, withHeader(newer, newBody(8, 6))],
    [undefined, withId(0x01020304, newBody(9, 7))],
    [undefined, withHeader(older, oldBody(8))],
  ]
  expect(decodeNamed(engine, records)).toEqual(records.map(() => STATUS_OK))
  const rows = records.map((_, i) => rowOf(engine, i))
  expect(rows.map(({ x }) => x!)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  expect(rows.map(({ y }) => y!)).toEqual([5, 5, 5, 5, 5, 8, 9, 5])
})

test('what a record names that is not known, or cannot be read, is told with its place', () => {
  const engine = engineOf(programOf({ applications: [newer], registry: REGISTRY }))
  const cases: [Uint8Array, status: number, fault: number][] = [
    [withId(8, oldBody(1)), STATUS_UNKNOWN_ID, 1],
    [withId(9, oldBody(1)), STATUS_INCOMPATIBLE_SCHEMA, 1],
    [withId(10, oldBody(1)), STATUS_INCOMPATIBLE_SCHEMA, 1],
    [withId(7, oldBody(1).subarray(0, 3)), STATUS_TRUNCATED, 8],
    [withHeader(older, oldBody(1)), STATUS_UNKNOWN_SCHEMA, 2],
    [registryHeader(7).subarray(0, 4), STATUS_UNKNOWN_FRAMING, 0],
    [oldBody(1), STATUS_UNKNOWN_FRAMING, 0],
  ]
  const records = cases.map(([bytes]) => bytes)
  const statuses = decode(engine, records).map(({ code }) => code)
  expect(statuses).toEqual(cases.map(([, status]) => status))
  expect(cases.map((_, i) => faultOf(engine, i))).toEqual(cases.map(([, , fault]) => fault))
  expect(unknownIds(engine, cases.length)).toEqual([8])
  const letters = records.map((bytes, i) => explainDeadLetter(engine, i, bytes.length))
  expect(letters.map((letter) => [letter.class, letter.message])).toEqual([
    ['unknown-schema', "no schema is known of the registry's id 8"],
    [
      'incompatible-schema',
      'schema 9 of the registry cannot be read: x: string cannot be read as double',
    ],
    ['incompatible-schema', 'schema 10 cannot be read: it is no record'],
    ['truncated', 'the value ends after 8 bytes, before its last field'],
    ['unknown-schema', expect.stringMatching(/^no schema file has the fingerprint [0-9a-f]{16}$/)],
    ...[4, oldBody(1).length].map((bytes) => [
      'unknown-framing',
      `the value (${bytes} bytes) does not start with C3 01 and a schema's fingerprint, nor with 00 and a registry's id`,
    ]),
  ] as never)
})

describe('a header', () => {
  const registry = { ...REGISTRY, headers: true }

  test('that names a schema goes before what the value starts with', () => {
    const engine = engineOf(programOf({ applications: [older], registry }))
    // All of the value is the body: an empty id comes first.
    const record = withId(7, oldBody(1))
    expect(decodeNamed(engine, [[GUID, record]])).toEqual([STATUS_IMPOSSIBLE_VALUE])
    expect(decodeNamed(engine, [[undefined, record]])).toEqual([STATUS_OK])
  })

  test('of another GUID, id or form is no byte’s fault', () => {
    const engine = engineOf(programOf({ applications: [older], registry }))
    const other = GUID.replace('8', '9')
    // The id 7 as a GUID is none.
    const seven = guidText(7n, 0n)
    const names: NamedBy[] = [other, 8, null, seven]
    const statuses = decodeNamed(
      engine,
      names.map((name) => [name, oldBody(1)]),
    )
    const unknown = STATUS_UNKNOWN_ID
    expect(statuses).toEqual([unknown, unknown, STATUS_BAD_HEADER, unknown])
    expect(unknownIds(engine, names.length)).toEqual([other, 8, seven])
    const letters = names.map((_, i) => explainDeadLetter(engine, i, 4, (id) => `no ${id}`))
    expect(letters).toEqual([
      { class: 'unknown-schema', message: `no ${other}`, byte: undefined },
      { class: 'unknown-schema', message: 'no 8', byte: undefined },
      {
        class: 'unknown-framing',
        message: 'the header __value_schema_id is neither 01 and a GUID nor 00 and an id',
        byte: undefined,
      },
      { class: 'unknown-schema', message: `no ${seven}`, byte: undefined },
    ])
  })

  test('is not looked for where none is read', () => {
    expect(engineOf(programOf({ applications: [older], registry: REGISTRY })).headersAt).toBe(0)
  })
})

describe('without framing', () => {
  const raw = older

  test('a record is of the schema that is set; what has a marker is still what that says', () => {
    const engine = engineOf(programOf({ applications: [newer], raw, registry: REGISTRY }))
    const records = [oldBody(3), withHeader(older, oldBody(1)), withId(8, oldBody(1))]
    const statuses = decode(engine, records).map(({ code }) => code)
    expect(statuses).toEqual([STATUS_OK, STATUS_UNKNOWN_SCHEMA, STATUS_UNKNOWN_ID])
    expect(rowOf(engine, 0)).toEqual({ y: 5, x: 3 })
  })

  test('a record may start with 0 where there is no registry', () => {
    const json = { ...application(), fields: [{ name: 'z', type: ['null', 'int'], default: null }] }
    json.fields.push(...(application({ name: 'x', type: 'int' }).fields as never[]))
    const nullFirst = schemaVersion(json as Json, 0)
    const body = new ByteWriter().long(0).string('id').long(3).take()
    const engine = engineOf(programOf({ applications: [newer], raw: nullFirst }))
    expect(decode(engine, [body])[0]!.code).toBe(STATUS_OK)
    expect(rowOf(engine, 0)['x']).toBe(3)
  })

  test('no bytes are no record', () => {
    const engine = engineOf(programOf({ applications: [newer], raw }))
    expect(decode(engine, [new Uint8Array(0)])[0]!.code).toBe(STATUS_UNKNOWN_FRAMING)
  })

  test('a schema that cannot be read as the newest is refused at once', () => {
    const make = () => programOf({ applications: [newer], raw: foreign })
    expect(make).toThrow('schemas/test/3.avsc: x: string cannot be read as double')
  })
})

test('without a registry its records are told as such', () => {
  const engine = engineOf(programOf({ applications: [older] }))
  const record = withId(7, oldBody(1))
  expect(decode(engine, [record])[0]!.code).toBe(STATUS_UNKNOWN_FRAMING)
  const { message } = explainDeadLetter(engine, 0, record.length)
  expect(message).toEndWith('; as one of a schema registry it needs schema.registry.url')
})

test('of many ids and GUIDs each finds its own schema, and no other one', () => {
  const random = randomFrom(5)
  const number = () => Math.floor(random() * 2 ** 32)
  const big = () => (BigInt(number()) << 32n) | BigInt(number())
  const schemas = [registered(older), registered(newer)]
  const many = new Map<SchemaId, (typeof schemas)[number]>()
  for (let i = 0; i < 300; i++) {
    many.set(number(), schemas[i % 2]!)
    many.set(guidText(big(), big()), schemas[i % 2]!)
  }
  const registry = { headers: true, known: many, decisionId: undefined }
  const engine = engineOf(programOf({ applications: [older, newer], registry }), 1200)
  const body = (schema: unknown, i: number) => (schema === schemas[0] ? oldBody(i) : newBody(1, i))
  const records = [...many].map(([id, schema], i): [NamedBy, Uint8Array] =>
    typeof id === 'number' && i % 4 === 0
      ? [undefined, withId(id, body(schema, i))]
      : [id, body(schema, i)],
  )
  const others = records.map((): [NamedBy, Uint8Array] => [guidText(big(), big()), oldBody(1)])
  const statuses = decodeNamed(engine, [...records, ...others])
  expect(statuses.slice(0, records.length)).toEqual(records.map(() => STATUS_OK))
  expect(records.map((_, i) => rowOf(engine, i)['x'])).toEqual(records.map((_, i) => i))
  expect(statuses.slice(records.length)).toEqual(others.map(() => STATUS_UNKNOWN_ID))
})

test('a damaged body has the same fault in every framing', () => {
  const random = randomFrom(11)
  const registry = { headers: true, known, decisionId: undefined }
  const engine = engineOf(programOf({ applications: [older], raw: older, registry }), 4)
  let faulty = 0
  for (let i = 0; i < 5000; i++) {
    const bytes = new ByteWriter()
      .string('id'.repeat(1 + (i % 9)))
      .long(i - 2500)
      .take()
    const body = bytes.slice(0, 1 + Math.floor(random() * (bytes.length + 2)))
    body[Math.floor(random() * body.length)] = Math.floor(random() * 256)
    // As what starts with a marker a record without framing is of that.
    if (body[0] === 0 || body[0] === 0xc3) continue
    const records: [NamedBy, Uint8Array][] = [
      [undefined, withHeader(older, body)],
      [undefined, withId(7, body)],
      [GUID, body],
      [undefined, body],
    ]
    const statuses = decodeNamed(engine, records)
    expect(new Set(statuses).size).toBe(1)
    if (statuses[0] === STATUS_OK) continue
    faulty++
    const headerBytes = [10, 5, 0, 0]
    const places = records.map((_, record) => faultOf(engine, record) - headerBytes[record]!)
    expect(new Set(places).size).toBe(1)
  }
  expect(faulty).toBeGreaterThan(1000)
})
