// Broker errors, injected into librdkafka's mock cluster: whatever a request gets as an answer, the
// worker goes on by itself, and every record still has its decision. (The mock cluster shows
// aborted records, so a decision may stand there twice; that none does on a real broker is shown
// there.)

import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { type API_KEYS, MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import {
  type Input,
  TOPICS,
  expectedOutcomes,
  makeInputs,
  readTopic,
  send,
} from '../support/applications.ts'
import { WorkerProcess } from '../support/worker-process.ts'

setDefaultTimeout(90_000)

const PARTITIONS = 2

// Kafka's error codes (kafka.apache.org, protocol guide).
const COORDINATOR_NOT_AVAILABLE = 15
const NOT_COORDINATOR = 16
const ILLEGAL_GENERATION = 22
const UNKNOWN_MEMBER_ID = 25
const REBALANCE_IN_PROGRESS = 27
const TOPIC_AUTHORIZATION_FAILED = 29
const OUT_OF_ORDER_SEQUENCE = 45
const INVALID_PRODUCER_EPOCH = 47
const CONCURRENT_TRANSACTIONS = 51
const NOT_LEADER = 6
const PRODUCER_FENCED = 90

type Api = keyof typeof API_KEYS

/** librdkafka retries, the batch is aborted, the producer or the whole partition begins anew. */
type Answer = 'retried' | 'aborted' | 'made anew' | 'rejoined' | 'forbidden'

const CASES: [api: Api, name: string, codes: number[], answer: Answer][] = [
  ['InitProducerId', 'coordinator not available', [COORDINATOR_NOT_AVAILABLE], 'retried'],
  ['AddPartitionsToTxn', 'concurrent transactions', [CONCURRENT_TRANSACTIONS], 'retried'],
  ['AddPartitionsToTxn', 'topic authorization failed', [TOPIC_AUTHORIZATION_FAILED], 'forbidden'],
  ['AddOffsetsToTxn', 'not coordinator', [NOT_COORDINATOR], 'retried'],
  ['TxnOffsetCommit', 'illegal generation', [ILLEGAL_GENERATION], 'aborted'],
  ['TxnOffsetCommit', 'unknown member', [UNKNOWN_MEMBER_ID], 'aborted'],
  ['TxnOffsetCommit', 'rebalance in progress', [REBALANCE_IN_PROGRESS], 'aborted'],
  [
    'EndTxn',
    'concurrent transactions',
    [CONCURRENT_TRANSACTIONS, CONCURRENT_TRANSACTIONS],
    'retried',
  ],
  ['EndTxn', 'invalid producer epoch', [INVALID_PRODUCER_EPOCH], 'made anew'],
  ['EndTxn', 'producer fenced', [PRODUCER_FENCED], 'made anew'],
  ['Produce', 'not leader', [NOT_LEADER], 'retried'],
  ['Produce', 'out of order sequence', [OUT_OF_ORDER_SEQUENCE], 'made anew'],
  ['Produce', 'invalid producer epoch', [INVALID_PRODUCER_EPOCH], 'made anew'],
  ['Produce', 'topic authorization failed', [TOPIC_AUTHORIZATION_FAILED], 'forbidden'],
  ['Fetch', 'not leader', [NOT_LEADER], 'retried'],
  ['Heartbeat', 'rebalance in progress', [REBALANCE_IN_PROGRESS], 'retried'],
  ['Heartbeat', 'unknown member', [UNKNOWN_MEMBER_ID], 'rejoined'],
  ['FindCoordinator', 'coordinator not available', [COORDINATOR_NOT_AVAILABLE], 'retried'],
]

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

function makeCluster(): MockCluster {
  const cluster = new MockCluster()
  for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, PARTITIONS)
  return cluster
}

function start(cluster: MockCluster): WorkerProcess {
  return new WorkerProcess({
    'bootstrap.servers': cluster.bootstrapServers,
    'fetch.wait.max.ms': 10,
    'session.timeout.ms': 6000,
    'heartbeat.interval.ms': 200,
    'commit.interval.ms': 50,
  })
}

