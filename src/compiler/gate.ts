// The parity gate: before an artefact is written, its tables are run in WebAssembly over probes that
// try every threshold of the model and what lies next to it, and each raw score must equal the slow
// reference's to the last bit.

import type { SchemaVersion } from '../avro/schema-files.ts'
import type { Artefact } from '../scorer/artefact.ts'
import { Engine } from '../scorer/engine.ts'
import type { Program } from '../scorer/program.ts'
import { usageError } from '../errors.ts'
import { type Forest, ZERO_THRESHOLD, rawScore } from './forest.ts'

/** Values that every feature is given once, whatever its thresholds. */
const HOSTILE = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  0,
  -0,
  ZERO_THRESHOLD,
  -ZERO_THRESHOLD,
  Number.MIN_VALUE,
  -Number.MIN_VALUE,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
]
/** Odd, so that probes end in a short block and in single rows too. */
const BATCH_ROWS = 211

/**
 * Scores every probe both ways.
 *
 * @returns how many probes were compared
 * @throws OperatingError kind 'usage', code 'parity', with the first row that differs
 */
export function checkParity(
  forest: Forest,
  artefact: Artefact,
  module: WebAssembly.Module,
): number {
  const program = scoringProgram(artefact)
  const engine = new Engine(module, program, { records: BATCH_ROWS, inputBytes: 1 })
  const width = forest.features.length
  const rows = probes(forest)
  for (let from = 0; from < rows.length; from += BATCH_ROWS) {
    const batch = rows.slice(from, from + BATCH_ROWS)
    for (const [i, row] of batch.entries()) engine.f64.set(row, engine.rowsAt / 8 + i * width)
    engine.stages.score(batch.length)
    for (const [i, row] of batch.entries()) {
      const expected = rawScore(forest, row)
      const actual = engine.f64[engine.marginsAt / 8 + i]!
      if (!Object.is(expected, actual)) {
        const what = `scores ${actual}, the reference ${expected}, on [${row.join(', ')}]`
        throw usageError('parity', `model ${artefact.manifest.name}: ${what}`)
      }
    }
  }
  return rows.length
}

/**
 * Probe rows: each threshold of each feature, the doubles next to it, and hostile values, while the
 * other features walk through their own thresholds, so that different paths are taken each time.
 */
function probes(forest: Forest): number[][] {
  const values = forest.features.map(() => new Set<number>())
  for (const tree of forest.trees) {
    for (const { feature, threshold } of tree.splits) {
      values[feature]!.add(threshold)
      values[feature]!.add(nextDouble(threshold, 1n))
      values[feature]!.add(nextDouble(threshold, -1n))
    }
  }
  const perFeature = values.map((set) => [...set, ...HOSTILE])
  const rows: number[][] = []
  for (const [feature, list] of perFeature.entries()) {
    for (const value of list) {
      const turn = rows.length
      const row = perFeature.map((others, i) => others[(turn * 7919 + i * 104729) % others.length]!)
      row[feature] = value
      rows.push(row)
    }
  }
  return rows
}

/** The neighbouring double above (1n) or below (-1n). */
function nextDouble(x: number, direction: 1n | -1n): number {
  if (!Number.isFinite(x)) return x
  if (x === 0) return direction === 1n ? Number.MIN_VALUE : -Number.MIN_VALUE
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, x)
  view.setBigInt64(0, view.getBigInt64(0) + (x > 0 ? direction : -direction))
  return view.getFloat64(0)
}

const NO_SCHEMA: SchemaVersion = {
  path: '',
  version: 0,
  fingerprint: 0n,
  schema: { kind: 'record', name: '', aliases: [], fields: [] },
  json: null,
}

/** A program that only scores: rows of the model's features, no schemas and no policy. */
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
