// Score: the module's raw scores against LightGBM's own for the two models, and against the slow
// walk of the trees (src/compiler/forest.ts) for forests that no trainer would grow. To the last
// bit.

import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import {
  BLOCK_ROWS,
  IMAGE_COLUMNS,
  IMAGE_ENTRIES,
  IMAGE_LANES_AT,
  IMAGE_NODES_AT,
  IMAGE_PLAN,
  IMAGE_TREES,
  LANE_COLUMNS_MAX,
  LANE_TREES,
  NODE_COLUMNS_MAX,
  PLAN_ROWS,
} from '../../assembly/layout.ts'
import {
  GROUP_HEADER_BYTES,
  GROUP_STEPS,
  LANES_FIRST,
  LANES_HEADER_BYTES,
  LANES_SECOND,
  LANE_BYTES,
  LANE_COLUMN,
} from '../../assembly/row-layout.ts'
import { type Forest, type Missing, type Split, rawScore } from '../../src/compiler/forest.ts'
import { parseLightGbm } from '../../src/compiler/lightgbm.ts'
import { fromRoot } from '../../src/paths.ts'
import { makeTables } from '../../src/compiler/tables.ts'
import { Engine } from '../../src/scorer/engine.ts'
import { scoringProgram } from '../../src/scorer/scoring-program.ts'
import {
  bitsOf,
  draws,
  engineOf,
  neighbour,
  programOf,
  randomFrom,
  schemaVersion,
  scoresOf,
  setRow,
  shippedProgram,
  marginOf,
  wasmModule,
} from '../support/engine.ts'
import { ForestMaker, type ForestShape, SPECIALS } from './random-forest.ts'

/**
 * An engine whose rows are the forest's features and nothing else.
 *
 * @param kernel  rows of the one kernel that is to score, instead of the model's plan
 */
function scoringEngine(forest: Forest, records = 256, kernel?: number): Engine {
  const fields = forest.features.map((name) => ({ name, type: 'double' }))
  const id = { name: 'application_id', type: 'string' }
  const json = { type: 'record', name: 'LoanApplication', fields: [id, ...fields] }
  const program = programOf({ applications: [schemaVersion(json)], forest })
  expect(program.columns).toEqual(forest.features)
  if (kernel !== undefined) program.tables.fill(kernel, IMAGE_PLAN, IMAGE_PLAN + PLAN_ROWS)
  return engineOf(program, records, 1)
}

function header(engine: Engine, offset: number): number {
  const { tables } = engine.program
  return new DataView(tables.buffer, tables.byteOffset).getUint32(offset, true)
}

/** Throws at the first row whose score is not the walk's. */
function expectWalk(
  engine: Engine,
  forest: Forest,
  rows: readonly number[][],
  sizes: readonly number[],
): void {
  const expected = rows.map((row) => rawScore(forest, row))
  for (const size of sizes) {
    const scores = scoresOf(engine, rows, size)
    for (const [i, score] of scores.entries()) {
      if (Object.is(score, expected[i])) continue
      const what = `row ${i} in batches of ${size} scores ${score}, due is ${expected[i]}`
      throw new Error(`${what}: [${rows[i]!.join(', ')}]`)
    }
  }
}

