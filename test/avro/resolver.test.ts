// The resolver against Apache Avro and avsc: what records of one schema are as another has them.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  STATUS_BAD_BRANCH,
  STATUS_BAD_LENGTH,
  STATUS_BAD_SYMBOL,
  STATUS_BAD_VARINT,
  STATUS_IMPOSSIBLE_VALUE,
  STATUS_TOO_DEEP,
} from '../../assembly/layout.ts'
import { incompatibilities } from '../../src/avro/compatibility.ts'
import { Fault } from '../../src/avro/byte-reader.ts'
import { Resolver } from '../../src/avro/resolver.ts'
import { type Json, type Schema, parseSchema } from '../../src/avro/schema.ts'
import { OperatingError } from '../../src/errors.ts'
import { resolve, unavailable } from './apache-avro.ts'
import type { Pair } from './random-pairs.ts'
import {
  type ResolvedRecords,
  damagedRecords,
  randomRecords,
  readResolved,
  textOf,
} from './resolved-records.ts'

setDefaultTimeout(120_000)

/** DECODER_SEED and DECODER_PAIRS make another or a longer run. */
const SEED = Number(process.env['DECODER_SEED'] ?? Date.now() % 0x7fffffff)
const PAIRS = Number(process.env['DECODER_PAIRS'] ?? 300)

type Seen = { same: number; refused: number; errors: number; judged: number }

/** Throws at the first record that comes out differently than Apache Avro has it. */
function compare(resolved: readonly ResolvedRecords[]): Seen {
  const seen: Seen = { same: 0, refused: 0, errors: 0, judged: 0 }
  for (const { reader, writer, records, texts } of resolved) {
    const [as, by] = [parseSchema(reader, 'reader'), parseSchema(writer, 'writer')]
    let resolver: Resolver
    try {
      resolver = new Resolver(by, as)
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      // Apache Avro gives up where it meets what it cannot read; here a pair is refused as a whole,
      // and so is a record that holds itself and could never be written.
      const why = `${JSON.stringify({ reader, writer })}: ${error.message}`
      const isError = texts.every((text) => text === 'error')
      const isEndless = error.message.includes('without an end')
      const isRefused = isError || isEndless || !isCompatible(reader, writer)
      expect(isRefused ? '' : why).toBe('')
      seen.refused++
      continue
    }
    for (const [i, record] of records.entries()) {
      const text = textHere(resolver, record)
      const due = texts[i]!
      if (text === due) seen[text === 'error' ? 'errors' : 'same']++
      else if (isJudged({ reader, writer }, record, due)) seen.judged++
      else {
        const pair = JSON.stringify({ reader, writer, record })
        throw new Error(`${pair}: ${text}, Apache Avro has ${due}`)
      }
    }
  }
  return seen
}

/**
 * Where Apache Avro may have another record, each judged right:
 * - the pair is incompatible: it reads an array of unreadable items when there is none, and takes a
 *   field's alias for nothing when the record has another name;
 * - it compares full names where the specification says unqualified ones: it refuses enums and
 *   fixed, and a record of another namespace has no field known by an alias;
 * - a default of null it takes for an empty map where a union begins with one, and null comes later.
 */
function isJudged({ reader, writer }: Pair, record: string, due: string): boolean {
  if (!isCompatible(reader, writer) || due === 'error') return true
  return [withoutAliases, withEmptyMaps].some((change) => {
    const changed = JSON.parse(JSON.stringify(reader), change) as Json
    const resolver = new Resolver(parseSchema(writer, 'w'), parseSchema(changed, 'r'))
    return textHere(resolver, record) === due
  })
}

function withoutAliases(key: string, value: Json): Json | undefined {
  return key === 'aliases' ? undefined : value
}

/** A field whose union begins with a map, and whose default is null, has an empty one. */
function withEmptyMaps(_key: string, value: Json): Json {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value
  const { type, default: byDefault } = value
  const [first] = Array.isArray(type) ? type : []
  const isMap =
    first && typeof first === 'object' && !Array.isArray(first) && first['type'] === 'map'
  return isMap && byDefault === null ? { ...value, default: {} } : value
}

