// From a model's folder to an artefact and back: what is built, that it is the same again, and
// every way in which manifest, source and tables may not belong together.

import { afterAll, describe, expect, test } from 'bun:test'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import packageJson from '../../package.json'
import {
  IMAGE_HEADER_BYTES,
  IMAGE_PLAN,
  IMAGE_VERSION,
  IMAGE_VERSION_VALUE,
} from '../../assembly/layout.ts'
import { buildModel, writeArtefact } from '../../src/compiler/artefact.ts'
import { sha256Hex } from '../../src/hash.ts'
import { fromRoot } from '../../src/paths.ts'
import { loadArtefact, scoreAlike } from '../../src/scorer/artefact.ts'
import { ForestMaker } from '../assembly/random-forest.ts'
import { artefactOf, randomFrom, refusal, wasmModule } from '../support/engine.ts'

const root = mkdtempSync(join(tmpdir(), 'loanstream-artefact-'))
afterAll(() => rmSync(root, { recursive: true }))

let count = 0

/** What a model's folder holds that its artefact is made of. */
const MODEL_FILES = [
  'manifest.json',
  'model.txt',
  'reasons.toml',
  'reference.json',
  'training.json',
]

/** A copy of the default model's folder, with its manifest and source changed. */
function modelFolder(
  changeManifest: (manifest: Record<string, unknown>) => void = () => undefined,
  changeSource: (text: string) => string = (text) => text,
): string {
  const folder = join(root, `model-${count++}`)
  for (const file of MODEL_FILES) {
    cpSync(fromRoot(`models/default/${file}`), join(folder, file), { recursive: true })
  }
  const source = changeSource(readFileSync(join(folder, 'model.txt'), 'utf8'))
  writeFileSync(join(folder, 'model.txt'), source)
  const path = join(folder, 'manifest.json')
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
  manifest['sha256'] = sha256Hex(source)
  changeManifest(manifest)
  writeFileSync(path, `${JSON.stringify(manifest, null, 2)}\n`)
  return folder
}

/** A written artefact, after a change to its files. */
function artefactFolder(change: (folder: string) => void = () => undefined): string {
  const folder = join(root, `artefact-${count++}`)
  writeArtefact(built.artefact, folder)
  change(folder)
  return folder
}

const built = buildModel(fromRoot('models/default'), wasmModule)

