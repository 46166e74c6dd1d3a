// Rows of doubles to raw scores, and nothing else: no records, no schemas, no policy.

import { IMAGE_LANES_AT } from '../../assembly/layout.ts'
import type { SchemaVersion } from '../avro/schema-files.ts'
import { assert } from '../errors.ts'
import type { Artefact } from './artefact.ts'
import { Engine } from './engine.ts'
import type { Program } from './program.ts'

const NO_SCHEMA: SchemaVersion = {
  path: '',
  version: 0,
  fingerprint: 0n,
  schema: { kind: 'record', name: '', aliases: [], fields: [] },
  json: null,
}

export class RowScorer {
  /** Doubles a row. */
  readonly width: number
  private readonly engine: Engine

  /** @param rowsMax  most rows of a call */
  constructor(module: WebAssembly.Module, artefact: Artefact, rowsMax: number) {
    this.width = artefact.manifest.features.length
    this.engine = new Engine(module, scoringProgram(artefact), { records: rowsMax, inputBytes: 1 })
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
  const view = new DataView(tables.buffer, tables.byteOffset)
  const lone = view.getUint32(IMAGE_LANES_AT, true) === 0 ? [] : ['one row']
  return ['128 rows', '64 rows', '32 rows', '16 rows', ...lone]
}

function scoringProgram(artefact: Artefact): Program {
  return {
    modelName: artefact.manifest.name,
    modelHash: artefact.modelHash,
    policyName: '',
    policyHash: new Uint8Array(32),
    tables: artefact.tables,
    columns: artefact.manifest.features.map((feature) => feature.field),
    writers: [],
    policyTable: new Uint8Array(128),
    reasons: [],
    reasonTexts: [],
    decisionSchema: NO_SCHEMA,
    applicationSchema: NO_SCHEMA,
  }
}
