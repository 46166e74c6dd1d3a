// The lock among set-ups, with a process that is killed while it holds it.

import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { withLock } from '../../src/setup/lock.ts'
import { TemporaryFolder, failureOf } from './support.ts'

const HOLDER = `
  import { withLock } from ${JSON.stringify(join(import.meta.dir, '../../src/setup/lock.ts'))}
  await withLock(process.env.LOCK_PATH, () => {}, async () => {
    console.log('held')
    await Bun.sleep(60_000)
  })`

test('a lock waits for the process that holds it, and is free when that one is killed', async () => {
  using folder = new TemporaryFolder()
  const path = join(folder.path, 'new/folder/lock')
  const holder = Bun.spawn([process.execPath, '-e', HOLDER], {
    env: { ...process.env, LOCK_PATH: path },
    stdout: 'pipe',
  })
  const reader = holder.stdout.getReader()
  await reader.read()
  const events: string[] = []
  const onWait = () => {
    events.push('wait')
    holder.kill('SIGKILL')
  }
  await withLock(path, onWait, async () => void events.push('mine'))
  await withLock(path, onWait, async () => void events.push('mine again'))
  expect(events).toEqual(['wait', 'mine', 'mine again'])
  await holder.exited
})

test('an action that throws gives the lock back', async () => {
  using folder = new TemporaryFolder()
  const path = join(folder.path, 'lock')
  const fail = withLock(
    path,
    () => {},
    () => Promise.reject(new Error('no')),
  )
  expect(await failureOf(fail)).toBe('no')
  expect(
    await withLock(
      path,
      () => {},
      async () => 7,
    ),
  ).toBe(7)
})

test('a lock that cannot be made says which file', async () => {
  using folder = new TemporaryFolder()
  folder.write({ file: '' })
  const path = join(folder.path, 'file/lock')
  const lock = withLock(
    path,
    () => {},
    async () => {},
  )
  expect(await failureOf(lock)).toStartWith(`cannot lock ${path}`)
})
