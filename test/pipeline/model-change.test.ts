// The model changed under a running worker: every decision is what one of the two models decides,
// names the one that made it, and in each partition all of the old come before all of the new.

import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DecisionDecoder } from '../../src/decisions.ts'
import { sha256Hex } from '../../src/hash.ts'
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

const POLICY = fromRoot('models/default/policy.toml')

class Folder implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'loanstream-model-'))
  readonly path = join(this.root, 'model')
  readonly policy = join(this.root, 'policy.toml')

  constructor() {
    this.put(MODEL_FOLDER)
    cpSync(POLICY, this.policy)
  }

  put(source: string): void {
    // As `model build` does: the manifest last.
    for (const file of ['tables.bin', 'reasons.bin', 'manifest.json']) {
      const from = join(source, file)
      if (existsSync(from)) cpSync(from, join(this.path, file))
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true })
  }
}

const BOTH_MODELS = [MODEL_FOLDER, OTHER_MODEL_FOLDER].map((model) => ({ model, policy: POLICY }))

function setUp(folder: Folder, more: Record<string, string | number> = {}) {
  const cluster = new MockCluster()
  for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, PARTITIONS)
  const worker = new WorkerProcess({
    'bootstrap.servers': cluster.bootstrapServers,
    'fetch.wait.max.ms': 10,
    'session.timeout.ms': 3000,
    'heartbeat.interval.ms': 300,
    'model.path': folder.path,
    'policy.path': folder.policy,
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

/** For each partition what the makers decide, and how many decisions came from the first. */
function expectOldThenNew(
  inputs: readonly Input[],
  cluster: MockCluster,
  makers: readonly { model: string; policy: string }[],
): number[] {
  const module = loadModule(MODULE_PATH)
  const decisions = readTopic(cluster.bootstrapServers, TOPICS.decisions, PARTITIONS)
  return decisions.map((records, partition) => {
    const values = inputs.filter((input) => input.partition === partition).map((i) => i.value)
    const byMaker = makers.map((maker) => {
      const files = { schemas: fromRoot('schemas'), ...maker }
      const decider = new Decider(module, loadProgram(files), TOPICS.applications, partition)
      return decider.decide(values, 0n).map((outcome) => {
        return 'decision' in outcome ? outcome.decision.toHex() : ''
      })
    })
    expect(records.length).toBe(values.length)
    const made = records.map((record, i) => {
      const bytes = record.value!.toHex()
      return byMaker.findIndex((expected) => expected[i] === bytes)
    })
    expect(made).toEqual(made.toSorted((a, b) => a - b))
    expect(made).not.toContain(-1)
    return made.filter((maker) => maker === 0).length
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
    const old = expectOldThenNew(inputs, cluster, BOTH_MODELS)
    // A partition may not have begun; together they had decided so many.
    expect(old.reduce((sum, count) => sum + count)).toBeGreaterThanOrEqual(2000)
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
  expect(expectOldThenNew(inputs, cluster, BOTH_MODELS)).toEqual([0, 0, 0, 0])
})

describe('a policy', () => {
  /** The shipped policy with other cut-offs and a code that it does not have. */
  function otherPolicy(folder: Folder): string {
    const path = join(folder.root, 'other.toml')
    const text = readFileSync(POLICY, 'utf8')
    writeFileSync(path, text.replace(/reject_from = .*/, 'reject_from = -1.2') + EXTRA_RULE)
    return path
  }
  const EXTRA_RULE = `
[[rules]]
code = "LARGE"
outcome = "refer"
field = "loan_amount"
above = 5000
`

  test('replaced in its file is found, a contradictory one refused, and each decision is by the one it names', async () => {
    using folder = new Folder()
    const { cluster, worker } = setUp(folder, { 'model.watch.interval.ms': 50 })
    using _ = cluster
    await using __ = worker
    const inputs = makeInputs(8000, PARTITIONS)
    send(cluster.bootstrapServers, inputs.slice(0, 4000))
    await worker.reaches('loan_records_total', 1000)
    const text = readFileSync(POLICY, 'utf8')
    writeFileSync(folder.policy, text.replace(/reject_from = .*/, 'reject_from = -9.0'))
    await worker.logged('needs refer_above not above reject_from')
    const other = otherPolicy(folder)
    cpSync(other, folder.policy)
    await worker.logged('policy changed')
    send(cluster.bootstrapServers, inputs.slice(4000))
    await worker.reaches('loan_records_total', 8000)
    const metrics = await (await worker.get('/metrics')).text()
    expect(metrics).toContain('loan_policy_changes_total{result="changed"} 1')
    expect(metrics).toContain('loan_policy_changes_total{result="refused"} 1')
    expect(await worker.stop()).toBe(0)
    const makers = [POLICY, other].map((policy) => ({ model: MODEL_FOLDER, policy }))
    const old = expectOldThenNew(inputs, cluster, makers)
    expect(Math.max(...old)).toBeLessThanOrEqual(1000)
    // Codes are counted by name, though each stands at another place in the two.
    const decisions = readTopic(cluster.bootstrapServers, TOPICS.decisions, PARTITIONS)
    const decoder = new DecisionDecoder(
      loadProgram({ schemas: fromRoot('schemas'), ...makers[0]! }).decisionSchema,
    )
    const codes = decisions.flat().flatMap(({ value }) => decoder.decode(value!).reasons)
    for (const code of [
      'LARGE',
      'DEBT_TO_INCOME_ABOVE_MAXIMUM',
      'RISK_NEEDS_REVIEW',
      'EMPLOYMENT_UNKNOWN',
    ]) {
      const count = codes.filter((reason) => reason.code === code).length
      expect(count).toBeGreaterThan(0)
      expect(metrics).toContain(`loan_reasons_total{code="${code}"} ${count}\n`)
    }
  })

  test('is changed over HTTP, named by the health page, and rolled back', async () => {
    using folder = new Folder()
    const { cluster, worker } = setUp(folder)
    using _ = cluster
    await using __ = worker
    await worker.ready()
    const hashes = async () => {
      const { policy } = (await (await worker.get('/healthz')).json()) as {
        policy: { hash: string }
      }
      return policy.hash
    }
    const first = await hashes()
    const other = otherPolicy(folder)
    expect((await post(worker, '/policy', { path: other })).status).toBe(200)
    expect(await hashes()).toBe(sha256Hex(readFileSync(other)))
    expect((await post(worker, '/policy', { path: join(folder.root, 'none.toml') })).status).toBe(
      422,
    )
    expect((await post(worker, '/policy/rollback')).status).toBe(200)
    expect(await hashes()).toBe(first)
    expect(await worker.stop()).toBe(0)
  })
})

test('SIGHUP loads folder and policy again, each on its own', async () => {
  using folder = new Folder()
  const { cluster, worker } = setUp(folder)
  using _ = cluster
  await using __ = worker
  await worker.ready()
  const fast = process.env['BUN_JSC_maxNumWasmFastMemories'] !== undefined
  expect(worker.log.includes('BUN_JSC_maxNumWasmFastMemories=256')).toBe(!fast)
  folder.put(OTHER_MODEL_FOLDER)
  writeFileSync(folder.policy, 'version = 2')
  worker.process.kill('SIGHUP')
  await worker.logged('model changed')
  await worker.logged('policy refused, the old one goes on')
  expect(await worker.stop()).toBe(0)
})
