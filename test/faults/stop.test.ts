// A stop while the group's coordinator is away, and a static member whose place is taken, on the
// mock cluster: the process ends, says why, and what it could not commit is decided by the next.

import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import type { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { makeInputs, send } from '../support/applications.ts'
import { OTHER_BROKER, twoBrokers } from '../support/two-brokers.ts'
import { WorkerProcess } from '../support/worker-process.ts'

setDefaultTimeout(90_000)

const PARTITIONS = 2
// Kafka's error code (kafka.apache.org, protocol guide).
const FENCED_INSTANCE_ID = 82

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

function start(cluster: MockCluster): WorkerProcess {
  return new WorkerProcess({
    'bootstrap.servers': cluster.bootstrapServers,
    'fetch.wait.max.ms': 10,
    'shutdown.timeout.ms': 8000,
    'session.timeout.ms': 6000,
    'group.instance.id': 'member-1',
  })
}

test('a commit that hangs as the coordinator is away does not keep a stop from its end', async () => {
  using cluster = twoBrokers('group', PARTITIONS)
  await using worker = start(cluster)
  send(cluster.bootstrapServers, makeInputs(100, PARTITIONS))
  await worker.reaches('loan_records_total', 100)
  await worker.caughtUp(PARTITIONS)
  cluster.setBrokerDown(OTHER_BROKER)
  send(cluster.bootstrapServers, makeInputs(50, 1))
  await worker.until(
    async () => (await worker.health()).partitions.some(({ stage }) => stage === 'commit'),
    'a commit to hang',
    20_000,
  )
  expect(await worker.stop()).toBe(0)
  const hanging = worker.log.split('\n').filter((line) => line.includes('the worker hangs'))
  expect(hanging.map((line) => JSON.parse(line) as object)).toEqual([
    expect.objectContaining({ partition: 0, stage: 'commit' }),
  ])
  expect(worker.log).toContain('all partitions were let go, the process ends')

  cluster.setBrokerUp(OTHER_BROKER)
  await using next = start(cluster)
  await next.reaches('loan_records_total', 50)
  await next.caughtUp(PARTITIONS)
  expect(await next.stop()).toBe(0)
})

test('a static member whose place is taken says so and ends', async () => {
  using cluster = twoBrokers('group', PARTITIONS)
  await using worker = start(cluster)
  await worker.ready()
  cluster.pushErrors('Heartbeat', [FENCED_INSTANCE_ID])
  expect(await worker.exit()).toBe(1)
  expect(worker.log).toContain('another process is member member-1 now (group.instance.id)')
})
