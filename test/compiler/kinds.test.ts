// Objectives, random forests, categories, early stopping and constant trees: models that LightGBM
// trained (test/fixtures/make_kinds.py), read and scored by the reference to the last bit of
// LightGBM's own raw scores.

import { expect, test } from 'bun:test'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { OperatingError } from '../../src/errors.ts'
import { type Forest, rawScore } from '../../src/compiler/forest.ts'
import { parseLightGbm } from '../../src/compiler/lightgbm.ts'
import { bitsOf, refusal, runs } from '../support/engine.ts'

const FOLDER = join(import.meta.dir, '../fixtures/forests')
const NAMES = readdirSync(FOLDER)
  .filter((name) => /^([4-9][0-9]|many)\.txt$/.test(name))
  .map((name) => name.replace('.txt', ''))
  .sort()

type Fixture = { text: string; forest: Forest; rows: number[][]; raw: number[]; score: number[] }

function load(name: string): Fixture {
  const text = readFileSync(join(FOLDER, `${name}.txt`), 'utf8')
  const forest = parseLightGbm(text, `${name}.txt`)
  const [, ...lines] = readFileSync(join(FOLDER, `${name}.csv`), 'utf8')
    .trim()
    .split('\n')
  const table = lines.map((line) => line.split(',').map(Number))
  const width = forest.features.length
  return {
    text,
    forest,
    rows: table.map((row) => row.slice(0, width)),
    raw: table.map((row) => row[width]!),
    score: table.map((row) => row[width + 1] ?? Number.NaN),
  }
}

/** Rows whose score differs, as text with both scores. */
function differences(rows: number[][], actual: (row: number[]) => number, expected: number[]) {
  return rows.flatMap((row, i) =>
    bitsOf(actual(row)) === bitsOf(expected[i]!)
      ? []
      : [`[${row.join(', ')}] scores ${actual(row)}, LightGBM says ${expected[i]}`],
  )
}

test('the fixture is whole, and covers what it is for', () => {
  const fixtures = NAMES.map(load)
  expect(fixtures.length).toBe(61)
  const text = fixtures.map((fixture) => fixture.text).join('')
  for (const objective of [
    'binary sigmoid:0.7',
    'cross_entropy',
    'regression',
    'regression_l1',
    'huber',
    'fair',
    'quantile',
    'mape',
  ]) {
    expect(text).toContain(`\nobjective=${objective}\n`)
  }
  for (const line of ['version=v3', 'version=v4', 'average_output', 'num_leaves=1']) {
    expect(text).toContain(`\n${line}\n`)
  }
  const sets = fixtures.flatMap(({ forest }) =>
    forest.trees.flatMap((tree) => tree.splits.flatMap((split) => split.categories ?? [])),
  )
  expect(sets.length).toBeGreaterThan(150)
  expect(Math.max(...sets.map((set) => set.ids.length))).toBeGreaterThan(255)
  expect(Math.max(...sets.flatMap((set) => set.ids))).toBeGreaterThan(3900)
})

const FIXTURES = NAMES.map((name) => ({ name, ...load(name) }))

test.each(FIXTURES)('model $name scores as LightGBM does', ({ forest, rows, raw }) => {
  const sum = { ...forest, averaged: false }
  expect(differences(rows, (row) => rawScore(sum, row), raw)).toEqual([])
})

// LightGBM's raw score of a random forest is the plain sum; its score takes the average. Source:
// LightGBM, GBDT::PredictRaw and GBDT::Predict (src/boosting/gbdt_prediction.cpp).
test.each(FIXTURES.filter(({ forest }) => forest.averaged))(
  'model $name averages as LightGBM does',
  ({ forest, rows, score }) => {
    if (forest.identity) {
      expect(differences(rows, (row) => rawScore(forest, row), score)).toEqual([])
      return
    }
    // The exponential of another library may differ in its last bits.
    for (const [i, row] of rows.entries()) {
      const probability = 1 / (1 + Math.exp(-forest.sigmoid * rawScore(forest, row)))
      expect(Math.abs(probability - score[i]!)).toBeLessThan(1e-15)
    }
  },
)

/** The smallest model with categories, and a random forest. */
const DAMAGED = ['averaged', 'categories'].map((kind) => {
  const fitting = FIXTURES.filter(({ forest }) =>
    kind === 'averaged'
      ? forest.averaged
      : forest.trees.some((tree) => tree.splits.some((split) => split.categories)),
  )
  const text = fitting.sort((a, b) => a.text.length - b.text.length)[0]!.text
  return { kind, text: text.slice(0, text.indexOf('end of trees') + 'end of trees'.length) }
})

test.each(DAMAGED)(
  'cut short anywhere, a model with $kind is refused with its line',
  ({ text }) => {
    for (let length = 0; length < text.length; length++) {
      const error = refusal(() => parseLightGbm(text.slice(0, length), 'm'))
      expect(error.message).toMatch(/^m:[0-9]+: /)
    }
  },
)

test.each(DAMAGED)(
  'changed anywhere, one with $kind is refused in words, or scores',
  ({ text }) => {
    fc.assert(
      fc.property(
        fc.nat(text.length - 1),
        fc.constantFrom(...'0123456789-+.eE= \n_a'.split('')),
        (at, character) => {
          try {
            const forest = parseLightGbm(text.slice(0, at) + character + text.slice(at + 1), 'm')
            const row = Array.from(forest.features, () => 1)
            expect(typeof rawScore(forest, row)).toBe('number')
          } catch (error) {
            if (!(error instanceof OperatingError)) throw error
            expect(error.message).toMatch(/^m:[0-9]+: /)
          }
        },
      ),
      runs(2000),
    )
  },
)
