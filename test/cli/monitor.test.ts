// `monitor`: decisions from the topic, filtered, as a table, as lines of JSON, and as they come.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILD, ROOT } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { TOPICS, makeInputs, send } from '../support/applications.ts'
import { cli } from '../support/cli.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const PARTITIONS = 2
const COUNT = 120

setDefaultTimeout(60_000)

let cluster: MockCluster
let worker: WorkerProcess

beforeAll(async () => {
  openLibrary(libraryPath(BUILD))
  cluster = new MockCluster()
  for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, PARTITIONS)
  worker = new WorkerProcess({
    'bootstrap.servers': cluster.bootstrapServers,
    'fetch.wait.max.ms': 10,
  })
  await worker.caughtUp(PARTITIONS)
  send(cluster.bootstrapServers, makeInputs(COUNT, PARTITIONS))
  await worker.reaches('loan_decisions_total', COUNT)
})

afterAll(async () => {
  await worker[Symbol.asyncDispose]()
  cluster[Symbol.dispose]()
})

type Line = {
  time: string
  application_id: string
  decision: string
  reasons: { code: string }[]
  region?: string
}

function monitor(...args: string[]) {
  const brokers = `bootstrap.servers=${cluster.bootstrapServers}`
  return cli(['monitor', '--set', brokers, '--set', 'fetch.wait.max.ms=10', ...args])
}

async function lines(...args: string[]): Promise<Line[]> {
  const { code, out, err } = await monitor('--json', '--limit', '1000', ...args)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}

test('every decision is a line of JSON, once', async () => {
  const all = await lines()
  expect(new Set(all.map((line) => line.application_id)).size).toBe(COUNT)
  expect(all.length).toBe(COUNT)
  for (const { time } of all) expect(Date.parse(time)).toBeGreaterThan(Date.UTC(2020, 0))
})

describe('filters let through what they name, and all of that', () => {
  test('outcomes', async () => {
    const all = await lines()
    const rejected = await lines('--outcome', 'rejected')
    const due = all.filter(({ decision }) => decision === 'rejected')
    expect(rejected.length).toBe(due.length)
    expect(due.length).toBeGreaterThan(0)
    expect(new Set(rejected.map(({ decision }) => decision))).toEqual(new Set(['rejected']))
  })

  test('reasons', async () => {
    const code = 'CREDIT_SCORE_BELOW_MINIMUM'
    const has = ({ reasons }: Line) => reasons.some((reason) => reason.code === code)
    const all = await lines()
    const filtered = await lines('--reason', code)
    expect(filtered.length).toBe(all.filter(has).length)
    expect(filtered.length).toBeGreaterThan(0)
    expect(filtered.every(has)).toBeTrue()
  })

  test('regions, which stand in the applications', async () => {
    const digits = Array.from('0123456789')
    const every = await lines('--region', ...digits)
    expect(every.length).toBe(COUNT)
    const some = await lines('--region', '3')
    expect(some.length).toBe(every.filter(({ region }) => region === '3').length)
    expect(some.length).toBeGreaterThan(0)
  })
})

test('a table for a pipe has the last ones under a head, and no colours', async () => {
  const { code, out } = await monitor('--limit', '5')
  expect(code).toBe(0)
  const rows = out.trimEnd().split('\n')
  expect(rows[0]).toMatch(/^time +application +decision +default +score +reasons$/)
  expect(rows.length).toBe(6)
  expect(out).not.toContain('\x1b')
})

test('--follow goes on with what is decided later, and ends with its reader', async () => {
  const command = ['src/main.ts', 'monitor', '--follow', '--json', '--limit', '3']
  const settings = [`bootstrap.servers=${cluster.bootstrapServers}`, 'fetch.wait.max.ms=10']
  const sets = settings.flatMap((setting) => ['--set', setting])
  const child = Bun.spawn([process.execPath, ...command, ...sets], { cwd: ROOT, stdout: 'pipe' })
  const reader = child.stdout.getReader()
  let text = ''
  const until = async (count: number) => {
    while (text.split('\n').length - 1 < count) {
      const { value, done } = await reader.read()
      if (done) throw new Error(`ended after ${text}`)
      text += new TextDecoder().decode(value)
    }
  }
  await until(3)
  send(cluster.bootstrapServers, makeInputs(7, PARTITIONS, 0, 2))
  await until(10)
  expect(text.split('\n').length - 1).toBe(10)
  child.kill('SIGINT')
  expect(await child.exited).toBe(0)
})

test('a topic that is not there, and an outcome that is none, are refused', async () => {
  const missing = await monitor('--set', 'topic.decisions=nowhere')
  expect(missing.code).toBe(2)
  expect(missing.err).toContain('topic nowhere does not exist')
  const wrong = await monitor('--outcome', 'aproved')
  expect(wrong.code).toBe(2)
})