describe('a build', () => {
  test('says what it was made of', () => {
    const { manifest, tables, modelHash } = built.artefact
    const source = readFileSync(fromRoot('models/default/model.txt'))
    const ownManifest = readFileSync(fromRoot('models/default/manifest.json'))
    expect(manifest).toMatchObject({
      artefact: 1,
      name: 'default',
      model: sha256Hex(ownManifest),
      source: { format: 'lightgbm-text', file: 'model.txt', sha256: sha256Hex(source) },
      score: { transform: 'logistic', sigmoid: 1 },
      trees: 125,
      splits: 375,
      leaves: 500,
      leaves_max: 4,
      depth_max: 3,
      pieces: 125,
      parity: { probes: built.parity.probes, leaves_reached: built.parity.leavesReached },
      compiler: { version: packageJson.version, layout: IMAGE_VERSION_VALUE },
      tables: { file: 'tables.bin', bytes: tables.length, sha256: sha256Hex(tables) },
    })
    expect(modelHash.toHex()).toBe(manifest.model)
    expect(manifest.features.length).toBe(22)
    expect(built.parity.probes).toBeGreaterThan(700)
    expect(built.parity.leavesReached).toBe(500)
  })

  // LightGBM's own feature_importances(), which ends the file, counts the splits.
  test("says each feature's part as LightGBM does", () => {
    const { features, splits } = built.artefact.manifest
    const text = readFileSync(fromRoot('models/default/model.txt'), 'utf8')
    const [, stated] = text.split('\nfeature_importances:\n')
    const counts = new Map(
      stated!
        .split('\n\n')[0]!
        .split('\n')
        .map((line) => line.split('=') as [string, string]),
    )
    expect(counts.size).toBeGreaterThan(15)
    for (const { name, splits: count } of features) {
      expect([name, count]).toEqual([name, Number(counts.get(name) ?? 0)])
    }
    expect(features.reduce((sum, feature) => sum + feature.splits, 0)).toBe(splits)
    const gains = [...text.matchAll(/^split_gain=(.*)$/gm)].flatMap((match) => match[1]!.split(' '))
    const gain = gains.reduce((sum, value) => sum + Number(value), 0)
    expect(features.reduce((sum, feature) => sum + feature.gain!, 0)).toBeCloseTo(gain, 6)
    expect(features.find(({ name }) => name === 'bankcard_utilization')).toMatchObject({
      thresholds: 4,
      missing: ['nan left', 'nan right'],
      columns: 2,
    })
  })

  test('of a bare file has its name, its hash, and features on fields of their own names', () => {
    const path = fromRoot('models/default/model.txt')
    const { manifest, tables, modelHash } = buildModel(path, wasmModule).artefact
    const hash = sha256Hex(readFileSync(path))
    expect(manifest).toMatchObject({ name: 'model', model: hash })
    expect(modelHash.toHex()).toBe(hash)
    expect(manifest.features.every(({ name, field }) => name === field)).toBeTrue()
    expect(tables.subarray(IMAGE_HEADER_BYTES)).toEqual(
      built.artefact.tables.subarray(IMAGE_HEADER_BYTES),
    )
  })

  test('of a file with its manifest elsewhere is the same as of their folder', () => {
    const path = join(root, 'apart.txt')
    cpSync(fromRoot('models/default/model.txt'), path)
    const manifest = fromRoot('models/default/manifest.json')
    const { artefact } = buildModel(path, wasmModule, { manifest })
    expect(artefact.manifest.model).toBe(built.artefact.manifest.model)
    expect(artefact.tables).toEqual(built.artefact.tables)
  })

  test.each(['models/default', 'bench/model'])(
    'of %s gives the same bytes again, and those of the set-up',
    (model) => {
      const folder = join(root, `again-${count++}`)
      writeArtefact(buildModel(fromRoot(model), wasmModule).artefact, folder)
      for (const file of ['manifest.json', 'tables.bin']) {
        const bytes = readFileSync(join(folder, file))
        expect(sha256Hex(bytes)).toBe(sha256Hex(readFileSync(fromRoot(`build/${model}/${file}`))))
      }
    },
  )

  test('does not depend on the folder it lies in', () => {
    const folder = join(root, `elsewhere-${count++}`)
    for (const file of MODEL_FILES) {
      cpSync(fromRoot(`models/default/${file}`), join(folder, file), { recursive: true })
    }
    expect(buildModel(folder, wasmModule).artefact).toEqual(built.artefact)
  })

  test('of a regression is refused: its manifest states a probability', () => {
    const folder = modelFolder(undefined, (text) =>
      text.replace(/^objective=.*$/m, 'objective=regression'),
    )
    const error = refusal(() => buildModel(folder, wasmModule))
    expect(error.message).toContain('objective: is "binary"')
    expect(error.message).toEndWith('model.txt is regression')
  })

  test('of a renamed model is another model, with the same tables', () => {
    const renamed = buildModel(
      modelFolder((manifest) => (manifest['name'] = 'other')),
      wasmModule,
    ).artefact
    expect(scoreAlike(renamed, built.artefact)).toBeTrue()
    expect(renamed.manifest.model).not.toBe(built.artefact.manifest.model)
  })
})

