// How does scoring scale with the model's shape? Forests of each shape, generated (see
// bench/support/forests.ts), from a row of doubles to the raw score, bit-exact.
//
// Expected, from 200 x 31 trees at 0.3 us a row in batches: a split costs the same in any shape, so
// 500 x 63 takes 5 times as long and 1,000 x 255 some 40 times; a feature costs 3 ns a row.

import { MODULE_PATH } from '../../src/paths.ts'
import { loadModule } from '../../src/scorer/module.ts'
import { type Bench, figure } from '../bench.ts'
import { type ForestSize, makeForest, makeRows } from '../support/forests.ts'
import { timeKernels } from '../support/kernels.ts'

const SHAPES: ForestSize[] = [
  { trees: 50, leaves: 15, features: 10 },
  { trees: 50, leaves: 15, features: 22 },
  { trees: 100, leaves: 15, features: 22 },
  { trees: 200, leaves: 31, features: 10 },
  { trees: 200, leaves: 31, features: 22 },
  { trees: 200, leaves: 31, features: 200 },
  { trees: 500, leaves: 63, features: 22 },
  { trees: 500, leaves: 63, features: 200 },
  { trees: 1000, leaves: 255, features: 22 },
  { trees: 1000, leaves: 255, features: 200 },
]
/** Of small runs: both kernels of one row. */
const SMALL: ForestSize[] = [
  { trees: 9, leaves: 15, features: 10 },
  { trees: 9, leaves: 63, features: 60 },
]
const SHOWN = [1, 8, 64, 1024]
const DISTINCT_ROWS = 512

export const bench: Bench = {
  question: 'score-shapes: a row to the raw score by trees x leaves and features, µs a row',
  async run(size) {
    const module = loadModule(MODULE_PATH)
    let checksum = 0
    const figures = (size === 'small' ? SMALL : SHAPES).flatMap((shape) => {
      const rows = makeRows(shape.features, DISTINCT_ROWS)
      const times = timeKernels(module, makeForest(shape), rows, size)
      checksum = (Math.imul(checksum, 31) + times.checksum) >>> 0
      const name = `${shape.trees} x ${shape.leaves}, ${shape.features} features`
      const shown = SHOWN.filter((n) => times.perRow.has(n)).map((n) =>
        figure(`${name}: ${n === 1 ? 'one row' : n}`, times.perRow.get(n)!, 'µs'),
      )
      return [...shown, figure(`${name}: over best`, times.overBest, `at ${times.overBestAt}`)]
    })
    return { figures, checksum: String(checksum) }
  },
}
