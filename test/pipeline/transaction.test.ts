// When a transaction is due, on librdkafka's mock cluster.

import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
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
import { TOPICS, defaultProgram } from '../support/applications.ts'

setDefaultTimeout(60_000)

const AT = { topic: TOPICS.applications, partition: 0 }
const INTERVAL_MS = 600_000
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
  timeoutMs: 30_000,
}

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

test('the first is due at once, the next an interval later, an aborted one once it is read again', () => {
  using cluster = new MockCluster()
  for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, 1)
  const servers = { 'bootstrap.servers': cluster.bootstrapServers }
  const consumer = new Consumer({ ...servers, 'group.id': 'group' })
  const queue = consumer.takePartitionQueue(AT)
  const size = { records: 16, inputBytes: 1 << 16 }
  const engine = new Engine(loadModule(MODULE_PATH), defaultProgram(), size, addressOf)
  const source = new PartitionSource(consumer.pointer, queue, AT.topic, 0, engine)
  const producer = new Producer({ ...servers, 'transactional.id': 'owner' })
  const hooks = { onEvent: () => undefined, isInterrupted: () => false }
  const transaction = new Transaction(new Outbox(producer, 0, SETTINGS, hooks), source, SETTINGS)
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

  transaction.close()
  consumer.destroyQueue(queue)
  consumer.destroy()
})
