// A worker with a challenger against librdkafka's mock cluster: both topics hold what each model
// decides alone, whatever becomes of the challenger's; and it is switched on and off in mid-stream.

import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import {
  CHALLENGER_TOPIC,
  type Input,
  TOPICS,
  defaultProgram,
  expectedOutcomes,
  makeInputs,
  readTopic,
  send,
} from '../support/applications.ts'
import { MODEL_FOLDER, OTHER_MODEL_FOLDER } from '../support/model-host.ts'
import { expectChallenger, expectExactlyOneOutcome } from '../support/outcomes.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const PARTITIONS = 4
const TOKEN = 'a-token'
/** Kafka's error code for a topic that there is not. */
const UNKNOWN_TOPIC = 3

setDefaultTimeout(60_000)

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

function makeCluster(): MockCluster {
  const cluster = new MockCluster()
  for (const topic of [...Object.values(TOPICS), CHALLENGER_TOPIC]) {
    cluster.createTopic(topic, PARTITIONS)
  }
  return cluster
}

function start(cluster: MockCluster, more: Record<string, string | number> = {}): WorkerProcess {
  return new WorkerProcess({
    'bootstrap.servers': cluster.bootstrapServers,
    'fetch.wait.max.ms': 10,
    'session.timeout.ms': 3000,
    'heartbeat.interval.ms': 300,
    'http.token': TOKEN,
    'model.watch.interval.ms': 0,
    ...more,
  })
}

async function call(worker: WorkerProcess, method: string, path: string, body?: object) {
  const headers = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' }
  const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) }
  const response = await fetch((await worker.url()) + path, init)
  return { status: response.status, body: (await response.json()) as Answer }
}

type Answer = {
  challenger: { name: string; hash: string } | null
  decisions: number
  agreement: number | null
  pairs: Record<string, Record<string, number>>
  errors: number
  dropped: number
}

function expectChampion(cluster: MockCluster, inputs: readonly Input[]): void {
  const read = (topic: string) => readTopic(cluster.bootstrapServers, topic, PARTITIONS)
  expectExactlyOneOutcome(inputs, read(TOPICS.decisions), read(TOPICS.deadLetters).flat())
}

const readChallenger = (cluster: MockCluster) =>
  readTopic(cluster.bootstrapServers, CHALLENGER_TOPIC, PARTITIONS)

describe.each(['exactly-once', 'at-least-once'])('delivery %s', (delivery) => {
  test('both topics are complete, in order, with the bytes decided without Kafka', async () => {
    using cluster = makeCluster()
    const inputs = makeInputs(5000, PARTITIONS, 0.05)
    send(cluster.bootstrapServers, inputs)
    const challenger = { delivery, 'challenger.model.path': OTHER_MODEL_FOLDER }
    await using worker = start(cluster, challenger)
    await worker.reaches('loan_records_total', inputs.length)
    const { body } = await call(worker, 'GET', '/challenger')
    const health = (await (await worker.get('/healthz')).json()) as { challenger: unknown }
    const decided = await worker.metric('loan_challenger_decisions_total')
    const pairs = await worker.metric('loan_challenger_pairs_total')
    expect(await worker.metric('loan_challenger_on')).toBe(1)
    expect(await worker.metric('loan_challenger_info')).toBe(1)
    expect(await worker.stop()).toBe(0)
    expectChampion(cluster, inputs)
    const due = expectChallenger(inputs, readChallenger(cluster), OTHER_MODEL_FOLDER)
    expect([decided, pairs, body.decisions]).toEqual([due, due, due])
    expect([body.errors, body.dropped]).toEqual([0, 0])
    const { hash } = body.challenger!
    expect(hash).toBe(defaultProgram(OTHER_MODEL_FOLDER).modelHash.toHex())
    expect(health.challenger).toMatchObject({ hash, workers_off: 0 })
    expect(body.pairs).toEqual(pairsOf(inputs))
  })
})