describe.each(['default', 'bench'] as const)("LightGBM's own scores, model %s", (name) => {
  const text = readFileSync(join(import.meta.dir, `../fixtures/scores-${name}.csv`), 'utf8')
  const [head, ...lines] = text.trim().split('\n')
  const fields = head!.split(',').slice(0, -1)
  const table = lines.map((line) => line.split(',').map(Number))
  const rows = table.map((row) => row.slice(0, -1))
  const expected = table.map((row) => row[row.length - 1]!)
  const program = shippedProgram(name === 'default' ? 'models/default' : 'bench/model')
  // The row holds more columns than the model has features; what stands in those must not matter.
  const width = program.columns.length
  const wide = rows.map((row) => [...row, ...new Float64Array(width - row.length).fill(1e9)])

  test('the fixture is whole', () => {
    expect(rows.length).toBe(600)
    expect(program.columns.slice(0, fields.length)).toEqual(fields)
    expect(expected.every((score) => Number.isFinite(score))).toBeTrue()
  })

  test('are met to the last bit, however the rows are split into batches', () => {
    const engine = engineOf(program, 200, 1)
    for (let size = 1; size <= 200; size++) {
      const scores = scoresOf(engine, wide, size)
      for (const [i, score] of scores.entries()) {
        if (bitsOf(score) !== bitsOf(expected[i]!)) {
          throw new Error(`row ${i} in batches of ${size}: ${score}, LightGBM says ${expected[i]}`)
        }
      }
    }
  })

  test('are met in batches of random sizes', () => {
    const engine = engineOf(program, 600, 1)
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 600, maxLength: 600 }),
        (sizes) => {
          let from = 0
          for (const size of sizes) {
            const batch = wide.slice(from, from + size)
            if (batch.length === 0) break
            const scores = scoresOf(engine, batch, batch.length)
            expect([...scores]).toEqual(expected.slice(from, from + size))
            from += size
          }
          expect(from).toBeGreaterThanOrEqual(600)
        },
      ),
      draws(30),
    )
  })

  test('are what the slow walk of the trees says', () => {
    const folder = name === 'default' ? 'models/default' : 'bench/model'
    const path = fromRoot(`${folder}/model.txt`)
    const forest = parseLightGbm(readFileSync(path, 'utf8'), path)
    for (const [i, row] of rows.entries()) {
      expect(bitsOf(rawScore(forest, row))).toBe(bitsOf(expected[i]!))
    }
  })
})

/** Batches that take each kernel, several of them, and the edges between them. */
const SIZES = [1, 7, 12, 13, 16, 17, 28, 29, 32, 44, 45, 63, 64, 65, 84, 127, 128, 129, 200]

/** The forest with another way to sum, as trainers other than LightGBM's boosting have. */
function summedOtherwise(forest: Forest, kind: number): Forest {
  if (kind === 0) return { ...forest, averaged: true }
  if (kind === 1) return { ...forest, base: -0.7 }
  const trees = forest.trees.map((tree) => {
    return { ...tree, leaves: tree.leaves.map((leaf) => Math.fround(leaf)) }
  })
  return { ...forest, trees, float32: true, base: Math.fround(0.3), averaged: kind === 2 }
}

describe('random forests score as the slow walk does', () => {
  const SHAPES: [what: string, shape: (maker: ForestMaker) => ForestShape, runs: number][] = [
    [
      'small ones',
      (m) => ({ features: 1 + m.below(8), trees: 1 + m.below(40), leaves: 8, thresholds: 20 }),
      60,
    ],
    [
      'trees of up to 256 leaves',
      (m) => ({ features: 1 + m.below(5), trees: 1 + m.below(6), leaves: 256, thresholds: 40 }),
      25,
    ],
    [
      'more than 255 thresholds a feature, which take several columns',
      (m) => ({ features: 1 + m.below(3), trees: 5 + m.below(10), leaves: 256, thresholds: 900 }),
      25,
    ],
    [
      'more columns than the one-row kernel looks up',
      (m) => ({ features: 20 + m.below(40), trees: 5 + m.below(10), leaves: 64, thresholds: 30 }),
      20,
    ],
    [
      'columns around the limit of the one-row kernel',
      (m) => ({ features: 14 + m.below(4), trees: 10 + m.below(10), leaves: 32, thresholds: 5 }),
      40,
    ],
    [
      'splits by category',
      (m) => ({
        features: 1 + m.below(5),
        trees: 20,
        leaves: 32,
        thresholds: 20,
        categories: true,
      }),
      30,
    ],
    [
      'trees of more than 256 leaves, cut into pieces',
      (m) => ({ features: 3 + m.below(9), trees: 1 + m.below(3), leaves: 3000, thresholds: 300 }),
      15,
    ],
    [
      'those with splits by category',
      (m) => ({
        features: 6,
        trees: 1 + m.below(2),
        leaves: 700,
        thresholds: 50,
        categories: true,
        bushy: true,
      }),
      5,
    ],
    [
      'one feature',
      (m) => ({ features: 1, trees: 1 + m.below(3), leaves: 256, thresholds: 300 }),
      30,
    ],
  ]
  test.each(SHAPES)('%s', (_, shape, count) => {
    fc.assert(
      fc.property(fc.integer(), (start) => {
        const maker = new ForestMaker(randomFrom(start))
        const forest = maker.forest(shape(maker))
        const rows = maker.rows(forest, 200)
        expectWalk(scoringEngine(forest), forest, rows, SIZES)
        const other = summedOtherwise(forest, maker.below(4))
        expectWalk(scoringEngine(other), other, rows, [1, 16, 200])
      }),
      draws(count),
    )
  })

  test.each([0, 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97])('%d trees', (trees) => {
    for (let start = 0; start < 3; start++) {
      const maker = new ForestMaker(randomFrom(start))
      const forest = maker.forest({ features: 4, trees, leaves: 12, thresholds: 9 })
      expectWalk(scoringEngine(forest), forest, maker.rows(forest, 90), [1, 20, 21, 64, 85])
    }
  })
})

