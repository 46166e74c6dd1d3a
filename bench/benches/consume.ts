// What does taking records from librdkafka cost on our side? Fetch, gather into WebAssembly memory,
// and giving the messages back, µs a record, once librdkafka has them queued.

import { ptr } from 'bun:ffi'
import { BUILD } from '../../src/paths.ts'
import { Consumer } from '../../src/rdkafka/consumer.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { PartitionSource } from '../../src/rdkafka/partition-source.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import { type Bench, check, figure, fnv1a } from '../bench.ts'
import { BATCH_RECORDS, benchProgram, encodedApplications } from '../support/engine.ts'

/** Together below the 5 MB that the mock cluster keeps of a partition. */
const RECORDS = 16_000
const TOPIC = 'bench'

export const bench: Bench = {
  question: 'consume: fetch, gather and release through FFI, µs a record',
  async run(size) {
    openLibrary(libraryPath(BUILD))
    using cluster = new MockCluster()
    cluster.createTopic(TOPIC, 1)
    const records = encodedApplications(RECORDS, benchProgram())
    send(cluster, records)
    const consumer = new Consumer({
      'bootstrap.servers': cluster.bootstrapServers,
      'group.id': 'bench',
      'auto.offset.reset': 'earliest',
      'enable.auto.commit': 'false',
      'fetch.wait.max.ms': '5',
    })
    const source = await assign(consumer)
    const rounds = Array.from({ length: size === 'small' ? 2 : 12 }, () => takeAll(source, records))
    const least = (stage: keyof Round) => Math.min(...rounds.map((round) => round[stage])) / RECORDS
    const stages = ['fetch', 'gather', 'release'] as const
    const figures = stages.map((stage) => figure(stage, least(stage) / 1000, 'µs'))
    const total = stages.reduce((sum, stage) => sum + least(stage), 0) / 1000
    return { figures: [...figures, figure('all', total, 'µs')], checksum: String(rounds[0]!.sum) }
  },
}

type Round = { fetch: number; gather: number; release: number; sum: number }

function send(cluster: MockCluster, records: readonly Uint8Array[]): void {
  const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
  for (const record of records) {
    const key = record.subarray(11, 47)
    while (!producer.produce(TOPIC, 0, key, record)) producer.poll(5)
  }
  check(producer.flush(20_000), 'all records are delivered')
  producer.destroy()
}

async function assign(consumer: Consumer): Promise<PartitionSource> {
  const partition = { topic: TOPIC, partition: 0 }
  consumer.subscribe(TOPIC)
  for (;;) {
    const event = consumer.poll(100)
    if (event?.type !== 'rebalance') continue
    const queue = consumer.takePartitionQueue(partition)
    consumer.assign(event.partitions)
    return new PartitionSource(consumer.pointer, queue, TOPIC, 0, makeTarget())
  }
}

function makeTarget() {
  const u8 = new Uint8Array(2 * 1024 * 1024)
  check(ptr(u8) !== 0, 'the target has an address')
  return {
    u8,
    u32: new Uint32Array(u8.buffer),
    pointersAt: 0,
    spansAt: 8 * BATCH_RECORDS,
    offsetsAt: 16 * BATCH_RECORDS,
    inputAt: 65536,
    headersAt: 0,
    size: { records: BATCH_RECORDS, inputBytes: u8.length - 65536 - 64 },
  }
}

/** Takes everything once and checks it; afterwards it is all queued again. */
function takeAll(source: PartitionSource, records: readonly Uint8Array[]): Round {
  const round: Round = { fetch: 0, gather: 0, release: 0, sum: 0 }
  const { u8, u32, spansAt } = source.target
  let seen = 0
  // Time for librdkafka's own threads to queue all of it.
  Bun.sleepSync(400)
  while (seen < records.length) {
    const t0 = Bun.nanoseconds()
    const taken = source.fetch(BATCH_RECORDS, 1000)
    const t1 = Bun.nanoseconds()
    let done = 0
    while (done < taken) {
      const from = Bun.nanoseconds()
      const count = source.gather(done, taken)
      round.gather += Bun.nanoseconds() - from
      for (let i = 0; i < count; i++) {
        const at = u32[(spansAt >> 2) + i * 2]!
        const length = u32[(spansAt >> 2) + i * 2 + 1]!
        const value = u8.subarray(at, at + length)
        if (i === 0) round.sum = fnv1a(value, round.sum)
        check(Bun.deepEquals(value, records[seen]), `record ${seen} is as it was sent`)
        seen++
      }
      done += Math.max(1, count)
    }
    const t2 = Bun.nanoseconds()
    source.release(0, taken)
    round.fetch += t1 - t0
    round.release += Bun.nanoseconds() - t2
  }
  source.seek(0, 10_000)
  return round
}
