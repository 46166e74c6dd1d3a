// The resolver against Apache Avro and avsc: what records of one schema are as another has them.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { incompatibilities } from '../../src/avro/compatibility.ts'
import { Fault } from '../../src/avro/byte-reader.ts'
import { Resolver } from '../../src/avro/resolver.ts'
import { type Json, parseSchema } from '../../src/avro/schema.ts'
import { OperatingError } from '../../src/errors.ts'
import { resolve, unavailable } from './apache-avro.ts'
import type { Pair } from './random-pairs.ts'
import { type ResolvedRecords, randomRecords, readResolved, textOf } from './resolved-records.ts'

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
 *   fixed, and a record of another namespace has no field known by an alias.
 */
function isJudged({ reader, writer }: Pair, record: string, due: string): boolean {
  if (!isCompatible(reader, writer) || due === 'error') return true
  const plain = JSON.parse(JSON.stringify(reader), withoutAliases) as Json
  return textHere(new Resolver(parseSchema(writer, 'w'), parseSchema(plain, 'r')), record) === due
}

function withoutAliases(key: string, value: Json): Json | undefined {
  return key === 'aliases' ? undefined : value
}

function isCompatible(reader: ResolvedRecords['reader'], writer: ResolvedRecords['writer']) {
  return incompatibilities(parseSchema(reader, 'r'), parseSchema(writer, 'w')).length === 0
}

function textHere(resolver: Resolver, record: string): string {
  try {
    return textOf(resolver.decodeWhole(new Uint8Array(Buffer.from(record, 'hex')), 0))
  } catch (error) {
    if (error instanceof Fault) return 'error'
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
})
