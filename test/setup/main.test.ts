// The set-up as a whole, as every command starts it.

import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { PROJECT } from './support.ts'

const MAIN = join(PROJECT, 'src/setup/main.ts')
/** What a start that has nothing to do may take on a busy machine, Bun's own start included. */
const START_MS_MAX = 1_000

function setup(...flags: string[]) {
  const start = performance.now()
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, MAIN, ...flags])
  const ms = performance.now() - start
  return { exitCode, output: stdout.toString(), said: stderr.toString(), ms }
}

test('a start with nothing to do is quick and says nothing', () => {
  setup()
  const second = setup()
  expect(second).toMatchObject({ exitCode: 0, output: '', said: '' })
  expect(second.ms).toBeLessThan(START_MS_MAX)
}, 300_000)

test('an option that is not known ends in one sentence and exit code 1', () => {
  const { exitCode, output, said } = setup('--brokers')
  expect(exitCode).toBe(1)
  expect(output).toBe('')
  expect(said).toContain('--brokers')
  expect(said).toEndWith('; the set-up takes --broker, --force-build and --quiet\n')
  expect(said.trim()).not.toContain('\n')
})