describe('a build is refused', () => {
  type Change = Parameters<typeof modelFolder>[0]
  const features =
    (change: (list: { name: string; field: string }[]) => void): Change =>
    (manifest) =>
      change(manifest['features'] as { name: string; field: string }[])

  /** The line of the manifest that holds what is wrong, or that should hold what is missing. */
  const MANIFESTS: [what: string, change: Change, why: string][] = [
    ['without a name', (m) => delete m['name'], 'manifest.json:1: name: '],
    [
      'of another format',
      (m) => (m['format'] = 'xgboost'),
      'manifest.json:3: format: is "xgboost", ',
    ],
    [
      'for another objective',
      (m) => (m['objective'] = 'regression'),
      'manifest.json:6: objective: is "regression", ',
    ],
    [
      'for an objective that there is not',
      (m) => (m['objective'] = 'multiclass'),
      'manifest.json:6: objective: ',
    ],
    ['without features', (m) => delete m['features'], 'manifest.json:1: features: '],
    [
      'with a feature that rests on nothing',
      features((list) => delete (list[3] as { field?: string }).field),
      'manifest.json:43: features.3.field: ',
    ],
    [
      "with two features in each other's place",
      features((list) => list.splice(0, 2, list[1]!, list[0]!)),
      'in its order: number 1 is "annual_income", "loan_amount" is due',
    ],
    [
      'with a feature too few',
      features((list) => list.pop()),
      'number 22 is missing, "active_revolving_accounts" is due',
    ],
    [
      'with a feature too many',
      features((list) => list.push({ name: 'age', field: 'age' })),
      'number 23 is "age", none is due',
    ],
    [
      'with a feature of another name',
      features((list) => (list[1]!.name = 'amount')),
      'manifest.json:23: features are not those of ',
    ],
    [
      'with two features on one field',
      features((list) => (list[2]!.field = 'loan_amount')),
      'manifest.json:33: "loan_amount" and "credit_score" rest on one field, "loan_amount"',
    ],
    ['of a source that is not there', (m) => (m['source'] = 'none.txt'), 'none.txt: ENOENT'],
    [
      'of another source',
      (m) => (m['sha256'] = 'ab'.repeat(32)),
      `manifest.json:5 states ${'ab'.repeat(32)}`,
    ],
    ['of an artefact', (m) => (m['artefact'] = 1), 'manifest.json: is of an artefact'],
  ]
  test.each(MANIFESTS)('%s', (_, change, why) => {
    const folder = modelFolder(change)
    const error = refusal(() => buildModel(folder, wasmModule))
    expect(error.message).toContain(folder)
    expect(error.message).toContain(why)
    expect(error.kind).toBe('usage')
  })

  test('of two features of one name, with the line that names them', () => {
    const path = join(root, 'twice.txt')
    const text = readFileSync(fromRoot('models/default/model.txt'), 'utf8')
    writeFileSync(path, text.replace('loan_amount annual_income', 'loan_amount loan_amount'))
    expect(refusal(() => buildModel(path, wasmModule)).message).toBe(
      `${path}:8: two features are named "loan_amount"`,
    )
  })

  test('of an edited source, with both hashes', () => {
    const folder = modelFolder()
    const path = join(folder, 'model.txt')
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace('leaf_value=', 'leaf_value=-'))
    const message = refusal(() => buildModel(folder, wasmModule)).message
    expect(message).toStartWith(`${path}: has SHA-256 ${sha256Hex(readFileSync(path))}, `)
    expect(message).toEndWith(` states ${sha256Hex(text)}`)
  })

  test('of a damaged source whose hash was renewed, with file and line', () => {
    const folder = modelFolder(undefined, (text) => text.slice(0, 3000))
    expect(refusal(() => buildModel(folder, wasmModule)).message).toMatch(/model\.txt:[0-9]+: /)
  })

  test('of a manifest that is no JSON, with line and column', () => {
    const folder = modelFolder()
    writeFileSync(join(folder, 'manifest.json'), '{\n  "name": \n}')
    expect(refusal(() => buildModel(folder, wasmModule)).message).toContain('manifest.json:3:1: ')
  })
})

