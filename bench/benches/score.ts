// How long does scoring take? A trained forest of 200 trees with 31 leaves over 22 features, from a
// row of doubles to the raw score, bit-exact; by batch, as the kernels are chosen by batch. Rows
// are synthetic applications. Expected: 0.2 us of comparing 6,000 splits, 0.1 of adding 200 leaves
// and 0.06 of quantising; a lone row twice that.

import { readFileSync } from 'node:fs'
import { parseLightGbm } from '../../src/compiler/lightgbm.ts'
import { MODULE_PATH, fromRoot } from '../../src/paths.ts'
import { loadModule } from '../../src/scorer/module.ts'
import { type Bench, figure } from '../bench.ts'
import { applicationRows } from '../support/engine.ts'
import { timeKernels } from '../support/kernels.ts'

export const bench: Bench = {
  question: 'score: a row to the raw score of 200 x 31 trees, µs a row',
  async run(size) {
    const path = fromRoot('bench/model/model.txt')
    const forest = parseLightGbm(readFileSync(path, 'utf8'), path)
    const rows = applicationRows(forest.features.length)
    const times = timeKernels(loadModule(MODULE_PATH), forest, rows, size)
    const figures = [...times.perRow].map(([n, µs]) =>
      figure(n === 1 ? 'one row' : `batch of ${n}`, µs, 'µs'),
    )
    figures.push(figure('over the best kernels', times.overBest, `at ${times.overBestAt}`))
    return { figures, checksum: String(times.checksum) }
  },
}
