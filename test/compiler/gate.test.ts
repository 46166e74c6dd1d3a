// The parity gate must fail when the tables do not score as the forest does: every kind of entry in
// them is changed by the least there is, one at a time.

import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  ENTRY_BYTES,
  ENTRY_CELLS_AT,
  ENTRY_COLUMN_A,
  ENTRY_FEATURE_AT,
  ENTRY_MISSING,
  ENTRY_MISSING_BIN_A,
  ENTRY_THRESHOLDS_AT,
  IMAGE_ENTRIES,
  IMAGE_ENTRIES_AT,
  IMAGE_LANES_AT,
  IMAGE_LEAF_STRIDE,
  IMAGE_LEAVES_AT,
  IMAGE_NODES_AT,
  IMAGE_SPLITS_AT,
  IMAGE_SPLIT_COUNTS_AT,
  IMAGE_TREES,
  IMAGE_TWINS,
  IMAGE_TWINS_AT,
  MISSING_NONE,
  NODE_LEFT_SHIFT,
  NODE_TREES,
  PAIR_BYTES,
  PAIR_COLUMN_AT,
  PAIR_INNER_BIN,
  PAIR_INNER_COLUMN_AT,
  SINGLES_SHIFT,
  SPLIT_BIN,
  SPLIT_BYTES,
  SPLIT_COLUMN_AT,
  SPLIT_PARENT,
} from '../../assembly/layout.ts'
import {
  GROUP_HEADER_BYTES,
  LANES_HEADER_BYTES,
  LANE_BIN,
  LANE_BYTES,
  LANE_COLUMN,
  LANE_PARENT,
  TWIN_BYTES,
  TWIN_CELLS_AT,
  TWIN_COLUMN_A,
  TWIN_COLUMN_B,
  TWIN_FEATURE_AT,
  TWIN_THRESHOLDS_AT,
} from '../../assembly/row-layout.ts'
import type { Forest } from '../../src/compiler/forest.ts'
import { checkParity } from '../../src/compiler/gate.ts'
import { parseLightGbm } from '../../src/compiler/lightgbm.ts'
import { OperatingError } from '../../src/errors.ts'
import { fromRoot } from '../../src/paths.ts'
import { ForestMaker } from '../assembly/random-forest.ts'
import { artefactOf, randomFrom, refusal, wasmModule } from '../support/engine.ts'

function load(path: string): Forest {
  return parseLightGbm(readFileSync(path, 'utf8'), path)
}

function fixture(name: string): Forest {
  return load(join(import.meta.dir, `../fixtures/forests/${name}.txt`))
}

/** Whether the gate refuses the forest's tables after the change. */
function notices(forest: Forest, change: (tables: Tables) => void): boolean {
  const artefact = artefactOf(forest)
  change(new Tables(artefact.tables))
  try {
    checkParity(forest, artefact, wasmModule)
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    expect([error.kind, error.code]).toEqual(['usage', 'parity'])
    return true
  }
  return false
}

/** The image with names for its places. */
class Tables {
  readonly bytes: Uint8Array
  private readonly view: DataView

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  u32(at: number): number {
    return this.view.getUint32(at, true)
  }

  addU32(at: number, value: number): void {
    this.view.setUint32(at, this.u32(at) + value, true)
  }

  setU32(at: number, value: number): void {
    this.view.setUint32(at, value, true)
  }

  /** Moves a double to its neighbour. */
  nudge(at: number): void {
    this.view.setBigUint64(at, this.view.getBigUint64(at, true) + 1n, true)
  }

  /** Adds to each of 16 bytes that hold one value for 16 lanes. */
  addLanes(at: number, value: number): void {
    for (let i = 0; i < 16; i++) this.bytes[at + i]! += value
  }

  /** Where one of the first 16 trees, of 32 and more, has its root's parent in the lanes. */
  firstStep(tree: number): number {
    let at = this.u32(IMAGE_LANES_AT) + LANES_HEADER_BYTES + GROUP_HEADER_BYTES + tree
    while (this.bytes[at + LANE_PARENT] !== 0) at += 2 * LANE_BYTES
    return at
  }

  entry(index: number): number {
    return this.u32(IMAGE_ENTRIES_AT) + index * ENTRY_BYTES
  }

