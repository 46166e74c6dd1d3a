// Writers and readers of every kind: what WebAssembly makes of a record is what the resolver makes
// of it, status, byte and numbers, whether the record is whole or damaged.

import { describe, expect, test, setDefaultTimeout } from 'bun:test'
import { STATUS_OK } from '../../assembly/layout.ts'
import { Random } from '../../src/applications/random.ts'
import { ByteWriter } from '../../src/avro/bytes.ts'
import { Resolver } from '../../src/avro/resolver.ts'
import type { SchemaVersion } from '../../src/avro/schema-files.ts'
import type { Json } from '../../src/avro/schema.ts'
import { OperatingError } from '../../src/errors.ts'
import type { Engine } from '../../src/scorer/engine.ts'
import { randomPairs } from '../avro/random-pairs.ts'
import { RandomValues } from '../avro/random-values.ts'
import {
  decode,
  engineOf,
  faultOf,
  fieldOf,
  programOf,
  rowOf,
  schemaVersion,
  withHeader,
} from '../support/engine.ts'
import { damaged } from './damage.ts'
import { sameRow } from './random-records.ts'
import { referenceDecode } from './reference-decoder.ts'

/** DECODER_SEED, DECODER_PAIRS and DECODER_RECORDS (of a pair) make another or a longer run. */
const SEED = Number(process.env['DECODER_SEED'] ?? Date.now() % 0x7fffffff)
const PAIRS = Number(process.env['DECODER_PAIRS'] ?? 400)
const RECORDS = Number(process.env['DECODER_RECORDS'] ?? 60)
if (RECORDS > 60) setDefaultTimeout(24 * 3_600_000)
const BATCH = 60
const LONG_RUN = RECORDS > BATCH

/** An application with a number and, behind it, a value of the type. */
function applicationOf(type: Json): Json {
  return {
    type: 'record',
    name: 'LoanApplication',
    fields: [
      { name: 'application_id', type: 'string' },
      { name: 'value', type },
      { name: 'last', type: 'int' },
    ],
  }
}

function versionsOf(writer: Json, reader: Json): SchemaVersion[] {
  const versions = [
    schemaVersion(applicationOf(writer), 1),
    schemaVersion(applicationOf(reader), 2),
  ]
  const isSame = versions[0]!.fingerprint === versions[1]!.fingerprint
  return isSame ? versions.slice(1) : versions
}

/** Decodes the records in one batch and holds each against the reference. */
function expectReference(
  engine: Engine,
  versions: readonly SchemaVersion[],
  records: readonly Uint8Array[],
  asked: readonly string[] = [],
): number[] {
  engine.f64.fill(-12345, engine.rowsAt / 8, engine.rowsAt / 8 + records.length)
  return decode(engine, records).map(({ code }, i) => {
    const expected = referenceDecode(records[i]!, versions, asked)
    const isFault = code !== STATUS_OK
    const actual = { code, byte: isFault ? faultOf(engine, i) : 0 }
    const hex = records[i]!.toHex()
    const what = `${hex} of ${JSON.stringify(versions.map(({ json }) => json))}`
    const isRight = actual.code === expected.code && actual.byte === expected.byte
    if (!isRight) {
      const field = isFault ? fieldOf(engine, i) : ''
      const due = JSON.stringify({ ...expected, row: undefined })
      throw new Error(`${what}: ${JSON.stringify(actual)} at ${field}, due is ${due}`)
    }
    if (!isFault && !sameRow(rowOf(engine, i), expected.row)) {
      throw new Error(`${what}: ${JSON.stringify([rowOf(engine, i), expected.row])}`)
    }
    return code
  })
}

describe(`random pairs of schemas, seed ${SEED}`, () => {
  test('a record has the verdict and the numbers of the resolver, whole or damaged', () => {
    const random = new Random(SEED)
    const seen = new Map<number, number>()
    let readable = 0
    for (const { writer, reader } of randomPairs(SEED, PAIRS)) {
      const versions = versionsOf(writer, reader)
      const [first] = versions
      let refusal = ''
      try {
        void new Resolver(first!.schema, versions.at(-1)!.schema)
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error
        refusal = error.message
      }
      let program: ReturnType<typeof programOf>
      try {
        program = programOf({ applications: versions })
      } catch (error) {
        // The reader cannot read itself: it has no end, or is too large for a plan.
        if (error instanceof OperatingError) continue
        throw error
      }
      const refused = program.writers[0]!.refusal
      if (/exceeds|nested too deeply/.test(refused)) continue
      expect(refused.replace(/^\S+: /, '')).toBe(refusal)
      if (refusal !== '') continue
      readable++
      const values = new RandomValues(random, true)
      const engine = engineOf(program, BATCH, 1 << 18)
      for (let left = RECORDS; left > 0; left -= BATCH) {
        const whole = Array.from({ length: BATCH / 3 }, () => values.encode(first!.schema))
          .filter((body) => body !== undefined)
          .map((body) => withHeader(first!, body))
        if (whole.length === 0) break
        const bad = Array.from({ length: BATCH - whole.length }, () => damaged(random, whole))
        for (const code of expectReference(engine, versions, [...whole, ...bad])) {
          seen.set(code, (seen.get(code) ?? 0) + 1)
        }
      }
      if (LONG_RUN) {
        const total = [...seen.values()].reduce((sum, count) => sum + count, 0)
        process.stderr.write(`${total} records of ${readable} pairs: the same as the resolver\n`)
      }
    }
    expect(readable).toBeGreaterThan(PAIRS / 4)
    // Every way to fail but those of the header, or the test is too tame.
    expect(seen.size).toBeGreaterThan(6)
  })
})

