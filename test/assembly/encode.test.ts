// Encode: decisions as avsc reads them back, equal to what plain code computes from the
// application, the model's trees and the policy; the messages for librdkafka; the same bytes
// however a batch is cut.

import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import {
  MESSAGE_BYTES,
  MESSAGE_ERR,
  MESSAGE_KEY,
  MESSAGE_KEY_LEN,
  MESSAGE_LEN,
  MESSAGE_PAYLOAD,
  MESSAGE_PRIVATE,
  STATUS_OK,
} from '../../assembly/layout.ts'
import { DECISIONS } from '../../src/avro/encode-plan.ts'
import { fingerprintText, singleObjectHeader } from '../../src/avro/fingerprint.ts'
import type { SchemaVersion } from '../../src/avro/schema-files.ts'
import type { Json } from '../../src/avro/schema.ts'
import { rawScore } from '../../src/compiler/forest.ts'
import { parseLightGbm } from '../../src/compiler/lightgbm.ts'
import { sha256Hex } from '../../src/hash.ts'
import { fromRoot } from '../../src/paths.ts'
import { loadPolicy } from '../../src/policy/policy.ts'
import { Engine } from '../../src/scorer/engine.ts'
import { trainingRanges } from '../../src/scorer/program.ts'
import {
  NO_FOREST,
  applicationSchema,
  artefactOf,
  decisionSchema,
  draws,
  engineOf,
  messagesOf,
  neighbour,
  policyOf,
  programOf,
  randomFrom,
  resultOf,
  rowOf,
  schemaVersion,
  shippedArtefact,
  statusOf,
  wasmModule,
  withHeader,
} from '../support/engine.ts'
import { fill } from '../support/fill.ts'
import { RecordMaker, avscType } from './random-records.ts'
import { type Outcome, applyPolicy, scoreOf } from './reference-policy.ts'

type DecisionValue = { [field: string]: unknown }

/** A decision of the schema as a plain object, bytes as hexadecimal text, longs as bigint. */
function readDecision(payload: Uint8Array, version: SchemaVersion): DecisionValue {
  expect(payload.subarray(0, 10)).toEqual(singleObjectHeader(version.fingerprint))
  return plain(
    avscType(version.json).fromBuffer(Buffer.from(payload.subarray(10))),
  ) as DecisionValue
}

function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('hex')
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
}

/** Plausible applications, and ones at the bounds of what is possible. */
function randomApplication(maker: RecordMaker, version: SchemaVersion): DecisionValue {
  const value: DecisionValue = {}
  for (const field of version.schema.fields) {
    const { schema, name } = field
    const most = Math.min(field.maximum, 1e6)
    const least = Math.max(field.minimum, 0)
    const number = () =>
      maker.below(8) === 0 ? Math.ceil(least) : Math.ceil(Math.max(least, maker.below(most)))
    if (name === 'application_id')
      value[name] = `id-${maker.below(1e9)}-${'ä€😀'.slice(0, maker.below(4))}`.toWellFormed()
    else if (schema.kind === 'union') {
      const branch = schema.branches.find((b) => b.kind === 'primitive' && b.type !== 'null')
      const type = branch?.kind === 'primitive' ? branch.type : ''
      value[name] = maker.below(3) ? { [type]: number() } : null
    } else if (schema.kind === 'primitive' && schema.type === 'string')
      value[name] = String(maker.below(10))
    else
      value[name] =
        schema.kind === 'primitive' && schema.type === 'double' ? number() + 0.25 : number()
  }
  return value
}

