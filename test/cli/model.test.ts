// The `model` commands as a user runs them: from a trainer's file to an artefact, to scores, to a
// report; and what each refuses.

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sha256Hex } from '../../src/hash.ts'
import { fromRoot } from '../../src/paths.ts'
import { loadArtefact } from '../../src/scorer/artefact.ts'
import { cli } from '../support/cli.ts'
import { bitsOf } from '../support/engine.ts'
import { sized } from '../support/lightgbm-text.ts'

setDefaultTimeout(60_000)

const folder = mkdtempSync(join(tmpdir(), 'loanstream-model-'))
afterAll(() => rmSync(folder, { recursive: true }))
const path = (name: string) => join(folder, name)

const MODEL = fromRoot('models/default')
const BENCH = fromRoot('bench/model')
const ARTEFACT = fromRoot('build/models/default')
const SCORES = fromRoot('test/fixtures/scores-default.csv')
const FIXTURE = fromRoot('test/fixtures/forests/35.txt')

const [header, ...scoreLines] = readFileSync(SCORES, 'utf8').trim().split('\n')
const features = header!.split(',').slice(0, -1)
/** LightGBM's own raw scores. */
const EXPECTED = scoreLines.map((line) => Number(line.split(',').at(-1)))

async function model(args: string[], input?: string) {
  return await cli(['model', ...args], {}, input)
}

async function json(args: string[]): Promise<Record<string, unknown>> {
  const { code, out, err } = await model([...args, '--json'])
  expect([code, err]).toEqual([0, ''])
  return JSON.parse(out) as Record<string, unknown>
}

/** Exit code 2, nothing on stdout, and one line that says all of these. */
async function refused(args: string[], says: string[], input?: string): Promise<void> {
  const { code, out, err } = await model(args, input)
  expect({ code, out }).toEqual({ code: 2, out: '' })
  for (const text of says) expect(err).toContain(text)
  expect(err.trim().split('\n').length).toBe(1)
}

/** LightGBM's predictions with the last bit of one changed, in the file's line 12. */
function alteredScores(): string {
  const lines = [...scoreLines]
  const cells = lines[10]!.split(',')
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, Number(cells.pop()))
  view.setBigUint64(0, view.getBigUint64(0) ^ 1n)
  lines[10] = [...cells, view.getFloat64(0)].join(',')
  writeFileSync(path('altered.csv'), [header, ...lines].join('\n'))
  return path('altered.csv')
}

/** The default model's folder with its manifest changed. */
function changedModel(name: string, change: (text: string) => string): string {
  for (const file of ['model.txt', 'reasons.toml', 'reference.json']) {
    cpSync(join(MODEL, file), path(`${name}/${file}`))
  }
  const manifest = change(readFileSync(join(MODEL, 'manifest.json'), 'utf8'))
  writeFileSync(path(`${name}/manifest.json`), manifest)
  return path(name)
}

