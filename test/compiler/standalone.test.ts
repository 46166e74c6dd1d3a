// The module that stands alone: in Node, in Wasmtime and here it scores LightGBM's own rows to the
// last bit, whatever the batch.

import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { IMAGE_LEAVES_AT, IMAGE_SIZE } from '../../assembly/layout.ts'
import { type Forest, rawScore } from '../../src/compiler/forest.ts'
import { parseLightGbm } from '../../src/compiler/lightgbm.ts'
import { makeStandalone } from '../../src/compiler/standalone.ts'
import { withData } from '../../src/compiler/wasm-sections.ts'
import { ROOT, STANDALONE_PATH, fromRoot } from '../../src/paths.ts'
import { ForestMaker, type ForestShape } from '../assembly/random-forest.ts'
import { artefactOf, bitsOf, draws, randomFrom, refusal } from '../support/engine.ts'

const folder = mkdtempSync(join(tmpdir(), 'loanstream-standalone-'))
afterAll(() => rmSync(folder, { recursive: true }))

const BATCHES = [1, 3, 64, 100, 600]

type Case = { forest: Forest; rows: number[][]; expected: number[] }

/** A model, rows, and the raw scores that LightGBM gave them. */
function load(model: string, scores: string): Case {
  const text = readFileSync(fromRoot(model), 'utf8')
  const [, ...lines] = readFileSync(fromRoot(scores), 'utf8').trim().split('\n')
  const table = lines.map((line) => line.split(',').map(Number))
  return {
    forest: parseLightGbm(text, model),
    rows: table.map((row) => row.slice(0, -1)),
    expected: table.map((row) => row.at(-1)!),
  }
}

const fixture = (name: string) =>
  load(`test/fixtures/forests/${name}.txt`, `test/fixtures/forests/${name}.csv`)
const CASES: [name: string, Case][] = [
  ['default', load('models/default/model.txt', 'test/fixtures/scores-default.csv')],
  ['bench', load('bench/model/model.txt', 'test/fixtures/scores-bench.csv')],
  ...['00', '13', '24', '35', '39', 'zero'].map((name): [string, Case] => [name, fixture(name)]),
]
const [, small] = CASES[0]!

function build(forest: Forest): Uint8Array<ArrayBuffer> {
  return makeStandalone(forest, artefactOf(forest), STANDALONE_PATH)
}

type Exports = {
  memory: WebAssembly.Memory
  features(): number
  rows(n: number): number
  score(n: number): number
}

function instantiate(bytes: Uint8Array<ArrayBuffer>): Exports {
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as Exports
}

/** Raw scores of all rows in one batch. */
function score(module: Exports, rows: number[][]): number[] {
  const at = module.rows(rows.length)
  new Float64Array(module.memory.buffer, at).set(rows.flat())
  return [...new Float64Array(module.memory.buffer, module.score(rows.length), rows.length)]
}

/** Runs one of the two programs beside this; a line for each batch size. */
function runElsewhere(program: string[], { forest, rows }: Case): string[] {
  const [modulePath, rowsPath] = [join(folder, 'model.wasm'), join(folder, 'rows.bin')]
  writeFileSync(modulePath, build(forest))
  writeFileSync(rowsPath, Float64Array.from(rows.flat()))
  const command = [...program, modulePath, rowsPath, ...BATCHES.map(String)]
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd: ROOT })
  expect([exitCode, stderr.toString()]).toEqual([0, ''])
  return stdout.toString().trim().split('\n')
}

/** The bytes of the doubles, as the programs print them. */
function hexOf(values: number[]): string {
  return Buffer.from(Float64Array.from(values).buffer).toString('hex')
}

function succeeds(command: string[]): boolean {
  try {
    return Bun.spawnSync(command).exitCode === 0
  } catch {
    return false
  }
}

const WASMTIME = 'import wasmtime'
const RUNTIMES: [name: string, program: string[], found: boolean, missing: string][] = [
  [
    'Node',
    ['node', 'test/support/score-standalone.mjs'],
    // Not Bun under its name.
    succeeds(['node', '-e', 'process.exit(process.versions.bun ? 1 : 0)']),
    'there is no node',
  ],
  [
    'Wasmtime',
    ['python3', 'test/support/score-standalone.py'],
    succeeds(['python3', '-c', WASMTIME]),
    'python3 has no package wasmtime',
  ],
]

