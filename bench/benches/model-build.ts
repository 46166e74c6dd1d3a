// How long does a model take from the trainer's file to tables, without the gate that proves them?
// 500 trees of 63 leaves: 31,000 splits, 1.5 MB of text, so 50 ns a byte would be 0.08 s.

import { parseLightGbm } from '../../src/compiler/lightgbm.ts'
import { makeTables } from '../../src/compiler/tables.ts'
import { type Bench, check, figure, fnv1a, leastNanoseconds } from '../bench.ts'
import { makeForest } from '../support/forests.ts'
import { lightGbmText } from '../support/lightgbm-text.ts'

export const bench: Bench = {
  question: "model-build: a trainer's file of 500 x 63 trees to tables, ms",
  async run(size) {
    const trees = size === 'small' ? 5 : 500
    const forest = makeForest({ trees, leaves: 63, features: 22 })
    const text = lightGbmText(forest)
    const tables = makeTables(forest, 'forest')
    const again = makeTables(parseLightGbm(text, 'text'), 'text')
    check(Buffer.compare(tables, again) === 0, "the text's tables are the forest's")
    const read = leastNanoseconds(size, 1, () => parseLightGbm(text, 'text'))
    const both = leastNanoseconds(size, 1, () => makeTables(parseLightGbm(text, 'text'), 'text'))
    return {
      figures: [figure('read', read / 1e6, 'ms'), figure('read and laid out', both / 1e6, 'ms')],
      checksum: String(fnv1a(tables)),
    }
  },
}