describe('build', () => {
  test('writes an artefact that names what it was made of, and what proved it', async () => {
    const args = ['build', MODEL, '--out', path('built'), '--expected', SCORES]
    const summary = await json(args)
    const hash = sha256Hex(readFileSync(join(MODEL, 'manifest.json')))
    expect(summary).toMatchObject({ name: 'default', model: hash, trees: 125, leaves: 500 })
    expect(summary['parity']).toEqual({
      probes: 789,
      leaves_reached: 500,
      edges: { edges: 770, tried: 770, unreachable: 0, alike: 0 },
      expected_rows: 600,
    })
    const files = ['manifest.json', 'reasons.bin', 'tables.bin', 'training.json']
    expect(readdirSync(path('built')).sort()).toEqual(files)
    expect(loadArtefact(path('built')).manifest.model).toBe(hash)
    for (const file of files) {
      const [built, setUp] = [path('built'), ARTEFACT].map((at) => readFileSync(join(at, file)))
      expect(sha256Hex(built!)).toBe(sha256Hex(setUp!))
    }
  })

  test('gives the same bytes again, model.wasm too', async () => {
    const files = ['manifest.json', 'model.wasm', 'tables.bin']
    for (const out of ['one', 'two']) {
      const args = ['build', FIXTURE, '--no-schemas', '--standalone', '--out', path(out)]
      expect((await model(args)).code).toBe(0)
      expect(readdirSync(path(out)).sort()).toEqual(files)
    }
    for (const file of files) {
      const [one, two] = ['one', 'two'].map((out) => readFileSync(path(`${out}/${file}`)))
      expect(sha256Hex(one!)).toBe(sha256Hex(two!))
    }
    const { manifest } = loadArtefact(path('one'))
    const bytes = readFileSync(path('one/model.wasm'))
    expect(manifest).toMatchObject({
      name: '35',
      model: sha256Hex(readFileSync(FIXTURE)),
      standalone: { file: 'model.wasm', bytes: bytes.length, sha256: sha256Hex(bytes) },
    })
  })

  test('leaves no model.wasm of an earlier build', async () => {
    const args = ['build', FIXTURE, '--no-schemas', '--out', path('again')]
    await model([...args, '--standalone'])
    expect(existsSync(path('again/model.wasm'))).toBeTrue()
    await model(args)
    expect(existsSync(path('again/model.wasm'))).toBeFalse()
    expect(loadArtefact(path('again')).manifest.standalone).toBeUndefined()
  })

  test('writes nothing when one bit of the predictions differs', async () => {
    const expected = alteredScores()
    const out = path('never')
    await refused(
      ['build', MODEL, '--out', out, '--expected', expected],
      [`${expected}:12: WebAssembly scores ${EXPECTED[10]} (`, '1 of 600 rows differ'],
    )
    expect(existsSync(out)).toBeFalse()
  })

  test("holds a random forest to its trees' mean, and says so of LightGBM's sum", async () => {
    const rows = readFileSync(fromRoot('test/fixtures/forests/40.csv'), 'utf8').trim().split('\n')
    const without = (last: number) =>
      rows.map((row) => row.split(',').toSpliced(last, 1).join(',')).join('\n')
    writeFileSync(path('mean.csv'), without(-2))
    writeFileSync(path('sum.csv'), without(-1))
    const forest = fromRoot('test/fixtures/forests/40.txt')
    const args = ['build', forest, '--no-schemas', '--out', path('mean'), '--expected']
    const { parity } = await json([...args, path('mean.csv')])
    expect(parity).toMatchObject({ expected_rows: rows.length - 1 })
    const sum = "the mean of its trees is due, while LightGBM's raw_score is their sum"
    await refused([...args, path('sum.csv')], ['sum.csv:2: WebAssembly scores', sum])
  })

  test('refuses predictions without rows, and without a column for a feature', async () => {
    writeFileSync(path('empty.csv'), `${header}\n`)
    const args = ['build', MODEL, '--out', path('never'), '--expected']
    await refused([...args, path('empty.csv')], ['empty.csv: holds no rows'])
    writeFileSync(path('short.csv'), 'loan_amount,raw_score\n1,2\n')
    await refused([...args, path('short.csv')], ['short.csv:1: no column for annual_income'])
    expect(existsSync(path('never'))).toBeFalse()
  })

  test('refuses a feature that rests on no field, with the line that names it', async () => {
    await refused(
      ['build', FIXTURE, '--out', path('never')],
      [`${FIXTURE}:8: feature "x0" rests on "x0"`, 'loan_application', '--no-schemas'],
    )
    const changed = changedModel('unfielded', (text) =>
      text.replace('"field": "credit_score"', '"field": "credit_scor"'),
    )
    await refused(
      ['build', changed, '--out', path('never')],
      ['manifest.json:22: feature "credit_score" rests on "credit_scor"', '"credit_score"'],
    )
  })

  test("refuses another model's manifest, and does not write over a model's own", async () => {
    const manifest = join(BENCH, 'manifest.json')
    await refused(
      ['build', join(MODEL, 'model.txt'), '--manifest', manifest, '--out', path('never')],
      ['model.txt: has SHA-256', `${manifest}:`, 'states'],
    )
    const own = changedModel('own', (text) => text)
    await refused(['build', MODEL, '--out', own], ["own/manifest.json is no artefact's"])
    expect(existsSync(join(own, 'tables.bin'))).toBeFalse()
  })
})