const DECISION_NAMES = ['approved', 'rejected', 'referred']

/** Outcomes of both models, from the decisions that they make without Kafka. */
function pairsOf(inputs: readonly Input[]): Record<string, Record<string, number>> {
  const [champion, challenger] = [MODEL_FOLDER, OTHER_MODEL_FOLDER].map((model) => {
    return expectedOutcomes(inputs, TOPICS.applications, defaultProgram(model)).flat()
  })
  const none = () => Object.fromEntries(DECISION_NAMES.map((name) => [name, 0]))
  const pairs = Object.fromEntries(DECISION_NAMES.map((name) => [name, none()]))
  for (const [i, outcome] of champion!.entries()) {
    const other = challenger![i]!
    if (!('decision' in outcome) || !('decision' in other)) continue
    pairs[nameOf(outcome.decision)]![nameOf(other.decision)]!++
  }
  return pairs
}

/** The outcome stands behind the header and the id, a string of 36 bytes. */
function nameOf(decision: Uint8Array): string {
  return DECISION_NAMES[decision[10 + 1 + 36]! >> 1]!
}

describe('the champion goes on, and it is counted,', () => {
  test('when the challenger’s topic is missing', async () => {
    using cluster = makeCluster()
    cluster.setTopicError(CHALLENGER_TOPIC, UNKNOWN_TOPIC)
    const inputs = makeInputs(4000, PARTITIONS)
    await using worker = start(cluster, {
      'challenger.model.path': OTHER_MODEL_FOLDER,
      'topic.metadata.propagation.max.ms': 200,
      'batch.records': 50,
    })
    send(cluster.bootstrapServers, inputs.slice(0, 1000))
    await worker.reaches('loan_challenger_dropped_total', 1000)
    for (let from = 1000; from < 4000; from += 100) {
      send(cluster.bootstrapServers, inputs.slice(from, from + 100))
      await worker.reaches('loan_records_total', from + 100)
    }
    await worker.logged('the challenger is off after 8 failures')
    expect(await worker.metric('loan_challenger_on')).toBe(0)
    expect(await worker.metric('loan_challenger_errors_total')).toBeGreaterThanOrEqual(8)
    expect(await worker.metric('loan_aborts_total')).toBe(0)
    expect(await worker.metric('loan_restarts_total')).toBe(0)
    // Once the topic is there, the next challenger is a new chance.
    cluster.setTopicError(CHALLENGER_TOPIC, 0)
    const body = { path: OTHER_MODEL_FOLDER }
    expect((await call(worker, 'POST', '/challenger', body)).status).toBe(200)
    expect(await worker.metric('loan_challenger_on')).toBe(1)
    expect(await worker.stop()).toBe(0)
    expectChampion(cluster, inputs)
  })

  test('when the challenger’s topic has too few partitions', async () => {
    using cluster = new MockCluster()
    for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, PARTITIONS)
    cluster.createTopic(CHALLENGER_TOPIC, 1)
    const inputs = makeInputs(2000, PARTITIONS)
    send(cluster.bootstrapServers, inputs)
    await using worker = start(cluster, { 'challenger.model.path': OTHER_MODEL_FOLDER })
    await worker.reaches('loan_records_total', inputs.length)
    await worker.reaches(
      'loan_challenger_dropped_total',
      inputs.length - inputs.length / PARTITIONS,
    )
    expect(await worker.metric('loan_aborts_total')).toBe(0)
    expect(await worker.stop()).toBe(0)
    expectChampion(cluster, inputs)
  })

  test('when there is no such artefact at the start', async () => {
    using cluster = makeCluster()
    const inputs = makeInputs(400, PARTITIONS)
    send(cluster.bootstrapServers, inputs)
    await using worker = start(cluster, { 'challenger.model.path': 'nowhere' })
    await worker.logged('challenger refused')
    await worker.reaches('loan_records_total', inputs.length)
    expect(await worker.metric('loan_challenger_on')).toBe(0)
    expect(await worker.stop()).toBe(0)
    expectChampion(cluster, inputs)
    expect(readChallenger(cluster).flat()).toEqual([])
  })
})

