// How long does the whole path in WebAssembly take, decode to encode, in one call?

import { RESULT_OUTPUT_BYTES } from '../../assembly/layout.ts'
import { type Bench, check, figure, fnv1a, leastNanoseconds } from '../bench.ts'
import { BATCH_RECORDS, callsFor, filledEngine } from '../support/engine.ts'

export const bench: Bench = {
  question: 'wasm-path: decode, score, decide and encode in one call, µs a record',
  async run(size) {
    const engine = filledEngine()
    const output = () => {
      const bytes = engine.u32[(engine.resultAt + RESULT_OUTPUT_BYTES) >> 2]!
      return engine.u8.subarray(engine.outputAt, engine.outputAt + bytes)
    }
    engine.decide(BATCH_RECORDS)
    const whole = fnv1a(output())
    // Stage by stage and in one call, the bytes are the same.
    engine.u8.fill(0, engine.outputAt, engine.outputAt + output().length)
    engine.stages.decode(BATCH_RECORDS)
    engine.stages.score(BATCH_RECORDS)
    engine.stages.decide(BATCH_RECORDS)
    engine.stages.encode(BATCH_RECORDS)
    check(fnv1a(output()) === whole, 'one call gives what the stages give')
    const figures = [BATCH_RECORDS, 64, 1].map((n) => {
      const ns = leastNanoseconds(size, callsFor(n), () => engine.decide(n)) / n
      return figure(n === 1 ? 'one record' : `batch of ${n}`, ns / 1000, 'µs')
    })
    return { figures, checksum: String(whole) }
  },
}
