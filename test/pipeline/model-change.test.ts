// The model changed under a running worker: every decision is what one of the two models decides,
// names the one that made it, and in each partition all of the old come before all of the new.

import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BUILD, MODULE_PATH, fromRoot } from '../../src/paths.ts'
import { Decider } from '../../src/pipeline/decider.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { loadModule } from '../../src/scorer/module.ts'
import { loadProgram } from '../../src/scorer/program.ts'
import { type Input, TOPICS, makeInputs, readTopic, send } from '../support/applications.ts'
import { MODEL_FOLDER, OTHER_MODEL_FOLDER } from '../support/model-host.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const PARTITIONS = 4
const TOKEN = 'a-token'

setDefaultTimeout(60_000)

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

class Folder implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'loanstream-model-'))
  readonly path = join(this.root, 'model')

  constructor() {
    this.put(MODEL_FOLDER)
  }

  put(source: string): void {
    // As `model build` does: the manifest last.
    cpSync(join(source, 'tables.bin'), join(this.path, 'tables.bin'))
    cpSync(join(source, 'manifest.json'), join(this.path, 'manifest.json'))
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true })
  }
}

function setUp(folder: Folder, more: Record<string, string | number> = {}) {
  const cluster = new MockCluster()
  for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, PARTITIONS)
  const worker = new WorkerProcess({
    'bootstrap.servers': cluster.bootstrapServers,
    'fetch.wait.max.ms': 10,
    'session.timeout.ms': 3000,
    'heartbeat.interval.ms': 300,
    'model.path': folder.path,
    'http.token': TOKEN,
    'model.watch.interval.ms': 0,
    ...more,
  })
  return { cluster, worker }
}

async function post(worker: WorkerProcess, path: string, body: object = {}) {
  const headers = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' }
  const url = (await worker.url()) + path
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
}

/** For each partition what the models decide, and how many decisions came from the first. */
function expectOldThenNew(
  inputs: readonly Input[],
  cluster: MockCluster,
  folders: readonly string[],
): number[] {
  const module = loadModule(MODULE_PATH)
  const decisions = readTopic(cluster.bootstrapServers, TOPICS.decisions, PARTITIONS)
  return decisions.map((records, partition) => {
    const values = inputs.filter((input) => input.partition === partition).map((i) => i.value)
    const byModel = folders.map((model) => {
      const files = {
        schemas: fromRoot('schemas'),
        policy: fromRoot('models/default/policy.toml'),
        model,
      }
      const decider = new Decider(module, loadProgram(files), TOPICS.applications, partition)
      return decider.decide(values, 0n).map((outcome) => {
        return 'decision' in outcome ? Buffer.from(outcome.decision).toString('hex') : ''
      })
    })
    expect(records.length).toBe(values.length)
    const makers = records.map((record, i) => {
      const bytes = Buffer.from(record.value!).toString('hex')
      return byModel.findIndex((expected) => expected[i] === bytes)
    })
    expect(makers).toEqual(makers.toSorted((a, b) => a - b))
    expect(makers).not.toContain(-1)
    return makers.filter((maker) => maker === 0).length
  })
}

describe('asked for over HTTP', () => {
  test('while applications stream, and rolled back', async () => {
    using folder = new Folder()
    const { cluster, worker } = setUp(folder, { delivery: 'at-least-once' })
    using _ = cluster
    await using __ = worker
    const inputs = makeInputs(12_000, PARTITIONS)
    send(cluster.bootstrapServers, inputs.slice(0, 4000))
    await worker.reaches('loan_records_total', 1000)
    expect((await post(worker, '/model', { path: OTHER_MODEL_FOLDER })).status).toBe(200)
    send(cluster.bootstrapServers, inputs.slice(4000, 8000))
    await worker.reaches('loan_records_total', 8000)
    expect((await post(worker, '/model/rollback')).status).toBe(200)
    send(cluster.bootstrapServers, inputs.slice(8000))
    await worker.reaches('loan_records_total', 12_000)
    expect(await worker.metric('loan_model_changes_total')).toBe(2)
    expect(await worker.stop()).toBe(0)
    const before = inputs.slice(0, 8000)
    const decisions = readTopic(cluster.bootstrapServers, TOPICS.decisions, PARTITIONS)
    expect(decisions.flat().length).toBe(12_000)
    // After the rollback all is the first model's again.
    const third = new Decider(
      loadModule(MODULE_PATH),
      loadProgram({
        schemas: fromRoot('schemas'),
        policy: fromRoot('models/default/policy.toml'),
        model: MODEL_FOLDER,
      }),
      TOPICS.applications,
      0,
    )
    const values = inputs.filter((input) => input.partition === 0).map((i) => i.value)
    const outcomes = third.decide(values, 0n)
    const last = before.filter((input) => input.partition === 0).length
    for (let i = last; i < values.length; i++) {
      const outcome = outcomes[i]!
      const expected = 'decision' in outcome ? outcome.decision : undefined
      expect(Buffer.from(decisions[0]![i]!.value!).equals(Buffer.from(expected!))).toBeTrue()
    }
  })

  test('each decision is one of the two, old before new', async () => {
    using folder = new Folder()
    const { cluster, worker } = setUp(folder, { delivery: 'at-least-once' })
    using _ = cluster
    await using __ = worker
    const inputs = makeInputs(10_000, PARTITIONS)
    send(cluster.bootstrapServers, inputs.slice(0, 5000))
    await worker.reaches('loan_records_total', 2000)
    expect((await post(worker, '/model', { path: OTHER_MODEL_FOLDER })).status).toBe(200)
    send(cluster.bootstrapServers, inputs.slice(5000))
    await worker.reaches('loan_records_total', 10_000)
    expect(await worker.stop()).toBe(0)
    const old = expectOldThenNew(inputs, cluster, [MODEL_FOLDER, OTHER_MODEL_FOLDER])
    expect(Math.min(...old)).toBeGreaterThan(0)
    expect(Math.max(...old)).toBeLessThanOrEqual(1250)
  })
})

test('an artefact replaced in its folder is found, and a damaged one refused', async () => {
  using folder = new Folder()
  const { cluster, worker } = setUp(folder, { 'model.watch.interval.ms': 50 })
  using _ = cluster
  await using __ = worker
  await worker.ready()
  writeFileSync(join(folder.path, 'manifest.json'), '{}')
  await worker.logged('model refused, the old one goes on')
  expect((await worker.get('/livez')).status).toBe(200)
  folder.put(OTHER_MODEL_FOLDER)
  await worker.logged('model changed')
  const inputs = makeInputs(400, PARTITIONS)
  send(cluster.bootstrapServers, inputs)
  await worker.reaches('loan_records_total', 400)
  expect(await worker.stop()).toBe(0)
  expect(expectOldThenNew(inputs, cluster, [MODEL_FOLDER, OTHER_MODEL_FOLDER])).toEqual([
    0, 0, 0, 0,
  ])
})

test('SIGHUP loads the folder again', async () => {
  using folder = new Folder()
  const { cluster, worker } = setUp(folder)
  using _ = cluster
  await using __ = worker
  await worker.ready()
  folder.put(OTHER_MODEL_FOLDER)
  worker.process.kill('SIGHUP')
  await worker.logged('model changed')
  expect(await worker.stop()).toBe(0)
})
