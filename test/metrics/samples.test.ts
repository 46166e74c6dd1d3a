// The ring through which a worker shows some of its decisions: what is aborted is never seen, a
// reader that does not come costs nothing, and a sample stands for all records since the last.

import { describe, expect, test } from 'bun:test'
import { Counters } from '../../src/metrics/counters.ts'
import { SampleRing } from '../../src/metrics/samples.ts'
import { Ages } from '../../src/pipeline/ages.ts'
import { Sampler } from '../../src/pipeline/sampler.ts'
import type { Consumer } from '../../src/rdkafka/consumer.ts'
import type { Assignment } from '../../src/supervisor/assignment.ts'
import { statusOf } from '../../src/supervisor/progress.ts'
import { addressOf } from '../../src/rdkafka/memory.ts'
import { Engine } from '../../src/scorer/engine.ts'
import { makeInputs } from '../support/applications.ts'
import { shippedProgram, wasmModule } from '../support/engine.ts'
import { fill } from '../support/fill.ts'
import { DecisionDecoder } from '../../src/decisions.ts'

const memory = Uint8Array.from({ length: 4096 }, (_, i) => i % 251)
const place = {
  rowAt: 16,
  columns: 2,
  decisionAt: 100,
  decisionBytes: 5,
  valueAt: 200,
  valueBytes: 7,
}

const SIZE = { records: 8, inputBytes: 8192 }

describe('a ring', () => {
  test('gives back what was written, once it is published', () => {
    const ring = new SampleRing()
    const reader = new SampleRing(ring.buffer)
    expect(ring.write(memory, place, 12, 1000)).toBeTrue()
    expect(reader.take()).toBeUndefined()
    ring.publish()
    expect(reader.take()).toEqual({
      weight: 12,
      decidedAtMs: 1000,
      row: new Float64Array(memory.slice(16, 32).buffer),
      decision: memory.slice(100, 105),
      value: memory.slice(200, 207),
    })
    expect(reader.take()).toBeUndefined()
  })

  test('shows nothing that was discarded', () => {
    const ring = new SampleRing()
    ring.write(memory, place, 1, 1)
    ring.discard()
    ring.write(memory, place, 2, 2)
    ring.publish()
    expect(ring.waiting).toBe(1)
    expect(ring.take()!.weight).toBe(2)
  })

  test('is full when nobody reads, and goes on when somebody does', () => {
    const ring = new SampleRing()
    let written = 0
    while (ring.hasRoom()) {
      ring.write(memory, place, ++written, 0)
      ring.publish()
    }
    expect(ring.waiting).toBe(written)
    ring.skip(-5)
    ring.skip(written - 1)
    expect(ring.take()!.weight).toBe(written)
    expect(ring.hasRoom()).toBeTrue()
  })

  test('leaves out a value that is too long, and the sample when its decision is', () => {
    const ring = new SampleRing()
    expect(ring.write(memory, { ...place, valueBytes: 2048 }, 1, 0)).toBeTrue()
    expect(ring.write(memory, { ...place, decisionBytes: 2048 }, 1, 0)).toBeFalse()
    ring.publish()
    expect(ring.take()!.value.length).toBe(0)
    expect(ring.take()).toBeUndefined()
  })
})

describe('a sampler', () => {
  test('keeps one decision of a batch, with its own application and row', () => {
    const engine = new Engine(wasmModule, shippedProgram(), SIZE, addressOf)
    const records = makeInputs(8, 1).map(({ value }) => value)
    fill(engine, records)
    // The third cannot be decided: decisions and records have different numbers from there on.
    engine.u8[engine.u32[(engine.spansAt >> 2) + 4]!] = 0
    engine.decide(8)
    const ring = new SampleRing()
    const sampler = new Sampler(ring)
    const decoder = new DecisionDecoder(engine.program.decisionSchema)
    for (let turn = 0; turn < 40; turn++) {
      sampler.see(engine, 8, turn * 100)
      sampler.publish()
      const sample = ring.take()!
      expect(sample.weight).toBe(7)
      const decision = decoder.decode(sample.decision)
      const record = decision.offset
      expect(record).not.toBe(2)
      expect(sample.value).toEqual(records[record]!)
      const columns = engine.program.columns.length
      const at = (engine.rowsAt >> 3) + record * columns
      expect([...sample.row]).toEqual([...engine.f64.subarray(at, at + columns)])
    }
  })

  test('stands for the records of the batches that it passed over', () => {
    const engine = new Engine(wasmModule, shippedProgram(), SIZE, addressOf)
    fill(
      engine,
      makeInputs(5, 1).map(({ value }) => value),
    )
    engine.decide(5)
    const ring = new SampleRing()
    const sampler = new Sampler(ring)
    for (const nowMs of [100, 101, 150, 199, 200]) sampler.see(engine, 5, nowMs)
    sampler.publish()
    expect(ring.waiting).toBe(2)
    expect(ring.take()!.weight).toBe(5)
    expect(ring.take()!.weight).toBe(20)
  })
})

test('latency counts every record of a committed batch, and none of an aborted one', () => {
  const counters = new Counters()
  const ages = new Ages()
  ages.add(1000, 50)
  ages.clear()
  ages.add(1000, 10)
  ages.add(1400, 30)
  ages.moveTo(counters, 2000)
  const { counts, sum } = counters.histogram('latency')
  expect(counts.reduce((a, b) => a + b)).toBe(40)
  expect(sum).toBeCloseTo(10 * 1 + 30 * 0.6, 9)
})

test('lag in seconds is the age of the last record, and 0 behind control records', () => {
  const counters = new Counters()
  const assignment = { topic: 't', partition: 0, thread: { counters } } as unknown as Assignment
  counters.set('position', 90)
  counters.set('endReached', -1)
  counters.set('recordAtMs', Date.now() - 5000)
  const consumer = { watermarks: () => ({ low: 0, high: 100 }) } as unknown as Consumer
  const behind = statusOf(assignment, consumer, Infinity)
  expect(behind.lag).toBe(10)
  expect(behind.lagSeconds).toBeGreaterThanOrEqual(5)
  counters.set('endReached', 100)
  expect(statusOf(assignment, consumer, Infinity)).toMatchObject({ lag: 0, lagSeconds: 0 })
})
