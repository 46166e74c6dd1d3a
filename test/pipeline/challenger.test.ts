// The challenger's way to its topic, with a producer that fails as it is told: nothing is thrown,
// everything is counted, and what keeps failing is switched off.

import { beforeAll, describe, expect, test } from 'bun:test'
import { CONTEXT_ENCODE_PLAN, ENCODE_CODE } from '../../assembly/layout.ts'
import { COMMAND_ABANDON, Counters } from '../../src/metrics/counters.ts'
import { BUILD } from '../../src/paths.ts'
import { Challenger } from '../../src/pipeline/challenger.ts'
import { Tally } from '../../src/pipeline/tally.ts'
import type { KafkaEvent } from '../../src/rdkafka/event.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import type { Producer } from '../../src/rdkafka/producer.ts'
import { withChallenger } from '../../src/scorer/challenger.ts'
import { sampleRecord } from '../../src/scorer/warm-up.ts'
import {
  applicationSchema,
  engineOf,
  resultOf,
  shippedArtefact,
  shippedProgram,
} from '../support/engine.ts'
import { fill } from '../support/fill.ts'

const RECORDS = 5

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

/** A producer that takes what there is room for and delivers when it is told. */
class FakeProducer {
  room = Number.POSITIVE_INFINITY
  outstanding = 0
  refusal: Error | undefined
  destroyed = false
  flushes = 0
  readonly events: KafkaEvent[] = []

  produceBatch(_topic: string, _partition: number, _messages: number, count: number): number {
    if (this.refusal) throw this.refusal
    const taken = Math.min(this.room, count)
    this.room -= taken
    this.outstanding += taken
    return taken
  }

  poll(): KafkaEvent | undefined {
    return this.events.shift()
  }

  flush(): boolean {
    this.flushes++
    return this.outstanding === 0
  }

  destroy(): void {
    this.destroyed = true
  }
}

function setUp() {
  const engine = engineOf(withChallenger(shippedProgram(), shippedArtefact('bench/model')), 8, 8192)
  fill(
    engine,
    Array.from({ length: RECORDS }, () => sampleRecord(applicationSchema)),
  )
  engine.decide(RECORDS)
  const counters = new Counters()
  const producers: FakeProducer[] = []
  const log: string[] = []
  const challenger = new Challenger('topic', 2, counters, {
    log: (_, message) => log.push(message),
    makeProducer: () => {
      producers.push(new FakeProducer())
      return producers.at(-1) as unknown as Producer
    },
    onEvent: () => undefined,
  })
  const counts = () => ({
    errors: counters.get('challengerErrors'),
    dropped: counters.get('challengerDropped'),
    off: counters.get('challengerOff'),
  })
  return { engine, counters, challenger, producers, log, counts }
}

function undelivered(count: number): KafkaEvent {
  return { type: 'undelivered', count, code: -196, message: 'Local: Unknown topic' }
}

test('its outcomes and pairs reach the counters with the commit, and not without', () => {
  const { engine, counters, challenger } = setUp()
  const tally = new Tally(engine)
  const turn = () => {
    tally.addBatch(RECORDS)
    expect(challenger.decide(engine, RECORDS)).toBeTrue()
    tally.addChallenger()
  }
  turn()
  tally.clear()
  turn()
  expect([0, 1, 2].map((i) => counters.challengerOutcome(i))).toEqual([0, 0, 0])
  tally.moveTo(counters)
  const sum = (read: (i: number) => number, count: number) =>
    Array.from({ length: count }, (_, i) => read(i)).reduce((a, b) => a + b)
  expect(sum((i) => counters.challengerOutcome(i), 3)).toBe(RECORDS)
  expect(sum((i) => counters.pair(i), 9)).toBe(RECORDS)
  // All records are the same, so one pair holds them: the champion's outcome and the challenger's.
  const [champion, own] = [
    resultOf(engine).outcomes,
    [0, 1, 2].map((i) => counters.challengerOutcome(i)),
  ]
  expect(counters.pair(champion.indexOf(RECORDS) * 3 + own.indexOf(RECORDS))).toBe(RECORDS)
  // Another program: what belongs to the models before is not counted any more.
  turn()
  tally.setEngine(engine)
  counters.startChallenger(7)
  tally.moveTo(counters)
  expect(sum((i) => counters.pair(i), 9)).toBe(0)
  expect(counters.get('challengerSince')).toBe(7)
})

