// The step for models: which there are, when they are due, what is said of a bad one.

import { expect, test } from 'bun:test'
import { cpSync, existsSync, readFileSync, symlinkSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { modelFolders, models } from '../../src/setup/models.ts'
import { modulePath } from '../../src/setup/wasm.ts'
import { PROJECT, TemporaryFolder, contextOf, failureOf, withoutTimes } from './support.ts'

const MODULE = modulePath(join(PROJECT, 'build'))
const hasModule = existsSync(MODULE)
const needsModule = hasModule ? '' : ' (skipped: "bun run build" was not run)'

/** The project's own model and compiler, in a folder where they can be changed. */
function project(): TemporaryFolder {
  const folder = new TemporaryFolder()
  folder.write({ 'build/loanstream.wasm': readFileSync(MODULE), 'models/train.py': '' })
  for (const path of ['models/default', 'src/compiler', 'assembly']) {
    cpSync(join(PROJECT, path), join(folder.path, path), { recursive: true })
  }
  symlinkSync(join(PROJECT, 'node_modules'), join(folder.path, 'node_modules'))
  return folder
}

test.skipIf(!hasModule)(
  `compiles a model, and again when its source changes${needsModule}`,
  async () => {
    using folder = project()
    const { context, said } = contextOf(folder.path)
    const step = models(context)
    expect(step.isDone()).toBeFalse()
    await step.run()
    expect(step.isDone()).toBeTrue()
    expect(withoutTimes(said)).toEqual([
      expect.stringMatching(
        /^setup: build\/models\/default compiled, \d+ trees, \d+ bytes, \d+ probes score as the source does$/,
      ),
    ])
    const manifest = readFileSync(join(folder.path, 'build/models/default/manifest.json'), 'utf8')
    expect(JSON.parse(manifest)).toMatchObject({ artefact: 1 })
    expect(models({ ...context, forceBuild: true }).isDone()).toBeFalse()

    for (const path of [
      'models/default/model.txt',
      'models/default/reasons.toml',
      'models/default/reference.json',
      'src/compiler/bins.ts',
      'assembly/layout.ts',
    ]) {
      const text = readFileSync(join(folder.path, path), 'utf8')
      folder.write({ [path]: `${text}\n` })
      expect(step.isDone()).toBeFalse()
      folder.write({ [path]: text })
      expect(step.isDone()).toBeTrue()
    }
    for (const name of ['tables.bin', 'reasons.bin', 'manifest.json']) {
      const path = join(folder.path, 'build/models/default', name)
      const whole = readFileSync(path)
      truncateSync(path, whole.length - 1)
      expect(step.isDone()).toBeFalse()
      await step.run()
      expect(step.isDone()).toBeTrue()
      expect(readFileSync(path).equals(whole)).toBeTrue()
    }
    folder.write({ 'models/default/MODEL_CARD.md': 'what people read decides nothing' })
    expect(step.isDone()).toBeTrue()
  },
)

test.skipIf(!hasModule)(
  `a model that is wrong ends in its one sentence${needsModule}`,
  async () => {
    using folder = project()
    folder.write({ 'models/default/manifest.json': '{ "name": "x",, }' })
    const { context, said } = contextOf(folder.path)
    const step = models(context)
    const failure = await failureOf(step.run())
    expect(failure).toStartWith('models/default/manifest.json:1:')
    expect(failure).not.toContain('\n')
    expect(said).toEqual([])
    expect(step.isDone()).toBeFalse()
  },
)

test('models are the folders with a manifest, and the one of the bench', () => {
  using folder = new TemporaryFolder()
  folder.write({
    'models/b/manifest.json': '{}',
    'models/a/manifest.json': '{}',
    'models/draft/model.txt': '',
    'models/train.py': '',
    'bench/model/manifest.json': '{}',
  })
  const found = modelFolders(folder.path, '/build').map(({ target }) => target)
  expect(found).toEqual(['/build/models/a', '/build/models/b', '/build/bench/model'])
})
