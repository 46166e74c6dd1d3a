// Compatibility of readers and writers: equal to Apache Avro's verdicts over thousands of pairs,
// and said in words that help.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { type Incompatibility, incompatibilities } from '../../src/avro/compatibility.ts'
import { canonicalForm, fingerprintHex, fingerprintOf } from '../../src/avro/fingerprint.ts'
import { type Json, parseSchema } from '../../src/avro/schema.ts'
import { type Judgement, judge, unavailable } from './apache-avro.ts'
import { type JudgedPair, readJudgedPairs } from './judged-pairs.ts'
import { randomPairs } from './random-pairs.ts'

setDefaultTimeout(60_000)

function check(reader: Json, writer: Json): Incompatibility[] {
  return incompatibilities(parseSchema(reader, 'reader'), parseSchema(writer, 'writer'))
}

/** What is said, in Apache Avro's terms. */
function verdictOf(found: readonly Incompatibility[]): Judgement['verdict'] {
  if (found.length === 0) return 'compatible'
  return found.some(({ rule }) => rule === 'AMBIGUOUS_FIELD') ? 'throws' : 'incompatible'
}

/**
 * What of the two lists is not in the other. Apache Avro tells of a type that is used twice where
 * it saw it first, and of a place within a union from the branch on; and it compares an enum that
 * has a default symbol but is missing with the whole record.
 */
function differences(found: readonly Incompatibility[], judgement: Judgement): string[] {
  const wanted = judgement.found.map((text) => {
    const [rule, location] = text.split(' ') as [string, string]
    return { rule, location: location === '/' ? '' : location }
  })
  const isSame = (ours: Incompatibility, theirs: (typeof wanted)[number]) =>
    (ours.rule === theirs.rule && ours.location.endsWith(theirs.location)) ||
    (ours.rule === 'READER_FIELD_MISSING_DEFAULT_VALUE' &&
      ours.reader.startsWith('enum ') &&
      theirs.rule === 'TYPE_MISMATCH' &&
      `${ours.location}/type`.endsWith(theirs.location))
  // Where a type is used a second time the pointer is that of the first.
  const isToldElsewhere = (ours: Incompatibility) =>
    found.some((it) => it !== ours && it.rule === ours.rule && it.reader === ours.reader)
  const surplus = found.filter((it) => !isToldElsewhere(it) && !wanted.some((w) => isSame(it, w)))
  const lacking = wanted.filter((w) => !found.some((it) => isSame(it, w)))
  return [
    ...surplus.map(({ rule, location }) => `surplus ${rule} ${location}`),
    ...lacking.map(({ rule, location }) => `lacking ${rule} ${location}`),
  ]
}

/** Everything in which a pair is not as Apache Avro says. */
function complaints({ reader, writer, judgement }: JudgedPair): string[] {
  const found = check(reader, writer)
  const verdict = verdictOf(found)
  const hex = (json: Json) => fingerprintHex(fingerprintOf(parseSchema(json, 'pair')))
  return [
    ...(verdict === judgement.verdict ? [] : [`${verdict} and not ${judgement.verdict}`]),
    ...(judgement.verdict === 'throws' ? [] : differences(found, judgement)),
    ...(hex(reader) === judgement.reader ? [] : ["the reader's fingerprint"]),
    ...(hex(writer) === judgement.writer ? [] : ["the writer's fingerprint"]),
  ].map((text) => `${text}: ${JSON.stringify([reader, writer])}`)
}

const judged = readJudgedPairs()

describe('the committed pairs', () => {
  test('are thousands, about half compatible, and fail for every reason there is', () => {
    const share = (verdict: Judgement['verdict']) =>
      judged.filter(({ judgement }) => judgement.verdict === verdict).length / judged.length
    expect(judged.length).toBeGreaterThan(5000)
    expect(share('compatible')).toBeWithin(0.4, 0.6)
    expect(share('throws')).toBeWithin(0.01, 0.1)
    const rules = judged.flatMap(({ judgement }) => judgement.found.map((it) => it.split(' ')[0]!))
    expect([...new Set(rules)].sort()).toEqual([
      'FIXED_SIZE_MISMATCH',
      'MISSING_ENUM_SYMBOLS',
      'MISSING_UNION_BRANCH',
      'NAME_MISMATCH',
      'READER_FIELD_MISSING_DEFAULT_VALUE',
      'TYPE_MISMATCH',
    ])
    const recursive = judged.filter(({ reader }) => isRecursive(reader))
    expect(recursive.length).toBeGreaterThan(100)
  })

  test('are judged, and have fingerprints, as by Apache Avro', () => {
    expect(judged.flatMap(complaints).slice(0, 5)).toEqual([])
  })
})

/** Whether a record holds a reference to itself. */
function isRecursive(json: Json): boolean {
  const text = JSON.stringify(json)
  const [, name] = /"type":"(?:record|error)","name":"([^"]+)"/.exec(text) ?? []
  return name !== undefined && text.includes(`:"${name}"`, text.indexOf('"fields"'))
}