// ---- Columns from within.

describe('columns', () => {
  const account: Json = {
    type: 'record',
    name: 'Account',
    fields: [
      { name: 'note', type: ['null', 'string'] },
      { name: 'balance', type: ['null', 'double'], minimum: -1000, default: null },
      { name: 'age', type: 'int', minimum: 0 },
    ],
  }
  const applicant: Json = {
    type: 'record',
    name: 'Applicant',
    fields: [
      {
        name: 'income',
        type: {
          type: 'record',
          name: 'Income',
          fields: [{ name: 'annual', type: 'double', minimum: 0 }],
        },
      },
      { name: 'age', type: ['int', 'null'] },
    ],
  }
  const type: Json = {
    type: 'record',
    name: 'Value',
    fields: [
      { name: 'applicant', type: ['null', applicant] },
      { name: 'accounts', type: { type: 'array', items: account } },
      { name: 'limits', type: ['null', { type: 'map', values: 'long' }] },
      { name: 'grade', type: { type: 'enum', name: 'Grade', symbols: ['A', 'B', 'C'] } },
      {
        name: 'amount',
        type: { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 },
      },
    ],
  }
  const ASKED = [
    'value.accounts[count]',
    'value.accounts[first].balance',
    'value.accounts[max].balance',
    'value.accounts[max].age',
    'value.limits[count]',
    'value.limits[max]',
    'value.grade',
    'value.amount',
  ]

  test('of nested records, arrays, maps, enums and decimals are those of the resolver', () => {
    const random = new Random(SEED)
    const versions = [schemaVersion(applicationOf(type))]
    const features = ASKED.map((field) => field)
    const program = programOf({
      applications: versions,
      forest: { features, trees: [], sigmoid: 1 },
    })
    expect(program.columns).toContain('value.applicant.income.annual')
    const engine = engineOf(program, BATCH, 1 << 18)
    let good = 0
    for (let turn = 0; turn < 100; turn++) {
      const values = new RandomValues(random, true)
      const whole = Array.from({ length: BATCH }, () =>
        withHeader(versions[0]!, values.encode(versions[0]!.schema)!),
      )
      const records = whole.map((record, i) => (i % 3 === 0 ? damaged(random, whole) : record))
      const codes = expectReference(engine, versions, records, ASKED)
      good += codes.filter((code) => code === STATUS_OK).length
    }
    expect(good).toBeGreaterThan(100)
  })

  test('are read from what another writer has, and from defaults', () => {
    const reader: Json = {
      type: 'record',
      name: 'LoanApplication',
      fields: [
        { name: 'application_id', type: 'string' },
        {
          name: 'accounts',
          type: { type: 'array', items: 'double' },
          default: [3, 9, 4],
        },
        { name: 'grade', type: { type: 'enum', name: 'G', symbols: ['A', 'B'], default: 'A' } },
        {
          name: 'at',
          type: { type: 'long', logicalType: 'timestamp-micros' },
        },
      ],
    }
    const writer: Json = {
      type: 'record',
      name: 'LoanApplication',
      fields: [
        { name: 'grade', type: { type: 'enum', name: 'n.G', symbols: ['X', 'B'] } },
        { name: 'application_id', type: ['null', 'string'] },
        { name: 'at', type: { type: 'long', logicalType: 'timestamp-millis' } },
      ],
    }
    const versions = [schemaVersion(writer, 1), schemaVersion(reader, 2)]
    const features = ['accounts[first]', 'accounts[max]', 'accounts[count]', 'grade']
    const program = programOf({
      applications: versions,
      forest: { features, trees: [], sigmoid: 1 },
    })
    expect(program.writers[0]!.refusal).toBe('')
    const engine = engineOf(program, 4, 4096)
    const record = (grade: number, at: bigint) =>
      withHeader(versions[0]!, new ByteWriter().long(grade).long(1).string('a').long(at).take())
    const codes = expectReference(
      engine,
      versions,
      [record(0, 5n), record(1, -7n), record(1, 1n << 60n)],
      features,
    )
    expect(codes.slice(0, 2)).toEqual([STATUS_OK, STATUS_OK])
    expect(codes[2]).not.toBe(STATUS_OK)
    expect(rowOf(engine, 0)).toEqual({
      'accounts[first]': 3,
      'accounts[max]': 9,
      'accounts[count]': 3,
      grade: 0,
      at: 5000,
    })
    expect(rowOf(engine, 1)).toMatchObject({ grade: 1, at: -7000 })
  })
})
