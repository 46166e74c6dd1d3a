// Attribution against its oracles: shap's explainers, and the definition itself over all subsets.

import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { ATTRIBUTION_TURNED_BYTES, TURNED_GROUP_SPLITS } from '../../assembly/attribution-layout.ts'
import { makeAttribution } from '../../src/compiler/attribution.ts'
import { type Forest, rawScore } from '../../src/compiler/forest.ts'
import { parseModel } from '../../src/compiler/model-file.ts'
import { makeTables } from '../../src/compiler/tables.ts'
import { fromRoot } from '../../src/paths.ts'
import { scoringProgram } from '../../src/scorer/scoring-program.ts'
import { draws, engineOf, randomFrom, setRow } from '../support/engine.ts'
import { catalogueFor } from '../support/reasons.ts'
import { ForestMaker } from './random-forest.ts'

type Case = {
  model: string
  by: string
  background: (number | null)[][]
  rows: (number | null)[][]
  values: number[][]
}

function explainerOf(forest: Forest, references: Float64Array[]) {
  const catalogue = catalogueFor(forest.features)
  const image = makeAttribution(forest, { madeOf: 'test', rows: references }, catalogue, 'model')
  const program = scoringProgram(makeTables(forest, 'model'), forest.features)
  const engine = engineOf({
    ...program,
    scoreReasons: { image, reasons: [], texts: [], atMost: 4 },
  })
  const mean = engine.referenceMargin
  const explain = (row: ArrayLike<number>) => {
    setRow(engine, 0, row)
    return engine.attribute(0).slice()
  }
  const view = new DataView(image.buffer)
  const treeBytes = view.getUint32(ATTRIBUTION_TURNED_BYTES, true)
  const kernelGroups = Math.floor(treeBytes / (2 * TURNED_GROUP_SPLITS))
  return { explain, mean, kernelGroups }
}

const doubles = (row: readonly (number | null)[]) => Float64Array.from(row, (x) => x ?? Number.NaN)

const CASES = [
  'default-1',
  'bench-1',
  'bench-5',
  'categories',
  'categories-one-hot',
  'zero-as-missing',
  'nan-is-zero',
  'random-forest',
]

test.each(CASES)("%s: shap's values, to 1e-9, and they sum to the score", (name) => {
  const file = fromRoot(`test/fixtures/shap/${name}.json`)
  const fixture = JSON.parse(readFileSync(file, 'utf8')) as Case
  const { forest } = parseModel(readFileSync(fromRoot(fixture.model)), fixture.model)
  const { explain, mean } = explainerOf(forest, fixture.background.map(doubles))
  let moved = 0
  for (const [i, row] of fixture.rows.entries()) {
    const values = explain(doubles(row))
    const worst = Math.max(...values.map((value, k) => Math.abs(value - fixture.values[i]![k]!)))
    expect({ row: i, worst: worst <= 1e-9 ? 0 : worst }).toEqual({ row: i, worst: 0 })
    const sum = values.reduce((total, value) => total + value, mean)
    expect(sum).toBeCloseTo(rawScore(forest, doubles(row)), 9)
    moved += values.filter((value) => value !== 0).length
  }
  expect(moved).toBeGreaterThan(fixture.rows.length)
})

/** The definition: the mean over all orders of what a feature changes at its turn. */
function shapley(forest: Forest, row: ArrayLike<number>, references: readonly Float64Array[]) {
  const n = forest.features.length
  const factorial = (k: number): number => (k < 2 ? 1 : k * factorial(k - 1))
  const values = new Float64Array(n)
  for (const reference of references) {
    const scores = Array.from({ length: 1 << n }, (_, set) =>
      rawScore(
        forest,
        Array.from({ length: n }, (__, k) => ((set >> k) & 1 ? row[k]! : reference[k]!)),
      ),
    )
    for (let set = 0; set < 1 << n; set++) {
      const size = set.toString(2).replaceAll('0', '').length
      for (let k = 0; k < n; k++) {
        if ((set >> k) & 1) continue
        const weight = (factorial(size) * factorial(n - size - 1)) / factorial(n)
        values[k]! += (weight * (scores[set | (1 << k)]! - scores[set]!)) / references.length
      }
    }
  }
  return values
}

/** Which kernel there is for a forest, and shapes that are theirs. */
const SHAPES = [
  ['links, a group of 32 splits', { leaves: 24, thresholds: 4 }, 1],
  ['links, two groups', { leaves: 64, thresholds: 4 }, 2],
  ['forks', { leaves: 200, thresholds: 9, categories: true }, 0],
] as const

test.each(SHAPES)('random forests, by %s: the definition, over all subsets', (_, drawn, groups) => {
  let seen = 0
  const property = fc.property(fc.integer(), (seed) => {
    const random = randomFrom(seed)
    const maker = new ForestMaker(random)
    const own = maker.forest({ features: 6, trees: 3, ...drawn })
    // Leaves as a trainer has them: sums of huge ones would compare nothing but roundings.
    const trees = own.trees.map((tree) => ({ ...tree, leaves: tree.leaves.map(random) }))
    const forest = { ...own, trees, averaged: random() < 0.5 }
    const some = (count: number) => maker.rows(forest, count).map((row) => Float64Array.from(row))
    const references = some(1 + maker.below(3))
    const { explain, mean, kernelGroups } = explainerOf(forest, references)
    seen += Number(kernelGroups === groups)
    for (const row of some(4)) {
      const due = shapley(forest, row, references)
      const values = explain(row)
      for (const [k, value] of values.entries()) {
        expect(Math.abs(value - due[k]!)).toBeLessThan(1e-9)
      }
      const sum = values.reduce((total, value) => total + value, mean)
      expect(Math.abs(sum - rawScore(forest, row))).toBeLessThan(1e-9)
      expect(explain(row)).toEqual(values)
    }
  })
  fc.assert(property, draws(60))
  expect(seen).toBeGreaterThan(6)
})
