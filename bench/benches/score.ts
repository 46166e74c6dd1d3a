// How long does scoring take? A forest of 200 trees with 31 leaves over 22 features, from a row of
// doubles to the raw score, bit-exact; by batch, as the kernel is chosen by batch.

import { readFileSync } from 'node:fs'
import { rawScore } from '../../src/compiler/forest.ts'
import { parseLightGbm } from '../../src/compiler/lightgbm.ts'
import { fromRoot } from '../../src/paths.ts'
import { type Bench, check, figure, fnv1a, leastNanoseconds } from '../bench.ts'
import { BATCH_RECORDS, callsFor, filledEngine } from '../support/engine.ts'

export const bench: Bench = {
  question: 'score: a row to the raw score of 200 x 31 trees, µs a row',
  async run(size) {
    const engine = filledEngine()
    const path = fromRoot('bench/model/model.txt')
    const forest = parseLightGbm(readFileSync(path, 'utf8'), path)
    const width = engine.program.columns.length
    engine.stages.score(BATCH_RECORDS)
    for (let row = 0; row < BATCH_RECORDS; row++) {
      const at = engine.rowsAt / 8 + row * width
      const expected = rawScore(forest, engine.f64.subarray(at, at + width))
      const actual = engine.f64[engine.marginsAt / 8 + row]
      check(Object.is(actual, expected), `row ${row} scores ${actual}, not ${expected}`)
    }
    const end = engine.marginsAt + 8 * BATCH_RECORDS
    const checksum = fnv1a(engine.u8.subarray(engine.marginsAt, end))
    const figures = [BATCH_RECORDS, 64, 16, 1].map((n) => {
      const ns = leastNanoseconds(size, callsFor(n), () => engine.stages.score(n)) / n
      return figure(n === 1 ? 'one row' : `batch of ${n}`, ns / 1000, 'µs')
    })
    return { figures, checksum: String(checksum) }
  },
}