  /** Of each tree the pairs' addresses and those of the single splits. */
  splits(): { pairs: number[]; singles: number[] } {
    const [pairs, singles]: number[][] = [[], []]
    let at = this.u32(IMAGE_SPLITS_AT)
    for (let tree = 0; tree < this.u32(IMAGE_TREES); tree++) {
      const counts = this.u32(this.u32(IMAGE_SPLIT_COUNTS_AT) + tree * 4)
      for (let i = 0; i < (counts & 0xffff); i++, at += PAIR_BYTES) pairs!.push(at)
      for (let i = 0; i < counts >> SINGLES_SHIFT; i++, at += SPLIT_BYTES) singles!.push(at)
    }
    return { pairs: pairs!, singles: singles! }
  }

  leaf(tree: number, leaf: number): number {
    return this.u32(IMAGE_LEAVES_AT) + (tree * this.u32(IMAGE_LEAF_STRIDE) + leaf) * 8
  }
}

const forest = load(fromRoot('models/default/model.txt'))
const entryCount = new Tables(artefactOf(forest).tables).u32(IMAGE_ENTRIES)

/** So many of the numbers below a bound, evenly. */
function some(count: number, bound: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor((i * bound) / count))
}

test('the default model passes, and again', () => {
  expect(notices(forest, () => undefined)).toBeFalse()
  const artefact = artefactOf(forest)
  expect(checkParity(forest, artefact, wasmModule)).toEqual(
    checkParity(forest, artefact, wasmModule),
  )
})

test('the refusal names the model, both scores and the row', () => {
  const artefact = artefactOf(forest)
  const tables = new Tables(artefact.tables)
  tables.bytes[tables.leaf(0, 0) + 6]! ^= 1
  const error = refusal(() => checkParity(forest, artefact, wasmModule))
  expect(error.message).toMatch(/^model test: scores \S+, the reference \S+, on \[[^\]]+\]$/)
  expect(error.message.split(',').length).toBeGreaterThan(forest.features.length)
})

describe('is noticed in the default model', () => {
  test('a leaf value', () => {
    const trees = some(30, forest.trees.length)
    const missed = trees.filter((tree) => {
      const leaf = tree % forest.trees[tree]!.leaves.length
      // Not the last bit, which may be lost when the values are summed.
      return !notices(forest, (tables) => (tables.bytes[tables.leaf(tree, leaf) + 5]! ^= 1))
    })
    expect(missed).toEqual([])
  })

  type Kind = 'pairs' | 'singles'
  const SPLIT_CHANGES: [kind: Kind, what: string, change: (tables: Tables, at: number) => void][] =
    [
      ['pairs', 'bin', (tables, at) => tables.addLanes(at + SPLIT_BIN, 1)],
      ['pairs', 'inner bin', (tables, at) => tables.addLanes(at + PAIR_INNER_BIN, 1)],
      ['pairs', 'inner bin, down', (tables, at) => tables.addLanes(at + PAIR_INNER_BIN, -1)],
      ['pairs', 'parent', (tables, at) => tables.addLanes(at + SPLIT_PARENT, 1)],
      ['pairs', 'column', (tables, at) => tables.addU32(at + PAIR_COLUMN_AT, 64)],
      ['pairs', 'inner column', (tables, at) => tables.addU32(at + PAIR_INNER_COLUMN_AT, 64)],
      ['singles', 'bin', (tables, at) => tables.addLanes(at + SPLIT_BIN, 1)],
      ['singles', 'parent', (tables, at) => tables.addLanes(at + SPLIT_PARENT, 1)],
      ['singles', 'column', (tables, at) => tables.addU32(at + SPLIT_COLUMN_AT, 64)],
    ]
  test.each(SPLIT_CHANGES)('of %s the %s', (kind, _, change) => {
    const count = new Tables(artefactOf(forest).tables).splits()[kind].length
    const missed = some(20, count).filter(
      (split) => !notices(forest, (tables) => change(tables, tables.splits()[kind][split]!)),
    )
    expect(missed).toEqual([])
  })

  test("a tree's number of splits", () => {
    for (const tree of some(5, forest.trees.length)) {
      const change = (tables: Tables) =>
        tables.addU32(tables.u32(IMAGE_SPLIT_COUNTS_AT) + tree * 4, -1 << SINGLES_SHIFT)
      expect(notices(forest, change)).toBeTrue()
    }
  })

  const ENTRY_CHANGES: [what: string, change: (tables: Tables, entry: number) => void][] = [
    ['feature', (tables, entry) => tables.addU32(entry + ENTRY_FEATURE_AT, entry % 128 ? 8 : -8)],
    [
      'threshold, by one step',
      (tables, entry) => tables.nudge(tables.u32(entry + ENTRY_THRESHOLDS_AT)),
    ],
    ['column', (tables, entry) => tables.setU32(entry + ENTRY_COLUMN_A, 0)],
    ['first cell', (tables, entry) => (tables.bytes[tables.u32(entry + ENTRY_CELLS_AT)]! += 1)],
  ]
  test.each(ENTRY_CHANGES)("a feature's %s", (_, change) => {
    const missed = some(6, entryCount - 1).filter(
      (index) => !notices(forest, (tables) => change(tables, tables.entry(index + 1))),
    )
    expect(missed).toEqual([])
  })

  test("the one-row kernel's parent, column and bin", () => {
    // The roots of the first trees: every row passes there.
    for (const [offset, by] of [
      [LANE_PARENT, 1],
      [LANE_COLUMN, 1],
      [LANE_BIN, 1],
    ] as const) {
      for (const tree of [0, 5, 15]) {
        const change = (tables: Tables) => {
          tables.bytes[tables.firstStep(tree) + offset]! += by
        }
        expect(notices(forest, change)).toBeTrue()
      }
    }
  })
})

