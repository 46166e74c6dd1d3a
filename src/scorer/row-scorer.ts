// Rows of doubles to raw scores, and nothing else: no records, no schemas, no policy.

import { IMAGE_PLAN, PLAN_ROWS } from '../../assembly/layout.ts'
import { assert } from '../errors.ts'
import type { Artefact } from './artefact.ts'
import { Engine } from './engine.ts'
import { columnName } from './unit-scale.ts'
import { scoringProgram } from './scoring-program.ts'

export class RowScorer {
  /** Doubles a row. */
  readonly width: number
  private readonly engine: Engine

  /** @param rowsMax  most rows of a call */
  constructor(module: WebAssembly.Module, artefact: Artefact, rowsMax: number) {
    this.width = artefact.manifest.features.length
    const columns = artefact.manifest.features.map(columnName)
    const program = scoringProgram(artefact.tables, columns)
    this.engine = new Engine(module, program, { records: rowsMax, inputBytes: 1 })
  }

  /**
   * Raw scores of the first n rows; the next call overwrites them.
   *
   * @param rows  f64[n][width], NaN for a missing value
   */
  score(rows: Float64Array, n: number): Float64Array {
    const { engine, width } = this
    assert(n <= engine.size.records && rows.length >= n * width, 'the rows fit the scorer')
    engine.f64.set(rows.subarray(0, n * width), engine.rowsAt / 8)
    engine.stages.score(n)
    return engine.f64.subarray(engine.marginsAt / 8, engine.marginsAt / 8 + n)
  }
}

/** The kernels that score with these tables, for people. */
export function kernelsOf(tables: Uint8Array): string[] {
  const rows = [...new Set(tables.subarray(IMAGE_PLAN, IMAGE_PLAN + PLAN_ROWS))]
  return rows.sort((a, b) => b - a).map((count) => (count === 1 ? 'one row' : `${count} rows`))
}
