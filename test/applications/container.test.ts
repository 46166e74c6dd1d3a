import { expect, test } from 'bun:test'
import { createReadStream, createWriteStream, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Schema, Type, streams } from 'avsc'
import fc from 'fast-check'
import { type Application, ApplicationEncoder } from '../../src/applications/application.ts'
import { type Codec, writeContainer } from '../../src/applications/container-file.ts'
import { readContainerRecords } from '../../src/applications/container.ts'
import { Generator } from '../../src/applications/generator.ts'
import { isBad } from '../../src/applications/source.ts'
import { ByteWriter } from '../../src/avro/bytes.ts'
import type { SchemaVersion } from '../../src/avro/schema-files.ts'
import { runs } from '../support/engine.ts'
import {
  Folder,
  SUBMITTED_AT,
  applicationsOf,
  collect,
  good,
  openForTest,
  refusal,
  schema,
  schemaOf,
  seen,
  variant,
} from './support.ts'

const CODECS: Codec[] = ['null', 'deflate']
const SYNC = Buffer.alloc(16, 'sync')

function generate(count: number, seed = 1): Application[] {
  const generator = new Generator(seed)
  return Array.from({ length: count }, () => generator.next(SUBMITTED_AT))
}

function encode(applications: readonly Application[]): Uint8Array[] {
  const encoder = new ApplicationEncoder(schema)
  return applications.map((application) => encoder.encode(application))
}

/** A container as avsc writes it. */
async function foreign(
  path: string,
  writer: SchemaVersion,
  records: readonly object[],
  codec: Codec = 'null',
): Promise<string> {
  const encoder = new streams.BlockEncoder(writer.json as Schema, { codec, syncMarker: SYNC })
  await pipeline(Readable.from(records), encoder, createWriteStream(path))
  return path
}

async function readRows(path: string) {
  const rows = seen(await collect(openForTest(path)))
  return rows.map((row) => (typeof row === 'string' ? row.replace(path, 'file') : row))
}

async function readingFails(folder: Folder, content: Uint8Array): Promise<string> {
  const path = folder.write('damaged.avro', content)
  const message = await refusal(() => collect(openForTest(path)))
  expect(message).toContain(path)
  return message.replace(path, 'file')
}

test.each(CODECS)(
  'applications written with codec %s are read back as they were',
  async (codec) => {
    using folder = new Folder()
    const path = folder.file('a.avro')
    const applications = generate(3000)
    expect(await writeContainer(path, schema, encode(applications), codec)).toBe(3000)
    const rows = await collect(openForTest(path))
    expect(applicationsOf(rows)).toEqual(applications)
    expect(rows.map((row) => row.line)).toEqual(applications.map((_, i) => i + 1))
  },
)

test.each(CODECS)('avsc reads what is written with codec %s', async (codec) => {
  using folder = new Folder()
  const path = folder.file('a.avro')
  const applications = generate(3000)
  await writeContainer(path, schema, encode(applications), codec)
  const decoder = new streams.BlockDecoder()
  createReadStream(path).pipe(decoder)
  const values = await collect<Application>(decoder)
  expect(values.map((value) => ({ ...value }))).toEqual(applications)
})

test.each(CODECS)('what avsc writes with codec %s is read', async (codec) => {
  using folder = new Folder()
  const applications = generate(3000)
  const path = await foreign(folder.file('a.avro'), schema, applications, codec)
  expect(applicationsOf(await collect(openForTest(path)))).toEqual(applications)
})

test('the same records give the same file, byte for byte', async () => {
  using folder = new Folder()
  const records = encode(generate(1000))
  await writeContainer(folder.file('a.avro'), schema, records, 'deflate')
  await writeContainer(folder.file('b.avro'), schema, records, 'deflate')
  expect(readFileSync(folder.file('b.avro'))).toEqual(readFileSync(folder.file('a.avro')))
})

test('a container without records is read as such', async () => {
  using folder = new Folder()
  const path = folder.file('a.avro')
  expect(await writeContainer(path, schema, [])).toBe(0)
  expect(await collect(openForTest(path))).toEqual([])
})

test("raw records are the writer's own bytes, framed with its fingerprint", async () => {
  using folder = new Folder()
  const older = variant((fields) =>
    fields.filter((f) => f.name !== 'employment_years').toReversed(),
  )
  const type = Type.forSchema(older.json as Schema)
  const applications = generate(2000)
  const path = await foreign(folder.file('a.avro'), older, applications, 'deflate')
  const { schema: writer, records } = await readContainerRecords(path)
  expect(writer).toMatchObject({ path, version: 0, fingerprint: older.fingerprint })
  expect(writer.schema).toEqual(older.schema)
  const header = new Uint8Array(10)
  header.set([0xc3, 0x01])
  new DataView(header.buffer).setBigUint64(2, older.fingerprint, true)
  const expected = applications.map((a) => Buffer.concat([header, type.toBuffer(a)]))
  expect((await collect(records)).map((r) => Buffer.from(r))).toEqual(expected)
  expect((await collect(records)).length).toBe(2000)
})

