// `bun bench score-model MODEL …`: how long do these models take a row, by batch? Rows are synthetic
// applications, so the models are of the application's numeric fields, in the schema's order, as
// models/train.py makes them: `--bench FOLDER --trees 100 --leaves 15`.

import { usageError } from '../src/errors.ts'
import { readModel } from '../src/compiler/model-source.ts'
import { MODULE_PATH } from '../src/paths.ts'
import { loadModule } from '../src/scorer/module.ts'
import type { Size } from './bench.ts'
import { plainTable } from './report.ts'
import { applicationRows } from './support/engine.ts'
import { timeKernels } from './support/kernels.ts'

const SHOWN = [1, 8, 64, 1024]

/**
 * @param paths  trainers' files, or folders with a manifest
 * @throws OperatingError kind 'usage' for none, or one that cannot be read
 */
export function scoreModels(paths: readonly string[], { size }: { size: Size }): void {
  if (paths.length === 0) throw usageError('bench', 'score-model: which model?')
  const module = loadModule(MODULE_PATH)
  const rows = paths.map((path) => {
    const { forest, name } = readModel(path)
    const times = timeKernels(module, forest, applicationRows(forest.features.length), size)
    const each = SHOWN.map((n) => times.perRow.get(n)?.toFixed(3) ?? '')
    return [name, ...each, times.overBest.toFixed(2), String(times.checksum)]
  })
  const head = ['µs a row', ...SHOWN.map((n) => `of ${n}`), 'over best', 'checksum']
  process.stdout.write(plainTable(head, rows))
}