/** Every decision that is due is there; more than once is possible here. */
function expectNothingLost(cluster: MockCluster, inputs: readonly Input[]): void {
  const read = readTopic(cluster.bootstrapServers, TOPICS.decisions, PARTITIONS)
  for (const [partition, outcomes] of expectedOutcomes(inputs, TOPICS.applications).entries()) {
    const there = new Set(read[partition]!.map(({ value }) => value!.toHex()))
    const due = outcomes.flatMap((o) => ('decision' in o ? [o.decision.toHex()] : []))
    expect(due.filter((bytes) => !there.has(bytes)).length).toBe(0)
    // And nothing else: no byte differs from what the program decides without Kafka.
    expect(there.size).toBe(due.length)
  }
}

describe('nothing is lost and the worker goes on after', () => {
  test.each(CASES)('%s: %s', async (api, _, codes, answer) => {
    using cluster = makeCluster()
    const inputs = makeInputs(2000, PARTITIONS, 0.01)
    if (api === 'InitProducerId') cluster.pushErrors(api, codes)
    await using worker = start(cluster)
    send(cluster.bootstrapServers, inputs.slice(0, 1000))
    await worker.reaches('loan_records_total', 1000)
    // Stopped while the test's own producer sends, so that the errors meet the worker's requests.
    worker.process.kill('SIGSTOP')
    send(cluster.bootstrapServers, inputs.slice(1000))
    cluster.pushErrors(api, codes)
    worker.process.kill('SIGCONT')
    await worker.reaches('loan_records_total', 2000)
    await worker.caughtUp(PARTITIONS)
    const aborts = await worker.metric('loan_aborts_total')
    const failures = await worker.metric('loan_restarts_total')
    if (answer === 'forbidden') {
      // Not mended by trying again at once: the partition is begun anew, and it is told, and why.
      expect(worker.log).toContain('the broker forbids')
    } else {
      expect(aborts > 0).toBe(answer === 'aborted')
      expect(failures > 0).toBe(answer === 'aborted' || answer === 'made anew')
    }
    if (answer === 'rejoined') {
      await worker.reaches('loan_rebalances_total', 2)
    }
    expect(await worker.stop()).toBe(0)
    expectNothingLost(cluster, inputs)
  })

  test('a broker that is down for a while', async () => {
    using cluster = makeCluster()
    const inputs = makeInputs(2000, PARTITIONS)
    await using worker = start(cluster)
    send(cluster.bootstrapServers, inputs)
    await worker.reaches('loan_records_total', 200)
    cluster.setBrokerDown(1)
    await Bun.sleep(3000)
    cluster.setBrokerUp(1)
    await worker.reaches('loan_records_total', 2000)
    await worker.caughtUp(PARTITIONS)
    expect(await worker.stop()).toBe(0)
    expectNothingLost(cluster, inputs)
  })

  test('is not ready while no broker answers, alive all the time, and ready again after', async () => {
    using cluster = makeCluster()
    await using worker = start(cluster)
    await worker.ready()
    cluster.setBrokerDown(1)
    await worker.logged('no broker answers at')
    expect((await worker.get('/readyz')).status).toBe(503)
    expect(await (await worker.get('/readyz')).text()).toContain(cluster.bootstrapServers)
    expect((await worker.get('/livez')).status).toBe(200)
    cluster.setBrokerUp(1)
    await worker.ready()
    expect(await worker.stop()).toBe(0)
  })

  test('answers that take long', async () => {
    using cluster = makeCluster()
    const inputs = makeInputs(2000, PARTITIONS)
    await using worker = start(cluster)
    send(cluster.bootstrapServers, inputs)
    await worker.reaches('loan_records_total', 200)
    cluster.setBrokerLatency(1, 400)
    await worker.reaches('loan_records_total', 2000)
    cluster.setBrokerLatency(1, 0)
    await worker.caughtUp(PARTITIONS)
    expect(await worker.stop()).toBe(0)
    expectNothingLost(cluster, inputs)
  })
})
