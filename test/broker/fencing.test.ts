// Where a partition begins, on a real broker: behind what the owner before committed after our
// member had asked for the committed offset, and before our producer fenced it.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { COMMAND_DRAIN, Counters } from '../../src/metrics/counters.ts'
import { SampleRing } from '../../src/metrics/samples.ts'
import { BUILD, MODULE_PATH } from '../../src/paths.ts'
import { Challenger } from '../../src/pipeline/challenger.ts'
import { WantedSchemas } from '../../src/pipeline/wanted-schemas.ts'
import { PartitionLoop } from '../../src/pipeline/loop.ts'
import { Outbox } from '../../src/pipeline/outbox.ts'
import { Sampler } from '../../src/pipeline/sampler.ts'
import { Transaction } from '../../src/pipeline/transaction.ts'
import { Consumer } from '../../src/rdkafka/consumer.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { addressOf } from '../../src/rdkafka/memory.ts'
import { PartitionSource } from '../../src/rdkafka/partition-source.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import { Engine } from '../../src/scorer/engine.ts'
import { loadModule } from '../../src/scorer/module.ts'
import {
  TOPICS,
  defaultProgram,
  expectedOutcomes,
  makeInputs,
  readTopic,
  send,
} from '../support/applications.ts'
import { KafkaCluster } from '../support/kafka.ts'
import { expectExactlyOneOutcome } from '../support/outcomes.ts'

setDefaultTimeout(120_000)

const unavailable = KafkaCluster.unavailable()
const TIMEOUT_MS = 30_000
const AT = { topic: TOPICS.applications, partition: 0 }

describe.skipIf(unavailable !== undefined)(
  `on a real broker${unavailable ? ` (skipped: ${unavailable})` : ''}`,
  () => {
    let cluster: KafkaCluster

    beforeAll(async () => {
      openLibrary(libraryPath(BUILD))
      cluster = await KafkaCluster.start()
      for (const topic of Object.values(TOPICS)) await cluster.createTopic(topic)
    })

    afterAll(async () => {
      await cluster.stop()
    })

    function producerOf(id: string): Producer {
      const properties = { 'bootstrap.servers': cluster.bootstrapServers, 'transactional.id': id }
      return new Producer(properties)
    }

    /** A member with the partition, whose queue holds its records from the first on. */
    async function member(engine: Engine) {
      const consumer = new Consumer({
        'bootstrap.servers': cluster.bootstrapServers,
        'group.id': 'group',
        'auto.offset.reset': 'earliest',
        'enable.auto.commit': 'false',
        'isolation.level': 'read_committed',
      })
      consumer.subscribe(AT.topic)
      for (;;) {
        const event = consumer.poll(100)
        if (event?.type === 'rebalance') break
      }
      const queue = consumer.takePartitionQueue(AT)
      consumer.assign([AT])
      while (consumer.watermarks(AT).high < 0) await Bun.sleep(10)
      const source = new PartitionSource(consumer.pointer, queue, AT.topic, 0, engine)
      return { consumer, queue, source }
    }

    test('what the owner before committed meanwhile is not decided again', async () => {
      const inputs = makeInputs(200, 1)
      send(cluster.bootstrapServers, inputs)
      const size = { records: 1024, inputBytes: 1 << 20 }
      const engine = new Engine(loadModule(MODULE_PATH), defaultProgram(), size, addressOf)
      engine.setPartition(AT.topic, 0)
      const { consumer, queue, source } = await member(engine)

      const before = producerOf('owner')
      before.initTransactions(TIMEOUT_MS)
      before.beginTransaction()
      const [outcomes] = expectedOutcomes(inputs, AT.topic)
      for (const outcome of outcomes!.slice(0, 100)) {
        if ('decision' in outcome) before.produce(TOPICS.decisions, 0, null, outcome.decision)
      }
      using offsets = source.list(100n)
      source.withGroupMetadata((metadata) => before.sendOffsets(offsets, metadata, TIMEOUT_MS))
      before.commitTransaction(TIMEOUT_MS)

      const counters = new Counters()
      counters.set('firstOffset', -1)
      const commits = {
        decisionsTopic: TOPICS.decisions,
        referredTopic: '',
        deadLettersTopic: TOPICS.deadLetters,
        deadLettersPartitions: 1,
        commitIntervalMs: 100,
        behindIntervalMs: 100,
        commitRecords: 1000,
        requestRecords: 1000,
        timeoutMs: TIMEOUT_MS,
      }
      const makeDelivery = () => {
        const own = { onEvent: () => undefined, isInterrupted: () => false }
        return new Transaction(new Outbox(producerOf('owner'), 0, commits, own), source, commits)
      }
      const challenger = new Challenger('none', 0, counters, {
        log: () => undefined,
        makeProducer: () => producerOf('none'),
        onEvent: () => undefined,
      })
      const loop = new PartitionLoop(
        engine,
        source,
        counters,
        makeDelivery,
        {
          batchRecords: 1024,
          hasReferredTopic: false,
          timeoutMs: TIMEOUT_MS,
          traceContext: false,
        },
        {
          log: () => undefined,
          challenger,
          sampler: new Sampler(new SampleRing()),
          schemas: new WantedSchemas(() => undefined),
          takeReplacement: () => {
            if (counters.get('position') >= inputs.length) counters.command = COMMAND_DRAIN
            return undefined
          },
        },
      )
      expect(loop.run()).toBe('drained')
      loop.close()
      consumer.destroyQueue(queue)
      before.destroy()
      const decisions = readTopic(cluster.bootstrapServers, TOPICS.decisions, 1)
      expectExactlyOneOutcome(inputs, decisions, [])
    })
  },
)
