// What is refused of a catalogue of reasons and of a reference set, with file and place.

import { expect, test } from 'bun:test'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildModel, writeArtefact } from '../../src/compiler/artefact.ts'
import { sha256Hex } from '../../src/hash.ts'
import { fromRoot } from '../../src/paths.ts'
import { loadArtefact } from '../../src/scorer/artefact.ts'
import { refusal, wasmModule } from '../support/engine.ts'

const CATALOGUE = 'reasons.toml'
const REFERENCE = 'reference.json'

type Edit = { file: string; from: string | RegExp; to: string }

/** A copy of the default model with a file changed, and the manifest stating what is there now. */
function edited(edits: readonly Edit[], state = true): string {
  const folder = join(mkdtempSync(join(tmpdir(), 'loanstream-reasons-')), 'default')
  cpSync(fromRoot('models/default'), folder, { recursive: true })
  const path = (file: string) => join(folder, file)
  for (const { file, from, to } of edits) {
    const before = readFileSync(path(file), 'utf8')
    const after = before.replace(from, to)
    expect(after).not.toBe(before)
    writeFileSync(path(file), after)
    if (!state) continue
    const manifest = readFileSync(path('manifest.json'), 'utf8')
    const stated = manifest.replace(sha256Hex(before), sha256Hex(after))
    writeFileSync(path('manifest.json'), stated)
  }
  return folder
}

const refused = (edits: readonly Edit[], state?: boolean) =>
  refusal(() => buildModel(edited(edits, state), wasmModule))

const CASES: [what: string, edit: Edit, message: RegExp][] = [
  [
    'a feature that the model does not have',
    { file: CATALOGUE, from: 'credit_score = "low"', to: 'credit_scor = "low"' },
    /reasons\.toml:\d+: reasons\[0\] \(CREDIT_BUREAU_SCORE\): features: the model has no feature "credit_scor"; the nearest is "credit_score"/,
  ],
  [
    'a feature without a reason',
    { file: CATALOGUE, from: ', loan_amount = "high"', to: '' },
    /reasons\.toml: no reason names the features loan_amount$/,
  ],
  [
    'a feature with two reasons',
    { file: CATALOGUE, from: 'debt_to_income = "high"', to: 'credit_score = "low"' },
    /reasons\.toml:\d+: reasons\[2\] \(OBLIGATIONS_TO_INCOME\): features: "credit_score" has the reason CREDIT_BUREAU_SCORE too/,
  ],
  [
    'a reason without a statement',
    { file: CATALOGUE, from: 'statement = "Bankruptcy"\n', to: '' },
    /reasons\.toml:\d+: reasons\[6\] \(BANKRUPTCY\): statement/,
  ],
  [
    'an empty statement',
    { file: CATALOGUE, from: '"Bankruptcy"', to: '" "' },
    /reasons\[6\] \(BANKRUPTCY\): statement: must say something to the applicant/,
  ],
  [
    'a statement that is no reason',
    { file: CATALOGUE, from: '"Bankruptcy"', to: '"Does not meet our internal policy"' },
    /statement: is no specific reason/,
  ],
  [
    'an unknown key',
    { file: CATALOGUE, from: 'hmda = 2', to: 'hmda = 2\nhdma = 2' },
    /reasons\.toml:\d+: reasons\[3\] \(EMPLOYMENT_LENGTH\): Unrecognized key: "hdma"/,
  ],
  [
    'a denial code that there is not',
    { file: CATALOGUE, from: 'hmda = 2', to: 'hmda = 11' },
    /reasons\[3\] \(EMPLOYMENT_LENGTH\): hmda/,
  ],
  [
    'a direction that there is not',
    { file: CATALOGUE, from: '{ credit_score = "low" }', to: '{ credit_score = "down" }' },
    /reasons\[0\] \(CREDIT_BUREAU_SCORE\): features: credit_score/,
  ],
  [
    'a code twice',
    { file: CATALOGUE, from: 'code = "BANKRUPTCY"', to: 'code = "DELINQUENCY"' },
    /reasons\[6\] \(DELINQUENCY\): code: is there twice/,
  ],
  [
    'TOML that is none',
    { file: CATALOGUE, from: 'version = 1', to: 'version = ' },
    /reasons\.toml:\d+:\d+: /,
  ],
  [
    'a reference set of another model',
    { file: REFERENCE, from: /"model": "\w{8}/, to: '"model": "00000000' },
    /reference\.json:2: model: is another model's reference/,
  ],
  [
    'a reference row without a feature',
    { file: REFERENCE, from: / *"credit_score": 699,\n/, to: '' },
    /reference\.json:\d+: rows\.0: has no credit_score/,
  ],
  [
    'more reference rows than can be afforded',
    { file: REFERENCE, from: /"rows": \[/, to: `"rows": [${'{},'.repeat(1000)}` },
    /reference\.json:\d+: rows: must be at most 1000/,
  ],
  [
    'a reference row with another feature',
    { file: REFERENCE, from: '"credit_score"', to: '"credit_scores"' },
    /reference\.json:\d+: rows\.0\.credit_scores: is no feature of the model; the nearest is "credit_score"/,
  ],
]

test.each(CASES)('%s is refused', (_, edit, message) => {
  const { kind, message: text } = refused([edit])
  expect(kind).toBe('usage')
  expect(text).toMatch(message)
})

test('a catalogue that was edited since it was reviewed is refused, with the hash to state', () => {
  const edit = { file: CATALOGUE, from: 'at_most = 4', to: 'at_most = 3' }
  const text = refused([edit], false).message
  expect(text).toMatch(/reasons\.toml: has SHA-256 \w{64}, .*manifest\.json:\d+ states \w{64}/)
})

test('a catalogue that the manifest does not name is refused', () => {
  const edit = { file: 'manifest.json', from: /,\s*"reasons"[\s\S]*$/, to: '}\n' }
  expect(refused([edit]).message).toMatch(/reasons\.toml lies beside it/)
  const alone = { file: 'manifest.json', from: /,\s*"reference": \{[\s\S]*?\}/, to: '' }
  expect(refused([alone]).message).toMatch(/manifest\.json:\d+: reasons: is stated without refer/)
})

test('an artefact with another model’s reasons, or with damaged ones, is refused', () => {
  const folder = edited([])
  const target = join(folder, 'out')
  const { artefact } = buildModel(folder, wasmModule)
  writeArtefact(artefact, target)
  expect(loadArtefact(target).attribution).toEqual(artefact.attribution)
  const other = edited([{ file: 'manifest.json', from: '"name": "default"', to: '"name": "x"' }])
  const foreign = buildModel(other, wasmModule).artefact
  const swapped = { ...artefact, attribution: foreign.attribution }
  swapped.manifest = { ...artefact.manifest, reasons: foreign.manifest.reasons }
  writeArtefact(swapped, target)
  expect(refusal(() => loadArtefact(target)).message).toMatch(
    /reasons\.bin: explains another model/,
  )
  writeArtefact(artefact, target)
  writeFileSync(join(target, 'reasons.bin'), artefact.attribution!.slice(0, 640))
  expect(refusal(() => loadArtefact(target)).message).toMatch(/reasons\.bin: has SHA-256/)
  rmSync(join(target, 'reasons.bin'))
  expect(refusal(() => loadArtefact(target)).message).toMatch(/cannot read .*reasons\.bin/)
  // A model without a catalogue leaves none of an earlier build's.
  writeArtefact(buildModel(fromRoot('bench/model'), wasmModule).artefact, target)
  expect(existsSync(join(target, 'reasons.bin'))).toBe(false)
  expect(loadArtefact(target).attribution).toBeUndefined()
})
