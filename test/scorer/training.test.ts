// Figures of the training data beside a model: what is refused, and that the build takes them along.

import { expect, test } from 'bun:test'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildModel, writeArtefact } from '../../src/compiler/artefact.ts'
import { fromRoot } from '../../src/paths.ts'
import { loadArtefact } from '../../src/scorer/artefact.ts'
import { type Training, readTraining } from '../../src/scorer/training.ts'
import { refusal, wasmModule } from '../support/engine.ts'

const FIGURES: Training = {
  rows: 10,
  score: { edges: [0], shares: [0.4, 0.6], missing: 0 },
  features: [{ name: 'a', edges: [1, 2], shares: [0.2, 0.3, 0.4], missing: 0.1 }],
}

function folderWith(figures: unknown): string {
  const folder = mkdtempSync(join(tmpdir(), 'loanstream-training-'))
  writeFileSync(join(folder, 'training.json'), JSON.stringify(figures))
  return folder
}

test('figures of the same features are read; without a file there are none', () => {
  expect(readTraining(folderWith(FIGURES), ['a'])).toEqual(FIGURES)
  expect(readTraining(tmpdir(), ['a'])).toBeUndefined()
})

const [feature] = FIGURES.features
test.each([
  ['other features', FIGURES, ['b'], "feature 0 is a, the model's is b"],
  ['too few', FIGURES, ['a', 'b'], "feature 1 is none, the model's is b"],
  [
    'edges that do not ascend',
    { ...FIGURES, features: [{ ...feature, edges: [2, 2] }] },
    ['a'],
    'features.0: edges must ascend',
  ],
  [
    'a share too few',
    { ...FIGURES, score: { ...FIGURES.score, shares: [1] } },
    ['a'],
    'score: there must be one share more than edges',
  ],
])('%s are refused, with file and place', (_, figures, names, message) => {
  const folder = folderWith(figures)
  const error = refusal(() => readTraining(folder, names))
  expect(error.message).toBe(`${join(folder, 'training.json')}: ${message}`)
})

test('the shipped figures are of the shipped model, and each bin holds its share of all rows', () => {
  const { training, manifest } = loadArtefact(fromRoot('build/models/default'))
  expect(training!.features.map(({ name }) => name)).toEqual(manifest.features.map((f) => f.name))
  for (const { shares, missing } of [training!.score, ...training!.features]) {
    expect(shares.reduce((a, b) => a + b) + missing).toBeCloseTo(1, 4)
  }
})

test('a build takes them along, and leaves none of an earlier build behind', () => {
  const folder = mkdtempSync(join(tmpdir(), 'loanstream-training-'))
  const [source, target] = [join(folder, 'source'), join(folder, 'target')]
  cpSync(fromRoot('models/default'), source, { recursive: true })
  writeArtefact(buildModel(source, wasmModule).artefact, target)
  const written = JSON.parse(readFileSync(join(target, 'training.json'), 'utf8')) as unknown
  expect(written).toEqual(JSON.parse(readFileSync(join(source, 'training.json'), 'utf8')))
  rmSync(join(source, 'training.json'))
  writeArtefact(buildModel(source, wasmModule).artefact, target)
  expect(existsSync(join(target, 'training.json'))).toBeFalse()
})
