// The step for packages: when it is due, and what it says when it cannot work.

import { expect, test } from 'bun:test'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { checkBun, dependencies } from '../../src/setup/dependencies.ts'
import { TemporaryFolder, contextOf, failureOf, withoutTimes } from './support.ts'

const MANIFEST = JSON.stringify({ name: 'x', private: true, engines: { bun: '>=1.4.5' } })
/** A package from a folder, so that nothing is downloaded. */
const WITH_PACKAGE = JSON.stringify({ name: 'x', dependencies: { local: 'file:./local' } })

test('installs when a manifest changed or node_modules is gone, and only then', async () => {
  using folder = new TemporaryFolder()
  folder.write({ 'package.json': MANIFEST })
  const { context, said } = contextOf(folder.path)
  const step = dependencies(context)
  expect(step.isDone()).toBeFalse()
  await step.run()
  expect(step.isDone()).toBeTrue()
  expect(withoutTimes(said)).toEqual(['setup: packages installed'])

  folder.write({ 'package.json': `${MANIFEST}\n` })
  expect(step.isDone()).toBeFalse()
  await step.run()
  expect(step.isDone()).toBeTrue()
  rmSync(join(folder.path, 'node_modules'), { recursive: true })
  expect(step.isDone()).toBeFalse()
})

test('a lock file that does not fit package.json ends in one sentence', async () => {
  using folder = new TemporaryFolder()
  folder.write({ 'package.json': WITH_PACKAGE, 'local/package.json': '{ "name": "local" }' })
  const lock = { lockfileVersion: 1, workspaces: { '': { name: 'x' } }, packages: {} }
  folder.write({ 'bun.lock': JSON.stringify(lock) })
  const step = dependencies(contextOf(folder.path).context)
  const failure = await failureOf(step.run())
  expect(failure).toBe('"bun install" failed: error: lockfile had changes, but lockfile is frozen')
  expect(step.isDone()).toBeFalse()
})

test('an older Bun ends in one sentence that says how to get another', () => {
  using folder = new TemporaryFolder()
  folder.write({ 'package.json': MANIFEST })
  checkBun(folder.path, '1.4.5')
  checkBun(folder.path, '1.10.0')
  const what = 'Bun >=1.4.5 is needed and this is 1.4.4; "npx bun@1.4.5 run …" brings one'
  expect(() => checkBun(folder.path, '1.4.4')).toThrow(what)
})
