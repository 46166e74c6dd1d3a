// Memory that C has the address of, under pressure: the garbage of every turn of the loop is
// collected at once, the engine and its WebAssembly memory are replaced again and again, and what
// was freed is written over. Whatever was not kept would come out as another decision, or crash.

import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { COMMAND_DRAIN, Counters } from '../../src/metrics/counters.ts'
import { BUILD } from '../../src/paths.ts'
import { AtLeastOnce } from '../../src/pipeline/at-least-once.ts'
import { Challenger } from '../../src/pipeline/challenger.ts'
import { SampleRing } from '../../src/metrics/samples.ts'
import { Sampler } from '../../src/pipeline/sampler.ts'
import { PartitionLoop } from '../../src/pipeline/loop.ts'
import { Outbox } from '../../src/pipeline/outbox.ts'
import { Transaction } from '../../src/pipeline/transaction.ts'
import { WantedSchemas } from '../../src/pipeline/wanted-schemas.ts'
import { deliveryProperties } from '../../src/rdkafka/conf.ts'
import { Consumer } from '../../src/rdkafka/consumer.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { addressOf } from '../../src/rdkafka/memory.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { PartitionSource } from '../../src/rdkafka/partition-source.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import { Engine } from '../../src/scorer/engine.ts'
import { TOPICS, makeInputs, readTopic, send } from '../support/applications.ts'
import { shippedProgram, wasmModule } from '../support/engine.ts'
import { expectExactlyOneOutcome } from '../support/outcomes.ts'

setDefaultTimeout(60_000)

const RECORDS = 3000
const SIZE = { records: 50, inputBytes: 1 << 16 }
const TIMEOUT_MS = 10_000
/** Turns after which the engine is another. */
const ENGINE_TURNS = 5
/** The one line of the log that is expected. */
const BEGINS = 'begins at the committed offset'

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

/** Writes over what a collection has freed, as far as it is given out again. */
function churn(): void {
  Bun.gc(true)
  for (let bytes = 64; bytes <= 1 << 20; bytes *= 4) {
    for (let i = 0; i < 8; i++) new Uint8Array(bytes).fill(0xa5)
  }
}

/** Joins and waits for the one partition; returns its queue. */
async function assigned(consumer: Consumer): Promise<number> {
  consumer.subscribe(TOPICS.applications)
  for (;;) {
    const event = consumer.poll(100)
    churn()
    if (event?.type === 'rebalance' && event.assign) {
      const queue = consumer.takePartitionQueue(event.partitions[0]!)
      consumer.assign(event.partitions)
      return queue
    }
    await Bun.sleep(1)
  }
}

test.each(['exactly-once', 'at-least-once'])('%s', async (delivery) => {
  using cluster = new MockCluster()
  for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, 1)
  const inputs = makeInputs(RECORDS, 1, 0.05)
  send(cluster.bootstrapServers, inputs)
  const servers = { 'bootstrap.servers': cluster.bootstrapServers }
  const consumer = new Consumer({
    ...servers,
    'group.id': 'garbage',
    'auto.offset.reset': 'earliest',
    'enable.auto.commit': 'false',
    'enable.partition.eof': 'true',
    'fetch.wait.max.ms': '10',
  })
  const queue = await assigned(consumer)
  const program = shippedProgram()
  const makeEngine = () => {
    const engine = new Engine(wasmModule, program, SIZE, addressOf)
    engine.setPartition(TOPICS.applications, 0)
    return engine
  }
  const counters = new Counters()
  for (const name of ['firstOffset', 'position', 'committed', 'endReached'] as const) {
    counters.set(name, -1)
  }
  const first = makeEngine()
  const source = new PartitionSource(consumer.pointer, queue, TOPICS.applications, 0, first)
  const commits = {
    decisionsTopic: TOPICS.decisions,
    referredTopic: '',
    deadLettersTopic: TOPICS.deadLetters,
    deadLettersPartitions: 1,
    commitIntervalMs: 20,
    behindIntervalMs: 20,
    commitRecords: 500,
    requestRecords: 1000,
    timeoutMs: TIMEOUT_MS,
  }
  const makeDelivery = () => {
    const exactlyOnce = delivery === 'exactly-once'
    const own = deliveryProperties(exactlyOnce ? 'garbage' : undefined)
    const hooks = { onEvent: () => {}, isInterrupted: () => false }
    const outbox = new Outbox(new Producer({ ...servers, ...own }), 0, commits, hooks)
    return exactlyOnce
      ? new Transaction(outbox, source, commits)
      : new AtLeastOnce(outbox, source, commits)
  }
  const log: string[] = []
  let turns = 0
  let engines = 1
  const hooks = {
    log: (level: string, message: string) =>
      void (message === BEGINS || log.push(`${level} ${message}`)),
    takeReplacement: () => {
      churn()
      if (counters.get('records') === RECORDS) counters.command = COMMAND_DRAIN
      if (++turns % ENGINE_TURNS !== 0) return undefined
      engines++
      return makeEngine()
    },
    schemas: new WantedSchemas(() => {}),
    sampler: new Sampler(new SampleRing()),
    challenger: new Challenger('none', 0, counters, {
      log: () => {},
      makeProducer: () => new Producer(servers),
      onEvent: () => {},
    }),
  }
  const settings = {
    batchRecords: SIZE.records,
    hasReferredTopic: false,
    timeoutMs: TIMEOUT_MS,
    traceContext: true,
  }
  const loop = new PartitionLoop(first, source, counters, makeDelivery, settings, hooks)
  expect(loop.run()).toBe('drained')
  loop.close()
  expect(log).toEqual([])
  expect(engines).toBeGreaterThan(RECORDS / SIZE.records / ENGINE_TURNS)
  consumer.destroyQueue(queue as never)
  consumer.startClosing()
  while (!consumer.isClosed()) {
    const event = consumer.poll(10)
    if (event?.type === 'rebalance') consumer.unassign(event.partitions)
  }
  consumer.destroy()
  const decisions = readTopic(cluster.bootstrapServers, TOPICS.decisions, 1)
  const deadLetters = readTopic(cluster.bootstrapServers, TOPICS.deadLetters, 1).flat()
  expectExactlyOneOutcome(inputs, decisions, deadLetters)
})
