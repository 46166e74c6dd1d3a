// The data path without Kafka: records in, decisions or dead letters out, by the same WebAssembly.
// For `decide`, back-tests and tests; and what the policy alone made of records, for trying it.

import {
  MESSAGE_BYTES,
  MESSAGE_LEN,
  MESSAGE_PAYLOAD,
  RESULT_DECIDED,
} from '../../assembly/layout.ts'
import { DECISIONS } from '../avro/encode-plan.ts'
import type { SchemaHeader } from '../avro/schema-id.ts'
import { assert } from '../errors.ts'
import type { Decision } from '../records.ts'
import { Engine } from '../scorer/engine.ts'
import type { EngineSize } from '../scorer/model-context.ts'
import type { Program } from '../scorer/program.ts'
import { putSchemaHeader } from '../scorer/schema-ids.ts'
import { type DeadLetter, explainDeadLetter } from './dead-letter.ts'

/** What became of one record: the decision's bytes, or why there is none. */
export type Outcome = { decision: Uint8Array } | { deadLetter: DeadLetter }

/** What the policy made of one record: reasons by their bits, each an index of the program's. */
export type Verdict = { decision: Decision; margin: number; reasons: number[] }

const SIZE: EngineSize = { records: 1024, inputBytes: 4 * 1024 * 1024 }

export class Decider {
  private readonly engine: Engine

  /** @param topic, partition  what the decisions name as their input's place */
  constructor(module: WebAssembly.Module, program: Program, topic: string, partition: number) {
    this.engine = new Engine(module, program, SIZE)
    this.engine.setPartition(topic, partition)
  }

  /**
   * Decides records, of any framing that the program knows.
   *
   * @param firstOffset  Kafka offset of the first; the others follow without a gap
   * @param headers      what the records' headers name their schemas by
   */
  decide(
    records: readonly Uint8Array[],
    firstOffset: bigint,
    headers: readonly SchemaHeader[] = [],
  ): Outcome[] {
    const outcomes: Outcome[] = []
    while (outcomes.length < records.length) {
      const from = outcomes.length
      const count = this.fill(records, from)
      for (let i = 0; i < count; i++) putSchemaHeader(this.engine, i, headers[from + i])
      this.engine.setFirstOffset(firstOffset + BigInt(from))
      this.engine.decide(count)
      this.collect(records, from, count, outcomes)
    }
    return outcomes
  }

  /**
   * Decides records, and says which of the policy's rules and cut-offs fired.
   *
   * @param margins  margins to decide by in place of the model's, where there is one
   */
  verdicts(
    records: readonly Uint8Array[],
    margins: readonly (number | undefined)[] = [],
  ): (Verdict | { deadLetter: DeadLetter })[] {
    const { engine } = this
    const verdicts: (Verdict | { deadLetter: DeadLetter })[] = []
    while (verdicts.length < records.length) {
      const from = verdicts.length
      const count = this.fill(records, from)
      engine.decide(count)
      const given = margins.slice(from, from + count)
      for (const [i, margin] of given.entries()) {
        if (margin !== undefined) engine.f64[engine.marginsAt / 8 + i] = margin
      }
      if (given.some((margin) => margin !== undefined)) engine.stages.decide(count)
      for (let i = 0; i < count; i++) {
        const isDead = engine.u32[(engine.statusesAt >> 2) + i] !== 0
        const length = records[from + i]!.length
        if (isDead) verdicts.push({ deadLetter: explainDeadLetter(engine, i, length) })
        else verdicts.push(this.verdict(i))
      }
    }
    return verdicts
  }

  private verdict(record: number): Verdict {
    const { engine } = this
    const set = engine.reasonSet(record)
    return {
      decision: DECISIONS[engine.u8[engine.decisionsAt + record]!]!,
      margin: engine.f64[engine.marginsAt / 8 + record]!,
      reasons: engine.program.reasons.flatMap((_, bit) => ((set >> BigInt(bit)) & 1n ? [bit] : [])),
    }
  }

  /** Copies as many records as a batch holds; returns how many. */
  private fill(records: readonly Uint8Array[], from: number): number {
    const { engine } = this
    const end = engine.inputAt + engine.size.inputBytes
    let at = engine.inputAt
    let count = 0
    while (count < engine.size.records && from + count < records.length) {
      const record = records[from + count]!
      // One that no batch holds is decided as an empty one, and explained as too large.
      const bytes = record.length > engine.size.inputBytes ? new Uint8Array(0) : record
      if (at + bytes.length > end) break
      engine.u8.set(bytes, at)
      engine.u32[(engine.spansAt >> 2) + count * 2] = at
      engine.u32[(engine.spansAt >> 2) + count * 2 + 1] = bytes.length
      at += bytes.length
      count++
    }
    return count
  }

  private collect(
    records: readonly Uint8Array[],
    from: number,
    count: number,
    outcomes: Outcome[],
  ): void {
    const { engine } = this
    const view = new DataView(engine.memory.buffer)
    let message = engine.messagesAt
    for (let i = 0; i < count; i++) {
      if (engine.u32[(engine.statusesAt >> 2) + i] !== 0) {
        const deadLetter = explainDeadLetter(engine, i, records[from + i]!.length)
        outcomes.push({ deadLetter })
        continue
      }
      const at = Number(view.getBigUint64(message + MESSAGE_PAYLOAD, true))
      const length = Number(view.getBigUint64(message + MESSAGE_LEN, true))
      outcomes.push({ decision: engine.u8.slice(at, at + length) })
      message += MESSAGE_BYTES
    }
    const decided = engine.u32[(engine.resultAt + RESULT_DECIDED) >> 2]!
    assert(message === engine.messagesAt + decided * MESSAGE_BYTES, 'each record has one outcome')
  }
}
