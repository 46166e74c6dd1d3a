// Every model that a trainer made for the fixtures is built, gate included, and scores the
// trainer's rows to the last bit through WebAssembly, one row at a time and all at once.

import { expect, test } from 'bun:test'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { checkParity } from '../../src/compiler/gate.ts'
import { parseModel } from '../../src/compiler/model-file.ts'
import {
  artefactOf,
  bitsOf,
  engineOf,
  programOf,
  schemaVersion,
  scoresOf,
  wasmModule,
} from '../support/engine.ts'

const FILES = ['forests', 'xgboost'].flatMap((folder) =>
  readdirSync(join(import.meta.dir, '../fixtures', folder))
    .filter((name) => /\.(txt|json|ubj)$/.test(name))
    .sort()
    .map((name) => `${folder}/${name}`),
)

test('the fixture is whole', () => {
  expect(FILES.length).toBe(162)
})

test.each(FILES)('%s', (file) => {
  const path = join(import.meta.dir, '../fixtures', file)
  const read = parseModel(readFileSync(path), file).forest
  expect(checkParity(read, artefactOf(read), wasmModule).probes).toBeGreaterThan(0)
  // A name in the schema has no blank; LightGBM's raw score of a random forest is no average.
  const features = read.features.map((_, i) => `x${i}`)
  const forest = { ...read, features, averaged: false }
  const fields = features.map((name) => ({ name, type: 'double' }))
  const id = { name: 'application_id', type: 'string' }
  const json = { type: 'record', name: 'LoanApplication', fields: [id, ...fields] }
  const engine = engineOf(programOf({ applications: [schemaVersion(json)], forest }), 64, 1)
  const [, ...lines] = readFileSync(path.replace(/\.[a-z]+$/, '.csv'), 'utf8')
    .trim()
    .split('\n')
  const table = lines.map((line) => line.split(',').map(Number))
  const rows = table.map((row) => row.slice(0, features.length))
  const due = table.map((row) => bitsOf(row[features.length]!))
  for (const size of [1, rows.length]) {
    expect(Array.from(scoresOf(engine, rows, size), bitsOf)).toEqual(due)
  }
})
