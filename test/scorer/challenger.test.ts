// A challenger beside a champion in one engine: it decides what its own program alone decides, byte
// for byte, whatever the order of its features; and the champion never notices.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  BLOCK_ROWS,
  CONTEXT_FIRST_OFFSET,
  CONTEXT_OFFSETS,
  ENTRY_BYTES,
  ENTRY_COLUMN_A,
  ENTRY_COLUMN_B,
  ENTRY_FEATURE_AT,
  IMAGE_CATEGORIES,
  IMAGE_COLUMNS,
  IMAGE_ENTRIES_AT,
  IMAGE_TREES,
  IMAGE_TWINS,
  IMAGE_TWINS_AT,
  LANE_TREES,
  MESSAGE_BYTES,
  MESSAGE_LEN,
  MESSAGE_PAYLOAD,
  RESULT_BYTES,
  RESULT_DECIDED,
  RESULT_OUTCOMES,
  RESULT_OUTPUT_BYTES,
  RESULT_PAIRS,
  TILE_TREES,
} from '../../assembly/layout.ts'
import {
  TWIN_BYTES,
  TWIN_COLUMN_A,
  TWIN_COLUMN_B,
  TWIN_FEATURE_AT,
} from '../../assembly/row-layout.ts'
import { sha256 } from '../../src/hash.ts'
import type { Artefact } from '../../src/scorer/artefact.ts'
import { withChallenger } from '../../src/scorer/challenger.ts'
import type { Engine } from '../../src/scorer/engine.ts'
import { sampleRecord, warmUp } from '../../src/scorer/warm-up.ts'
import { ForestMaker } from '../assembly/random-forest.ts'
import { RecordMaker } from '../assembly/random-records.ts'
import {
  applicationSchema,
  artefactOf,
  draws,
  engineOf,
  messagesOf,
  policyOf,
  programOf,
  randomFrom,
  refusal,
  resultOf,
  shippedArtefact,
  shippedProgram,
  statusOf,
  wasmModule,
} from '../support/engine.ts'
import { fill } from '../support/fill.ts'

/** The challenger's decisions, read through its messages. */
function challengerDecisions(engine: Engine): string[] {
  const { messagesAt, resultAt } = engine.challenger!.outputs
  const view = new DataView(engine.memory.buffer)
  const decided = engine.u32[(resultAt + RESULT_DECIDED) / 4]!
  return Array.from({ length: decided }, (_, i) => {
    const field = (at: number) =>
      Number(view.getBigUint64(messagesAt + i * MESSAGE_BYTES + at, true))
    const at = field(MESSAGE_PAYLOAD)
    return engine.u8.subarray(at, at + field(MESSAGE_LEN)).toHex()
  })
}

function challengerNumbers(engine: Engine, offset: number, count: number): number[] {
  const at = (engine.challenger!.outputs.resultAt + offset) / 4
  return [...engine.u32.subarray(at, at + count)]
}

