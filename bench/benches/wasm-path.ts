// How long does the whole path in WebAssembly take, decode to encode, in one call?

import { memoryUsage } from 'bun:jsc'
import { RESULT_OUTPUT_BYTES } from '../../assembly/layout.ts'
import { type Bench, check, figure, fnv1a, leastNanoseconds } from '../bench.ts'
import type { Engine } from '../../src/scorer/engine.ts'
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
    figures.push(figure('JavaScript allocated a record', allocatedEach(engine), 'bytes'))
    figures.push(figure('memory of an engine', engine.memory.buffer.byteLength / 1e6, 'MB'))
    return { figures, checksum: String(whole) }
  },
}

const ALLOCATING_CALLS = 4000

/** How much the process grows by over many calls, none of which should allocate. */
function allocatedEach(engine: Engine): number {
  Bun.gc(true)
  const before = memoryUsage().current
  for (let i = 0; i < ALLOCATING_CALLS; i++) engine.decide(64)
  return Math.max(0, memoryUsage().current - before) / (ALLOCATING_CALLS * 64)
}