describe('score', () => {
  const MODELS: [what: string, path: string][] = [
    ['an artefact', ARTEFACT],
    ["a model's folder", MODEL],
    ["a trainer's file", join(MODEL, 'model.txt')],
  ]
  test.each(MODELS)('--raw prints the very doubles that LightGBM predicted: %s', async (_, at) => {
    const { code, out, err } = await model(['score', '--model', at, '-i', SCORES, '--raw'])
    expect([code, err]).toEqual([0, ''])
    expect(out.endsWith('\n')).toBeTrue()
    const scores = out.trim().split('\n').map(Number)
    expect(scores.map(bitsOf)).toEqual(EXPECTED.map(bitsOf))
  })

  test('without it the probability', async () => {
    const { out } = await model(['score', '--model', ARTEFACT, '-i', SCORES])
    const due = EXPECTED.map((margin) => 1 / (1 + Math.exp(-margin)))
    expect(out.trim().split('\n').map(Number)).toEqual(due)
  })

  test('reads CSV and JSON lines from standard input', async () => {
    const args = ['score', '--model', ARTEFACT, '-i', '-', '--raw']
    const csv = await model(args, readFileSync(SCORES, 'utf8'))
    expect(csv.out.trim().split('\n').map(Number)).toEqual(EXPECTED)
    const objects = scoreLines.map((line) => {
      const cells = line.split(',')
      const entries = features.map((name, i): [string, unknown] => {
        const value = Number(cells[i])
        if (Number.isFinite(value)) return [name, Object.is(value, -0) ? '-0' : value]
        return [name, Number.isNaN(value) ? null : cells[i]]
      })
      return JSON.stringify(Object.fromEntries(entries.toReversed()))
    })
    const lines = await model(args, objects.join('\n'))
    expect(lines.err).toBe('')
    expect(lines.out.trim().split('\n').map(Number)).toEqual(EXPECTED)
  })

  test('finds columns by the field that the manifest names', async () => {
    const changed = changedModel('fields', (text) =>
      text.replace('"field": "loan_amount"', '"field": "amount"'),
    )
    const input = [header!.replace('loan_amount', 'amount'), ...scoreLines].join('\n')
    const args = ['score', '--model', changed, '-i', '-', '--raw']
    const { out } = await model(args, input)
    expect(out.trim().split('\n').map(Number)).toEqual(EXPECTED)
  })

  test('stops at a row that cannot be read, with its line and field', async () => {
    const lines = [header, ...scoreLines.slice(0, 3)]
    lines[2] = lines[2]!.replace(/^[^,]*/, 'many')
    const says = 'standard input:3: loan_amount: must be a number, is "many"'
    await refused(['score', '--model', ARTEFACT, '-i', '-'], [says], lines.join('\n'))
  })
})

describe('inspect', () => {
  test('says the same of a model and of its artefact', async () => {
    const [source, artefact] = [await json(['inspect', MODEL]), await json(['inspect', ARTEFACT])]
    for (const summary of [source, artefact]) {
      const cost = summary['cost_us'] as Record<string, number>
      expect(cost['rows_1024']).toBeGreaterThan(0)
      expect(cost['rows_1']).toBeGreaterThan(0)
      delete summary['cost_us']
    }
    expect(source).toEqual(artefact)
    expect(artefact).toMatchObject({ trees: 125, leaves: 500, leaves_max: 4, depth_max: 3 })
    expect(artefact['kernels']).toEqual(['128 rows', '64 rows', '32 rows', '16 rows', 'one row'])
  })

  test('lists the features for people, the most important first', async () => {
    const { code, out } = await model(['inspect', FIXTURE])
    expect(code).toBe(0)
    expect(out).toContain('trees       10, of at most 9 leaves, depth 4')
    expect(out).toMatch(/cost a row {2}\d+\.\d+ µs of 1024, \d+\.\d+ µs alone/)
    const [title, ...rows] = out.split('\n').slice(out.split('\n').indexOf('') + 1)
    expect(title).toMatch(/^feature +field, if another +splits +splits % +gain % +thresholds/)
    expect(rows.slice(0, 6).map((row) => row.slice(0, 2))).toEqual([
      'x5',
      'x0',
      'x4',
      'x1',
      'x2',
      'x3',
    ])
  })

  test('leaves gains out where the file has none', async () => {
    const text = readFileSync(FIXTURE, 'utf8').replace(/^split_gain=.*\n/gm, '')
    writeFileSync(path('gainless.txt'), sized(text))
    const { out } = await model(['inspect', path('gainless.txt')])
    expect(out).not.toContain('gain %')
    expect(out).toContain('The source states no gains')
  })
})

