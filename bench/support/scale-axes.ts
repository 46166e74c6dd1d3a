// What `bun bench scale` varies, one axis after another; all else is as the worker has it.

import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Application } from '../../src/applications/application.ts'
import { makeArtefact, writeArtefact } from '../../src/compiler/artefact.ts'
import { readModel } from '../../src/compiler/model-source.ts'
import { fromRoot } from '../../src/paths.ts'
import { loadArtefact } from '../../src/scorer/artefact.ts'
import { loadParts, makeProgram } from '../../src/scorer/program.ts'
import { NumberedApplications } from './broker.ts'
import { MODEL_FOLDER } from './engine.ts'
import { makeForest } from './forests.ts'
import type { Way } from './scale-runs.ts'

export type Point = Way & { x: number; series: string }

export type Axis = {
  /** What x counts. */
  x: string
  /** @param folder  for its files, gone after the run */
  points: (folder: string) => Point[]
}

const PARTITIONS = 2
const POLICY = fromRoot('models/default/policy.toml')
const SCHEMAS = fromRoot('schemas')

export const AXES: Readonly<Record<string, Axis>> = {
  partitions: {
    x: 'partitions of one process',
    points: () =>
      [1, 2, 4, 16, 64].map((partitions) => ({ ...way('partitions', partitions), partitions })),
  },
  processes: {
    x: 'processes that share 4 partitions',
    points: () =>
      [1, 2, 4].map((processes) => ({ ...way('processes', processes), partitions: 4, processes })),
  },
  model: {
    x: 'leaves of all trees',
    points: (folder) =>
      [
        { trees: 50, leaves: 15 },
        { trees: 200, leaves: 31 },
        { trees: 500, leaves: 63 },
      ].map(({ trees, leaves }) => withModel(join(folder, `model-${trees}`), trees, leaves)),
  },
  record: {
    x: 'bytes of an application',
    points: (folder) => [
      plainRecords(),
      ...[250, 1000, 4000].map((letters) => withText(join(folder, `text-${letters}`), letters)),
      ...[30, 120, 480].map((fields) => withFields(join(folder, `fields-${fields}`), fields)),
    ],
  },
  transaction: {
    x: 'commit.interval.behind.ms',
    points: () => bySetting('transaction', 'commit.interval.behind.ms', [100, 200, 500, 1000]),
  },
  batch: {
    x: 'batch.records',
    points: () => bySetting('batch', 'batch.records', [64, 256, 1024, 4096]),
  },
}

function way(series: string, x: number): Point {
  return { x, series, partitions: PARTITIONS, processes: 1 }
}

function bySetting(series: string, setting: string, values: readonly number[]): Point[] {
  return values.map((value) => ({ ...way(series, value), settings: { [setting]: value } }))
}

/** The bench's model with a generated forest in place of its own. */
function withModel(folder: string, trees: number, leaves: number): Point {
  const source = readModel(fromRoot('bench/model'))
  const { features } = source.forest
  const forest = { ...makeForest({ trees, leaves, features: features.length }), features }
  const parity = { probes: 1, leaves: 0, leavesReached: 0 }
  const own = { ...source, explained: undefined, forest }
  writeArtefact(makeArtefact(own, parity), folder)
  const parts = loadParts({ schemas: SCHEMAS, policy: POLICY })
  const applications = new NumberedApplications(makeProgram(parts, loadArtefact(folder)))
  return { ...way('model', trees * leaves), settings: { 'model.path': folder }, applications }
}

function plainRecords(): Point {
  return way('as it is', new NumberedApplications().value(0).length)
}

/** One more field, of so many letters. */
function withText(folder: string, letters: number): Point {
  const note = 'x'.repeat(letters)
  const fields = [{ name: 'note', type: 'string' }]
  return withSchema(folder, 'longer text', fields, (application) => ({ ...application, note }))
}

/** So many more numbers, which neither model nor policy asks for. */
function withFields(folder: string, count: number): Point {
  const names = Array.from({ length: count }, (_, i) => `further_${i}`)
  const values = Object.fromEntries(names.map((name, i) => [name, i + 0.5]))
  const fields = names.map((name) => ({ name, type: 'double' }))
  return withSchema(folder, 'more fields', fields, (application) => ({ ...application, ...values }))
}

function withSchema(
  folder: string,
  series: string,
  fields: readonly { name: string; type: string }[],
  change: (application: Application) => Application,
): Point {
  cpSync(SCHEMAS, folder, { recursive: true })
  const path = join(folder, 'loan_application/1.avsc')
  const schema = JSON.parse(readFileSync(path, 'utf8')) as { fields: unknown[] }
  writeFileSync(path, JSON.stringify({ ...schema, fields: [...schema.fields, ...fields] }))
  const parts = loadParts({ schemas: folder, policy: POLICY })
  const program = makeProgram(parts, loadArtefact(MODEL_FOLDER))
  const applications = new NumberedApplications(program, change)
  const bytes = applications.value(0).length
  return { ...way(series, bytes), settings: { 'schemas.path': folder }, applications }
}