test("a lone row's quantiser: a feature's cells, thresholds, column", () => {
  const twins = new Tables(artefactOf(forest).tables).u32(IMAGE_TWINS)
  expect(twins).toBeGreaterThan(2)
  for (const [places, by] of [
    [[TWIN_FEATURE_AT], 8],
    [[TWIN_CELLS_AT], 7],
    [[TWIN_THRESHOLDS_AT], 8],
    [[TWIN_COLUMN_A, TWIN_COLUMN_B], 1],
  ] as const) {
    for (const i of [0, 3, 2 * twins - 3]) {
      const change = (tables: Tables) => {
        const half = tables.u32(IMAGE_TWINS_AT) + (i >> 1) * TWIN_BYTES + (i % 2) * 4
        for (const at of places) tables.addU32(half + at, by)
      }
      expect([i, places, notices(forest, change)]).toEqual([i, places, true])
    }
  }
})

test('a changed node is noticed, in a model whose rows walk', () => {
  const maker = new ForestMaker(randomFrom(5))
  const model = maker.forest({ features: 50, trees: 11, leaves: 90, thresholds: 8, bushy: true })
  const nodesAt = new Tables(artefactOf(model).tables).u32(IMAGE_NODES_AT)
  expect(nodesAt).toBeGreaterThan(0)
  // The roots of the first eight trees: every row passes there.
  for (let tree = 0; tree < NODE_TREES; tree++) {
    const swapSides = (tables: Tables) => tables.addU32(nodesAt + tree * 4, 1 << NODE_LEFT_SHIFT)
    expect(notices(model, swapSides)).toBeTrue()
  }
})

test('a category on the wrong side is noticed, listed or not', () => {
  const ids = [3, 7, 40]
  const split = {
    feature: 0,
    threshold: 0,
    categories: { ids, listedLeft: true, float32: false },
    missing: 'nan' as const,
    defaultLeft: false,
    left: ~0,
    right: ~1,
  }
  const model: Forest = {
    features: ['x'],
    trees: [{ splits: [split], leaves: [1, 2] }],
    sigmoid: 1,
  }
  expect(notices(model, () => undefined)).toBeFalse()
  for (const id of [...ids, 4, 8]) {
    const change = (tables: Tables) =>
      (tables.bytes[tables.u32(tables.entry(0) + ENTRY_CELLS_AT) + (id >> 3)]! ^= 1 << (id & 7))
    expect(notices(model, change) ? '' : `category ${id}`).toBe('')
  }
})