describe('verify', () => {
  test('reports the parity of a model', async () => {
    const report = await json(['verify', MODEL, '--expected', SCORES])
    expect(report).toMatchObject({
      ok: true,
      probed: 'now',
      probes: 789,
      leaves: 500,
      leaves_reached: 500,
      expected: { rows: 600, differing: 0, first: [] },
    })
  })

  test('reports the first rows that differ, with exit code 1', async () => {
    const { code, out } = await model(['verify', ARTEFACT, '--expected', alteredScores()])
    expect(code).toBe(1)
    expect(out).toContain('default: DIFFERS')
    expect(out).toContain('altered.csv, 1 differ')
    const bits = bitsOf(EXPECTED[10]!).toString(16)
    expect(out).toContain(
      `altered.csv:12: WebAssembly scores ${EXPECTED[10]} (${bits}), the trainer`,
    )
  })

  test('builds the source of an artefact again', async () => {
    const good = await json(['verify', ARTEFACT, '--source', MODEL])
    expect(good).toMatchObject({ ok: true, probed: 'now', rebuilt: true })
    const other = await model(['verify', ARTEFACT, '--source', BENCH])
    expect(other.code).toBe(1)
    expect(other.out).toContain(`tables.bin is not what ${BENCH} builds to`)
    const renamed = changedModel('renamed', (text) => text.replace('"default"', '"other"'))
    const named = await model(['verify', ARTEFACT, '--source', renamed])
    expect([named.code, named.out.includes('manifest.json: name is not what')]).toEqual([1, true])
  })

  test('refuses an artefact whose tables were changed', async () => {
    cpSync(ARTEFACT, path('damaged'), { recursive: true })
    const tables = readFileSync(path('damaged/tables.bin'))
    tables[5000]! ^= 1
    writeFileSync(path('damaged/tables.bin'), tables)
    await refused(['verify', path('damaged')], ['tables.bin: has SHA-256'])
  })

  test('reports a model.wasm that is not the one that was built', async () => {
    const out = path('wasm')
    await model(['build', MODEL, '--standalone', '--out', out])
    expect((await model(['verify', out])).code).toBe(0)
    const bytes = readFileSync(join(out, 'model.wasm'))
    bytes[bytes.length - 5]! ^= 1
    writeFileSync(join(out, 'model.wasm'), bytes)
    const { code, out: report } = await model(['verify', out])
    expect([code, report.includes('model.wasm: has SHA-256')]).toEqual([1, true])
    rmSync(join(out, 'model.wasm'))
    expect((await model(['verify', out])).out).toContain('model.wasm: is not there')
  })

  test('refuses a source for what is none', async () => {
    await refused(['verify', MODEL, '--source', MODEL], ['--source is for an artefact'])
  })
})

describe('diff', () => {
  async function rawScores(at: string): Promise<number[]> {
    const { out } = await model(['score', '--model', at, '-i', SCORES, '--raw'])
    return out.trim().split('\n').map(Number)
  }

  test('counts how far scores move and who is decided otherwise', async () => {
    const [a, b] = [await rawScores(MODEL), await rawScores(BENCH)]
    const shifts = a.map((margin, i) => b[i]! - margin)
    const sorted = shifts.toSorted((x, y) => x - y)
    const report = await json(['diff', MODEL, BENCH, '-i', SCORES, '--cutoff', '-0.5'])
    expect(report).toMatchObject({ rows: 600, bit_equal: 0 })
    const { mean, quantiles } = report['margin'] as {
      mean: number
      quantiles: Record<string, number>
    }
    expect(mean).toBeCloseTo(shifts.reduce((sum, x) => sum + x, 0) / 600, 12)
    expect([quantiles['p0'], quantiles['p50'], quantiles['p100']]).toEqual([
      sorted[0]!,
      sorted[299]!,
      sorted[599]!,
    ])
    const most = shifts.reduce((at, x, i) => (Math.abs(x) > Math.abs(shifts[at]!) ? i : at), 0)
    expect(report['largest']).toEqual({ line: most + 2, a: a[most]!, b: b[most]! })
    const swap = (from: boolean, to: boolean) =>
      a.filter((margin, i) => margin >= -0.5 === from && b[i]! >= -0.5 === to).length
    expect(swap(false, true)).toBeGreaterThan(0)
    expect(report['swaps']).toEqual({
      approved: { approved: swap(false, false), referred: 0, rejected: swap(false, true) },
      referred: { approved: 0, referred: 0, rejected: 0 },
      rejected: { approved: swap(true, false), referred: 0, rejected: swap(true, true) },
    })
  })

  test("knows three outcomes by a policy's cut-offs", async () => {
    const policy = fromRoot('models/default/policy.toml')
    const report = await json(['diff', MODEL, BENCH, '-i', SCORES, '--policy', policy])
    const swaps = Object.values(report['swaps'] as Record<string, Record<string, number>>)
    expect(swaps.every((row) => row['referred']! > 0)).toBeTrue()
    const all = swaps.flatMap((row) => Object.values(row)).reduce((sum, n) => sum + n, 0)
    expect(all).toBe(600)
  })

  test('finds nothing between a model and its artefact', async () => {
    const { code, out } = await model(['diff', MODEL, ARTEFACT, '-i', SCORES])
    expect(code).toBe(0)
    expect(out).toContain('600 rows, 600 score the same bits')
    expect(out).toContain('rank correlation (Spearman): 1.0000')
    expect(out).toContain('largest shift: none')
    expect(out).not.toContain('approved')
  })

  test('refuses a file without rows', async () => {
    writeFileSync(path('none.csv'), `${header}\n`)
    await refused(['diff', MODEL, BENCH, '-i', path('none.csv')], ['none.csv: holds no rows'])
  })
})
