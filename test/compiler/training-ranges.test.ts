// Training ranges in the manifests of the shipped models: those that LightGBM itself wrote down.

import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromRoot } from '../../src/paths.ts'
import { bindingOf } from '../../src/scorer/artefact.ts'
import { trainingRanges } from '../../src/scorer/program.ts'
import { shippedArtefact } from '../support/engine.ts'

describe.each(['models/default', 'bench/model'] as const)('of %s', (model) => {
  test('are those of the trainer’s own file', () => {
    const text = readFileSync(join(fromRoot(model), 'model.txt'), 'utf8')
    const infos = /^feature_infos=(.*)$/m.exec(text)![1]!.split(' ')
    const ranges = trainingRanges(shippedArtefact(model))
    expect(ranges.map(({ minimum, maximum }) => [minimum, maximum])).toEqual(
      infos.map((info) => info.slice(1, -1).split(':').map(Number)),
    )
  })
})

test('are bound to the tables: others would refer otherwise under the same name', () => {
  const { manifest } = shippedArtefact('models/default')
  const features = manifest.features.map((feature, i) => {
    const training = { ...feature.training!, ...(i === 3 ? { missing: 0.5 } : {}) }
    return { ...feature, training }
  })
  expect(bindingOf({ ...manifest, features })).not.toEqual(bindingOf(manifest))
})