describe.each(['models/default', 'bench/model'] as const)('decisions of %s', (model) => {
  const policy = loadPolicy(fromRoot('models/default/policy.toml'))
  const forest = parseLightGbm(readFileSync(fromRoot(`${model}/model.txt`), 'utf8'), model)
  const modelHash = sha256Hex(readFileSync(fromRoot(`${model}/manifest.json`)))
  const policyHash = sha256Hex(readFileSync(policy.path))
  /** A second schema that is read too: an older one, without the last nullable field. */
  const older = schemaVersion(
    {
      ...(applicationSchema.json as { [key: string]: Json }),
      fields: (applicationSchema.json as { fields: { name: string }[] }).fields.filter(
        ({ name }) => name !== 'bankcard_utilization',
      ) as Json[],
    },
    1,
  )
  const versions = [older, { ...applicationSchema, version: 2 }]
  const artefact = shippedArtefact(model)
  const program = programOf({ applications: versions, policy, artefact })
  const topic = 'loan.applications-1_x'
  const partition = 2147483647

  /** Which the score gives is tested on its own; here that and where they are stated. */
  function statedReasons({ decision, reasons }: Outcome, engine: Engine, record: number) {
    const { scoreReasons } = program
    if (!scoreReasons) return reasons
    const ofScore = engine.scoreReasons(record).map((number) => scoreReasons.reasons[number]!)
    const { reject_code, refer_code } = policy.file.cutoffs
    if (decision !== 'rejected') return [...reasons, ...ofScore]
    const { rules } = policy.file
    const rejects = (code: string) => rules.some((r) => r.code === code && r.outcome === 'reject')
    const first = [...reasons.filter(({ code }) => rejects(code)), ...ofScore]
    if (first.length === 0) first.push({ code: reject_code, fields: [] })
    const isLast = (code: string) => ![reject_code, refer_code].includes(code) && !rejects(code)
    const room = Math.max(0, scoreReasons.atMost - first.length)
    return [...first, ...reasons.filter(({ code }) => isLast(code)).slice(0, room)]
  }

  test('hold what plain code computes from application, trees and policy', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(fc.integer(), fc.bigInt({ min: 0n, max: 1n << 62n }), (start, first) => {
        const maker = new RecordMaker(randomFrom(start))
        const engine = engineOf(program, 150, 1 << 20)
        engine.setPartition(topic, partition)
        engine.setFirstOffset(first)
        const count = 1 + maker.below(150)
        const batch = Array.from({ length: count }, () => {
          const writer = maker.pick(versions)
          const value = randomApplication(maker, writer)
          return { writer, value, bytes: withHeader(writer, avscType(writer.json).toBuffer(value)) }
        })
        fill(
          engine,
          batch.map(({ bytes }) => bytes),
        )
        engine.decide(count)
        const messages = messagesOf(engine)
        expect([messages.length, resultOf(engine).dead]).toEqual([count, 0])
        for (const [i, { writer, value }] of batch.entries()) {
          const row = rowOf(engine, i)
          const margin = rawScore(
            forest,
            forest.features.map((field) => row[field]!),
          )
          const outcome = applyPolicy(policy.file, row, margin, trainingRanges(artefact))
          const decision = readDecision(messages[i]!.payload, decisionSchema)
          const probability = decision['probability_of_default'] as number
          expect(Math.abs(probability * (1 + Math.exp(-margin)) - 1)).toBeLessThan(1e-15)
          expect(decision).toEqual({
            application_id: value['application_id'],
            decision: outcome.decision,
            margin,
            probability_of_default: probability,
            score: scoreOf(policy.file, margin),
            reasons: statedReasons(outcome, engine, i),
            model: modelHash,
            policy: policyHash,
            schema: fingerprintText(writer.fingerprint),
            topic,
            partition,
            offset: first + BigInt(i),
          })
          expect(new TextDecoder().decode(messages[i]!.key)).toBe(value['application_id'] as string)
          seen.add(outcome.decision)
        }
        const { outcomes, reasons, decided } = resultOf(engine)
        expect(outcomes.reduce((a, b) => a + b)).toBe(decided)
        expect(reasons.slice(program.reasons.length).every((n) => n === 0)).toBeTrue()
      }),
      draws(25),
    )
    expect(seen.size).toBeGreaterThan(1)
  })

  test('and the counts of outcomes and reasons are those of the decisions', () => {
    const maker = new RecordMaker(randomFrom(5))
    const engine = engineOf(program, 150, 1 << 20)
    const records = Array.from({ length: 150 }, () => {
      const value = randomApplication(maker, applicationSchema)
      return withHeader(applicationSchema, avscType(applicationSchema.json).toBuffer(value))
    })
    // Some that cannot be decided: they are counted as dead and leave no gap.
    for (let i = 0; i < 150; i += 7) records[i] = records[i]!.subarray(0, 60)
    fill(engine, records)
    engine.decide(150)
    const decisions = messagesOf(engine).map(({ payload }) => readDecision(payload, decisionSchema))
    const count = (list: unknown[], item: unknown) => list.filter((x) => x === item).length
    const outcomes = decisions.map((d) => d['decision'])
    const reasons = decisions.flatMap((d) =>
      (d['reasons'] as object[]).map((r) => JSON.stringify(r)),
    )
    const result = resultOf(engine)
    expect(result.dead).toBe(22)
    expect(result.decided).toBe(128)
    expect(result.outcomes).toEqual(DECISIONS.map((decision) => count(outcomes, decision)))
    for (const [bit, reason] of program.reasons.entries()) {
      expect(result.reasons[bit]).toBe(count(reasons, JSON.stringify(reason)))
    }
    const bytes = messagesOf(engine).reduce((sum, { payload }) => sum + payload.length, 0)
    expect(result.outputBytes).toBe(bytes)
  })

  test('and the counts are those of the batch alone, whatever was decided before', () => {
    const maker = new RecordMaker(randomFrom(6))
    const engine = engineOf(program, 50, 1 << 20)
    const records = Array.from({ length: 50 }, () => {
      const value = randomApplication(maker, applicationSchema)
      return withHeader(applicationSchema, avscType(applicationSchema.json).toBuffer(value))
    })
    fill(engine, records)
    engine.decide(50)
    const first = resultOf(engine)
    engine.decide(50)
    expect(resultOf(engine)).toEqual(first)
    engine.decide(0)
    expect(
      resultOf(engine)
        .reasons.concat(resultOf(engine).outcomes)
        .some((n) => n > 0),
    ).toBeFalse()
  })

  test('are the same bytes however the records are cut into batches', () => {
    fc.assert(
      fc.property(fc.integer(), (start) => {
        const maker = new RecordMaker(randomFrom(start))
        const records = Array.from({ length: 300 }, () => {
          const writer = maker.pick(versions)
          const value = randomApplication(maker, writer)
          const bytes = withHeader(writer, avscType(writer.json).toBuffer(value))
          return maker.below(10) ? bytes : bytes.subarray(0, maker.below(bytes.length))
        })
        const decideIn = (sizes: () => number) => {
          const engine = engineOf(program, 300, 1 << 20)
          engine.setPartition(topic, 7)
          const payloads: string[] = []
          for (let from = 0; from < records.length;) {
            const batch = records.slice(from, from + sizes())
            fill(engine, batch)
            engine.setFirstOffset(BigInt(from))
            engine.decide(batch.length)
            for (const { payload, key } of messagesOf(engine)) {
              payloads.push(`${key.toHex()}=${payload.toHex()}`)
            }
            from += batch.length
          }
          return payloads
        }
        const whole = decideIn(() => 300)
        expect(decideIn(() => 1)).toEqual(whole)
        expect(decideIn(() => 1 + maker.below(100))).toEqual(whole)
      }),
      draws(8),
    )
  })
})

