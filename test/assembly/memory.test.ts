// Memory: the module writes where the host laid out room for it, and nowhere else, whatever records
// it is given; and the room is enough for the largest decisions there can be.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  ID_BYTES_MAX,
  BLOCK_ROWS,
  CONTEXT_BINS,
  CONTEXT_LEAF_INDICES,
  CONTEXT_REASONS,
  CONTEXT_UUIDS,
  IMAGE_COLUMNS,
  IMAGE_TREES,
  LANE_TREES,
  MESSAGE_BYTES,
  OUTPUT_PADDING,
  RESULT_BYTES,
  TILE_TREES,
} from '../../assembly/layout.ts'
import { ByteWriter } from '../../src/avro/bytes.ts'
import type { Engine } from '../../src/scorer/engine.ts'
import {
  contextValue,
  draws,
  engineOf,
  messagesOf,
  policyOf,
  programOf,
  randomFrom,
  resultOf,
  schemaVersion,
  withHeader,
} from '../support/engine.ts'
import { fill } from '../support/fill.ts'
import { ForestMaker } from './random-forest.ts'
import { RecordMaker } from './random-records.ts'

type Region = { what: string; at: number; bytes: number }

/** Where the module may write for a batch of so many records. */
function regionsOf(engine: Engine, count: number): Region[] {
  const { program } = engine
  const tables = new DataView(program.tables.buffer, program.tables.byteOffset)
  const columns = tables.getUint32(IMAGE_COLUMNS, true)
  const trees = tables.getUint32(IMAGE_TREES, true)
  const blocks = Math.ceil(count / BLOCK_ROWS)
  const { decided, outcomes, outputBytes } = resultOf(engine)
  return [
    { what: 'rows', at: engine.rowsAt, bytes: count * program.columns.length * 8 },
    { what: 'ids', at: engine.idsAt, bytes: count * 8 },
    { what: 'statuses', at: engine.statusesAt, bytes: count * 4 },
    { what: 'faults', at: engine.faultsAt, bytes: count * 4 },
    { what: 'ids as text', at: contextValue(engine, CONTEXT_UUIDS), bytes: count * 36 },
    { what: 'writers', at: engine.writerOfAt, bytes: count * 4 },
    {
      what: 'bins',
      at: contextValue(engine, CONTEXT_BINS),
      bytes: Math.max(32, Math.min(blocks, 2) * 2 * columns * BLOCK_ROWS),
    },
    {
      what: 'leaf indices',
      at: contextValue(engine, CONTEXT_LEAF_INDICES),
      bytes: Math.max(2 * TILE_TREES * BLOCK_ROWS, trees + LANE_TREES),
    },
    { what: 'margins', at: engine.marginsAt, bytes: blocks * BLOCK_ROWS * 8 },
    { what: 'decisions', at: engine.decisionsAt, bytes: count },
    { what: 'reasons', at: contextValue(engine, CONTEXT_REASONS), bytes: count * 8 },
    { what: 'result', at: engine.resultAt, bytes: RESULT_BYTES },
    { what: 'messages', at: engine.messagesAt, bytes: decided * MESSAGE_BYTES },
    { what: 'referred', at: engine.referredAt, bytes: outcomes[2]! * MESSAGE_BYTES },
    { what: 'output', at: engine.outputAt, bytes: outputBytes + OUTPUT_PADDING - 1 },
  ]
}

/** Decides, and throws when a byte changed outside of the regions. */
function expectWithin(engine: Engine, count: number): void {
  const before = engine.u8.slice()
  engine.decide(count)
  const regions = regionsOf(engine, count).sort((a, b) => a.at - b.at)
  let from = 0
  for (const { what, at, bytes } of [...regions, { what: 'end', at: engine.u8.length, bytes: 0 }]) {
    const gap = Buffer.compare(engine.u8.subarray(from, at), before.subarray(from, at))
    if (gap !== 0) {
      const changed = before.findIndex((byte, i) => i >= from && byte !== engine.u8[i])
      throw new Error(`byte ${changed} changed, between ${from} and the ${what} at ${at}`)
    }
    from = Math.max(from, at + bytes)
  }
}

/** Fills everything that is not input or program, so that a write of any value but this shows. */
function fillOutputs(engine: Engine, byte: number): void {
  const starts = [
    engine.rowsAt,
    engine.idsAt,
    engine.statusesAt,
    engine.faultsAt,
    contextValue(engine, CONTEXT_UUIDS),
    engine.writerOfAt,
    contextValue(engine, CONTEXT_BINS),
    contextValue(engine, CONTEXT_LEAF_INDICES),
    engine.marginsAt,
    engine.decisionsAt,
    contextValue(engine, CONTEXT_REASONS),
    engine.resultAt,
    engine.messagesAt,
    engine.referredAt,
    engine.outputAt,
  ]
  engine.u8.fill(byte, Math.min(...starts), engine.inputAt)
}

