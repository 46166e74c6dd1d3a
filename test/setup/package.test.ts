// The single executable: the commands run from it alone, worker threads and all.

import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeContainer } from '../../src/applications/container-file.ts'
import type { Letters } from '../../src/letters/view.ts'
import { BUILD, ROOT } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { TOPICS, defaultProgram, makeInputs, send } from '../support/applications.ts'

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

test('explains an application, and a decision and dead letters of a worker, with no source', async () => {
  openLibrary(libraryPath(BUILD))
  const inputs = makeInputs(50, 1, 0.5)
  const file = join(folder, 'in.avro')
  const svg = join(folder, 'waterfall.svg')
  const good = makeInputs(1, 1).map(({ value }) => value)
  await writeContainer(file, defaultProgram().applicationSchema, good)
  const own = run('explain', '--input', file, '--svg', svg, '--json')
  expect({ code: own.exitCode, errors: own.errors }).toEqual({ code: 0, errors: '' })
  expect(JSON.parse(own.output)).toHaveProperty('decision.application_id')
  expect(readFileSync(svg, 'utf8')).toStartWith('<svg')

  using cluster = new MockCluster()
  for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, 1)
  const settings = {
    'bootstrap.servers': cluster.bootstrapServers,
    'http.port': '0',
    'http.token': 'packed',
    'log.format': 'json',
  }
  const sets = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`])
  const worker = Bun.spawn([join(target, 'loanstream'), 'worker', ...sets], {
    cwd: folder,
    env: {},
    stderr: 'pipe',
  })
  try {
    let log = ''
    let url: string | undefined
    for await (const chunk of worker.stderr) {
      log += new TextDecoder().decode(chunk)
      url = /"url":"([^"]+)"/.exec(log)?.[1]
      if (url) break
    }
    const get = (path: string) => fetch(url + path, { headers: { Authorization: 'Bearer packed' } })
    send(cluster.bootstrapServers, inputs)
    let answer: Letters = { topic: '', letters: [], looked: 0, partitions: [0, 0] }
    const deadline = Date.now() + 30_000
    while (answer.looked === 0 && Date.now() < deadline) {
      await Bun.sleep(300)
      answer = (await (await get('/dead-letters')).json()) as Letters
    }
    expect(answer.letters.length).toBeGreaterThan(0)
    const explained = async () => {
      const offsets = Array.from({ length: 60 }, (_, offset) => offset)
      const answers = await Promise.all(offsets.map((offset) => get(`/decisions/0/${offset}`)))
      return answers.filter(({ status }) => status === 200).length
    }
    while ((await explained()) === 0 && Date.now() < deadline) await Bun.sleep(300)
    expect(await explained()).toBeGreaterThan(0)
  } finally {
    worker.kill()
    await worker.exited
  }
}, 120_000)

test('is written into no folder that holds something, and only into one', () => {
  expect(pack(target)).toEqual({ exitCode: 2, errors: expect.stringContaining('not empty') })
  expect(pack().exitCode).toBe(2)
  expect(pack('a', 'b').exitCode).toBe(2)
  expect(pack('--fast')).toEqual({ exitCode: 2, errors: expect.stringContaining('--fast') })
})