// ---- One value of a decision at a time: an engine whose margins are set by hand.

const application = schemaVersion({
  type: 'record',
  name: 'LoanApplication',
  fields: [{ name: 'application_id', type: 'string' }],
})
const RECORD = withHeader(application, Uint8Array.of(4, 0x69, 0x64))

/** An engine of records without fields, and what it makes of margins. */
function handEngine(parts: Parameters<typeof programOf>[0] = {}, records = 64): Engine {
  const engine = engineOf(programOf({ applications: [application], ...parts }), records, 4096)
  fill(
    engine,
    Array.from({ length: records }, () => RECORD),
  )
  return engine
}

function decideMargins(engine: Engine, margins: readonly number[]): DecisionValue[] {
  engine.stages.decode(margins.length)
  engine.f64.set(margins, engine.marginsAt / 8)
  engine.stages.decide(margins.length)
  engine.stages.encode(margins.length)
  return messagesOf(engine).map(({ payload }) =>
    readDecision(payload, engine.program.decisionSchema),
  )
}

describe('the probability', () => {
  const MARGINS = [0, -0, 1, -1, 1e-300, 36.7, -36.7, 709, -709, 745, -745, 1e300, -1e300, 5e-324]

  test.each([1, 0.5, 2.25])(
    'is the logistic function of the margin times sigmoid %p',
    (sigmoid) => {
      const engine = handEngine({ forest: { ...NO_FOREST, sigmoid } })
      const random = randomFrom(3)
      const margins = [...MARGINS, ...Array.from({ length: 50 }, () => (random() - 0.5) * 80)]
      for (const [i, decision] of decideMargins(engine, margins).entries()) {
        const expected = 1 / (1 + Math.exp(-sigmoid * margins[i]!))
        const probability = decision['probability_of_default'] as number
        if (expected === 0) expect(probability).toBe(0)
        else expect(Math.abs(probability / expected - 1)).toBeLessThan(1e-15)
        expect(Object.is(decision['margin'], margins[i])).toBeTrue()
      }
    },
  )

  test('of an infinite margin is 0 or 1', () => {
    const decisions = decideMargins(handEngine(), [
      Number.NEGATIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ])
    expect(decisions.map((decision) => decision['probability_of_default'])).toEqual([0, 1])
    expect(decisions.map((decision) => decision['score'])).toEqual([850, 300])
  })
})

