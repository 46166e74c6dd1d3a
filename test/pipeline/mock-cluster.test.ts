// The whole worker process against librdkafka's mock cluster: what comes out, what bad input gets,
// how it starts and stops, and what broker errors do.

import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { TOPICS, header, makeInputs, readTopic, send } from '../support/applications.ts'
import { expectExactlyOneOutcome } from '../support/outcomes.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const PARTITIONS = 4

setDefaultTimeout(60_000)

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

function makeCluster(): MockCluster {
  const cluster = new MockCluster()
  for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, PARTITIONS)
  return cluster
}

function settings(cluster: MockCluster, more: Record<string, string | number> = {}) {
  return {
    'bootstrap.servers': cluster.bootstrapServers,
    // An empty fetch of the mock cluster is answered late even when records come meanwhile.
    'fetch.wait.max.ms': 10,
    // A group whose members have all left waits as long for a new one.
    'session.timeout.ms': 3000,
    'heartbeat.interval.ms': 300,
    ...more,
  }
}

function readAll(cluster: MockCluster) {
  const { bootstrapServers } = cluster
  return {
    decisions: readTopic(bootstrapServers, TOPICS.decisions, PARTITIONS),
    deadLetters: readTopic(bootstrapServers, TOPICS.deadLetters, PARTITIONS).flat(),
  }
}

describe.each(['exactly-once', 'at-least-once'])('delivery %s', (delivery) => {
  test('every record has exactly one outcome, in order, with the bytes decided without Kafka', async () => {
    using cluster = makeCluster()
    const inputs = makeInputs(5000, PARTITIONS, 0.05)
    send(cluster.bootstrapServers, inputs)
    await using worker = new WorkerProcess(settings(cluster, { delivery }))
    await worker.reaches('loan_records_total', inputs.length)
    expect(await worker.stop()).toBe(0)
    const { decisions, deadLetters } = readAll(cluster)
    expect(deadLetters.length).toBeGreaterThan(100)
    expectExactlyOneOutcome(inputs, decisions, deadLetters)
  })

  test('a queue with less room than a batch is sent at once, however long records may linger', async () => {
    using cluster = makeCluster()
    const inputs = makeInputs(4000, PARTITIONS, 0.05)
    send(cluster.bootstrapServers, inputs)
    const small = { 'queue.buffering.max.messages': 100, 'linger.ms': 20_000 }
    await using worker = new WorkerProcess(settings(cluster, { delivery, ...small }))
    await worker.reaches('loan_records_total', inputs.length)
    expect(await worker.stop()).toBe(0)
    const { decisions, deadLetters } = readAll(cluster)
    expectExactlyOneOutcome(inputs, decisions, deadLetters)
  })
})

// With transactions this is shown on a real broker: the mock cluster forgets their offsets.
test('a stopped worker has committed what it decided, and the next goes on from there', async () => {
  using cluster = makeCluster()
  const inputs = makeInputs(3000, PARTITIONS)
  send(cluster.bootstrapServers, inputs.slice(0, 1000))
  {
    await using worker = new WorkerProcess(settings(cluster, { delivery: 'at-least-once' }))
    await worker.reaches('loan_records_total', 1000)
    expect(await worker.stop('SIGINT')).toBe(0)
  }
  send(cluster.bootstrapServers, inputs.slice(1000))
  await using worker = new WorkerProcess(settings(cluster, { delivery: 'at-least-once' }))
  await worker.reaches('loan_records_total', 2000)
  expect(await worker.stop()).toBe(0)
  expectExactlyOneOutcome(inputs, ...(Object.values(readAll(cluster)) as never as [never, never]))
})

test('a dead letter keeps key and value as they came and says what was wrong where', async () => {
  using cluster = makeCluster()
  const [good] = makeInputs(1, 1)
  const key = new TextEncoder().encode('the key')
  const value = good!.value.slice(0, -3)
  send(cluster.bootstrapServers, [good!, { partition: 0, key, value }, good!])
  await using worker = new WorkerProcess(settings(cluster))
  await worker.reaches('loan_records_total', 3)
  const [letter] = readAll(cluster).deadLetters
  expect(letter!.key).toEqual(key)
  expect(letter!.value).toEqual(value)
  expect(header(letter!, 'loanstream.error.class')).toBe('truncated')
  expect(header(letter!, 'loanstream.topic')).toBe(TOPICS.applications)
  expect(header(letter!, 'loanstream.partition')).toBe('0')
  expect(header(letter!, 'loanstream.offset')).toBe('1')
  expect(await worker.metric('loan_dead_letters_total')).toBe(1)
})

test('without a broker the worker says so, is not ready, and stays alive until it stops', async () => {
  await using worker = new WorkerProcess({ 'bootstrap.servers': '127.0.0.1:1' })
  await worker.logged('waiting for a broker at 127.0.0.1:1')
  expect((await worker.get('/readyz')).status).toBe(503)
  expect((await worker.get('/livez')).status).toBe(200)
  expect((await worker.health()).phase).toBe('waiting')
  expect(await worker.stop()).toBe(0)
})

test('a missing topic is named with the command that makes it, and joined once it is there', async () => {
  using cluster = new MockCluster()
  cluster.createTopic(TOPICS.applications, PARTITIONS)
  cluster.createTopic(TOPICS.decisions, PARTITIONS)
  cluster.setTopicError(TOPICS.deadLetters, 3)
  await using worker = new WorkerProcess(settings(cluster))
  await worker.logged('topic loan_applications.dlq does not exist')
  expect(worker.log).toContain('bun run topics')
  cluster.setTopicError(TOPICS.deadLetters, 0)
  await worker.ready()
})

test('partitions without a place among the decisions wait, and the others are served', async () => {
  using cluster = new MockCluster()
  cluster.createTopic(TOPICS.applications, 4)
  cluster.createTopic(TOPICS.decisions, 2)
  cluster.createTopic(TOPICS.deadLetters, 1)
  await using worker = new WorkerProcess(settings(cluster))
  const inputs = makeInputs(400, 4)
  send(cluster.bootstrapServers, inputs)
  await worker.logged('topic loan_decisions has 2 partitions, it needs 4')
  await worker.reaches('loan_records_total', 200)
  expect((await worker.get('/readyz')).status).toBe(503)
  expect((await worker.get('/livez')).status).toBe(200)
  const waiting = async () => {
    const { partitions } = await worker.health()
    return partitions.slice(2).every(({ stage }) => stage === 'waiting')
  }
  await worker.until(waiting, 'the others to wait', 30_000)
  expect(await worker.stop()).toBe(0)
  const served = inputs.filter(({ partition }) => partition < 2)
  const decisions = readTopic(cluster.bootstrapServers, TOPICS.decisions, 2)
  expectExactlyOneOutcome(served, decisions, [])
})

test('a second signal ends the process at once', async () => {
  using cluster = makeCluster()
  send(cluster.bootstrapServers, makeInputs(1, 1))
  await using busy = new WorkerProcess(settings(cluster))
  await busy.reaches('loan_records_total', 1)
  // The broker answers too late for leaving the group in order.
  cluster.setBrokerLatency(1, 20_000)
  busy.process.kill('SIGTERM')
  await busy.logged('stopping')
  await Bun.sleep(1000)
  expect(busy.process.exitCode).toBeNull()
  busy.process.kill('SIGTERM')
  expect(await busy.exit(1000)).toBe(1)
})