test('nothing is written outside of the batch, by good records or damaged ones', () => {
  fc.assert(
    fc.property(fc.integer(), (start) => {
      const maker = new RecordMaker(randomFrom(start))
      const versions = maker.versions(2)
      const reader = versions[versions.length - 1]!
      const numbers = reader.schema.fields.map((f) => f.name).filter((name) => name.startsWith('n'))
      const forests = new ForestMaker(randomFrom(start + 1))
      const features = 1 + maker.below(numbers.length)
      const forest = forests.forest({
        features,
        trees: maker.below(70),
        leaves: 20,
        thresholds: 300,
      })
      forest.features = numbers.slice(0, features)
      const policy = policyOf({
        rejectFrom: 0,
        referAbove: -0.5,
        rules: `[[rules]]\ncode = "GONE"\noutcome = "refer"\nfield = "${numbers[0]}"\nmissing = true`,
      })
      const engine = engineOf(programOf({ applications: versions, forest, policy }), 200, 1 << 17)
      for (const byte of [0x55, 0xaa]) {
        fillOutputs(engine, byte)
        const count = maker.below(201)
        const records = Array.from({ length: count }, () => {
          const { bytes } = maker.record(maker.pick(versions), reader)
          const copy = bytes.slice()
          if (maker.below(3) === 0) copy[maker.below(copy.length)] = maker.below(256)
          return maker.below(4) ? copy : copy.subarray(0, maker.below(copy.length))
        })
        fill(engine, records)
        expectWithin(engine, count)
      }
    }),
    draws(60),
  )
})

describe('the largest decisions', () => {
  const application = schemaVersion({
    type: 'record',
    name: 'LoanApplication',
    fields: [
      { name: 'application_id', type: 'string' },
      { name: 'n', type: ['null', 'double'], default: null },
    ],
  })

  function engineFor(records: number, inputBytes: number): Engine {
    const long = 'X'.repeat(300)
    const rules = Array.from(
      { length: 30 },
      (_, i) => `[[rules]]\ncode = "${long}${i}"\noutcome = "refer"\nfield = "n"\nmissing = true`,
    )
    const policy = policyOf({
      rejectFrom: 0,
      referAbove: 0,
      scorecard: 'offset = 0.0\nfactor = 1.0\nlowest = -2147483648\nhighest = -2147483647',
      rules: rules.join('\n'),
    })
    const engine = engineOf(programOf({ applications: [application], policy }), records, inputBytes)
    engine.setPartition('t'.repeat(249), 2147483647)
    engine.setFirstOffset(2n ** 63n - 1000n)
    return engine
  }

  test.each([1, 2, 64, 200])('fit, %d of them in input that is full', (count) => {
    const id = new ByteWriter().string('i'.repeat(ID_BYTES_MAX)).long(0).take()
    const records = Array.from({ length: count }, () => withHeader(application, id))
    const inputBytes = records.reduce((sum, record) => sum + record.length, 0)
    const engine = engineFor(count, inputBytes)
    fillOutputs(engine, 0x55)
    fill(engine, records)
    expectWithin(engine, count)
    const { decided, outputBytes } = resultOf(engine)
    expect(decided).toBe(count)
    const end = engine.outputAt + outputBytes + OUTPUT_PADDING - 1
    expect(end).toBeLessThanOrEqual(engine.inputAt)
    // Each is as large as it can be: the room that was reckoned for it is not far from it.
    const [message] = messagesOf(engine)
    expect(message!.payload.length).toBeGreaterThan(30 * 300 + ID_BYTES_MAX + 249)
  })

  test('and the smallest records leave room as well', () => {
    const id = new ByteWriter().string('i').long(0).take()
    const records = Array.from({ length: 200 }, () => withHeader(application, id))
    const engine = engineFor(200, 200 * records[0]!.length)
    fillOutputs(engine, 0x55)
    fill(engine, records)
    expectWithin(engine, 200)
    expect(resultOf(engine).decided).toBe(200)
  })
})

test('the areas are aligned, in order and apart', () => {
  for (const records of [1, 63, 64, 65, 1000]) {
    const engine = engineOf(programOf({}), records, 1000)
    const areas = [
      engine.spansAt,
      engine.offsetsAt,
      engine.pointersAt,
      engine.rowsAt,
      engine.idsAt,
      engine.statusesAt,
      engine.writerOfAt,
      engine.marginsAt,
      engine.decisionsAt,
      engine.resultAt,
      engine.messagesAt,
      engine.outputAt,
      engine.inputAt,
    ]
    expect(areas.every((at) => at % 64 === 0)).toBeTrue()
    expect(areas).toEqual([...areas].sort((a, b) => a - b))
    expect(engine.inputAt + 1000).toBeLessThanOrEqual(engine.u8.length)
    expect(engine.pointersAt - engine.offsetsAt).toBeGreaterThanOrEqual(records * 8)
    expect(engine.rowsAt - engine.pointersAt).toBeGreaterThanOrEqual(records * 8)
  }
})
