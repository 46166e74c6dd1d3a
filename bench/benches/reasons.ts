// How long do the reasons of a rejected application take? The bench's model (200 trees of 31 leaves,
// 22 features) against one reference row: attribution, order and counterfactual check of four
// reasons. Expected: in half of the trees row and reference part, at three splits or so, 200 times
// that in all, and four scores of one row. Linear in reference rows.

import { RESULT_DENIALS, RESULT_WITHHELD } from '../../assembly/layout.ts'
import { rawScore } from '../../src/compiler/forest.ts'
import { type Bench, type Size, check, figure, fnv1a, leastNanoseconds } from '../bench.ts'
import { type Explained, explainedEngine } from '../support/reasons.ts'

/** References that the cost must be linear in. */
const REFERENCES = [1, 4]

export const bench: Bench = {
  question: 'reasons: why a score was too high, 200 x 31 trees, µs a rejected row',
  async run(size) {
    const figures = []
    let checksum = 0
    for (const references of REFERENCES) {
      const explained = explainedEngine(references)
      checksum = fnv1a(checkAnswers(explained), checksum || undefined)
      const { engine, owing } = explained
      const rows = engine.size.records
      const all = leastNanoseconds(size, 4, () => engine.stages.reason(rows)) / owing.length
      const values = attributionNanoseconds(explained, size)
      const name = references === 1 ? 'one reference' : `${references} references`
      figures.push(figure(`${name}: reasons`, all / 1000, 'µs'))
      figures.push(figure(`${name}: attribution alone`, values / 1000, 'µs'))
    }
    return { figures, checksum: String(checksum) }
  },
}

function attributionNanoseconds({ engine, owing }: Explained, size: Size): number {
  const all = leastNanoseconds(size, 4, () => {
    for (const row of owing) engine.attribute(row)
  })
  return all / owing.length
}

/** The values add up to the score, and every row that owes a reason has one. */
function checkAnswers({ engine, forest, mean, owing }: Explained): Uint8Array {
  check(owing.length > 300, 'a good part of the rows owes a reason')
  const columns = engine.program.columns.length
  for (const row of owing.slice(0, 200)) {
    const at = engine.rowsAt / 8 + row * columns
    const due = rawScore(forest, engine.f64.subarray(at, at + columns))
    const sum = engine.attribute(row).reduce((total, value) => total + value, mean)
    check(Math.abs(sum - due) < 1e-9, `row ${row}: values sum to ${sum}, the score is ${due}`)
  }
  const result = (at: number) => engine.u32[(engine.resultAt + at) >> 2]!
  const given = Array.from({ length: 10 }, (_, i) => result(RESULT_DENIALS + i * 4))
  const total = given.reduce((sum, count) => sum + count, 0)
  check(total >= owing.length, `${total} reasons for ${owing.length} rows`)
  return Uint8Array.of(...given.map((count) => count & 0xff), result(RESULT_WITHHELD) & 0xff)
}
