// What the client fetches again is not decided again, on librdkafka's mock cluster.

import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILD, MODULE_PATH } from '../../src/paths.ts'
import { ReadOrder } from '../../src/pipeline/read-order.ts'
import { Consumer } from '../../src/rdkafka/consumer.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { addressOf } from '../../src/rdkafka/memory.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { PartitionSource } from '../../src/rdkafka/partition-source.ts'
import { Engine } from '../../src/scorer/engine.ts'
import { loadModule } from '../../src/scorer/module.ts'
import { TOPICS, defaultProgram, makeInputs, send } from '../support/applications.ts'

setDefaultTimeout(60_000)

const AT = { topic: TOPICS.applications, partition: 0 }
const RECORDS = 40
const TIMEOUT_MS = 10_000

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

test('reading goes on where it was when records come again, and where a new log begins', async () => {
  using cluster = new MockCluster()
  cluster.createTopic(AT.topic, 1)
  send(cluster.bootstrapServers, makeInputs(RECORDS, 1))
  const consumer = new Consumer({
    'bootstrap.servers': cluster.bootstrapServers,
    'group.id': 'group',
    'auto.offset.reset': 'earliest',
  })
  consumer.subscribe(AT.topic)
  while (!poll(consumer)) await Bun.sleep(10)
  const queue = consumer.takePartitionQueue(AT)
  consumer.assign([AT])
  const size = { records: 16, inputBytes: 1 << 16 }
  const engine = new Engine(loadModule(MODULE_PATH), defaultProgram(), size, addressOf)
  const source = new PartitionSource(consumer.pointer, queue, AT.topic, 0, engine)
  const warnings: string[] = []
  const order = new ReadOrder(source, TIMEOUT_MS, (message) => warnings.push(message))
  /** Offsets of what is fetched next. */
  const fetch = (max: number): number[] => {
    const taken = source.fetch(max, TIMEOUT_MS)
    const offsets = Array.from({ length: taken }, (_, i) => source.recordOffset(i))
    source.release(0, taken)
    return offsets
  }

  const first = fetch(16)
  expect(first[0]).toBe(0)
  expect(order.isNext(0, -1, true)).toBe(true)
  const due = first.length
  // As if the client fetched from the first record again.
  source.seek(0, TIMEOUT_MS)
  const again = fetch(1)
  expect(again).toEqual([0])
  expect(order.isNext(0, due, false)).toBe(false)
  expect(warnings).toEqual([`offset 0 was fetched again: ${due} is the next`])
  expect(fetch(1)).toEqual([due])
  expect(order.isNext(due, due, false)).toBe(true)
  // A log that ends before what is due: it is looked for once.
  expect(order.isNext(due, RECORDS + 5, false)).toBe(false)
  expect(order.isNext(0, RECORDS + 5, false)).toBe(true)

  consumer.destroyQueue(queue)
  consumer.startClosing()
  while (!consumer.isClosed()) poll(consumer)
  consumer.destroy()
})

/** Whether partitions were given. */
function poll(consumer: Consumer): boolean {
  const event = consumer.poll(10)
  if (event?.type !== 'rebalance') return false
  if (!event.assign) consumer.unassign(event.partitions)
  return event.assign
}