describe('each kernel by itself scores as the slow walk does', () => {
  const KERNELS = [1, 16, 32, 64, 128]
  /** Whether the one-row kernel walks, and forests that make it. */
  const SHAPES: [what: string, walks: boolean, shape: ForestShape][] = [
    ['few columns', false, { features: 6, trees: 37, leaves: 12, thresholds: 9 }],
    ['many columns', true, { features: 60, trees: 29, leaves: 100, thresholds: 30 }],
    ['many columns of one feature', true, { features: 3, trees: 9, leaves: 256, thresholds: 4000 }],
    ['pieces', true, { features: 40, trees: 3, leaves: 1500, thresholds: 300 }],
    [
      'many categories',
      true,
      { features: 9, trees: 30, leaves: 60, thresholds: 30, categories: true },
    ],
  ]
  test.each(SHAPES)('%s', (_, walks, shape) => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 4 }), (start, kind) => {
        const maker = new ForestMaker(randomFrom(start))
        const plain = maker.forest(shape)
        const forest = kind === 4 ? plain : summedOtherwise(plain, kind)
        const rows = maker.rows(forest, 130)
        for (const kernel of KERNELS) {
          const engine = scoringEngine(forest, 256, kernel)
          if (walks && header(engine, IMAGE_COLUMNS) > LANE_COLUMNS_MAX) {
            expect([header(engine, IMAGE_LANES_AT), header(engine, IMAGE_NODES_AT) > 0]).toEqual([
              0,
              true,
            ])
          }
          expectWalk(engine, forest, rows, [1, 15, 130])
        }
      }),
      draws(6),
    )
  })

  test.each([1, 2, 7, 8, 9, 15, 16, 17])('%d trees down which a row walks', (trees) => {
    for (let start = 0; start < 3; start++) {
      const maker = new ForestMaker(randomFrom(start))
      const forest = maker.forest({ features: 50, trees, leaves: 200, thresholds: 9, bushy: true })
      expectWalk(scoringEngine(forest, 256, 1), forest, maker.rows(forest, 90), [1, 90])
    }
  })
})