describe('loading', () => {
  test('gives back what was written', () => {
    expect(loadArtefact(artefactFolder())).toEqual({
      ...built.artefact,
      tables: expect.anything() as Uint8Array,
    })
    expect(sha256Hex(loadArtefact(artefactFolder()).tables)).toBe(sha256Hex(built.artefact.tables))
  })

  test('takes trees of more than 256 leaves, which the tables hold in pieces', () => {
    const maker = new ForestMaker(randomFrom(1))
    const shape = { features: 4, trees: 3, leaves: 900, thresholds: 50, bushy: true }
    const forest = maker.forest(shape)
    const leavesMax = Math.max(...forest.trees.map((tree) => tree.leaves.length))
    expect(leavesMax).toBeGreaterThan(256)
    const folder = join(root, `pieces-${count++}`)
    writeArtefact(artefactOf(forest), folder)
    const { manifest } = loadArtefact(folder)
    expect(manifest).toMatchObject({ trees: 3, leaves_max: leavesMax })
    expect(manifest.pieces).toBeGreaterThan(3)
  })

  test("says each feature's categories, and counts their columns", () => {
    const maker = new ForestMaker(randomFrom(2))
    const shape = { features: 3, trees: 20, leaves: 8, thresholds: 5, categories: true }
    const { manifest } = artefactOf(maker.forest(shape))
    const columns = manifest.features.map((feature) => feature.columns)
    expect(columns.reduce((sum, n) => sum + n, 0)).toBe(manifest.columns)
    expect(manifest.features.every(({ categories }) => categories > 0)).toBeTrue()
  })

  test('what is written again replaces what was there', () => {
    const folder = artefactFolder((path) => writeFileSync(join(path, 'tables.bin'), 'other'))
    expect(() => loadArtefact(folder)).toThrow('SHA-256')
    writeArtefact(built.artefact, folder)
    expect(loadArtefact(folder).manifest.name).toBe('default')
  })

  /** Changes the tables and lets the manifest state their new hash. */
  const withTables = (change: (tables: Uint8Array) => Uint8Array) => (folder: string) => {
    const tables = change(built.artefact.tables.slice())
    writeFileSync(join(folder, 'tables.bin'), tables)
    withManifest((m) => ((m['tables'] as { sha256: string }).sha256 = sha256Hex(tables)))(folder)
  }
  const withManifest =
    (change: (manifest: Record<string, unknown>) => void) => (folder: string) => {
      const path = join(folder, 'manifest.json')
      const manifest = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
      change(manifest)
      writeFileSync(path, JSON.stringify(manifest))
    }
  const setU32 = (tables: Uint8Array, at: number, value: number) => {
    new DataView(tables.buffer).setUint32(at, value, true)
    return tables
  }

  const DAMAGED: [what: string, change: (folder: string) => void, why: string][] = [
    ['a folder that is empty', (f) => rmSync(join(f, 'manifest.json')), 'manifest.json: ENOENT'],
    ['no tables', (f) => rmSync(join(f, 'tables.bin')), 'tables.bin: ENOENT'],
    [
      'a manifest that is no JSON',
      (f) => writeFileSync(join(f, 'manifest.json'), '{'),
      'manifest.json:1:2: ',
    ],
    [
      'an artefact of another version',
      withManifest((m) => (m['artefact'] = 2)),
      'manifest.json: artefact: ',
    ],
    [
      'a manifest without a model',
      withManifest((m) => delete m['model']),
      'manifest.json: model: ',
    ],
    [
      'a model that is no hash',
      withManifest((m) => (m['model'] = 'ABC')),
      'manifest.json: model: ',
    ],
    [
      'tables cut short',
      (f) => writeFileSync(join(f, 'tables.bin'), built.artefact.tables.subarray(0, 1000)),
      'tables.bin: has SHA-256 ',
    ],
    [
      'tables with a byte behind them',
      (f) =>
        writeFileSync(join(f, 'tables.bin'), Buffer.concat([built.artefact.tables, Buffer.of(0)])),
      'tables.bin: has SHA-256 ',
    ],
    [
      'another layout',
      withTables((t) => setU32(t, IMAGE_VERSION, IMAGE_VERSION_VALUE + 1)),
      `layout version is ${IMAGE_VERSION_VALUE + 1}, ${IMAGE_VERSION_VALUE} is due; build the model again`,
    ],
    [
      'a plan without an end',
      withTables((t) => t.with(IMAGE_PLAN + 4, 0)),
      'tables.bin: the plan for 5 rows names a kernel that cannot score them',
    ],
    [
      'a plan that writes beyond the rows',
      withTables((t) => t.with(IMAGE_PLAN + 63, 128)),
      'tables.bin: the plan for 64 rows names a kernel that cannot score them',
    ],
    ['no image', withTables((t) => setU32(t, 0, 0)), 'tables.bin: magic is 0, '],
    [
      'an image that is longer than the file',
      withTables((t) => t.slice(0, -64)),
      'tables.bin: size is ',
    ],
    [
      'an artefact that nothing proved',
      withManifest((m) => (m['parity'] = { probes: 0, leaves_reached: 0 })),
      'manifest.json: parity.probes: ',
    ],
    [
      'other features',
      withManifest((m) => (m['features'] as unknown[]).pop()),
      'tables.bin: features is 22, 21 is due',
    ],
    [
      'another number of trees',
      withManifest((m) => (m['pieces'] = 124)),
      'tables.bin: trees is 125, 124 is due',
    ],
    [
      'features in another order',
      withManifest((m) => (m['features'] as unknown[]).reverse()),
      'manifest.json: model hash, name or features are not those that the tables were built for',
    ],
    [
      "another model's hash",
      withManifest((m) => (m['model'] = 'ab'.repeat(32))),
      'manifest.json: model hash, name or features are not those',
    ],
    [
      'another number of columns',
      withManifest((m) => (m['columns'] = 1)),
      'tables.bin: columns is ',
    ],
  ]
  test.each(DAMAGED)('refuses %s', (_, change, why) => {
    const folder = artefactFolder(change)
    const error = refusal(() => loadArtefact(folder))
    expect(error.message).toContain(folder)
    expect(error.message).toContain(why)
    expect(error.kind).toBe('usage')
  })

  test('refuses tables of which any one byte was changed', () => {
    const folder = artefactFolder()
    const path = join(folder, 'tables.bin')
    const { tables } = built.artefact
    for (let at = 0; at < tables.length; at += 311) {
      const changed = tables.slice()
      changed[at]! ^= 1 << (at % 8)
      writeFileSync(path, changed)
      expect(refusal(() => loadArtefact(folder)).message).toStartWith(`${path}: has SHA-256 `)
    }
  })

  test.each([0, 3, 7])('refuses tables of %d bytes', (length) => {
    const folder = artefactFolder(withTables((tables) => tables.slice(0, length)))
    expect(refusal(() => loadArtefact(folder)).message).toContain('tables.bin')
  })
})

test("a trainer's manifest is not written over", () => {
  const folder = modelFolder()
  const before = readFileSync(join(folder, 'manifest.json'), 'utf8')
  const error = refusal(() => writeArtefact(built.artefact, folder))
  expect(error.message).toStartWith(`${join(folder, 'manifest.json')} is no artefact's`)
  expect(readFileSync(join(folder, 'manifest.json'), 'utf8')).toBe(before)
  expect(existsSync(join(folder, 'tables.bin'))).toBeFalse()
})

test('an artefact that was not written to its end has no manifest', () => {
  const folder = artefactFolder()
  const torn = { ...built.artefact, tables: undefined as unknown as Uint8Array }
  expect(() => writeArtefact(torn, folder)).toThrow()
  expect(existsSync(join(folder, 'manifest.json'))).toBeFalse()
})