test('raw records and writing them again give the container back', async () => {
  const property = fc.asyncProperty(fc.nat(), fc.nat({ max: 2000 }), async (seed, count) => {
    using folder = new Folder()
    const first = folder.file('a.avro')
    await writeContainer(first, schema, encode(generate(count, seed)), 'deflate')
    const { schema: writer, records } = await readContainerRecords(first)
    const second = folder.file('b.avro')
    expect(await writeContainer(second, writer, records, 'deflate')).toBe(count)
    expect(readFileSync(second)).toEqual(readFileSync(first))
  })
  await fc.assert(property, runs(10))
})

test('a record with a long beyond 2^53 is a bad row, and still has its raw bytes', async () => {
  using folder = new Folder()
  const [record] = encode([good])
  const idBytes = 10 + 1 + 36
  const long = new ByteWriter().long(2n ** 60n).take()
  const after = record!.subarray(
    idBytes + new ByteWriter().long(1_780_000_000_123_456).take().length,
  )
  const large = Buffer.concat([record!.subarray(0, idBytes), long, after])
  const path = folder.file('a.avro')
  await writeContainer(path, schema, [large, record!])
  const message = `submitted_at: must be at most 9007199254740990, is ${2 ** 60}`
  expect(await readRows(path)).toEqual([`file:1: ${message}`, good])
  const { records } = await readContainerRecords(path)
  expect((await collect(records)).map((r) => Buffer.from(r))).toEqual([large, Buffer.from(record!)])
})

test('records out of bounds are bad rows by their number', async () => {
  using folder = new Folder()
  const records = [good, { ...good, loan_amount: -1 }, { ...good, annual_income: Number.NaN }, good]
  const path = await foreign(folder.file('a.avro'), schema, records)
  expect(await readRows(path)).toEqual([
    good,
    'file:2: loan_amount: must be above 0, is -1',
    'file:3: annual_income: must be a finite number, is NaN',
    good,
  ])
})

test('a schema with every column nullable and another name is read, as Spark writes it', async () => {
  using folder = new Folder()
  const spark = variant(
    (fields) =>
      fields.map(({ name, type }) => ({ name, type: Array.isArray(type) ? type : [type, 'null'] })),
    'topLevelRecord',
  )
  const records = [good, { ...good, credit_score: null }, { ...good, application_id: null }]
  const path = await foreign(folder.file('a.avro'), spark, records)
  expect(await readRows(path)).toEqual([
    good,
    'file:2: credit_score: is missing',
    'file:3: application_id: is missing',
  ])
})

test('types are promoted, renamed fields found by their alias, and others passed over', async () => {
  using folder = new Folder()
  const writer = variant((fields) => [
    { name: 'notes', type: { type: 'array', items: 'string' } },
    ...fields.map((field) => (field.name === 'loan_amount' ? { ...field, type: 'int' } : field)),
  ])
  const records = [{ ...good, notes: ['a', 'b'] }]
  const path = await foreign(folder.file('a.avro'), writer, records)
  expect(await readRows(path)).toEqual([good])

  const renamed = variant((fields) =>
    fields.map((f) => (f.name === 'region' ? { ...f, name: 'area', aliases: ['region'] } : f)),
  )
  const rows = await collect(openForTest(path, { schema: renamed }))
  const { region, ...rest } = good
  expect(seen(rows)).toEqual([{ ...rest, area: region! }])
})

test('fields that the writer does not have become their default, the id and time are made', async () => {
  using folder = new Folder()
  const left = new Set(['application_id', 'submitted_at', 'employment_years'])
  const writer = variant((fields) => fields.filter((field) => !left.has(field.name)))
  const path = await foreign(folder.file('a.avro'), writer, [good, good])
  const rows = (await readRows(path)) as Application[]
  expect(await readRows(path)).toEqual(rows)
  expect(rows[0]!['application_id']).not.toBe(rows[1]!['application_id'])
  const filled = { submitted_at: SUBMITTED_AT, employment_years: null }
  expect(rows[0]).toEqual({ ...good, ...filled, application_id: rows[0]!['application_id']! })
})

