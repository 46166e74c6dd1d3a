// When a transaction is due, on librdkafka's mock cluster.

import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, readdirSync } from 'node:fs'
import { BUILD, MODULE_PATH } from '../../src/paths.ts'
import { Outbox } from '../../src/pipeline/outbox.ts'
import { Transaction } from '../../src/pipeline/transaction.ts'
import { Consumer } from '../../src/rdkafka/consumer.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { addressOf } from '../../src/rdkafka/memory.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { PartitionSource } from '../../src/rdkafka/partition-source.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import { Engine } from '../../src/scorer/engine.ts'
import { loadModule } from '../../src/scorer/module.ts'
import { TOPICS, defaultProgram, readTopic } from '../support/applications.ts'

setDefaultTimeout(60_000)

const AT = { topic: TOPICS.applications, partition: 0 }
const INTERVAL_MS = 600_000
/** Ticks of a second in /proc, on every Linux there is. */
const TICKS = 100
const TURNS = 8
const ANSWER_MS = 100
// Kafka's error code (kafka.apache.org, protocol guide).
const UNKNOWN_PRODUCER_ID = 59
const SETTINGS = {
  decisionsTopic: TOPICS.decisions,
  referredTopic: '',
  deadLettersTopic: TOPICS.deadLetters,
  deadLettersPartitions: 1,
  commitIntervalMs: INTERVAL_MS,
  behindIntervalMs: 2 * INTERVAL_MS,
  commitRecords: 1000,
  requestRecords: 1000,
  timeoutMs: 30_000,
}

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

/** A partition's, with what it needs. */
function makeTransaction(cluster: MockCluster, properties: Record<string, string> = {}) {
  for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, 1)
  const servers = { 'bootstrap.servers': cluster.bootstrapServers }
  const consumer = new Consumer({ ...servers, 'group.id': 'group' })
  const queue = consumer.takePartitionQueue(AT)
  const size = { records: 16, inputBytes: 1 << 16 }
  const engine = new Engine(loadModule(MODULE_PATH), defaultProgram(), size, addressOf)
  const source = new PartitionSource(consumer.pointer, queue, AT.topic, 0, engine)
  const producer = new Producer({ ...servers, 'transactional.id': 'owner', ...properties })
  const hooks = { onEvent: () => undefined, isInterrupted: () => false }
  const transaction = new Transaction(new Outbox(producer, 0, SETTINGS, hooks), source, SETTINGS)
  const close = () => {
    transaction.close()
    consumer.destroyQueue(queue)
    consumer.destroy()
  }
  return { transaction, producer, close }
}

test('the first is due at once, the next an interval later, an aborted one once it is read again', () => {
  using cluster = new MockCluster()
  const { transaction, close } = makeTransaction(cluster)
  const untilDue = () => transaction.untilDue(Date.now(), INTERVAL_MS, false)
  const advance = (nextOffset: number, records: number) => {
    transaction.produce(0, 0)
    transaction.advance(nextOffset, records)
  }
  transaction.start()

  // After a time without records nobody need wait.
  advance(10, 10)
  expect(untilDue()).toBe(0)
  expect(transaction.commit()).toBe(10)
  advance(100, 90)
  expect(untilDue()).toBeGreaterThan(0)
  transaction.abort()
  // Read again in smaller batches, and the second time aborted halfway.
  advance(60, 60)
  expect(untilDue()).toBeGreaterThan(0)
  transaction.abort()
  advance(60, 60)
  expect(untilDue()).toBeGreaterThan(0)
  advance(100, 40)
  expect(untilDue()).toBe(0)
  expect(transaction.commit()).toBe(100)
  // From here on, the interval counts as ever.
  advance(110, 10)
  expect(untilDue()).toBeGreaterThan(0)
  // While more is at hand, it is longer, but has an end.
  const isDue = (intervals: number, isBehind: boolean) =>
    transaction.untilDue(Date.now() + intervals * INTERVAL_MS, 1, isBehind) === 0
  expect(isDue(1, false)).toBe(true)
  expect(isDue(1, true)).toBe(false)
  expect(isDue(2, true)).toBe(true)
  // So many records are a transaction at any time.
  advance(1110, 1000)
  expect(isDue(0, true)).toBe(true)

  // Nothing of what was never to be committed can be; of a commit that failed it might.
  expect(transaction.abort()).toBe(true)
  advance(120, 10)
  cluster.pushErrors('EndTxn', [UNKNOWN_PRODUCER_ID])
  expect(() => transaction.commit()).toThrow(/UNKNOWN_PRODUCER_ID|Unknown Producer Id/)
  expect(transaction.abort()).toBe(false)
  advance(120, 10)
  expect(transaction.abort()).toBe(true)

  close()
})

/** Seconds of CPU of this process's threads of librdkafka that speak to brokers. */
function brokerThreadsCpu(): number {
  let ticks = 0
  for (const thread of readdirSync('/proc/self/task')) {
    const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
    const [name, rest] = stat.slice(stat.indexOf('(') + 1).split(') ') as [string, string]
    // proc(5): after the name, utime and stime are the 12th and the 13th.
    const times = rest.split(' ').slice(11, 13)
    if (name.startsWith('rdk:broker')) ticks += Number(times[0]) + Number(times[1])
  }
  return ticks / TICKS
}

const isLinux = process.platform === 'linux'
const quiet = `full requests wait for their turn quietly${isLinux ? '' : ' (skipped: no /proc)'}`

test.skipIf(!isLinux)(quiet, () => {
  using cluster = new MockCluster()
  const { transaction, producer, close } = makeTransaction(cluster, {
    'linger.ms': '30000',
    'batch.num.messages': String(SETTINGS.requestRecords),
  })
  transaction.start()
  cluster.setBrokerLatency(1, ANSWER_MS)
  transaction.produce(0, 0)
  const records = TURNS * SETTINGS.requestRecords + 1
  for (let i = 0; i < records; i++) {
    expect(producer.produce(TOPICS.decisions, 0, null, new Uint8Array(10))).toBe(true)
  }
  transaction.advance(records, records)
  const before = brokerThreadsCpu()
  expect(transaction.commit()).toBe(records)
  // They wait for longer than that, without a pause if they are flushed.
  expect(brokerThreadsCpu() - before).toBeLessThan((TURNS * ANSWER_MS) / 2 / 1000)
  cluster.setBrokerLatency(1, 0)
  expect(readTopic(cluster.bootstrapServers, TOPICS.decisions, 1).flat().length).toBe(records)
  close()
})
