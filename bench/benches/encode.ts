// How long does encoding take, beside avsc in the same run? A decision of about 180 bytes, and the message librdkafka is given.

import { DecisionDecoder } from '../../src/decisions.ts'
import { MESSAGE_BYTES, MESSAGE_LEN, RESULT_OUTPUT_BYTES } from '../../assembly/layout.ts'
import { avroType } from '../../src/applications/application.ts'
import { singleObjectHeader } from '../../src/avro/fingerprint.ts'
import type { Engine } from '../../src/scorer/engine.ts'
import { type Bench, check, figure, fnv1a, leastInTurns } from '../bench.ts'
import { BATCH_RECORDS, callsFor, filledEngine } from '../support/engine.ts'

export const bench: Bench = {
  question: 'encode: a decision to Avro bytes and a message, µs a record',
  async run(size) {
    const engine = filledEngine()
    engine.stages.encode(BATCH_RECORDS)
    const bytes = engine.u32[(engine.resultAt + RESULT_OUTPUT_BYTES) >> 2]!
    const output = engine.u8.slice(engine.outputAt, engine.outputAt + bytes)
    const decoder = new DecisionDecoder(engine.program.decisionSchema)
    const view = new DataView(engine.memory.buffer)
    for (let i = 0, at = 0; i < BATCH_RECORDS; i++) {
      const length = Number(
        view.getBigUint64(engine.messagesAt + i * MESSAGE_BYTES + MESSAGE_LEN, true),
      )
      const decision = decoder.decode(output.subarray(at, at + length))
      check(decision.offset === 1_000_000 + i, `decision ${i} names offset ${decision.offset}`)
      check(decision.margin === engine.f64[engine.marginsAt / 8 + i], `margin of decision ${i}`)
      at += length
    }
    const bodies = bodiesOf(engine, output)
    const type = avroType(engine.program.decisionSchema.json)
    const decisions = bodies.map((body) => type.fromBuffer(body) as unknown)
    for (const [i, decision] of decisions.entries()) {
      check(type.toBuffer(decision).equals(bodies[i]!), `avsc writes decision ${i} otherwise`)
    }
    // The fastest that avsc has: into memory that is there already.
    const room = Buffer.alloc(Math.max(...bodies.map((body) => body.length)))
    const [ns, one, avscNs] = leastInTurns(size, [
      { calls: callsFor(BATCH_RECORDS), call: () => engine.stages.encode(BATCH_RECORDS) },
      { calls: callsFor(1), call: () => engine.stages.encode(1) },
      { calls: 2, call: () => decisions.forEach((decision) => type.encode(decision, room)) },
    ]) as [number, number, number]
    return {
      figures: [
        figure(`batch of ${BATCH_RECORDS}`, ns / BATCH_RECORDS / 1000, 'µs'),
        figure('one record', one / 1000, 'µs'),
        figure('avsc', avscNs / BATCH_RECORDS / 1000, 'µs'),
        figure('avsc over ours', avscNs / ns, 'times'),
      ],
      checksum: String(fnv1a(output)),
    }
  },
}

/** The decisions without their headers. */
function bodiesOf(engine: Engine, output: Uint8Array): Buffer[] {
  const header = singleObjectHeader(engine.program.decisionSchema.fingerprint).length
  const view = new DataView(engine.memory.buffer)
  let at = 0
  return Array.from({ length: BATCH_RECORDS }, (_, i) => {
    const length = Number(
      view.getBigUint64(engine.messagesAt + i * MESSAGE_BYTES + MESSAGE_LEN, true),
    )
    at += length
    return Buffer.from(output.subarray(at - length + header, at))
  })
}
