// What a client cannot know: the broker did what it was asked, and the answer got lost on the way,
// or says otherwise. On a real broker behind a proxy that does it, every application still has
// exactly one outcome.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { API_KEYS } from '../../src/rdkafka/mock-cluster.ts'
import { makeInputs } from '../support/applications.ts'
import { KafkaCluster } from '../support/kafka.ts'
import type { Harm } from '../support/network-proxy.ts'
import { Network } from '../support/network.ts'
import { OwnTopics } from '../support/own-topics.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const PARTITIONS = 2
const RECORDS = 6000
/** A transaction each, so that there are many answers. */
const COMMIT_RECORDS = 100
/** Between two that are harmed; in a row they are more than the worker puts up with. */
const SPARED = 5
const HARMED = 4
/** Its error code, 16 bits, comes after throttle_time_ms (EndTxn response v0 and v1). */
const END_ERROR_AT = 12

setDefaultTimeout(120_000)

const unavailable = KafkaCluster.unavailable()

describe.skipIf(unavailable !== undefined)(
  `on a real broker${unavailable ? ` (skipped: ${unavailable})` : ''}`,
  () => {
    let network: Network
    let cluster: KafkaCluster

    beforeAll(async () => {
      openLibrary(libraryPath(BUILD))
      network = new Network(1)
      cluster = await KafkaCluster.start({
        properties: ({ id, port }) => ({ 'advertised.listeners': network.advertise(id, port) }),
      })
    })

    afterAll(async () => {
      await cluster.stop()
      await network[Symbol.asyncDispose]()
    })

    /** Decides while answers are harmed, and checks every outcome. */
    async function decidesAllOnce(name: string, harm: Omit<Harm, 'spared' | 'count'>) {
      const { bootstrapServers } = network
      const topics = await OwnTopics.make(cluster, name, {
        partitions: PARTITIONS,
        bootstrapServers,
      })
      topics.send(makeInputs(RECORDS, PARTITIONS, 0.01))
      network.harm({ ...harm, spared: SPARED, count: HARMED })
      await using worker = new WorkerProcess({
        ...topics.settings(),
        'commit.records': COMMIT_RECORDS,
        'batch.records': COMMIT_RECORDS,
      })
      await worker.caughtUp(PARTITIONS, 60_000)
      expect(await worker.stop()).toBe(0)
      expect(network.harmed).toBe(HARMED)
      network.harm()
      topics.expectOutcomes()
      return worker
    }

    test.each([
      'Produce',
      'AddPartitionsToTxn',
      'AddOffsetsToTxn',
      'TxnOffsetCommit',
      'EndTxn',
    ] as const)('answers to %s get lost', async (name) => {
      await decidesAllOnce(`lost.${name}`, { apiKey: API_KEYS[name] })
    })

    // librdkafka aborts the transaction then. The broker has committed it and refuses, and the next
    // producer of the partition is told what is committed.
    test.each([
      ['UNKNOWN_PRODUCER_ID', 59],
      ['INVALID_TXN_STATE', 48],
      ['UNKNOWN_SERVER_ERROR', -1],
      ['COORDINATOR_NOT_AVAILABLE', 15],
    ])('answers to EndTxn say %s although all was done', async (name, code) => {
      const error = { at: END_ERROR_AT, code }
      const worker = await decidesAllOnce(`false.${name}`, { apiKey: API_KEYS.EndTxn, error })
      // It is not for nothing: all but the last make it abort or begin anew.
      const isRetried = name === 'COORDINATOR_NOT_AVAILABLE'
      expect(/"level":"warn"/.test(worker.log)).toBe(!isRetried)
    })
  },
)
