// A transactional producer's first steps, on librdkafka's mock cluster.

import { beforeAll, expect, test } from 'bun:test'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { Producer } from '../../src/rdkafka/producer.ts'

/** Of which some met a connection that was about to end. */
const PRODUCERS = 40
const TIMEOUT_MS = 10_000

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

test('once connected, a producer finds its coordinator at the first look', () => {
  using cluster = new MockCluster()
  cluster.createTopic('decisions', 1)
  const looks: string[] = []
  for (let i = 0; i < PRODUCERS; i++) {
    const producer = new Producer({
      'bootstrap.servers': cluster.bootstrapServers,
      'transactional.id': `id-${i}`,
      debug: 'eos',
    })
    producer.connect('decisions', TIMEOUT_MS)
    producer.initTransactions(TIMEOUT_MS)
    for (let event = producer.poll(0); event; event = producer.poll(0)) {
      if (event.type !== 'log') continue
      const look = /(Unable to query|Querying) for transaction coordinator/.exec(event.message)
      if (look) looks.push(look[1]!)
    }
    producer.destroy()
  }
  expect(looks).toEqual(Array.from({ length: PRODUCERS }, () => 'Querying'))
})