describe('the plan', () => {
  const planOf = (engine: Engine) =>
    engine.program.tables.subarray(IMAGE_PLAN, IMAGE_PLAN + PLAN_ROWS)

  test('names kernels there are, none of which goes beyond the last 64 rows', () => {
    const maker = new ForestMaker(randomFrom(3))
    for (const features of [1, 10, 60]) {
      for (const leaves of [2, 30, 256]) {
        const forest = maker.forest({ features, trees: 20, leaves, thresholds: 20 })
        for (const [i, rows] of planOf(scoringEngine(forest)).entries()) {
          expect([1, 16, 32, 64, 128]).toContain(rows)
          expect(rows).toBeLessThanOrEqual(Math.ceil((i + 1) / 64) * 64)
        }
      }
    }
  })

  test('scores one row by its own kernel and full blocks by the largest', () => {
    const plan = planOf(engineOf(shippedProgram('bench/model'), 1, 1))
    expect([plan[0], plan[127]]).toEqual([1, 128])
  })

  test('takes rows at once that would walk through caches which kernels of many have filled', () => {
    const childOf = (node: number) => (node < 255 ? node : ~(node - 255))
    const splits = Array.from({ length: 255 }, (_, k) => ({
      feature: k % 40,
      threshold: k,
      missing: 'none' as const,
      defaultLeft: false,
      left: childOf(2 * k + 1),
      right: childOf(2 * k + 2),
    }))
    const features = Array.from({ length: 40 }, (_, i) => `f${i}`)
    const sequence = (trees: number) => {
      const tree = { splits, leaves: Array.from({ length: 256 }, (_, leaf) => leaf) }
      const forest = { features, trees: Array.from({ length: trees }, () => tree), sigmoid: 1 }
      const plan = makeTables(forest, 'complete').subarray(IMAGE_PLAN, IMAGE_PLAN + PLAN_ROWS)
      const kernels: number[] = []
      for (let left = 36; left > 0; left -= kernels.at(-1)!) kernels.push(plan[left - 1]!)
      return kernels
    }
    expect(sequence(200)).toEqual([32, 1, 1, 1, 1])
    expect(sequence(300)).toEqual([64])
  })

  test('of a model with more columns than a node can name has no kernel of one row', () => {
    const columns = NODE_COLUMNS_MAX + 1
    const trees = Array.from({ length: columns }, (_, feature) => ({
      splits: [
        {
          feature,
          threshold: 0.5,
          missing: 'none' as const,
          defaultLeft: false,
          left: ~0,
          right: ~1,
        },
      ],
      leaves: [0, feature],
    }))
    const features = trees.map((_, i) => `f${i}`)
    for (const most of [columns, columns - 1]) {
      const forest: Forest = { features, trees: trees.slice(0, most), sigmoid: 1 }
      // Wider than any record, so without a schema.
      const program = scoringProgram(makeTables(forest, 'wide'), features)
      const engine = new Engine(wasmModule, program, { records: 1, inputBytes: 1 })
      expect(header(engine, IMAGE_COLUMNS)).toBe(most)
      expect(planOf(engine)[0] === 1).toBe(most < columns)
      const row = features.map((_, i) => Number(i === most - 1))
      expectWalk(engine, forest, [row], [1])
    }
  })
})

test('columns are looked up by indices that no machine reads otherwise: below 16, from 128 on', () => {
  const { tables } = shippedProgram('bench/model')
  const view = new DataView(tables.buffer, tables.byteOffset)
  const lanesAt = view.getUint32(IMAGE_LANES_AT, true)
  const trees = view.getUint32(IMAGE_TREES, true)
  expect(lanesAt).toBeGreaterThan(0)
  const columns = new Set(tables.subarray(lanesAt + LANES_FIRST, lanesAt + LANES_SECOND + 16))
  expect(columns.size).toBe(view.getUint32(IMAGE_COLUMNS, true))
  // The other half is looked up by index ^ 128.
  expect([...columns].filter((index) => index % 128 >= 16)).toEqual([])
  const places = new Set<number>()
  let at = lanesAt + LANES_HEADER_BYTES
  for (let tree = 0; tree < trees; tree += LANE_TREES) {
    const steps = view.getUint32(at + GROUP_STEPS, true)
    at += GROUP_HEADER_BYTES
    const registers = trees - tree > 16 ? 2 : 1
    for (let i = 0; i < registers * steps; i++, at += LANE_BYTES) {
      for (const place of tables.subarray(at + LANE_COLUMN, at + LANE_COLUMN + 16)) {
        places.add(place)
      }
    }
  }
  expect([...places].sort((a, b) => a - b)).toEqual(Array.from({ length: 16 }, (_, i) => i))
})