test('a full queue drops and counts, tells it once, and is no failure', () => {
  const { engine, challenger, producers, log, counts } = setUp()
  challenger.decide(engine, RECORDS)
  producers[0]!.room = 2
  for (let i = 0; i < 20; i++) expect(challenger.decide(engine, RECORDS)).toBeTrue()
  expect(counts()).toEqual({ errors: 0, dropped: 20 * RECORDS - 2, off: 0 })
  expect(log).toEqual(["the challenger's queue is full, decisions drop"])
})

describe('failures in a row switch it off', () => {
  test('when nothing can be produced', () => {
    const { engine, challenger, producers, counts } = setUp()
    challenger.decide(engine, RECORDS)
    producers[0]!.refusal = new Error('no such partition')
    for (let i = 0; i < 7; i++) expect(challenger.decide(engine, RECORDS)).toBeTrue()
    expect(counts()).toEqual({ errors: 7, dropped: 7 * RECORDS, off: 0 })
    challenger.decide(engine, RECORDS)
    expect(counts()).toEqual({ errors: 8, dropped: 8 * RECORDS, off: 1 })
    expect(challenger.decide(engine, RECORDS)).toBeFalse()
    expect(counts().errors).toBe(8)
  })

  test('when nothing is delivered, but not when something is in between', () => {
    const { engine, challenger, producers, counts } = setUp()
    for (let i = 0; i < 30; i++) {
      challenger.decide(engine, RECORDS)
      // One of the batch arrives, the others do not.
      producers[0]!.outstanding = 0
      producers[0]!.events.push(undelivered(RECORDS - 1))
      challenger.poll()
    }
    expect(counts()).toEqual({ errors: 30, dropped: 30 * (RECORDS - 1), off: 0 })
    for (let i = 0; i < 8; i++) {
      challenger.decide(engine, RECORDS)
      producers[0]!.outstanding = 0
      producers[0]!.events.push(undelivered(RECORDS))
      challenger.poll()
    }
    expect(counts().off).toBe(1)
  })

  test('when its WebAssembly traps, and the champion decides on', () => {
    const { engine, challenger, producers, counts } = setUp()
    const champion = engine.u8.slice(engine.outputAt, engine.outputAt + 400)
    const plan = engine.u32[(engine.challenger!.at + CONTEXT_ENCODE_PLAN) / 4]!
    engine.u32[(plan + ENCODE_CODE) / 4] = 99
    for (let i = 0; i < 9; i++) {
      engine.decide(RECORDS)
      expect(challenger.decide(engine, RECORDS)).toBeFalse()
    }
    expect(engine.u8.slice(engine.outputAt, engine.outputAt + 400)).toEqual(champion)
    expect(counts()).toEqual({ errors: 8, dropped: 0, off: 1 })
    expect(producers).toEqual([])
  })
})

test('a producer beyond repair is made anew, and what it held is dropped', () => {
  const { engine, challenger, producers, counts } = setUp()
  challenger.decide(engine, RECORDS)
  producers[0]!.events.push({
    type: 'error',
    code: -150,
    name: '_FATAL',
    message: 'fenced',
    fatal: true,
  })
  challenger.poll()
  expect(producers[0]!.destroyed).toBeTrue()
  expect(counts()).toEqual({ errors: 1, dropped: RECORDS, off: 0 })
  challenger.decide(engine, RECORDS)
  expect(producers.length).toBe(2)
})

describe('the end', () => {
  test('waits until all is delivered', () => {
    const { engine, challenger, producers, counts } = setUp()
    challenger.decide(engine, RECORDS)
    const [producer] = producers
    producer!.flush = () => {
      producer!.outstanding--
      return producer!.outstanding === 0
    }
    challenger.close(60_000)
    expect(producer!.destroyed).toBeTrue()
    expect(counts()).toEqual({ errors: 0, dropped: 0, off: 0 })
  })

  test('does not wait when the partition is lost, nor longer than it may', () => {
    for (const [command, waitMs] of [
      [COMMAND_ABANDON, 60_000],
      [0, 0],
    ] as const) {
      const { engine, counters, challenger, producers, counts } = setUp()
      challenger.decide(engine, RECORDS)
      counters.command = command
      challenger.close(waitMs)
      expect([producers[0]!.flushes, producers[0]!.destroyed]).toEqual([0, true])
      expect(counts().dropped).toBe(RECORDS)
    }
  })

  test('is nothing when there was no challenger', () => {
    const { challenger, producers } = setUp()
    challenger.poll()
    challenger.close(1000)
    expect(producers).toEqual([])
  })
})
