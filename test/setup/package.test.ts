// The single executable: the commands run from it alone, worker threads and all.

import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../../src/paths.ts'

const folder = mkdtempSync(join(tmpdir(), 'loanstream-package-'))
const target = join(folder, 'out')

function pack(...args: string[]) {
  const command = [process.execPath, 'src/setup/package.ts', ...args]
  const { exitCode, stderr } = Bun.spawnSync(command, { cwd: ROOT })
  return { exitCode, errors: stderr.toString() }
}

/** Runs the executable elsewhere, with nothing in the environment. */
function run(...args: string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync([join(target, 'loanstream'), ...args], {
    cwd: folder,
    env: {},
    timeout: 60_000,
  })
  return { exitCode, output: stdout.toString(), errors: stderr.toString() }
}

beforeAll(() => {
  expect(pack(target)).toEqual({ exitCode: 0, errors: '' })
}, 60_000)

afterAll(() => rmSync(folder, { recursive: true }))

test('decides on the embedded brokers', () => {
  const { exitCode, output, errors } = run('demo', '--applications', '2000', '--json')
  expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: '' })
  expect(JSON.parse(output)).toMatchObject({ applications: 2000, dead_letters: 0 })
})

test('refuses what the commands refuse', () => {
  const { exitCode, errors } = run('worker')
  expect(exitCode).toBe(2)
  expect(errors).toContain('bootstrap.servers')
})

test('finds models and schemas beside itself', () => {
  expect(run('schema', 'list').exitCode).toBe(0)
  expect(run('model', 'inspect', join(target, 'build/models/default')).exitCode).toBe(0)
  expect(readdirSync(target).sort()).toEqual([
    'LICENSE',
    'build',
    'loanstream',
    'models',
    'node_modules',
    'schemas',
    'src',
  ])
})

test('serves the pages, chart library and all', async () => {
  const child = Bun.spawn(
    [join(target, 'loanstream'), 'demo', '--rate', '100', '--partitions', '1'],
    {
      cwd: folder,
      env: {},
      stdout: 'pipe',
    },
  )
  try {
    let output = ''
    let url: string | undefined
    for await (const chunk of child.stdout) {
      output += new TextDecoder().decode(chunk)
      url = /http:\S+?:\d+\//.exec(output)?.[0]
      if (url) break
    }
    for (const path of ['', 'apply', 'assets/monitor.ts', 'assets/uplot.js', 'assets/uplot.css']) {
      expect((await fetch(url + path)).status).toBe(200)
    }
  } finally {
    child.kill()
    await child.exited
  }
}, 60_000)

test('is written into no folder that holds something, and only into one', () => {
  expect(pack(target)).toEqual({ exitCode: 2, errors: expect.stringContaining('not empty') })
  expect(pack().exitCode).toBe(2)
  expect(pack('a', 'b').exitCode).toBe(2)
  expect(pack('--fast')).toEqual({ exitCode: 2, errors: expect.stringContaining('--fast') })
})