const reason = unavailable()
describe.skipIf(reason !== undefined)(`Apache Avro${reason ? ` (${reason})` : ''}`, () => {
  test('says of new pairs what we say', async () => {
    const seed = Math.floor(Math.random() * 2 ** 32)
    const pairs = randomPairs(seed, 1500)
    const judgements = await judge(pairs)
    const known = pairs
      .map((pair, i) => ({ ...pair, judgement: judgements[i]! }))
      .filter(({ judgement }) => judgement.verdict !== 'refused')
    expect(known.length).toBeGreaterThan(1400)
    expect({ seed, complaints: known.flatMap(complaints).slice(0, 5) }).toEqual({
      seed,
      complaints: [],
    })
  })

  test('says of the committed pairs what is committed', async () => {
    const sample = judged.filter((_, i) => i % 4 === 0)
    const judgements = await judge(sample)
    expect(judgements).toEqual(sample.map(({ judgement }) => judgement))
  })
})

function recordOf(...fields: Json[]): Json {
  return { type: 'record', name: 'R', fields }
}

describe('what is said', () => {
  const CASES: [reader: Json, writer: Json, found: Partial<Incompatibility>[]][] = [
    ['int', 'int', []],
    ['long', 'int', []],
    ['int', 'long', [{ path: '', rule: 'TYPE_MISMATCH', message: 'long cannot be read as int' }]],
    [
      recordOf({ name: 'a', type: 'int' }, { name: 'b', type: 'double' }),
      recordOf({ name: 'a', type: 'int' }),
      [
        {
          path: 'b',
          location: '/fields/1',
          rule: 'READER_FIELD_MISSING_DEFAULT_VALUE',
          reader: 'double',
          writer: 'absent',
          message: "is not in the writer's R and has no default",
        },
      ],
    ],
    [
      recordOf({ name: 'a', type: 'int', aliases: ['b'] }),
      recordOf({ name: 'a', type: 'int' }, { name: 'b', type: 'int' }),
      [
        {
          path: 'a',
          rule: 'AMBIGUOUS_FIELD',
          message: 'may be a and b of R: its name and aliases fit both',
        },
      ],
    ],
    [
      recordOf({ name: 'a', type: { type: 'array', items: { type: 'map', values: 'int' } } }),
      recordOf({ name: 'a', type: { type: 'array', items: { type: 'map', values: 'float' } } }),
      [{ path: 'a[]{}', location: '/fields/0/type/items/values', reader: 'int', writer: 'float' }],
    ],
    [
      recordOf({ name: 'a', type: ['null', 'int'] }),
      recordOf({ name: 'a', type: ['null', 'string'] }),
      [
        {
          path: 'a',
          rule: 'MISSING_UNION_BRANCH',
          reader: 'union of null, int',
          writer: 'union of null, string',
          message: 'no branch reads string',
        },
      ],
    ],
    [
      { type: 'enum', name: 'E', symbols: ['A'] },
      { type: 'enum', name: 'E', symbols: ['A', 'B', 'C'] },
      [
        {
          rule: 'MISSING_ENUM_SYMBOLS',
          message: 'B, C may be written, and the reader has no default symbol',
        },
      ],
    ],
    [
      { type: 'fixed', name: 'F', size: 4 },
      { type: 'fixed', name: 'G', size: 8 },
      [
        { rule: 'NAME_MISMATCH', message: 'G is neither the name nor an alias of F' },
        { rule: 'FIXED_SIZE_MISMATCH', reader: 'fixed F of 4 bytes', writer: 'fixed G of 8 bytes' },
      ],
    ],
  ]
  test.each(CASES)('%j reading %j', (reader, writer, found) => {
    const said = check(reader, writer)
    expect(said.length).toBe(found.length)
    for (const [i, it] of said.entries()) expect(it).toMatchObject(found[i]!)
  })

  test('a type that is used twice is told of at both places', () => {
    const address = (type: string): Json =>
      recordOf(
        { name: 'home', type: { ...(recordOf({ name: 'zip', type }) as object), name: 'Address' } },
        { name: 'work', type: 'Address' },
      )
    const paths = check(address('int'), address('string')).map(({ path }) => path)
    expect(paths).toEqual(['home.zip', 'work.zip'])
  })

  test('a type that contains itself ends', () => {
    const list = (type: string): Json =>
      recordOf({ name: 'value', type }, { name: 'next', type: ['null', 'R'] })
    expect(check(list('long'), list('int'))).toEqual([])
    expect(check(list('int'), list('long')).map(({ path }) => path)).toEqual(['value'])
  })
})

test('a canonical form parses to itself', () => {
  for (const { reader } of judged.slice(0, 500)) {
    const form = canonicalForm(parseSchema(reader, 'pair'))
    // A type without namespace within one that has one is written as if it were of that one.
    if (!form.includes('.')) {
      expect(canonicalForm(parseSchema(JSON.parse(form) as Json, 'form'))).toBe(form)
    }
  }
})
