// What does handing decisions to librdkafka cost on our side? One call a batch, bytes copied, µs a
// record.

import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { addressOf } from '../../src/rdkafka/memory.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import { RecordReader } from '../../src/rdkafka/record-reader.ts'
import { Engine } from '../../src/scorer/engine.ts'
import { loadModule } from '../../src/scorer/module.ts'
import { MODULE_PATH } from '../../src/paths.ts'
import { fill } from '../../test/support/fill.ts'
import { type Bench, check, figure, fnv1a } from '../bench.ts'
import { BATCH_RECORDS, benchProgram, encodedApplications } from '../support/engine.ts'

const TOPIC = 'bench'
/** Below what the mock cluster keeps of a partition. */
const BATCHES = 12

export const bench: Bench = {
  question: 'produce: a batch of decisions to librdkafka through FFI, µs a record',
  async run(size) {
    openLibrary(libraryPath(BUILD))
    const engine = decidedEngine()
    let least = Number.POSITIVE_INFINITY
    let checksum = ''
    for (let round = 0; round < (size === 'small' ? 2 : 10); round++) {
      using cluster = new MockCluster()
      cluster.createTopic(TOPIC, 1)
      const producer = new Producer({
        'bootstrap.servers': cluster.bootstrapServers,
        'linger.ms': '50',
      })
      check(producer.metadata(TOPIC, 10_000)?.partitions === 1, 'the topic is known')
      const messages = addressOf(engine.u8) + engine.messagesAt
      for (let i = 0; i < BATCHES; i++) {
        const started = Bun.nanoseconds()
        const taken = producer.produceBatch(TOPIC, 0, messages, BATCH_RECORDS)
        least = Math.min(least, (Bun.nanoseconds() - started) / BATCH_RECORDS)
        check(taken === BATCH_RECORDS, 'the queue takes a whole batch')
      }
      check(producer.flush(20_000), 'all is delivered')
      producer.destroy()
      checksum = readBack(cluster)
    }
    return { figures: [figure('all', least / 1000, 'µs')], checksum }
  },
}

function decidedEngine(): Engine {
  const program = benchProgram()
  const records = encodedApplications(BATCH_RECORDS, program)
  const size = { records: BATCH_RECORDS, inputBytes: 1024 * 1024 }
  const engine = new Engine(loadModule(MODULE_PATH), program, size, addressOf)
  fill(engine, records)
  engine.decide(BATCH_RECORDS)
  return engine
}

function readBack(cluster: MockCluster): string {
  using reader = new RecordReader(
    { 'bootstrap.servers': cluster.bootstrapServers, 'fetch.wait.max.ms': '5' },
    TOPIC,
    [0],
    'earliest',
  )
  let count = 0
  let sum = 0
  while (count < BATCHES * BATCH_RECORDS) {
    for (const { value } of reader.read(5000)) {
      sum = fnv1a(value!, sum)
      count++
    }
  }
  return String(sum)
}