describe('the score', () => {
  const scorecard = (offset: number, factor: number, lowest: number, highest: number) =>
    policyOf({
      scorecard: `offset = ${offset.toFixed(6)}\nfactor = ${factor.toFixed(6)}\nlowest = ${lowest}\nhighest = ${highest}`,
    })

  test('is rounded to the nearest point, halves to the even one', () => {
    const engine = handEngine({ policy: scorecard(500, 1, 300, 850) })
    const margins = [0, 0.4, 0.5, 0.6, 1.5, -0.5, -1.5]
    const scores = decideMargins(engine, margins).map((decision) => decision['score'])
    expect(scores).toEqual([500, 500, 500, 499, 498, 500, 502])
  })

  test('stays within lowest and highest', () => {
    const engine = handEngine({ policy: scorecard(500, 50, 300, 850) })
    const margins = [4, neighbour(4, -1), 4.01, -7, -7.01, 1e300, -1e300]
    const scores = decideMargins(engine, margins).map((decision) => decision['score'])
    expect(scores).toEqual([300, 300, 300, 850, 850, 300, 850])
  })

  test('may be negative', () => {
    const engine = handEngine({ policy: scorecard(0, 100, -1000, 1000) })
    const scores = decideMargins(engine, [1.25, -1.25, 64, -64]).map((d) => d['score'])
    expect(scores).toEqual([-125, 125, -1000, 1000])
  })

  test('of a margin that is no number stays within them too', () => {
    const engine = handEngine({ policy: scorecard(500, 50, 300, 850) })
    expect(decideMargins(engine, [Number.NaN])[0]!['score']).toBeGreaterThanOrEqual(300)
  })

  test('may be the greatest int', () => {
    const engine = handEngine({ policy: scorecard(0, 1e9, 0, 2147483647) })
    expect(decideMargins(engine, [-100])[0]!['score']).toBe(2147483647)
  })
})