describe('forests by hand', () => {
  const split = (feature: number, threshold: number, left: number, right: number): Split => ({
    feature,
    threshold,
    missing: 'none',
    defaultLeft: false,
    left,
    right,
  })

  function stump(threshold: number, missing: Missing = 'none', defaultLeft = false): Forest {
    return {
      features: ['x'],
      trees: [
        { splits: [{ ...split(0, threshold, ~0, ~1), missing, defaultLeft }], leaves: [1, 2] },
      ],
      sigmoid: 1,
    }
  }

  test.each([1, 33, 64])('%d constant trees', (trees) => {
    const forest: Forest = {
      features: ['x'],
      trees: Array.from({ length: trees }, (_, i) => ({ splits: [], leaves: [i + 0.1] })),
      sigmoid: 1,
    }
    expectWalk(scoringEngine(forest), forest, [[0], [Number.NaN]], [1, 2])
  })

  test('no trees and no features: 0', () => {
    for (const features of [[], ['x']]) {
      const forest: Forest = { features, trees: [], sigmoid: 1 }
      const row = features.map(() => Number.NaN)
      expectWalk(
        scoringEngine(forest),
        forest,
        Array.from({ length: 70 }, () => row),
        [1, 21, 70],
      )
    }
  })

  test('constants among trees with splits', () => {
    const trees = Array.from({ length: 40 }, (_, i) =>
      i % 3 ? { splits: [], leaves: [i] } : { splits: [split(0, i, ~0, ~1)], leaves: [-i, i] },
    )
    const forest: Forest = { features: ['x'], trees, sigmoid: 1 }
    const rows = Array.from({ length: 80 }, (_, i) => [i / 2])
    expectWalk(scoringEngine(forest), forest, rows, [1, 20, 64, 80])
  })

  test('256 leaves one below the other, on either side', () => {
    const count = 256
    for (const toLeft of [true, false]) {
      const splits = Array.from({ length: count - 1 }, (_, k): Split => {
        const next = k === count - 2 ? ~(count - 1) : k + 1
        const threshold = toLeft ? 1000 - k : k
        return toLeft ? split(0, threshold, next, ~k) : split(0, threshold, ~k, next)
      })
      const tree = { splits, leaves: Array.from({ length: count }, (_, i) => i + 0.5) }
      // A short tree beside it: in the one-row kernel it is padded for 254 steps.
      const short = { splits: [split(0, 100, ~0, ~1)], leaves: [1e6, 2e6] }
      const forest: Forest = { features: ['x'], trees: [short, tree, short], sigmoid: 1 }
      const rows = Array.from({ length: 1100 }, (_, i) => [i - 20])
      expectWalk(scoringEngine(forest), forest, rows, [1, 20, 64, 200])
    }
  })

  test('a tie goes left, whatever the threshold', () => {
    for (const threshold of SPECIALS.filter((x) => !Number.isNaN(x))) {
      const forest = stump(threshold)
      const rows = [threshold, neighbour(threshold, 1), neighbour(threshold, -1)].map((x) => [x])
      const engine = scoringEngine(forest)
      expectWalk(engine, forest, rows, [1, 3])
      expect(scoresOf(engine, [[threshold]], 1)[0]).toBe(1)
    }
  })

  test('0 and -0 are one threshold and one value', () => {
    for (const threshold of [0, -0]) {
      const engine = scoringEngine(stump(threshold))
      expect([...scoresOf(engine, [[0], [-0], [5e-324], [-5e-324]], 4)]).toEqual([1, 1, 2, 1])
    }
    const both: Forest = {
      features: ['x'],
      trees: [...stump(0).trees, ...stump(-0).trees],
      sigmoid: 1,
    }
    const engine = scoringEngine(both)
    expect(header(engine, IMAGE_COLUMNS)).toBe(1)
    expect([...scoresOf(engine, [[0], [-0], [1]], 1)]).toEqual([2, 2, 4])
  })

  /** Missing type, default side, value, leaf. Source: LightGBM, Tree::NumericalDecision. */
  const MISSING: [Missing, boolean, number, number][] = [
    ['none', true, Number.NaN, 1],
    ['none', false, Number.NaN, 1],
    ['none', false, 0, 1],
    ['none', false, 7, 2],
    ['nan', true, Number.NaN, 1],
    ['nan', false, Number.NaN, 2],
    ['nan', false, 0, 1],
    ['nan', false, -0, 1],
    ['zero', true, 0, 1],
    ['zero', false, 0, 2],
    ['zero', false, -0, 2],
    ['zero', false, Number.NaN, 2],
    ['zero', true, Number.NaN, 1],
    ['zero', false, 1.0000000180025095e-35, 2],
    ['zero', false, -1.0000000180025095e-35, 2],
    ['zero', false, 1.0000000180025097e-35, 1],
    ['zero', false, -1.0000000180025097e-35, 1],
    ['zero', false, 1e-35, 2],
  ]
  test.each(MISSING)(
    'missing type %s, default left %p: %p goes to leaf %d',
    (missing, left, x, leaf) => {
      // The threshold 5 sends 0 left where it is no missing value.
      const engine = scoringEngine(stump(5, missing, left))
      expect(scoresOf(engine, [[x]], 1)[0]).toBe(leaf)
      const block = Array.from({ length: 64 }, () => [x])
      expect(new Set(scoresOf(engine, block, 64))).toEqual(new Set([leaf]))
    },
  )

  test('both sides for missing values take two columns, in one entry', () => {
    const forest: Forest = {
      features: ['x'],
      trees: [...stump(5, 'nan', true).trees, ...stump(7, 'nan', false).trees],
      sigmoid: 1,
    }
    const engine = scoringEngine(forest)
    expect([header(engine, IMAGE_ENTRIES), header(engine, IMAGE_COLUMNS)]).toEqual([1, 2])
    expectWalk(engine, forest, [[Number.NaN], [5], [6], [7], [8]], [1, 5])
  })

  test('thresholds beyond 255 and 510 take a second and a third column', () => {
    for (const [thresholds, columns] of [
      [255, 1],
      [256, 2],
      [510, 2],
      [511, 3],
    ] as const) {
      const trees = Array.from({ length: thresholds }, (_, i) => stump(i).trees[0]!)
      const forest: Forest = { features: ['x'], trees, sigmoid: 1 }
      const engine = scoringEngine(forest)
      expect(header(engine, IMAGE_COLUMNS)).toBe(columns)
      const rows = Array.from({ length: thresholds + 2 }, (_, i) => [i - 1]).flatMap(([x]) => [
        [x!],
        [neighbour(x!, 1)],
        [neighbour(x!, -1)],
      ])
      expectWalk(engine, forest, rows, [1, 64])
    }
  })

  test.each([LANE_COLUMNS_MAX - 1, LANE_COLUMNS_MAX, LANE_COLUMNS_MAX + 1])(
    '%d columns',
    (columns) => {
      const forest: Forest = {
        features: Array.from({ length: columns }, (_, i) => `f${i}`),
        trees: Array.from({ length: columns }, (_, i) => ({
          splits: [split(i, 0.5, ~0, ~1)],
          leaves: [0, 2 ** i],
        })),
        sigmoid: 1,
      }
      const engine = scoringEngine(forest)
      expect(header(engine, IMAGE_COLUMNS)).toBe(columns)
      expect(header(engine, IMAGE_LANES_AT) !== 0).toBe(columns <= LANE_COLUMNS_MAX)
      // One feature set at a time: the score names the column that was read.
      const rows = forest.features.map((_, i) => forest.features.map((__, j) => Number(i === j)))
      expect([...scoresOf(engine, rows, 1)]).toEqual(rows.map((_, i) => 2 ** i))
      expectWalk(engine, forest, rows, [1, columns])
    },
  )

  test('values are summed in the order of the trees', () => {
    // In any other order the sum is another: 1 is lost beside 1e16.
    const values = [1e16, 1, -1e16, 1, 0.1, 0.2]
    for (const order of [values, [...values].reverse()]) {
      const trees = order.map((value) => ({ splits: [], leaves: [value] }))
      const forest: Forest = { features: ['x'], trees, sigmoid: 1 }
      const sum = order.reduce((a, b) => a + b, 0)
      const engine = scoringEngine(forest)
      expect(scoresOf(engine, [[0]], 1)[0]).toBe(sum)
      expect(
        scoresOf(
          engine,
          Array.from({ length: 64 }, () => [0]),
          64,
        )[63],
      ).toBe(sum)
    }
  })
})

test('rows of a batch before do not show in the next, smaller one', () => {
  const maker = new ForestMaker(randomFrom(7))
  const forest = maker.forest({ features: 6, trees: 20, leaves: 16, thresholds: 12 })
  const engine = scoringEngine(forest)
  const rows = maker.rows(forest, 256)
  scoresOf(engine, rows, 256)
  expectWalk(engine, forest, rows.slice(100, 150), [22, 1, 50])
})

test('rows beyond the batch may hold anything, and margins before it stay', () => {
  const maker = new ForestMaker(randomFrom(8))
  const forest = maker.forest({ features: 6, trees: 20, leaves: 16, thresholds: 12 })
  const engine = scoringEngine(forest)
  const rows = maker.rows(forest, 30)
  const expected = rows.map((row) => rawScore(forest, row))
  for (const filler of [Number.NaN, Number.POSITIVE_INFINITY, 0]) {
    for (let i = 0; i < BLOCK_ROWS; i++)
      setRow(
        engine,
        i,
        forest.features.map(() => filler),
      )
    for (const [i, row] of rows.entries()) setRow(engine, i, row)
    engine.stages.score(rows.length)
    expect(rows.map((_, i) => marginOf(engine, i))).toEqual(expected)
  }
})