function isCompatible(reader: ResolvedRecords['reader'], writer: ResolvedRecords['writer']) {
  return incompatibilities(parseSchema(reader, 'r'), parseSchema(writer, 'w')).length === 0
}

function textHere(resolver: Resolver, record: string): string {
  const result = here(resolver, record)
  return typeof result === 'number' ? 'error' : result
}

/** The value as text, or the status of what is wrong. */
function here(resolver: Resolver, record: string): string | number {
  try {
    return textOf(resolver.decodeWhole(new Uint8Array(Buffer.from(record, 'hex')), 0))
  } catch (error) {
    if (error instanceof Fault) return error.status
    throw error
  }
}

/**
 * Classes in which a damaged record is refused that Apache Avro reads, each judged right:
 * - varint: it drops what does not fit into 64 bits, or 32;
 * - branch, symbol: it cuts their index to 32 bits;
 * - value: any byte but 1 is false to it;
 * - length: it takes the smallest long for a count of no items;
 * - depth: it goes on until the stack ends.
 * What is cut off or has bytes left over is among them in no case.
 */
const STRICTER: ReadonlySet<number> = new Set([
  STATUS_BAD_VARINT,
  STATUS_BAD_BRANCH,
  STATUS_BAD_SYMBOL,
  STATUS_IMPOSSIBLE_VALUE,
  STATUS_BAD_LENGTH,
  STATUS_TOO_DEEP,
])
/** It reads branches and symbols as ints of five bytes; a long may take ten. */
const LONGER_THAN_INT = /^(..)*([89a-f].){5}/

/** Counts the damaged records, read as what they were written, with its verdict and value; throws at a difference not judged. */
function compareDamaged(resolved: readonly ResolvedRecords[]): Seen {
  const seen: Seen = { same: 0, refused: 0, errors: 0, judged: 0 }
  for (const { writer, records, texts } of resolved) {
    const resolver = ofItself(parseSchema(writer, 'writer'))
    if (!resolver) continue
    for (const [i, record] of records.entries()) {
      const result = here(resolver, record)
      const due = texts[i]!
      if (isSame(result, due)) seen.same++
      else if (typeof result === 'number' && due === 'error') seen.errors++
      else if (typeof result === 'number' && STRICTER.has(result)) seen.refused++
      else if (due === 'error' && LONGER_THAN_INT.test(record)) seen.judged++
      else {
        const what = JSON.stringify({ writer, record })
        throw new Error(`${what}: ${result}, Apache Avro has ${due}`)
      }
    }
  }
  return seen
}

/** What is not UTF-8 is replaced by one character, or by one a byte. */
function isSame(result: string | number, due: string): boolean {
  const single = (text: string) => text.replaceAll(/\ufffd+/g, '\ufffd')
  return typeof result === 'string' && single(result) === single(due)
}

/** What reads a schema's records as they are; undefined for one whose records have no end. */
function ofItself(schema: Schema): Resolver | undefined {
  try {
    return new Resolver(schema, schema)
  } catch (error) {
    if (error instanceof OperatingError && error.message.includes('without an end')) return
    throw error
  }
}

describe('records are what Apache Avro makes of them', () => {
  test('of the committed pairs', () => {
    const seen = compare(readResolved())
    expect(seen).toEqual({ same: 3400, refused: 364, errors: 260, judged: 80 })
  })

  test.skipIf(unavailable() !== undefined)(`of random pairs, seed ${SEED}`, async () => {
    const written = randomRecords(SEED, PAIRS)
    const texts = await resolve(written)
    const seen = compare(written.map((pair, i) => ({ ...pair, texts: texts[i]! })))
    expect(seen.same).toBeGreaterThan(PAIRS)
  })

  test.skipIf(unavailable() !== undefined)(`when they are damaged, seed ${SEED}`, async () => {
    const written = damagedRecords(SEED, PAIRS, 30)
    const texts = await resolve(written)
    const seen = compareDamaged(written.map((pair, i) => ({ ...pair, texts: texts[i]! })))
    expect(seen.same).toBeGreaterThan(PAIRS)
    expect(seen.errors).toBeGreaterThan(PAIRS)
    expect(seen.refused + seen.judged).toBeLessThan(seen.same / 5)
  })
})
