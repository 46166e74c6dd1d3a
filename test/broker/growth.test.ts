// A topic that grows while the worker runs, on a real broker: new partitions wait until the
// decisions' topic and that of the referred ones have them too, the others are served all the time,
// and nothing is lost.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { TOPICS, makeInputs, readTopic, send } from '../support/applications.ts'
import { KafkaCluster } from '../support/kafka.ts'
import { expectExactlyOneOutcome, expectReferredOnceMore } from '../support/outcomes.ts'
import { WorkerProcess } from '../support/worker-process.ts'

setDefaultTimeout(180_000)

const REFERRED = 'loan_decisions.referred'

const unavailable = KafkaCluster.unavailable()

describe.skipIf(unavailable !== undefined)(
  `on a real broker${unavailable ? ` (skipped: ${unavailable})` : ''}`,
  () => {
    let cluster: KafkaCluster

    beforeAll(async () => {
      openLibrary(libraryPath(BUILD))
      cluster = await KafkaCluster.start()
      const topics = [...Object.values(TOPICS), REFERRED]
      for (const topic of topics) await cluster.createTopic(topic, { partitions: 2 })
    })

    afterAll(async () => {
      await cluster.stop()
    })

    async function grow(topic: string, partitions: number): Promise<void> {
      const which = ['--topic', topic, '--partitions', String(partitions)]
      const args = ['--bootstrap-server', '{bootstrap}', '--alter', ...which]
      const { exitCode, output } = await cluster.tool('org.apache.kafka.tools.TopicCommand', args)
      expect([exitCode, output]).toEqual([0, expect.any(String)])
    }

    test('a new partition waits for its place among the decisions, and is served from its start', async () => {
      const { bootstrapServers } = cluster
      await using worker = new WorkerProcess({
        'bootstrap.servers': bootstrapServers,
        'topic.referred': REFERRED,
        'topic.metadata.refresh.interval.ms': 1000,
        'progress.timeout.ms': 2000,
      })
      const before = makeInputs(1000, 2, 0.02)
      send(bootstrapServers, before)
      await worker.reaches('loan_records_total', 1000)
      await grow(TOPICS.applications, 3)
      const after = makeInputs(1500, 3, 0.02, 2)
      send(bootstrapServers, after)
      await worker.logged('topic loan_decisions has 2 partitions, it needs 3')
      await worker.reaches('loan_records_total', 2000)
      const health = await worker.health()
      expect(health.partitions[2]).toMatchObject({ stage: 'waiting', healthy: true })
      expect((await worker.get('/readyz')).status).toBe(503)
      await grow(TOPICS.decisions, 3)
      await worker.logged(`topic ${REFERRED} has 2 partitions, it needs 3`)
      await grow(REFERRED, 3)
      await worker.reaches('loan_records_total', 2500)
      await worker.caughtUp(3)
      await worker.ready()
      expect(await worker.stop()).toBe(0)
      const decisions = readTopic(bootstrapServers, TOPICS.decisions, 3)
      const deadLetters = readTopic(bootstrapServers, TOPICS.deadLetters, 2).flat()
      expectExactlyOneOutcome([...before, ...after], decisions, deadLetters)
      expectReferredOnceMore(decisions, readTopic(bootstrapServers, REFERRED, 3))
    })
  },
)