test('a schema that cannot be resolved is refused with both names and the field', async () => {
  using folder = new Folder()
  const lacking = variant((fields) => fields.filter((field) => field.name !== 'loan_amount'))
  const path = await foreign(folder.file('a.avro'), lacking, [good])
  const missing = await refusal(() => collect(openForTest(path)))
  expect(missing).toStartWith(`${path}: its schema cannot be read as ${schema.path}: `)
  expect(missing).toContain('loan_amount')

  const text = variant((fields) =>
    fields.map((field) =>
      field.name === 'loan_amount' ? { name: field.name, type: 'string' } : field,
    ),
  )
  const other = await foreign(folder.file('b.avro'), text, [{ ...good, loan_amount: '5' }])
  expect(await refusal(() => collect(openForTest(other)))).toStartWith(`${other}: its schema`)
})

test('wherever a file is cut off, the rows before are read and the damage is named', async () => {
  using folder = new Folder()
  const applications = generate(1500)
  const path = folder.file('a.avro')
  await writeContainer(path, schema, encode(applications), 'deflate')
  const whole = readFileSync(path)
  const ends = blockEnds(whole)
  expect(ends.length).toBeGreaterThan(3)
  const property = fc.asyncProperty(fc.nat({ max: whole.length - 1 }), async (length) => {
    const cut = folder.write('cut.avro', whole.subarray(0, length))
    const read: Application[] = []
    const reading = async () => {
      for await (const row of openForTest(cut)) if (!isBad(row)) read.push(row.application)
    }
    if (ends.includes(length)) {
      // A file that ends with a block is whole: nothing in the format says otherwise.
      await reading()
    } else {
      expect(await refusal(reading)).toStartWith(`${cut}: `)
    }
    expect(read).toEqual(applications.slice(0, read.length))
  })
  await fc.assert(property, runs(100))
  expect(await readingFails(folder, whole.subarray(0, whole.length - 1))).toEndWith(' is cut off')
  expect(await readingFails(folder, whole.subarray(0, 100))).toBe(
    'file: the header is cut off, or damaged',
  )
})

/** Ends of the header and of the blocks, found by their sync marker. */
function blockEnds(file: Buffer): number[] {
  const sync = file.subarray(file.length - 16)
  const ends: number[] = []
  for (let at = file.indexOf(sync); at >= 0; at = file.indexOf(sync, at + 1)) ends.push(at + 16)
  return ends
}

test('any damage to a byte gives rows or one clear refusal, and never hangs', async () => {
  using folder = new Folder()
  const path = folder.file('a.avro')
  await writeContainer(path, schema, encode(generate(100)), 'deflate')
  const whole = readFileSync(path)
  const anywhere = fc.nat({ max: whole.length - 1 })
  const property = fc.asyncProperty(
    anywhere,
    fc.integer({ min: 1, max: 255 }),
    async (at, bits) => {
      const damaged = Uint8Array.from(whole)
      damaged[at]! ^= bits
      const file = folder.write('damaged.avro', damaged)
      try {
        await collect(openForTest(file))
      } catch (error) {
        expect(await refusal(() => Promise.reject(error))).toContain(file)
      }
    },
  )
  await fc.assert(property, runs(300))
})

/** A container from parts. */
function container(parts: {
  schemaText?: string
  codec?: string
  blocks?: { count: number | bigint; size?: number | bigint; data: Uint8Array; sync?: Uint8Array }[]
}): Uint8Array {
  const writer = new ByteWriter()
    .raw(Buffer.from('Obj\x01'))
    .long(parts.codec === undefined ? 1 : 2)
  writer.string('avro.schema').string(parts.schemaText ?? JSON.stringify(schema.json))
  if (parts.codec !== undefined) writer.string('avro.codec').string(parts.codec)
  writer.long(0).raw(SYNC)
  for (const { count, size, data, sync } of parts.blocks ?? []) {
    writer
      .long(count)
      .long(size ?? data.length)
      .raw(data)
      .raw(sync ?? SYNC)
  }
  return writer.take()
}

const body = encode([good])[0]!.subarray(10)
const twice = Buffer.concat([body, body])

test('a header without a codec, and blocks without records, are read', async () => {
  using folder = new Folder()
  const empty = { count: 0, data: new Uint8Array(0) }
  const blocks = [empty, { count: 1, data: body }, empty, { count: 2, data: twice }, empty]
  const path = folder.write('a.avro', container({ blocks }))
  expect(await readRows(path)).toEqual([good, good, good])
})