test('the side of missing values is noticed', () => {
  for (const name of ['00', '13', '16', '24', '29', '35', '38']) {
    const model = fixture(name)
    const tables = new Tables(artefactOf(model).tables)
    let changed = 0
    for (let i = 0; i < tables.u32(IMAGE_ENTRIES); i++) {
      if (tables.u32(tables.entry(i) + ENTRY_MISSING) === MISSING_NONE) continue
      changed++
      const toOther = (t: Tables) => {
        const at = t.entry(i) + ENTRY_MISSING_BIN_A
        // Biased by 128: the lowest bin, or one above all that are compared.
        t.bytes[at] = t.bytes[at] === 0x80 ? 0x7f : 0x80
      }
      expect(notices(model, toOther) ? '' : `${name}: entry ${i}`).toBe('')
    }
    expect(changed).toBeGreaterThan(0)
  }
})

// At a low rate it is the kernel of one row that decides.
describe('is noticed in a model whose probes fill whole blocks', () => {
  test.each(['35', '19', '20', '39'])("the one-row kernel's tables all wrong, model %s", (name) => {
    const model = fixture(name)
    const change = (tables: Tables) => {
      expect(tables.u32(IMAGE_LANES_AT)).toBeGreaterThan(0)
      const at = tables.u32(IMAGE_LANES_AT) + LANES_HEADER_BYTES + GROUP_HEADER_BYTES
      tables.bytes.fill(0, at + LANE_BIN, at + LANE_BYTES)
      tables.bytes.fill(0, at + LANE_PARENT, at + LANE_PARENT + 16)
    }
    expect(notices(model, change)).toBeTrue()
  })
})

test('a changed leaf is noticed, whichever it is', () => {
  const model = fixture('39')
  const missed = model.trees.flatMap((tree, i) =>
    tree.leaves.flatMap((_, leaf) =>
      notices(model, (tables) => (tables.bytes[tables.leaf(i, leaf) + 6]! ^= 1))
        ? []
        : [`${i}/${leaf}`],
    ),
  )
  expect(missed).toEqual([])
})

describe('splits are tried where they change sides', () => {
  test.each(['00', '13', '19', '24', '29', '39'])('all of model %s, or no row can', (name) => {
    const model = fixture(name)
    const { edges } = checkParity(model, artefactOf(model), wasmModule)
    expect(edges.edges).toBeGreaterThan(0)
    expect(edges.tried + edges.unreachable + edges.alike).toBe(edges.edges)
    expect(edges.tried).toBeGreaterThan(edges.edges / 2)
  })

  const split = { feature: 0, missing: 'none' as const, defaultLeft: false }
  const inner = { ...split, left: ~0, right: ~1 }
  const of = (leaves: number[], threshold: number): Forest => ({
    features: ['x'],
    trees: [
      {
        splits: [
          { ...split, threshold: 1, left: 1, right: ~2 },
          { ...inner, threshold },
        ],
        leaves,
      },
    ],
    sigmoid: 1,
  })

  test('where a row can come by: not above the threshold of the split before', () => {
    const counts = (model: Forest) => checkParity(model, artefactOf(model), wasmModule).edges
    expect(counts(of([1, 2, 3], 0))).toEqual({ edges: 4, tried: 4, unreachable: 0, alike: 0 })
    expect(counts(of([1, 2, 3], 5))).toEqual({ edges: 4, tried: 2, unreachable: 2, alike: 0 })
    expect(counts(of([1, 1, 3], 0))).toEqual({ edges: 4, tried: 2, unreachable: 0, alike: 2 })
  })
})

test('it says how far it is, up to all probes there are', () => {
  const forest = fixture('00')
  const told: { kind: string; done: number; total: number }[] = []
  const { probes } = checkParity(forest, artefactOf(forest), wasmModule, (kind, done, total) =>
    told.push({ kind, done, total }),
  )
  const thresholds = told.filter(({ kind }) => kind === 'thresholds')
  expect(thresholds.length).toBeGreaterThan(0)
  const totals = new Map(told.map(({ kind, total }) => [kind, total]))
  expect(probes).toBeLessThanOrEqual([...totals.values()].reduce((sum, total) => sum + total, 0))
  for (const { done, total } of told) expect(done).toBeLessThanOrEqual(total)
})