/** Where `challenge` may write for the batch that it was called for last. */
function challengerRegions(engine: Engine, { tables }: Artefact): [at: number, bytes: number][] {
  const { at, outputs } = engine.challenger!
  const image = new DataView(tables.buffer, tables.byteOffset)
  const columns = image.getUint32(IMAGE_COLUMNS, true)
  const trees = image.getUint32(IMAGE_TREES, true)
  const rows = Math.ceil(engine.size.records / BLOCK_ROWS) * BLOCK_ROWS
  const [outputBytes] = challengerNumbers(engine, RESULT_OUTPUT_BYTES, 1)
  return [
    [at + CONTEXT_FIRST_OFFSET, CONTEXT_OFFSETS + 4 - CONTEXT_FIRST_OFFSET],
    [outputs.binsAt, Math.max(32, 4 * columns * BLOCK_ROWS)],
    [outputs.leafIndicesAt, Math.max(2 * TILE_TREES * BLOCK_ROWS, trees + LANE_TREES)],
    [outputs.marginsAt, rows * 8],
    [outputs.decisionsAt, rows],
    [outputs.reasonSetsAt, rows * 8],
    [outputs.resultAt, RESULT_BYTES],
    [outputs.messagesAt, engine.size.records * MESSAGE_BYTES],
    [outputs.referredAt, engine.size.records * MESSAGE_BYTES],
    [outputs.outputAt, outputBytes!],
  ]
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => [random(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item)
}

test('any two forests over any fields decide the same batch as each would alone', () => {
  fc.assert(
    fc.property(fc.integer(), (start) => {
      const random = randomFrom(start)
      const maker = new RecordMaker(random)
      const versions = maker.versions(2)
      const reader = versions[versions.length - 1]!
      const numbers = reader.schema.fields.map((f) => f.name).filter((name) => name.startsWith('n'))
      const forests = new ForestMaker(randomFrom(start + 1))
      const drawArtefact = (name: string): Artefact => {
        const features = 1 + maker.below(numbers.length)
        const forest = forests.forest({
          features,
          trees: maker.below(70),
          leaves: 20,
          thresholds: 300,
          categories: maker.below(2) === 1,
        })
        forest.features = shuffled(numbers, random).slice(0, features)
        return { ...artefactOf(forest), modelHash: sha256(name) }
      }
      const [first, second] = [drawArtefact('a champion'), drawArtefact('a challenger')]
      const policy = policyOf({
        rejectFrom: 0.2,
        referAbove: -0.5,
        rules: `[[rules]]\ncode = "GONE"\noutcome = "refer"\nfield = "${numbers[0]}"\nmissing = true`,
      })
      const parts = { applications: versions, policy }
      const champion = programOf({ ...parts, artefact: first })
      const both = withChallenger(champion, second)
      const programs = [champion, programOf({ ...parts, artefact: second }), both]
      const count = 1 + maker.below(200)
      const records = Array.from({ length: count }, () => {
        const { bytes } = maker.record(maker.pick(versions), reader)
        return maker.below(4) ? bytes : bytes.slice(0, maker.below(bytes.length))
      })
      const [alone, rival, engine] = programs.map((program) => {
        const made = engineOf(program, 200, 1 << 17)
        made.setPartition('applications', 3)
        made.setFirstOffset(1_000n)
        fill(made, records)
        made.decide(count)
        return made
      }) as [Engine, Engine, Engine]
      const before = engine.u8.slice()
      engine.challenge(count)
      // The champion's, before and after, is what it is without a challenger.
      const payloads = (made: Engine) => messagesOf(made).map(({ payload }) => payload.toHex())
      expect(payloads(engine)).toEqual(payloads(alone))
      expect(challengerDecisions(engine)).toEqual(payloads(rival))
      expect(challengerNumbers(engine, RESULT_OUTCOMES, 3)).toEqual(resultOf(rival).outcomes)
      const pairs = Array.from({ length: 9 }, () => 0)
      for (let i = 0; i < count; i++) {
        if (statusOf(engine, i).code !== 0) continue
        pairs[alone.u8[alone.decisionsAt + i]! * 3 + rival.u8[rival.decisionsAt + i]!]!++
      }
      expect(challengerNumbers(engine, RESULT_PAIRS, 9)).toEqual(pairs)
      // Nothing but the challenger's own was written.
      const after = engine.u8.slice()
      for (const [at, bytes] of challengerRegions(engine, second)) {
        before.fill(0, at, at + bytes)
        after.fill(0, at, at + bytes)
      }
      expect(Buffer.compare(after, before)).toBe(0)
    }),
    draws(60),
  )
})

test('offsets with gaps and another partition reach the challenger too', () => {
  const champion = shippedProgram()
  const engine = engineOf(withChallenger(champion, shippedArtefact('bench/model')), 4, 4096)
  const rival = engineOf(shippedProgram('bench/model'), 4, 4096)
  const record = sampleRecord(applicationSchema)
  for (const made of [engine, rival]) {
    fill(made, [record, record])
    const offsets = new BigInt64Array(made.memory.buffer, made.offsetsAt, 2)
    offsets.set([7n, 4_000_000_000_000n])
    made.useOffsets()
    made.setPartition('elsewhere', 9)
    made.decide(2)
  }
  engine.challenge(2)
  const decisions = challengerDecisions(engine)
  expect(decisions).toEqual(messagesOf(rival).map(({ payload }) => payload.toHex()))
  // And back to a batch without gaps.
  for (const made of [engine, rival]) {
    made.setFirstOffset(5n)
    made.decide(2)
  }
  engine.challenge(2)
  expect(challengerDecisions(engine)).not.toEqual(decisions)
  expect(challengerDecisions(engine)).toEqual(
    messagesOf(rival).map(({ payload }) => payload.toHex()),
  )
})

describe('a challenger is refused', () => {
  const champion = shippedProgram()

  test('when a feature rests on no field of the applications', () => {
    const artefact = artefactOf({ features: ['nothing'], trees: [], sigmoid: 1 })
    expect(refusal(() => withChallenger(champion, artefact)).message).toContain(
      'feature "nothing" rests on "nothing", which is no numeric field',
    )
  })

  test.each([
    ['reads a feature that there is not', ENTRY_FEATURE_AT, 8 * 1000, 'has no feature 1000'],
    ['reads between two features', ENTRY_FEATURE_AT, 4, 'has no feature 0.5'],
    ['writes beyond its bins', ENTRY_COLUMN_A, 1 << 20, 'writes a column that there is not'],
    ['writes beyond its bins', ENTRY_COLUMN_B, 0xffffffff, 'writes a column that there is not'],
  ])('when its quantiser %s (offset %d)', (_, offset, value, message) => {
    const artefact = shippedArtefact('bench/model')
    const tables = artefact.tables.slice()
    const view = new DataView(tables.buffer)
    view.setUint32(view.getUint32(IMAGE_ENTRIES_AT, true) + ENTRY_BYTES + offset, value, true)
    expect(refusal(() => withChallenger(champion, { ...artefact, tables })).message).toBe(
      `model ${artefact.manifest.name}: entry 1 of the quantiser ${message}`,
    )
  })

  test.each([
    ['reads a feature that there is not', TWIN_FEATURE_AT + 4, 8 * 1000, 'has no feature 1000'],
    ['writes beyond its bins', TWIN_COLUMN_A, 1 << 20, 'writes a column that there is not'],
    ['writes beyond its bins', TWIN_COLUMN_B + 4, ~0, 'writes a column that there is not'],
  ])("when a lone row's quantiser %s (offset %d)", (_, offset, value, message) => {
    const artefact = shippedArtefact('bench/model')
    const tables = artefact.tables.slice()
    const view = new DataView(tables.buffer)
    view.setUint32(view.getUint32(IMAGE_TWINS_AT, true) + TWIN_BYTES + offset, value, true)
    expect(refusal(() => withChallenger(champion, { ...artefact, tables })).message).toBe(
      `model ${artefact.manifest.name}: pair 1 of features ${message}`,
    )
  })

  test.each([
    [IMAGE_TWINS, 1 << 20, '1048576 pairs of features are more than the tables hold'],
    [IMAGE_CATEGORIES, 1 << 20, '1048576 splits by category are more than the tables hold'],
    [IMAGE_CATEGORIES, 1, 'split 0 by category is no entry of the quantiser'],
  ])('when its header says otherwise (offset %d: %d)', (offset, value, message) => {
    const artefact = shippedArtefact('bench/model')
    const tables = artefact.tables.slice()
    new DataView(tables.buffer).setUint32(offset, value, true)
    const error = refusal(() => withChallenger(champion, { ...artefact, tables }))
    expect(error.message).toBe(`model ${artefact.manifest.name}: ${message}`)
  })

  test('when its tables end before the quantiser does', () => {
    const artefact = shippedArtefact('bench/model')
    const tables = artefact.tables.slice(0, 200)
    const error = refusal(() => withChallenger(champion, { ...artefact, tables }))
    expect(error.message).toContain('more than the tables hold')
  })
})

test('a program and an artefact stay as they were', () => {
  const champion = shippedProgram()
  const artefact = shippedArtefact('bench/model')
  const tables = artefact.tables.slice()
  const both = withChallenger(champion, artefact)
  warmUp(wasmModule, both)
  expect(artefact.tables).toEqual(tables)
  expect(champion.challenger).toBeUndefined()
  expect(both.tables).toBe(champion.tables)
})