describe('while applications stream', () => {
  /** Sends all in small parts, and runs what is to happen in between. */
  async function stream(
    cluster: MockCluster,
    worker: WorkerProcess,
    inputs: readonly Input[],
    actions: readonly (() => Promise<unknown>)[],
  ): Promise<void> {
    const part = Math.ceil(inputs.length / (actions.length + 1))
    for (let i = 0; i <= actions.length; i++) {
      send(cluster.bootstrapServers, inputs.slice(i * part, (i + 1) * part))
      // Half of the part is still to come when the action starts.
      await worker.reaches('loan_records_total', (i + 0.5) * part)
      await actions[i]?.()
    }
    await worker.reaches('loan_records_total', inputs.length)
  }

  test('a challenger is switched on and off, and the champion’s decisions do not tell', async () => {
    using cluster = makeCluster()
    const inputs = makeInputs(12_000, PARTITIONS)
    await using worker = start(cluster)
    const on = async () => {
      const answer = await call(worker, 'POST', '/challenger', { path: OTHER_MODEL_FOLDER })
      expect(answer.status).toBe(200)
      const refused = await call(worker, 'POST', '/challenger', { path: 'nowhere' })
      expect(refused.status).toBe(422)
      expect(await worker.metric('loan_challenger_on')).toBe(1)
    }
    const off = async () => {
      const { body } = await call(worker, 'DELETE', '/challenger')
      expect(body.challenger).toBeNull()
      expect(await worker.metric('loan_challenger_on')).toBe(0)
      expect(await worker.metric('loan_challenger_info')).toBe(0)
    }
    await stream(cluster, worker, inputs, [on, off])
    expect(await worker.stop()).toBe(0)
    expectChampion(cluster, inputs)
    const outcomes = expectedOutcomes(
      inputs,
      TOPICS.applications,
      defaultProgram(OTHER_MODEL_FOLDER),
    )
    const seen = readChallenger(cluster)
    // On and off fell between the first and the last.
    expect(seen.flat().length).toBeGreaterThan(0)
    expect(seen.flat().length).toBeLessThan(inputs.length)
    for (const [partition, records] of seen.entries()) {
      const all = outcomes[partition]!.flatMap((o) => ('decision' in o ? [o.decision.toHex()] : []))
      const actual = records.map(({ value }) => value!.toHex())
      // One stretch of what it would have decided, from somewhere to somewhere.
      const from = actual.length === 0 ? 0 : all.indexOf(actual[0]!)
      expect(actual).toEqual(all.slice(from, from + actual.length))
    }
  })

  test('the champion changes under the challenger, which decides as before', async () => {
    using cluster = makeCluster()
    const inputs = makeInputs(8000, PARTITIONS)
    await using worker = start(cluster, { 'challenger.model.path': OTHER_MODEL_FOLDER })
    // The models have other features in another order: the rows' columns change.
    const change = () => call(worker, 'POST', '/model', { path: OTHER_MODEL_FOLDER })
    const back = () => call(worker, 'POST', '/model/rollback')
    await stream(cluster, worker, inputs, [change, back])
    expect(await worker.stop()).toBe(0)
    expectChallenger(inputs, readChallenger(cluster), OTHER_MODEL_FOLDER)
  })

  test('without the token nothing changes', async () => {
    using cluster = makeCluster()
    await using worker = start(cluster)
    for (const method of ['GET', 'POST', 'DELETE']) {
      const response = await fetch(`${await worker.url()}/challenger`, { method })
      expect([method, response.status >= 400 && response.status < 403]).toEqual([method, true])
    }
    expect(await worker.metric('loan_challenger_on')).toBe(0)
  })
})
