// The bench's model with the default model's catalogue and reference row: of the same features, so
// that reasons can be measured on a model of the size that the figures speak of.

import { makeArtefact } from '../../src/compiler/artefact.ts'
import type { Forest } from '../../src/compiler/forest.ts'
import { readModel } from '../../src/compiler/model-source.ts'
import { MODULE_PATH, fromRoot } from '../../src/paths.ts'
import type { Artefact } from '../../src/scorer/artefact.ts'
import { Engine } from '../../src/scorer/engine.ts'
import { loadModule } from '../../src/scorer/module.ts'
import { type Program, loadParts, makeProgram } from '../../src/scorer/program.ts'
import { warmUp } from '../../src/scorer/warm-up.ts'
import { fill } from '../../test/support/fill.ts'
import { check } from '../bench.ts'
import { BATCH_RECORDS, encodedApplications } from './engine.ts'

export type Explained = {
  /** It has decided a full batch. */
  engine: Engine
  forest: Forest
  /** Mean raw score of the references. */
  mean: number
  /** The reference rows, one behind the other. */
  reference: Float64Array
  /** Rows whose score gives reasons. */
  owing: number[]
}

/** @param references  rows of the reference set: the default model's, then others near it */
export function explainedArtefact(references: number): {
  artefact: Artefact
  forest: Forest
  reference: Float64Array
} {
  const source = readModel(fromRoot('bench/model'))
  const { explained } = readModel(fromRoot('models/default'))
  check(explained !== undefined, 'the default model has a catalogue')
  const { catalogue, reference } = explained!
  const { forest } = source
  const rows = Array.from({ length: references }, (_, i) =>
    reference.rows[0]!.map((x, k) => x * (1 + 0.1 * Math.sin(i * (k + 1)))),
  )
  const own = { catalogue, reference: { ...reference, rows } }
  const parity = { probes: 1, leavesReached: 0 }
  return {
    artefact: makeArtefact({ ...source, explained: own }, parity),
    forest,
    reference: Float64Array.from(rows.flatMap((row) => [...row])),
  }
}

export function explainedProgram(artefact: Artefact): Program {
  const policy = fromRoot('models/default/policy.toml')
  return makeProgram(loadParts({ schemas: fromRoot('schemas'), policy }), artefact)
}

export function explainedEngine(references: number): Explained {
  const { artefact, forest, reference } = explainedArtefact(references)
  const program = explainedProgram(artefact)
  const module = loadModule(MODULE_PATH)
  warmUp(module, program)
  const records = encodedApplications(BATCH_RECORDS, program)
  const inputBytes = records.reduce((sum, record) => sum + record.length, 0)
  const engine = new Engine(module, program, { records: BATCH_RECORDS, inputBytes })
  fill(engine, records)
  engine.decide(BATCH_RECORDS)
  const owing = records.flatMap((_, i) => (engine.scoreReasons(i).length > 0 ? [i] : []))
  return { engine, forest, mean: engine.referenceMargin, reference, owing }
}