describe('the schema of decisions', () => {
  const SHIPPED = (decisionSchema.json as { fields: { [key: string]: Json }[] }).fields
  const EXTRAS: { [key: string]: Json }[] = [
    { name: 'extra_null', type: ['null', 'string'], default: null },
    { name: 'extra_string', type: 'string', default: 'none — yet' },
    { name: 'extra_int', type: 'int', default: -3 },
    { name: 'extra_long', type: 'long', default: 9007199254740991 },
    { name: 'extra_float', type: 'float', default: 0.5 },
    { name: 'extra_double', type: 'double', default: 0.1 },
    { name: 'extra_boolean', type: 'boolean', default: true },
    {
      name: 'extra_enum',
      type: { type: 'enum', name: 'Extra', symbols: ['A', 'B'] },
      default: 'B',
    },
    { name: 'extra_array', type: { type: 'array', items: 'int' }, default: [] },
    { name: 'extra_map', type: { type: 'map', values: 'int' }, default: {} },
  ]

  test('may have its fields in any order, and others with defaults', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...SHIPPED, ...EXTRAS], { minLength: 22 }), (fields) => {
        // The name Sha256 is defined where it is met first.
        let isDefined = false
        const ordered = fields.map((field) => {
          if (field['name'] !== 'model' && field['name'] !== 'policy') return field
          const type: Json = isDefined ? 'Sha256' : { type: 'fixed', name: 'Sha256', size: 32 }
          isDefined = true
          return { ...field, type }
        })
        const json: Json = { type: 'record', name: 'LoanDecision', namespace: 'x', fields: ordered }
        const rules = '[[rules]]\ncode = "ALWAYS"\noutcome = "refer"\nfield = "n"\nbelow = 1.0'
        const withNumber = schemaVersion({
          type: 'record',
          name: 'LoanApplication',
          fields: [
            { name: 'application_id', type: 'string' },
            { name: 'n', type: 'int', default: 0 },
          ],
        })
        const decision = schemaVersion(json)
        const engine = engineOf(
          programOf({
            applications: [application, withNumber],
            decision,
            policy: policyOf({ rules }),
          }),
          1,
          4096,
        )
        engine.setPartition('t', 3)
        engine.setFirstOffset(77n)
        fill(engine, [RECORD])
        engine.decide(1)
        const [message] = messagesOf(engine)
        expect(readDecision(message!.payload, decision)).toMatchObject({
          application_id: 'id',
          decision: 'referred',
          margin: 0,
          probability_of_default: 0.5,
          score: 500,
          reasons: [{ code: 'ALWAYS', fields: ['n'] }],
          schema: fingerprintText(application.fingerprint),
          topic: 't',
          partition: 3,
          offset: 77n,
          ...Object.fromEntries(
            ordered
              .filter((field) => (field['name'] as string).startsWith('extra'))
              .map((field) => [
                field['name'],
                field['type'] === 'long' ? BigInt(field['default'] as number) : field['default'],
              ]),
          ),
        })
      }),
      draws(40),
    )
  })
})

describe('the input that a decision names', () => {
  test.each([
    ['', 0],
    ['t', 1],
    ['x'.repeat(249), 2147483647],
  ])('topic "%s", partition %d', (topic, partition) => {
    const engine = handEngine({}, 2)
    engine.setPartition(topic, partition)
    for (const decision of decideMargins(engine, [0, 0])) {
      expect(decision).toMatchObject({ topic, partition })
    }
  })

  test('changes with the partition, also to a shorter topic', () => {
    const engine = handEngine({}, 1)
    for (const [topic, partition] of [
      ['long-topic-name', 12345],
      ['t', 0],
      ['long-topic-name', 12345],
    ] as const) {
      engine.setPartition(topic, partition)
      expect(decideMargins(engine, [0])[0]).toMatchObject({ topic, partition })
    }
  })

  const OFFSETS = [
    0n,
    1n,
    63n,
    64n,
    2n ** 31n - 1n,
    2n ** 31n,
    2n ** 32n,
    2n ** 53n + 1n,
    2n ** 62n,
  ]

  test('offsets without gaps count on from the first', () => {
    const engine = handEngine({}, 3)
    for (const first of OFFSETS) {
      engine.setFirstOffset(first)
      const offsets = decideMargins(engine, [0, 0, 0]).map((decision) => decision['offset'])
      expect(offsets).toEqual([first, first + 1n, first + 2n])
    }
  })

  test('offsets with gaps are the ones given, those of dead records left out', () => {
    const engine = handEngine({}, OFFSETS.length)
    const view = new DataView(engine.memory.buffer)
    for (const [i, offset] of OFFSETS.entries()) {
      view.setBigInt64(engine.offsetsAt + i * 8, offset, true)
    }
    engine.useOffsets()
    fill(
      engine,
      OFFSETS.map((_, i) => (i % 3 === 1 ? RECORD.subarray(0, 9) : RECORD)),
    )
    const offsets = decideMargins(
      engine,
      OFFSETS.map(() => 0),
    ).map((d) => d['offset'])
    expect(offsets).toEqual(OFFSETS.filter((_, i) => i % 3 !== 1))
    // And back again.
    engine.setFirstOffset(5n)
    fill(engine, [RECORD, RECORD])
    expect(decideMargins(engine, [0, 0]).map((d) => d['offset'])).toEqual([5n, 6n])
  })
})

