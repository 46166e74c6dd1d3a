// What does a transaction cost on our side, beside its records? Empty but for one batch, on embedded
// brokers, which answer at once: CPU of the thread that commits, and how long it waits. A hundred
// milliseconds at full load are some 20,000 decisions, so 200 µs a transaction are 10 ns each.

import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import { RecordReader } from '../../src/rdkafka/record-reader.ts'
import { type Bench, check, figure } from '../bench.ts'

const TOPIC = 'bench'

export const bench: Bench = {
  question: 'commit: begin and commit a transaction with one record on embedded brokers',
  run(size) {
    openLibrary(libraryPath(BUILD))
    using cluster = new MockCluster()
    cluster.createTopic(TOPIC, 1)
    const count = size === 'small' ? 5 : 200
    const producer = new Producer({
      'bootstrap.servers': cluster.bootstrapServers,
      'transactional.id': 'bench',
      'linger.ms': '0',
    })
    producer.initTransactions(30_000)
    const key = new Uint8Array(8).fill(1)
    const transaction = () => {
      producer.beginTransaction()
      check(producer.produce(TOPIC, 0, key, key), 'there is room for one record')
      producer.commitTransaction(30_000)
    }
    for (let i = 0; i < count; i++) transaction()
    const waits: number[] = []
    const before = process.threadCpuUsage()
    for (let i = 0; i < count; i++) {
      const started = performance.now()
      transaction()
      waits.push(performance.now() - started)
    }
    const { user, system } = process.threadCpuUsage(before)
    producer.destroy()
    check(committed(cluster) >= 2 * count, 'every transaction left its record')
    const ms = waits.toSorted((a, b) => a - b)[Math.floor(count / 2)]!
    const figures = [
      figure('CPU a transaction', (user + system) / count, 'µs'),
      figure('a transaction, median', ms, 'ms'),
    ]
    return Promise.resolve({ figures, checksum: String(2 * count) })
  },
}

/** Records on the topic. */
function committed(cluster: MockCluster): number {
  const properties = { 'bootstrap.servers': cluster.bootstrapServers, 'fetch.wait.max.ms': '5' }
  using reader = new RecordReader(properties, TOPIC, [0], 'earliest')
  let count = 0
  while (!reader.ended.has(0)) count += reader.read(5000).length
  return count
}
