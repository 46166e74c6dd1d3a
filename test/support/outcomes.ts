// The one check that matters: every input has exactly one outcome, in order, byte for byte what the
// program decides without Kafka.

import { expect } from 'bun:test'
import { DECISIONS } from '../../src/avro/encode-plan.ts'
import { DecisionDecoder } from '../../src/decisions.ts'
import {
  type Input,
  type ReadRecord,
  TOPICS,
  defaultProgram,
  expectedOutcomes,
  header,
} from './applications.ts'

/**
 * Checks all decisions and dead letters against the inputs.
 *
 * @param decisions    by partition, in order
 * @param deadLetters  of all partitions, in any order
 */
export function expectExactlyOneOutcome(
  inputs: readonly Input[],
  decisions: readonly ReadRecord[][],
  deadLetters: readonly ReadRecord[],
  topic: string = TOPICS.applications,
): void {
  for (const [partition, outcomes] of expectedOutcomes(inputs, topic).entries()) {
    const expected = outcomes.flatMap((o) => ('decision' in o ? [o.decision] : []))
    const actual = decisions[partition]!.map((record) => record.value!)
    expectSame(actual, expected, `partition ${partition}`)
    const dead = outcomes.flatMap((o, offset) =>
      'deadLetter' in o ? [{ offset, ...o.deadLetter }] : [],
    )
    const letters = deadLetters
      .filter((record) => header(record, 'loanstream.partition') === String(partition))
      .map((record) => ({
        offset: Number(header(record, 'loanstream.offset')),
        class: header(record, 'loanstream.error.class'),
        message: header(record, 'loanstream.error.message'),
        byte: byteOf(header(record, 'loanstream.error.byte')),
      }))
      .sort((a, b) => a.offset - b.offset)
    expect(letters as unknown[]).toEqual(dead)
  }
}

/**
 * Checks that the referred decisions, and no others, are there once more: in order, byte for byte,
 * on the same partition, under the same key.
 *
 * @returns how many there are
 */
export function expectReferredOnceMore(
  decisions: readonly ReadRecord[][],
  referred: readonly ReadRecord[][],
): number {
  const decoder = new DecisionDecoder(defaultProgram().decisionSchema)
  for (const [partition, records] of decisions.entries()) {
    const due = records.filter(({ value }) => DECISIONS[decoder.outcome(value!)] === 'referred')
    const actual = referred[partition]!
    const where = `referred, partition ${partition}`
    for (const part of ['value', 'key'] as const) {
      expectSame(
        actual.map((record) => record[part]!),
        due.map((record) => record[part]!),
        `${where}, ${part}`,
      )
    }
  }
  return referred.flat().length
}

/**
 * Checks a challenger's decisions: byte for byte what its model decides as the champion, in order.
 *
 * @param model  folder of the challenger's artefact
 * @returns how many there must be
 */
export function expectChallenger(
  inputs: readonly Input[],
  decisions: readonly ReadRecord[][],
  model: string,
  topic: string = TOPICS.applications,
): number {
  const outcomes = expectedOutcomes(inputs, topic, defaultProgram(model))
  const expected = outcomes.map((all) => all.flatMap((o) => ('decision' in o ? [o.decision] : [])))
  for (const [partition, due] of expected.entries()) {
    const actual = decisions[partition]!.map((record) => record.value!)
    expectSame(actual, due, `challenger, partition ${partition}`)
  }
  return expected.flat().length
}

function byteOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}

/** Like toEqual, but tells of the first difference alone: these lists are long. */
function expectSame(
  actual: readonly Uint8Array[],
  expected: readonly Uint8Array[],
  where: string,
): void {
  const index = expected.findIndex((value, i) => hex(actual[i]) !== hex(value))
  const at = index < 0 ? expected.length : index
  const seen = { where, at, length: actual.length, bytes: hex(actual[at]) }
  expect(seen).toEqual({ where, at, length: expected.length, bytes: hex(expected[at]) })
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex')
}
