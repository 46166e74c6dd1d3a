// A partition with much to decide makes few, large transactions, on librdkafka's mock cluster.

import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { TOPICS, makeInputs, send } from '../support/applications.ts'
import { WorkerProcess } from '../support/worker-process.ts'

setDefaultTimeout(60_000)

const RECORDS = 20_000
const BATCH_RECORDS = 16

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

test('transactions grow while a partition is behind, and end once it is not', async () => {
  using cluster = new MockCluster()
  for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, 1)
  send(cluster.bootstrapServers, makeInputs(RECORDS, 1))
  await using worker = new WorkerProcess({
    'bootstrap.servers': cluster.bootstrapServers,
    'batch.records': BATCH_RECORDS,
    'commit.interval.ms': 1,
    'commit.interval.behind.ms': 50_000,
  })
  await worker.reaches('loan_records_total', RECORDS)
  await worker.caughtUp(1)
  const [batches, commits] = await Promise.all(
    ['loan_batches_total', 'loan_commits_total'].map((name) => worker.metric(name)),
  )
  expect(batches!).toBeGreaterThanOrEqual(RECORDS / BATCH_RECORDS)
  // The first is at once. With a commit every millisecond there were 272.
  expect(commits!).toBeGreaterThan(1)
  expect(commits! * 100).toBeLessThan(batches!)
  expect(await worker.stop()).toBe(0)
})
