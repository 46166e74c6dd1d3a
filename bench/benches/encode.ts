// How long does encoding take? A decision of about 180 bytes, and the message librdkafka is given.

import { DecisionDecoder } from '../../src/decisions.ts'
import { RESULT_OUTPUT_BYTES } from '../../assembly/layout.ts'
import { type Bench, check, figure, fnv1a, leastNanoseconds } from '../bench.ts'
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
      const length = Number(view.getBigUint64(engine.messagesAt + i * 72 + 32, true))
      const decision = decoder.decode(output.subarray(at, at + length))
      check(decision.offset === 1_000_000 + i, `decision ${i} names offset ${decision.offset}`)
      check(decision.margin === engine.f64[engine.marginsAt / 8 + i], `margin of decision ${i}`)
      at += length
    }
    const figures = [BATCH_RECORDS, 1].map((n) => {
      const ns = leastNanoseconds(size, callsFor(n), () => engine.stages.encode(n)) / n
      return figure(n === 1 ? 'one record' : `batch of ${n}`, ns / 1000, 'µs')
    })
    return { figures, checksum: String(fnv1a(output)) }
  },
}
