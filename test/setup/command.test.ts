// Running other programs: what they print, how they end, and that they do end.

import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CommandOptions, reasonOf, runCommand } from '../../src/setup/command.ts'
import { TemporaryFolder } from './support.ts'

const OPTIONS: CommandOptions = { folder: '.', environment: process.env, timeoutMs: 10_000 }

function shell(script: string, own: Partial<CommandOptions> = {}) {
  return runCommand(['sh', '-c', script], { ...OPTIONS, ...own })
}

test('keeps what a program prints, line by line, and logs it', async () => {
  using folder = new TemporaryFolder()
  const lines: string[] = []
  const logPath = join(folder.path, 'log')
  const outcome = await shell('echo one; echo two >&2; printf three', {
    logPath,
    onLine: (line) => lines.push(line),
  })
  expect(outcome).toMatchObject({ exitCode: 0, output: 'one\nthree', errors: 'two\n' })
  expect(lines.sort()).toEqual(['one', 'two'])
  expect(readFileSync(logPath, 'utf8')).toContain('two')
})

test('ends a program that takes too long, even when one it started goes on', async () => {
  const start = performance.now()
  const outcome = await shell('echo begun; sleep 5; true', { timeoutMs: 300 })
  expect(outcome.output).toBe('begun\n')
  expect(reasonOf(outcome)).toBe('it took too long')
  expect(performance.now() - start).toBeLessThan(3_000)
})

test('a program that is not there is an outcome like others', async () => {
  const outcome = await runCommand(['/no/such/program'], OPTIONS)
  expect(outcome.exitCode).toBe(127)
  expect(reasonOf(outcome)).toContain('/no/such/program')
})

test.each([
  [
    'echo fine; echo "x.c:3: error: no semicolon" >&2; echo more; exit 2',
    'x.c:3: error: no semicolon',
  ],
  ['echo first; echo last; exit 2', 'last'],
  ['printf "\\033[31merror\\033[0m: red" >&2; exit 1', 'error: red'],
  ['echo "a.b.ConfigException: bad" >&2; echo at x >&2; exit 1', 'a.b.ConfigException: bad'],
  ['exit 3', 'exit code 3'],
  ['kill -SEGV $$', 'SIGSEGV ended it'],
])('the reason why %j failed', async (script, reason) => {
  expect(reasonOf(await shell(script))).toBe(reason)
})
