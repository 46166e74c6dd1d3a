// An engine with the bench's model (200 trees, 31 leaves) and a batch of synthetic applications.

import { ApplicationEncoder } from '../../src/applications/application.ts'
import { Generator } from '../../src/applications/generator.ts'
import { MODULE_PATH, fromRoot } from '../../src/paths.ts'
import { type Artefact, loadArtefact } from '../../src/scorer/artefact.ts'
import { Engine } from '../../src/scorer/engine.ts'
import { loadModule } from '../../src/scorer/module.ts'
import {
  type Program,
  type ProgramParts,
  loadParts,
  makeProgram,
} from '../../src/scorer/program.ts'
import { warmUp } from '../../src/scorer/warm-up.ts'
import { fill } from '../../test/support/fill.ts'
import { check } from '../bench.ts'

/** The size the speed figures speak of. */
export const MODEL_FOLDER = fromRoot('build/bench/model')
const POLICY_FILE = fromRoot('models/default/policy.toml')
export const BATCH_RECORDS = 1024

export function benchProgram(): Program {
  const { parts, artefact } = benchParts()
  return makeProgram(parts, artefact)
}

export function benchParts(): { parts: ProgramParts; artefact: Artefact } {
  const parts = loadParts({ schemas: fromRoot('schemas'), policy: POLICY_FILE })
  return { parts, artefact: loadArtefact(MODEL_FOLDER) }
}

/** Encoded synthetic applications, the same for the same seed. */
export function encodedApplications(count: number, program: Program, seed = 1): Uint8Array[] {
  const generator = new Generator(seed)
  const encoder = new ApplicationEncoder(program.applicationSchema)
  return Array.from({ length: count }, (_, i) => encoder.encode(generator.next(i)))
}

/** A warm engine whose input holds a full batch, already decided once. */
export function filledEngine(seed = 1): Engine {
  const program = benchProgram()
  return engineWith(program, encodedApplications(BATCH_RECORDS, program, seed))
}

/** A warm engine whose input holds these records, a batch, already decided once. */
export function engineWith(program: Program, records: readonly Uint8Array[]): Engine {
  const module = loadModule(MODULE_PATH)
  warmUp(module, program)
  const inputBytes = records.reduce((sum, record) => sum + record.length, 0)
  const engine = new Engine(module, program, { records: records.length, inputBytes })
  engine.setPartition('loan_applications', 1)
  engine.setFirstOffset(1_000_000n)
  fill(engine, records)
  engine.decide(records.length)
  check(engine.u32[engine.resultAt >> 2] === records.length, 'every application is decided')
  return engine
}

/** Rows of synthetic applications as decoded, the first `width` columns: f64[n][width]. */
export function applicationRows(width: number, batches = 1): Float64Array {
  const rows = new Float64Array(batches * BATCH_RECORDS * width)
  for (let batch = 0; batch < batches; batch++) {
    const engine = filledEngine(batch + 1)
    const columns = engine.program.columns.length
    for (let row = 0; row < BATCH_RECORDS; row++) {
      const at = engine.rowsAt / 8 + row * columns
      rows.set(engine.f64.subarray(at, at + width), (batch * BATCH_RECORDS + row) * width)
    }
  }
  return rows
}

/** Calls a round so that each takes a millisecond or so: short enough to find the core undisturbed. */
export function callsFor(records: number): number {
  return Math.max(2, Math.ceil(2500 / records))
}