describe('the messages for librdkafka', () => {
  const NATIVE_BASE = 0x7f12_3456_7000

  test('point to payload and id, in native addresses, and say nothing else', () => {
    const program = programOf({ applications: [application] })
    const size = { records: 5, inputBytes: 4096 }
    const engine = new Engine(wasmModule, program, size, () => NATIVE_BASE)
    fill(engine, [RECORD, RECORD.subarray(0, 5), RECORD, RECORD, new Uint8Array(0)])
    const messagesEnd = engine.messagesAt + 5 * MESSAGE_BYTES
    engine.u8.fill(0x55, engine.messagesAt, messagesEnd)
    engine.decide(5)
    const view = new DataView(engine.memory.buffer)
    let payloadAt = NATIVE_BASE + engine.outputAt
    for (const [i, record] of [0, 2, 3].entries()) {
      const at = engine.messagesAt + i * MESSAGE_BYTES
      const long = (offset: number) => Number(view.getBigUint64(at + offset, true))
      expect(view.getInt32(at + MESSAGE_ERR, true)).toBe(0)
      expect(long(MESSAGE_PAYLOAD)).toBe(payloadAt)
      expect(long(MESSAGE_KEY_LEN)).toBe(2)
      expect(long(MESSAGE_PRIVATE)).toBe(0)
      const spanAt = engine.u32[engine.spansAt / 4 + record * 2]!
      expect(long(MESSAGE_KEY)).toBe(NATIVE_BASE + spanAt + 11)
      payloadAt += long(MESSAGE_LEN)
    }
    expect(payloadAt - NATIVE_BASE - engine.outputAt).toBe(resultOf(engine).outputBytes)
    expect(messagesOf(engine, NATIVE_BASE).every(({ key }) => key[0] === 0x69)).toBeTrue()
    // The places of records that were not decided are not touched.
    const rest = engine.u8.subarray(engine.messagesAt + 3 * MESSAGE_BYTES, messagesEnd)
    expect(rest.every((byte) => byte === 0x55)).toBeTrue()
  })

  test('of a batch without any decision are none', () => {
    const engine = handEngine({}, 3)
    fill(engine, [new Uint8Array(0), RECORD.subarray(0, 11), Uint8Array.of(0xc3)])
    engine.decide(3)
    expect(resultOf(engine)).toMatchObject({
      decided: 0,
      dead: 3,
      outputBytes: 0,
      outcomes: [0, 0, 0],
    })
    expect([0, 1, 2].every((i) => statusOf(engine, i).code !== STATUS_OK)).toBeTrue()
  })

  test('of an empty batch are none', () => {
    const engine = handEngine({}, 3)
    engine.decide(3)
    engine.decide(0)
    expect(resultOf(engine)).toMatchObject({ decided: 0, dead: 0, outputBytes: 0 })
  })
})

test('the hashes are those of the artefact and of the policy', () => {
  const policy = policyOf({})
  const [decision] = decideMargins(handEngine({ policy }), [0])
  expect(decision).toMatchObject({
    model: artefactOf(NO_FOREST).modelHash.toHex(),
    policy: policy.hash.toHex(),
  })
})