for (const [runtime, program, found, missing] of RUNTIMES) {
  const why = found ? '' : ` (skipped: ${missing})`
  for (const [name, given] of CASES) {
    test.skipIf(!found)(`${name} scores in ${runtime} what LightGBM does${why}`, () => {
      const due = hexOf(given.expected)
      expect(due.length).toBeGreaterThan(16)
      expect(runElsewhere(program, given)).toEqual(BATCHES.map(() => due))
    })
  }
}

describe('the module', () => {
  test('takes nothing from the host, and exports its memory and the three functions', () => {
    const module = new WebAssembly.Module(build(small.forest))
    expect(WebAssembly.Module.imports(module)).toEqual([])
    const names = WebAssembly.Module.exports(module).map(({ name, kind }) => `${kind} ${name}`)
    expect(names.sort()).toEqual([
      'function features',
      'function rows',
      'function score',
      'global TABLES_AT',
      'memory memory',
    ])
  })

  test('is the same again, byte for byte', () => {
    expect(build(small.forest)).toEqual(build(small.forest))
  })

  test('says which model it is', () => {
    const module = new WebAssembly.Module(build(small.forest))
    const [section] = WebAssembly.Module.customSections(module, 'loanstream.model')
    const said = JSON.parse(new TextDecoder().decode(section!)) as unknown
    const { manifest } = artefactOf(small.forest)
    expect(said).toMatchObject({ name: 'test', model: manifest.model, score: { sigmoid: 1 } })
    expect(said).toMatchObject({ features: small.forest.features })
  })

  test('makes room for more rows, and then scores the same', () => {
    const module = instantiate(build(small.forest))
    expect(module.features()).toBe(22)
    const before = score(module, small.rows).map(bitsOf)
    expect(before).toEqual(small.expected.map(bitsOf))
    const bytes = module.memory.buffer.byteLength
    const many = Array.from({ length: 100 }, () => small.rows).flat()
    const after = score(module, many).map(bitsOf)
    expect(module.memory.buffer.byteLength).toBeGreaterThan(bytes)
    expect(after).toEqual(Array.from({ length: 100 }, () => before).flat())
    expect(score(module, small.rows).map(bitsOf)).toEqual(before)
  })

  test('keeps its room: no batch moves it but a larger one', () => {
    const module = instantiate(build(small.forest))
    const at = module.rows(1000)
    const bytes = module.memory.buffer.byteLength
    for (const n of [0, 1, 64, 999, 1000]) expect(module.rows(n)).toBe(at)
    expect(module.memory.buffer.byteLength).toBe(bytes)
  })

  test('answers 0 to what it has no room for, and goes on', () => {
    const module = instantiate(build(small.forest))
    expect(module.score(0)).toBe(0)
    expect(module.score(1)).toBe(0)
    for (const n of [-1, -(2 ** 31), 2 ** 31 - 1, 2 ** 25]) expect(module.rows(n)).toBe(0)
    expect(module.rows(0)).toBeGreaterThan(65536)
    expect(module.score(65)).toBe(0)
    expect(module.score(-1)).toBe(0)
    expect(score(module, small.rows).map(bitsOf)).toEqual(small.expected.map(bitsOf))
  })

  test('is refused when it does not score as the forest does', () => {
    const artefact = artefactOf(small.forest)
    const view = new DataView(artefact.tables.buffer)
    artefact.tables[view.getUint32(IMAGE_LEAVES_AT, true) + 6]! ^= 1
    const error = refusal(() => makeStandalone(small.forest, artefact, STANDALONE_PATH))
    expect(error.code).toBe('parity')
    expect(error.message).toMatch(/^model test: model\.wasm scores \S+, the reference \S+, on \[/)
  })

  test('is refused without the kernels, with what makes them', () => {
    const path = join(folder, 'none.wasm')
    const error = refusal(() => makeStandalone(small.forest, artefactOf(small.forest), path))
    expect(error.message).toContain(`cannot read ${path}`)
    expect(error.message).toContain('bun run build')
  })
})

describe('any forest scores as the walk does, in any batch', () => {
  const SHAPES: [what: string, shape: ForestShape, parts: Partial<Forest>][] = [
    ['small', { features: 3, trees: 5, leaves: 8, thresholds: 20, categories: true }, {}],
    ['wide', { features: 40, trees: 20, leaves: 31, thresholds: 300 }, {}],
    ['of trees in pieces', { features: 5, trees: 2, leaves: 600, thresholds: 90, bushy: true }, {}],
    [
      'of float sums',
      { features: 4, trees: 33, leaves: 16, thresholds: 9 },
      { base: Math.fround(0.3), float32: true },
    ],
    ['averaged', { features: 4, trees: 7, leaves: 16, thresholds: 9 }, { averaged: true }],
  ]
  test.each(SHAPES)('%s', (_, shape, parts) => {
    const property = fc.property(fc.nat(), (start) => {
      const maker = new ForestMaker(randomFrom(start))
      const forest = { ...maker.forest(shape), ...parts }
      if (parts.float32) {
        for (const { leaves } of forest.trees)
          leaves.forEach((x, i) => (leaves[i] = Math.fround(x)))
      }
      const module = instantiate(build(forest))
      const rows = maker.rows(forest, 200)
      const due = rows.map((row) => rawScore(forest, row))
      for (const size of [1, 5, 16, 47, 64, 200]) {
        for (let from = 0; from < rows.length; from += size) {
          const batch = rows.slice(from, from + size)
          const actual = score(module, batch).map((x, i) => Object.is(x, due[from + i]))
          expect(actual).toEqual(batch.map(() => true))
        }
      }
    })
    fc.assert(property, draws(10))
  })
})

describe('data put into a module', () => {
  const custom = { name: 'x', content: new Uint8Array() }
  /** One page of memory, exported, with a byte of data at 5. */
  const WITH_DATA = new Uint8Array(
    Buffer.from('0061736d01000000' + '0503010001' + '070501016d0200' + '0b07010041050b012a', 'hex'),
  )

  test('lies beside what was there, in a memory that is large enough', () => {
    const data = Uint8Array.from({ length: 70_000 }, (_, i) => i % 251)
    const bytes = new Uint8Array(withData(WITH_DATA, 65536, data, custom))
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes))
    const memory = new Uint8Array((exports['m'] as WebAssembly.Memory).buffer)
    expect(memory.length).toBe(3 * 65536)
    expect(memory[5]).toBe(0x2a)
    expect(memory.slice(65536, 65536 + data.length)).toEqual(data)
    expect(memory[65536 + data.length]).toBe(0)
  })

  test.each([0, 63, 64, 8191, 8192, 1 << 20])('is whole at any size: %d bytes', (length) => {
    const data = new Uint8Array(length).fill(7)
    // An address whose highest bit would be taken for its sign, were it not written with one more.
    const address = 1 << 20
    const bytes = new Uint8Array(withData(WITH_DATA, address, data, custom))
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes))
    const memory = new Uint8Array((exports['m'] as WebAssembly.Memory).buffer)
    expect(memory.indexOf(7)).toBe(length === 0 ? -1 : address)
    expect(memory.reduce((sum, byte) => sum + Number(byte === 7), 0)).toBe(length)
  })

  test("does not go where the module's own is", () => {
    expect(() => withData(WITH_DATA, 100, new Uint8Array(1), custom)).toThrow('own data ends')
  })
})

test('the tables in the module are all of them', () => {
  const artefact = artefactOf(small.forest)
  const { memory } = instantiate(makeStandalone(small.forest, artefact, STANDALONE_PATH))
  const size = new DataView(memory.buffer).getUint32(65536 + IMAGE_SIZE, true)
  expect(size).toBe(artefact.tables.length)
  expect(new Uint8Array(memory.buffer, 65536, size)).toEqual(new Uint8Array(artefact.tables))
})
