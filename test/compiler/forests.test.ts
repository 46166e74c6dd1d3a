// Models that LightGBM trained under 40 drawn configurations (test/fixtures/make_forests.py): each
// is built, gate included, and scores LightGBM's own rows to the last bit through WebAssembly.

import { expect, test } from 'bun:test'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { rawScore } from '../../src/compiler/forest.ts'
import { checkParity } from '../../src/compiler/gate.ts'
import { parseLightGbm } from '../../src/compiler/lightgbm.ts'
import {
  artefactOf,
  bitsOf,
  engineOf,
  programOf,
  schemaVersion,
  scoresOf,
  wasmModule,
} from '../support/engine.ts'

const FOLDER = join(import.meta.dir, '../fixtures/forests')
// From 40 on lie the kinds of test/compiler/kinds.test.ts.
const NAMES = readdirSync(FOLDER)
  .filter((name) => /^[0-3][0-9]\.txt$/.test(name))
  .map((name) => name.replace('.txt', ''))

function load(name: string) {
  const forest = parseLightGbm(readFileSync(join(FOLDER, `${name}.txt`), 'utf8'), `${name}.txt`)
  const [, ...lines] = readFileSync(join(FOLDER, `${name}.csv`), 'utf8')
    .trim()
    .split('\n')
  const table = lines.map((line) => line.split(',').map(Number))
  const rows = table.map((row) => row.slice(0, -1))
  const expected = table.map((row) => row[row.length - 1]!)
  const fields = forest.features.map((field) => ({ name: field, type: 'double' }))
  const id = { name: 'application_id', type: 'string' }
  const json = { type: 'record', name: 'LoanApplication', fields: [id, ...fields] }
  const program = programOf({ applications: [schemaVersion(json)], forest })
  return { forest, rows, expected, engine: engineOf(program, 64, 1) }
}

/** Rows whose score differs, as text with both scores. */
function differences(rows: number[][], actual: ArrayLike<number>, expected: number[]): string[] {
  return rows.flatMap((row, i) =>
    bitsOf(actual[i]!) === bitsOf(expected[i]!)
      ? []
      : [`[${row.join(', ')}] scores ${actual[i]}, LightGBM says ${expected[i]}`],
  )
}

test('the fixture is whole, and covers what it is for', () => {
  const forests = NAMES.map((name) => load(name).forest)
  expect(forests.length).toBe(40)
  const splits = forests.flatMap(({ trees }) => trees.flatMap((tree) => tree.splits))
  const kinds = new Set(splits.map((split) => `${split.missing} ${split.defaultLeft}`))
  // LightGBM writes missing type none with default left, always.
  expect([...kinds].sort()).toEqual([
    'nan false',
    'nan true',
    'none true',
    'zero false',
    'zero true',
  ])
  const leaves = forests.flatMap(({ trees }) => trees.map((tree) => tree.leaves.length))
  expect([Math.min(...leaves), Math.max(...leaves) > 30]).toEqual([1, true])
  expect(new Set(forests.map(({ sigmoid }) => sigmoid)).size).toBe(3)
})

test.each(NAMES)('model %s passes the gate and scores as LightGBM does', (name) => {
  const { forest, rows, expected, engine } = load(name)
  expect(checkParity(forest, artefactOf(forest), wasmModule).probes).toBeGreaterThan(0)
  expect(
    differences(
      rows,
      rows.map((row) => rawScore(forest, row)),
      expected,
    ),
  ).toEqual([])
  for (const size of [1, rows.length]) {
    expect(differences(rows, scoresOf(engine, rows, size), expected)).toEqual([])
  }
})

// LightGBM's predict drops |x| <= 1e-35 from a row and reads 0 there, whatever the missing type
// (c_api.cpp, RowPairFunctionFromDenseMatric). A threshold between -1e-35 and 1e-35 shows it, and
// training makes one at -1.0000000180025095e-35 for a feature with negatives and zeros.
test('values that LightGBM takes for zero', () => {
  const { forest, rows, expected, engine } = load('zero')
  expect(
    differences(
      rows,
      rows.map((row) => rawScore(forest, row)),
      expected,
    ),
  ).toEqual([])
  expect(differences(rows, scoresOf(engine, rows, rows.length), expected)).toEqual([])
})

test('of those, all but the threshold itself score as LightGBM does', () => {
  const { rows, expected, engine } = load('zero')
  const scores = scoresOf(engine, rows, rows.length)
  const others = rows.flatMap(([x], i) => (x === -1.0000000180025095e-35 ? [] : [i]))
  expect(others.length).toBe(rows.length - 1)
  for (const i of others) expect(bitsOf(scores[i]!)).toBe(bitsOf(expected[i]!))
})
