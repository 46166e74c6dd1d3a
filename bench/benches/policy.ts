// How long does the policy take? Cut-offs and rules of the default policy on rows that are decoded and
// scored, and the outcome of each. Expected: 26 clauses a row, two rows at once: 30 to 45 ns.

import { type Bench, check, figure, fnv1a, leastNanoseconds } from '../bench.ts'
import { BATCH_RECORDS, callsFor, filledEngine } from '../support/engine.ts'

export const bench: Bench = {
  question: 'policy: cut-offs and rules on a row and its score, µs a record',
  run(size) {
    const engine = filledEngine()
    const outcomes = () => engine.u8.slice(engine.decisionsAt, engine.decisionsAt + BATCH_RECORDS)
    const due = fnv1a(outcomes())
    engine.u8.fill(0xff, engine.decisionsAt, engine.decisionsAt + BATCH_RECORDS)
    engine.stages.decide(BATCH_RECORDS)
    check(fnv1a(outcomes()) === due, 'alone it decides as within the whole path')
    const ns = leastNanoseconds(size, callsFor(BATCH_RECORDS), () => {
      engine.stages.decide(BATCH_RECORDS)
    })
    const figures = [figure(`batch of ${BATCH_RECORDS}`, ns / BATCH_RECORDS / 1000, 'µs')]
    return Promise.resolve({ figures, checksum: String(due) })
  },
}
