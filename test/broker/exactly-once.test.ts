// Exactly-once on a real broker, seen from outside: what a read_committed reader finds after kills,
// stops and restarts, and what Kafka's own tool says of the group's offsets.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { ApplicationEncoder } from '../../src/applications/application.ts'
import { Generator } from '../../src/applications/generator.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import {
  CHALLENGER_TOPIC,
  type Input,
  type ReadRecord,
  defaultProgram,
  expectedOutcomes,
  header,
  makeInputs,
  readTopic,
  untilUncommitted,
} from '../support/applications.ts'
import { OTHER_MODEL_FOLDER } from '../support/model-host.ts'
import { KafkaCluster } from '../support/kafka.ts'
import { expectExactlyOneOutcome, expectReferredOnceMore } from '../support/outcomes.ts'
import { OwnTopics, type OwnTopicsOptions } from '../support/own-topics.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const PARTITIONS = 4
/** The broker takes a killed member out of the group after so long. */
const SESSION_TIMEOUT_MS = 6000

setDefaultTimeout(120_000)

const unavailable = KafkaCluster.unavailable()

describe.skipIf(unavailable !== undefined)(
  `on a real broker${unavailable ? ` (skipped: ${unavailable})` : ''}`,
  () => {
    let cluster: KafkaCluster

    beforeAll(async () => {
      openLibrary(libraryPath(BUILD))
      cluster = await KafkaCluster.start()
    })

    afterAll(async () => {
      await cluster.stop()
    })

    const makeTopics = (name: string, config: OwnTopicsOptions['config'] = {}) =>
      OwnTopics.make(cluster, name, { partitions: PARTITIONS, config })

    const settings = (topics: OwnTopics) => ({
      ...topics.settings(),
      'session.timeout.ms': SESSION_TIMEOUT_MS,
    })

    test('after kill -9 in mid-stream and a restart every input has exactly one outcome, in order', async () => {
      const topics = await makeTopics('killed')
      const queue = 'killed.referred'
      await cluster.createTopic(queue, { partitions: PARTITIONS })
      const referring = { ...settings(topics), 'topic.referred': queue }
      const inputs = makeInputs(200_000, PARTITIONS, 0.01)
      topics.send(inputs)
      for (const decided of [20_000, 60_000]) {
        await using worker = new WorkerProcess({
          ...referring,
          // Small batches, and some transactions of a partition: the kill meets one that is open and
          // well filled, after others that are committed.
          'batch.records': 100,
          'commit.interval.ms': 300,
          'commit.records': 5000,
        })
        await untilUncommitted(
          cluster.bootstrapServers,
          topics.names.decisions,
          PARTITIONS,
          decided / 4,
        )
        worker.process.kill('SIGKILL')
        await worker.process.exited
      }
      const before = topics.read('decisions').flat().length
      expect(before).toBeGreaterThan(0)
      expect(before).toBeLessThan(inputs.length)
      await using worker = new WorkerProcess(referring)
      await worker.caughtUp(PARTITIONS, 60_000)
      expect(await worker.stop()).toBe(0)
      topics.expectOutcomes()
      const referred = readTopic(cluster.bootstrapServers, queue, PARTITIONS)
      expect(expectReferredOnceMore(topics.read('decisions'), referred)).toBeGreaterThan(0)
      // What the killed workers had produced without committing is there, and no reader sees it.
      const uncommitted = topics.read('decisions', 'read_uncommitted')
      const seen = topics.read('decisions').flat().length
      expect(uncommitted.flat().length).toBeGreaterThan(seen)
    })

    test('with a challenger the champion is exactly-once over kill -9 too, and the rival’s bytes are its own', async () => {
      const topics = await makeTopics('challenged')
      const rivals = `challenged.${CHALLENGER_TOPIC}`
      await cluster.createTopic(rivals, { partitions: PARTITIONS })
      const inputs = makeInputs(200_000, PARTITIONS, 0.01)
      topics.send(inputs)
      const challenged = {
        ...settings(topics),
        'topic.challenger': rivals,
        'challenger.model.path': OTHER_MODEL_FOLDER,
      }
      for (const decided of [20_000, 60_000]) {
        await using worker = new WorkerProcess({
          ...challenged,
          'batch.records': 100,
          'commit.interval.ms': 300,
          'commit.records': 5000,
        })
        await worker.reaches('loan_records_total', decided / 4)
        worker.process.kill('SIGKILL')
        await worker.process.exited
      }
      await using worker = new WorkerProcess(challenged)
      await worker.caughtUp(PARTITIONS, 60_000)
      const dropped = await worker.metric('loan_challenger_dropped_total')
      const decided = await worker.metric('loan_decisions_total')
      expect(await worker.metric('loan_challenger_decisions_total')).toBe(decided)
      expect(await worker.stop()).toBe(0)
      topics.expectOutcomes()
      // The challenger's are best effort over a kill: some may be missing, some there twice.
      const read = readTopic(cluster.bootstrapServers, rivals, PARTITIONS)
      const program = defaultProgram(OTHER_MODEL_FOLDER)
      for (const [partition, outcomes] of expectedOutcomes(
        inputs,
        topics.names.applications,
        program,
      ).entries()) {
        const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')
        const due = new Set(outcomes.flatMap((o) => ('decision' in o ? [hex(o.decision)] : [])))
        const there = new Set(read[partition]!.map(({ value }) => hex(value!)))
        expect([...there].filter((bytes) => !due.has(bytes)).length).toBe(0)
        expect(there.size).toBeGreaterThan(0)
      }
      // The last worker was stopped in order: at least what it decided is there.
      expect(read.flat().length).toBeGreaterThanOrEqual(decided - dropped)
    })

    test('records too large for the dead letters go there without their value, and harm no other', async () => {
      const topics = await makeTopics('large', { deadLetters: { 'max.message.bytes': '20000' } })
      const inputs = makeInputs(400, PARTITIONS)
      const key = new TextEncoder().encode('k')
      const large = (bytes: number): Input => {
        return { partition: 1, key, value: new Uint8Array(bytes).fill(7) }
      }
      // By the record before it each is in mid-stream; the smallest fits.
      inputs.splice(100, 0, large(900_000))
      inputs.splice(200, 0, large(30_000))
      inputs.splice(300, 0, large(5000))
      topics.send(inputs)
      await using worker = new WorkerProcess(settings(topics))
      await worker.reaches('loan_records_total', inputs.length, 60_000)
      expect(await worker.stop()).toBe(0)
      topics.expectOutcomes()
      const letters = topics.read('deadLetters').flat()
      const seen = letters.map((letter) => [
        letter.value?.length ?? 0,
        header(letter, 'loanstream.value.dropped.bytes'),
      ])
      expect(seen).toContainEqual([0, '900000'])
      expect(seen).toContainEqual([0, '30000'])
      expect(seen).toContainEqual([5000, undefined])
    })

    test('an id too long for a record is a dead letter', async () => {
      const topics = await makeTopics('long')
      const inputs = makeInputs(100, PARTITIONS)
      const application = new Generator(7).next(0)
      const value = new ApplicationEncoder(defaultProgram().applicationSchema).encode({
        ...application,
        application_id: 'x'.repeat(520_000),
      })
      inputs.splice(50, 0, { partition: 0, key: new TextEncoder().encode('k'), value })
      topics.send(inputs)
      await using worker = new WorkerProcess(settings(topics))
      await worker.reaches('loan_records_total', inputs.length)
      expect(await worker.metric('loan_dead_letters_total')).toBe(1)
      expect(await worker.stop()).toBe(0)
      topics.expectOutcomes()
    })

    test('a transaction that an upstream producer holds open makes no partition unhealthy', async () => {
      const topics = await makeTopics('upstream')
      await using worker = new WorkerProcess({ ...settings(topics), 'progress.timeout.ms': 2500 })
      await worker.caughtUp(PARTITIONS)
      const producer = new Producer({
        'bootstrap.servers': cluster.bootstrapServers,
        'transactional.id': 'upstream',
      })
      producer.initTransactions(10_000)
      producer.beginTransaction()
      const inputs = makeInputs(8, 1)
      for (const { key, value } of inputs)
        producer.produce(topics.names.applications, 0, key, value)
      producer.flush(10_000)
      const until = performance.now() + 6000
      while (performance.now() < until) {
        const response = await worker.get('/livez')
        expect([response.status, await response.text()]).toEqual([200, 'ok\n'])
        await Bun.sleep(50)
      }
      expect((await worker.health()).partitions[0]!.lag).toBeGreaterThan(0)
      producer.commitTransaction(10_000)
      producer.destroy()
      await worker.reaches('loan_records_total', inputs.length)
      expect(await worker.stop()).toBe(0)
    })

    test('a stopped worker leaves nothing open, and the next goes on from there', async () => {
      const topics = await makeTopics('stopped')
      const inputs = makeInputs(20_000, PARTITIONS, 0.01)
      topics.send(inputs.slice(0, 8000))
      {
        await using worker = new WorkerProcess(settings(topics))
        await worker.reaches('loan_records_total', 4000)
        expect(await worker.stop()).toBe(0)
      }
      topics.send(inputs.slice(8000))
      await using worker = new WorkerProcess(settings(topics))
      await worker.caughtUp(PARTITIONS)
      expect(await worker.stop()).toBe(0)
      topics.expectOutcomes()
      const { output } = await cluster.tool(
        'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
        [
          '--bootstrap-server',
          cluster.bootstrapServers,
          '--describe',
          '--group',
          topics.names.applications,
        ],
      )
      const lags = output
        .split('\n')
        .filter((line) => line.includes(topics.names.applications) && /\d/.test(line))
        .map((line) => line.trim().split(/\s+/))
        .map((cells) => Number(cells[5]))
      expect(lags).toEqual([0, 0, 0, 0])
    })

    test('two workers share the partitions, and one taking over the other leaves no gap', async () => {
      const topics = await makeTopics('shared')
      const inputs = makeInputs(60_000, PARTITIONS)
      await using first = new WorkerProcess(settings(topics))
      await first.ready()
      await using second = new WorkerProcess(settings(topics))
      await second.ready()
      for (let from = 0; from < inputs.length; from += 10_000) {
        topics.send(inputs.slice(from, from + 10_000))
        if (from === 20_000) expect(await first.stop()).toBe(0)
      }
      await topics.allDecided()
      expect(await second.stop()).toBe(0)
      topics.expectOutcomes()
    })

    test('at-least-once loses nothing and keeps the order of first appearance over a kill', async () => {
      const topics = await makeTopics('at-least-once')
      const queue = 'at-least-once.referred'
      await cluster.createTopic(queue, { partitions: PARTITIONS })
      const inputs = makeInputs(50_000, PARTITIONS)
      topics.send(inputs)
      const weaker = {
        ...settings(topics),
        delivery: 'at-least-once',
        'batch.records': 50,
        'topic.referred': queue,
      }
      {
        await using worker = new WorkerProcess(weaker)
        await worker.reaches('loan_records_total', 5000)
        worker.process.kill('SIGKILL')
        await worker.process.exited
      }
      await using worker = new WorkerProcess(weaker)
      await worker.caughtUp(PARTITIONS, 60_000)
      expect(await worker.stop()).toBe(0)
      const firstOf = (all: ReadRecord[][]) =>
        all.map((records) => {
          const seen = new Set<string>()
          return records.filter(({ value }) => {
            const bytes = Buffer.from(value!).toString('latin1')
            return !seen.has(bytes) && seen.add(bytes)
          })
        })
      const first = firstOf(topics.read('decisions'))
      expectExactlyOneOutcome(inputs, first, [], topics.names.applications)
      const referred = firstOf(readTopic(cluster.bootstrapServers, queue, PARTITIONS))
      expect(expectReferredOnceMore(first, referred)).toBeGreaterThan(0)
    })
  },
)
