// Exactly-once with a real broker and a real registry: records of several framings and versions on
// one topic, a registry that goes down in mid-stream and comes back, and a kill while it is down.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { registryHeader } from '../../src/avro/schema-id.ts'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { RegistryClient } from '../../src/registry/client.ts'
import {
  type Input,
  TOPICS,
  expectedOutcomes,
  makeInputs,
  readTopic,
  send,
} from '../support/applications.ts'
import { applicationSchema } from '../support/engine.ts'
import { KafkaCluster } from '../support/kafka.ts'
import { RegistryFront } from '../support/registry-front.ts'
import { Registry } from '../support/registry.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const PARTITIONS = 2
const SINGLE_OBJECT_BYTES = 10
const SESSION_TIMEOUT_MS = 6000

setDefaultTimeout(120_000)

const unavailable = KafkaCluster.unavailable() ?? Registry.unavailable()
const skipped = unavailable ? ` (skipped: ${unavailable})` : ''

describe.skipIf(unavailable !== undefined)(`on a real broker and registry${skipped}`, () => {
  let cluster: KafkaCluster
  let registry: Registry

  beforeAll(async () => {
    openLibrary(libraryPath(BUILD))
    const started = await Promise.all([KafkaCluster.start(), Registry.start()])
    cluster = started[0]
    registry = started[1]
  })

  afterAll(async () => {
    await Promise.all([cluster.stop(), registry.stop()])
  })

  test('a registry that is down in mid-stream, and a kill meanwhile, lose and double nothing', async () => {
    for (const topic of Object.values(TOPICS)) {
      await cluster.createTopic(topic, { partitions: PARTITIONS })
    }
    const client = new RegistryClient({ url: registry.url, timeoutMs: 10_000, unknownMs: 0 })
    const ids = [
      await client.register('loan_applications-value', applicationSchema.json),
      // Other doc, other id: the worker meets this one when the registry is down.
      await client.register('other', { ...(applicationSchema.json as object), doc: 'another' }),
    ]
    using front = new RegistryFront(registry).up()
    const settings = {
      'bootstrap.servers': cluster.bootstrapServers,
      'session.timeout.ms': SESSION_TIMEOUT_MS,
      'schema.registry.url': front.url,
      'batch.records': 500,
    }
    const inputs = makeInputs(60_000, PARTITIONS)
    const framed = (input: Input, i: number): Input => {
      const id = i < 30_000 ? ids[0]! : ids[1]!
      // Both framings on both partitions.
      if (i % 2 === Math.floor(i / 4) % 2) return input
      const body = input.value.subarray(SINGLE_OBJECT_BYTES)
      return { ...input, value: Buffer.concat([registryHeader(id), body]) }
    }
    const sent = inputs.map(framed)
    send(cluster.bootstrapServers, sent.slice(0, 30_000))
    {
      await using worker = new WorkerProcess(settings)
      await worker.reaches('loan_records_total', 30_000)
      await front.down()
      send(cluster.bootstrapServers, sent.slice(30_000))
      await worker.logged('waits: registry', 30_000)
      worker.process.kill('SIGKILL')
      await worker.process.exited
    }
    await using worker = new WorkerProcess(settings)
    await worker.logged('waits: registry', 60_000)
    expect((await worker.get('/readyz')).status).toBe(503)
    front.up()
    await worker.caughtUp(PARTITIONS, 60_000)
    await worker.ready()
    expect(await worker.stop()).toBe(0)
    const { bootstrapServers } = cluster
    const decisions = readTopic(bootstrapServers, TOPICS.decisions, PARTITIONS)
    const expected = expectedOutcomes(inputs, TOPICS.applications)
    for (const [partition, outcomes] of expected.entries()) {
      const actual = decisions[partition]!.map(({ value }) => value!.toHex())
      const due = outcomes.map((outcome) => ('decision' in outcome ? outcome.decision.toHex() : ''))
      const different = due.findIndex((text, i) => text !== actual[i])
      expect([actual.length, different]).toEqual([due.length, -1])
    }
    expect(readTopic(bootstrapServers, TOPICS.deadLetters, PARTITIONS).flat()).toEqual([])
  })
})
