// A partition that cannot get on, on the mock cluster: the leader of its decisions hangs. It is
// begun anew alone, with the stage named; when that does not help, the process ends.

import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import type { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { makeInputs, send } from '../support/applications.ts'
import { OTHER_BROKER, twoBrokers } from '../support/two-brokers.ts'
import { WorkerProcess } from '../support/worker-process.ts'

setDefaultTimeout(120_000)

const PARTITIONS = 2
const HANG_MS = 600_000

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

function start(cluster: MockCluster): WorkerProcess {
  return new WorkerProcess({
    'bootstrap.servers': cluster.bootstrapServers,
    'fetch.wait.max.ms': 10,
    'progress.timeout.ms': 1500,
    // Far longer than the test: nothing but the watch ends the wait.
    'broker.timeout.ms': 600_000,
    'socket.timeout.ms': 300_000,
    'transaction.timeout.ms': 900_000,
    'session.timeout.ms': 300_000,
  })
}

test('a wedged partition is begun anew, named with its stage, and the others are left alone', async () => {
  using cluster = twoBrokers('decisions', PARTITIONS)
  await using worker = start(cluster)
  send(cluster.bootstrapServers, makeInputs(100, PARTITIONS))
  await worker.reaches('loan_records_total', 100)
  cluster.setBrokerLatency(OTHER_BROKER, HANG_MS)
  const others = makeInputs(200, 1).map((input) => ({ ...input, partition: 1 }))
  send(cluster.bootstrapServers, [...makeInputs(50, 1), ...others])
  await worker.reaches('loan_records_total', 300)
  await worker.reaches('loan_wedged_total', 1)
  await worker.logged('no progress for')
  const told = worker.log.split('\n').filter((line) => line.includes('no progress for'))
  for (const line of told) {
    expect(JSON.parse(line)).toMatchObject({ level: 'error', partition: 0, stage: 'commit' })
  }
  await worker.logged(`"restarts":1,"msg":"the partition's worker: no progress"`)
  cluster.setBrokerLatency(OTHER_BROKER, 0)
  await worker.reaches('loan_records_total', 350)
  await worker.caughtUp(PARTITIONS)
  expect(await worker.stop()).toBe(0)
})

test('a partition that stays wedged ends the process, so that its supervisor acts', async () => {
  using cluster = twoBrokers('decisions', PARTITIONS)
  await using worker = start(cluster)
  send(cluster.bootstrapServers, makeInputs(100, PARTITIONS))
  await worker.reaches('loan_records_total', 100)
  cluster.setBrokerLatency(OTHER_BROKER, HANG_MS)
  send(cluster.bootstrapServers, makeInputs(50, 1))
  expect(await worker.exit(90_000)).toBe(1)
  expect(worker.log).toContain('partition 0 of loan_applications cannot be served: no progress')
  const restarts = [...worker.log.matchAll(/"restarts":(\d)/g)].map(([, n]) => Number(n))
  expect(restarts).toEqual([1, 2, 3, 4, 5, 6])
})

test('a worker that hangs in librdkafka is left behind, and another takes over', async () => {
  using cluster = twoBrokers('group', PARTITIONS)
  await using worker = start(cluster)
  send(cluster.bootstrapServers, makeInputs(100, PARTITIONS))
  await worker.reaches('loan_records_total', 100)
  // Sending offsets to a transaction has no end while the group's coordinator is away.
  cluster.setBrokerDown(OTHER_BROKER)
  send(cluster.bootstrapServers, makeInputs(50, 1))
  await worker.logged('the worker hangs: another one takes over', 60_000)
  cluster.setBrokerUp(OTHER_BROKER)
  await worker.reaches('loan_records_total', 150, 60_000)
  await worker.caughtUp(PARTITIONS)
  expect(await worker.stop()).toBe(0)
})