const DAMAGED: [what: string, content: Uint8Array, message: string][] = [
  ['no bytes', new Uint8Array(0), 'file: is no Avro object container file'],
  ['text', Buffer.from('loan_amount,region\n1,2\n'), 'file: is no Avro object container file'],
  [
    'an endless header',
    Buffer.from('Obj\x01\xfe\xff\xff\xff\xff\xff\xff\x0f', 'latin1'),
    'file: the header is cut off, or damaged',
  ],
  [
    'no schema',
    new ByteWriter().raw(Buffer.from('Obj\x01')).long(0).raw(SYNC).take(),
    'file: the header holds no schema',
  ],
  ['a schema that is no JSON', container({ schemaText: '{' }), 'file: the schema:1:2: '],
  [
    'a schema that is no record',
    container({ schemaText: '"long"' }),
    'file: the schema: $: is not a record',
  ],
  [
    'another codec',
    container({ codec: 'snappy' }),
    'file: the header names the codec "snappy"; null and deflate are read',
  ],
  [
    'a count that is too high',
    container({ blocks: [{ count: 2, data: body }] }),
    'file: record 2 ends beyond its block',
  ],
  [
    'a count that is too low',
    container({ blocks: [{ count: 1, data: twice }] }),
    `file: the block of records 1 to 1 has ${body.length} bytes left over`,
  ],
  [
    'an absurd count',
    container({ blocks: [{ count: 2 ** 40, data: body }] }),
    `says 1099511627776 records in ${body.length} bytes`,
  ],
  [
    'a count below zero',
    container({ blocks: [{ count: -1, data: body }] }),
    `says -1 records and ${body.length} bytes`,
  ],
  [
    'a size below zero',
    container({ blocks: [{ count: 1, size: -5, data: body }] }),
    'says 1 records and -5 bytes',
  ],
  [
    'an absurd size',
    container({ blocks: [{ count: 1, size: 2 ** 40, data: body }] }),
    'says 1099511627776 bytes; at most 268435456',
  ],
  [
    'a size beyond 2^53',
    container({ blocks: [{ count: 1, size: 2n ** 60n, data: body }] }),
    'is cut off, or no block',
  ],
  [
    'another sync marker',
    container({ blocks: [{ count: 1, data: body, sync: Buffer.alloc(16) }] }),
    'has no sync marker behind',
  ],
  [
    'deflate that is none',
    container({ codec: 'deflate', blocks: [{ count: 1, data: body }] }),
    'cannot be inflated: ',
  ],
  [
    'bytes behind the last block',
    Buffer.concat([container({ blocks: [{ count: 1, data: body }] }), Buffer.from('garbage')]),
    'file: the block at byte ',
  ],
]

test.each(DAMAGED)('a container with %s is refused', async (_, content, message) => {
  using folder = new Folder()
  expect(await readingFails(folder, content)).toContain(message)
})

test('a union branch that does not exist is refused with the record', async () => {
  using folder = new Folder()
  const bad = Uint8Array.from(body)
  // employment_years: id, time, region, two doubles, an int of two bytes and a double stand before.
  const branchAt = 37 + 8 + 2 + 16 + 2 + 8
  expect(bad[branchAt]).toBe(2)
  bad[branchAt] = 8
  const blocks = [{ count: 2, data: Buffer.concat([body, bad]) }]
  const message = await readingFails(folder, container({ blocks }))
  expect(message).toStartWith('file: record 2 cannot be decoded: ')
})

test('a file that is not there, or is a folder, is refused by its name', async () => {
  using folder = new Folder()
  const missing = folder.file('none.avro')
  expect(await refusal(() => collect(openForTest(missing)))).toStartWith(`cannot read ${missing}: `)
  const nested = folder.file('folder.avro')
  mkdirSync(nested)
  expect(await refusal(() => readContainerRecords(nested))).toBe(
    `cannot read ${nested}: is no file`,
  )
})

test('a container that cannot be written whole is not there at all', async () => {
  using folder = new Folder()
  const path = folder.file('a.avro')
  const failing = function* () {
    yield* encode(generate(2000))
    throw new Error('no more')
  }
  expect(writeContainer(path, schema, failing())).rejects.toThrow('no more')
  expect(existsSync(path)).toBe(false)
  expect(existsSync(`${path}.partial`)).toBe(false)
  const nowhere = folder.file('none/a.avro')
  const message = await refusal(() => writeContainer(nowhere, schema, []))
  expect(message).toStartWith(`cannot write ${nowhere}: `)
})

test('a record of another schema is not written', async () => {
  using folder = new Folder()
  const other = schemaOf({ type: 'record', name: 'Other', fields: [] })
  expect(writeContainer(folder.file('a.avro'), other, encode([good]))).rejects.toThrow(
    'of another schema',
  )
})
