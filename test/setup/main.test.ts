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

test.each(['--help', '-h'])('%s explains itself with exit code 0 and does nothing', (flag) => {
  const { exitCode, output, said } = setup(flag)
  expect({ exitCode, said }).toEqual({ exitCode: 0, said: '' })
  expect(output).toStartWith('Usage: bun run setup')
  for (const option of ['--broker', '--force-build', '--quiet']) expect(output).toContain(option)
})

test.each([
  ['--brokers', 'the nearest is --broker'],
  ['--forcebuild', 'the nearest is --force-build'],
  ['--verbose-everything', 'these are: --broker, --force-build, --quiet, --help'],
  ['demo', 'these are: --broker, --force-build, --quiet, --help'],
])('%s ends in one sentence and exit code 2', (arg, help) => {
  const { exitCode, output, said } = setup(arg)
  expect({ exitCode, output }).toEqual({ exitCode: 2, output: '' })
  expect(said).toBe(`${arg} is no option of the set-up; ${help}\n`)
})
