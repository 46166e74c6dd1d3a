import { expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import fc from 'fast-check'
import type { Application } from '../../src/applications/application.ts'
import { ApplicationChecker } from '../../src/applications/check.ts'
import { FIGURES, Generator } from '../../src/applications/generator.ts'
import { type FeatureFigures, Quantiles } from '../../src/applications/quantiles.ts'
import { fromRoot } from '../../src/paths.ts'
import { runs } from '../support/engine.ts'
import { applicationsOf, collect, fieldNamed, openForTest, schema } from './support.ts'

const COUNT = 20_000
const drawn = draw(COUNT, 7)

function draw(count: number, seed: number): Application[] {
  const generator = new Generator(seed)
  return Array.from({ length: count }, () => generator.next(0))
}

test('a seed gives the same applications again, ids included, and another seed others', () => {
  expect(draw(100, 7)).toEqual(drawn.slice(0, 100))
  expect(draw(1, 8)).not.toEqual(drawn.slice(0, 1))
})

test("any application keeps the schema's bounds and has all of its fields", () => {
  const checker = new ApplicationChecker(schema)
  const property = fc.property(fc.maxSafeNat(), (seed) => {
    for (const application of draw(200, seed)) {
      expect(checker.check(application)).toEqual({ application })
      expect(Object.keys(application).toSorted()).toEqual([...checker.names].toSorted())
      expect(application['open_accounts']!).toBeLessThanOrEqual(
        application['total_accounts'] as number,
      )
      expect(application['bankruptcies']!).toBeLessThanOrEqual(
        application['public_records'] as number,
      )
    }
  })
  fc.assert(property, runs(50))
})

test("no quantile of the figures lies outside the schema's bounds", () => {
  for (const { name, quantiles } of FIGURES.features) {
    const { minimum, maximum } = fieldNamed(name)
    expect(quantiles.filter((q) => q < minimum || q > maximum)).toEqual([])
  }
})

test('ids are distinct UUIDs of version 4', () => {
  const ids = drawn.map((application) => application['application_id'] as string)
  expect(new Set(ids).size).toBe(COUNT)
  const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
  expect(ids.filter((id) => !pattern.test(id))).toEqual([])
})

test("the time of submission is the caller's, or now in microseconds", () => {
  const generator = new Generator(1)
  expect(generator.next(17)['submitted_at']).toBe(17)
  const before = Date.now() * 1000
  const now = generator.next()['submitted_at'] as number
  expect(now).toBeGreaterThanOrEqual(before)
  expect(now).toBeLessThanOrEqual(Date.now() * 1000)
})

test('the ends of the distribution give the least and the greatest value, and nulls at theirs', () => {
  for (const feature of FIGURES.features) {
    const quantiles = new Quantiles(FIGURES.percents, feature)
    const { missing_at } = feature
    expect(quantiles.at(0)).toBe(missing_at === 'low' ? null : feature.quantiles[0]!)
    expect(quantiles.at(1)).toBe(missing_at === 'high' ? null : feature.quantiles.at(-1)!)
  }
})

test('regions have their shares', () => {
  const expected = FIGURES.regions
  expect(new Set(drawn.map((a) => a['region']))).toEqual(new Set(Object.keys(expected)))
  for (const [region, share] of Object.entries(expected)) {
    const actual = drawn.filter((a) => a['region'] === region).length / COUNT
    expect(Math.abs(actual - share)).toBeLessThan(fiveSigma(share))
  }
})

/** Five standard deviations of a share of COUNT draws, and what the figures are rounded by. */
function fiveSigma(share: number): number {
  return 5 * Math.sqrt((share * (1 - share)) / COUNT) + 0.00005
}

test.each(FIGURES.features)('$name has its share of nulls, its step and its distribution', (f) => {
  const values = drawn.map((a) => a[f.name]!).filter((value) => value !== null) as number[]
  expect(Math.abs(1 - values.length / COUNT - f.missing)).toBeLessThan(fiveSigma(f.missing))
  for (const value of values)
    expect(Math.abs(value / f.step - Math.round(value / f.step))).toBeLessThan(1e-6)
  if (f.integer) expect(values.every(Number.isInteger)).toBe(true)
  // Kolmogorov-Smirnov at 0.1 %. The clamps move 2 % of open_accounts, each by
  // little, and less of bankruptcies: they stay within it.
  expect(distance(values, evenly(f))).toBeLessThan(1.95 / Math.sqrt(values.length))
})

/** The feature's values at 100,000 evenly spaced u, by the plainest reading of the figures. */
function evenly(feature: FeatureFigures): number[] {
  const count = 100_000
  return Array.from({ length: count }, (_, i) => {
    const percent = (100 * (i + 0.5)) / count
    const above = FIGURES.percents.findIndex((p) => p > percent)
    const [low, high] = [FIGURES.percents[above - 1]!, FIGURES.percents[above]!]
    const [from, to] = [feature.quantiles[above - 1]!, feature.quantiles[above]!]
    const value = from + ((percent - low) / (high - low)) * (to - from)
    return Number((Math.floor(value / feature.step + 0.5) * feature.step).toFixed(2))
  })
}

/** Greatest difference of the two empirical distribution functions. */
function distance(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [a.toSorted((p, q) => p - q), b.toSorted((p, q) => p - q)]
  let [i, j, greatest] = [0, 0, 0]
  while (i < x.length && j < y.length) {
    const value = Math.min(x[i]!, y[j]!)
    while (x[i] === value) i++
    while (y[j] === value) j++
    greatest = Math.max(greatest, Math.abs(i / x.length - j / y.length))
  }
  return greatest
}

test('features with many values have the rank correlation of the copula', () => {
  const many = FIGURES.features.filter((f) => new Set(f.quantiles).size > 50)
  expect(many.length).toBeGreaterThan(8)
  const ranks = many.map((feature) => ranksOf(drawn, feature))
  const index = many.map((feature) => FIGURES.features.indexOf(feature))
  for (let i = 0; i < many.length; i++) {
    for (let j = 0; j < i; j++) {
      const r = FIGURES.correlation[index[i]!]![index[j]!]!
      // Spearman's of two normals: Kruskal, "Ordinal measures of association", 1958.
      const expected = (6 / Math.PI) * Math.asin(r / 2)
      // Five standard errors (1 / sqrt(n)), and as much again as ties take away.
      expect(Math.abs(pearson(ranks[i]!, ranks[j]!) - expected)).toBeLessThan(
        5 / Math.sqrt(COUNT) + 0.02,
      )
    }
  }
})

const REAL = fromRoot('../shared/data/lending-club.csv')
const realIsThere = existsSync(REAL)
const title = 'every pair of features has the rank correlation of the real loans'

test.skipIf(!realIsThere)(
  realIsThere ? title : `${title} (skipped: ../shared/data/lending-club.csv is not there)`,
  async () => {
    const real = applicationsOf(await collect(openForTest(REAL)))
    const ofReal = FIGURES.features.map((feature) => ranksOf(real, feature))
    const ofDrawn = FIGURES.features.map((feature) => ranksOf(drawn, feature))
    const differences = ofReal.flatMap((_, i) =>
      Array.from({ length: i }, (_, j) =>
        Math.abs(pearson(ofReal[i]!, ofReal[j]!) - pearson(ofDrawn[i]!, ofDrawn[j]!)),
      ),
    )
    // Five standard errors of the drawn, 0.007 each; the seed above gives 0.019 and 0.005.
    expect(Math.max(...differences)).toBeLessThan(0.035)
    expect(differences.reduce((a, b) => a + b) / differences.length).toBeLessThan(0.01)
  },
)

/** Mean ranks, with nulls at their end. */
function ranksOf(applications: readonly Application[], feature: FeatureFigures): Float64Array {
  const end = feature.missing_at === 'low' ? -Infinity : Infinity
  const values = applications.map((a) => (a[feature.name] ?? end) as number)
  const order = values.map((_, i) => i).toSorted((i, j) => values[i]! - values[j]! || 0)
  const ranks = new Float64Array(values.length)
  for (let start = 0; start < order.length;) {
    let stop = start
    while (stop < order.length && values[order[stop]!] === values[order[start]!]) stop++
    for (let k = start; k < stop; k++) ranks[order[k]!] = (start + stop - 1) / 2
    start = stop
  }
  return ranks
}

function pearson(a: Float64Array, b: Float64Array): number {
  const mean = (x: Float64Array) => x.reduce((sum, value) => sum + value, 0) / x.length
  const [meanA, meanB] = [mean(a), mean(b)]
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i]! - meanA, b[i]! - meanB]
    ab += x * y
    aa += x * x
    bb += y * y
  }
  return ab / Math.sqrt(aa * bb)
}
