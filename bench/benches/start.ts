// How long from the start of the worker's process to its first decision, as a read_committed reader
// sees it? The broker is up and applications wait. The median of several processes, one by one.

import { median } from 'simple-statistics'
import { RecordReader } from '../../src/rdkafka/record-reader.ts'
import { KafkaCluster } from '../../test/support/kafka.ts'
import { type Bench, check, figure } from '../bench.ts'
import { checkDecisions, preload, startBroker, startWorker } from '../support/broker.ts'

const PARTITIONS = 2
const COUNT = 2000
const FIRST_MS_MAX = 60_000

export const bench: Bench = {
  question: 'start: from the start of a process to its first readable decision',
  unavailable: () => KafkaCluster.unavailable(),
  async run(size) {
    const processes = size === 'small' ? 1 : 5
    await using cluster = await startBroker(PARTITIONS)
    preload(cluster, COUNT, PARTITIONS)
    const times: number[] = []
    let checksum = 0
    for (let i = 0; i < processes; i++) {
      const topic = `decisions.${i}`
      await cluster.createTopic(topic, { partitions: PARTITIONS })
      times.push(await firstDecisionMs(cluster, topic))
      checksum += checkDecisions(cluster, COUNT, PARTITIONS, { topic })
    }
    return {
      figures: [
        figure('first decision after the start', median(times), 'ms'),
        figure('the slowest', Math.max(...times), 'ms'),
      ],
      checksum: String(checksum),
    }
  },
}

async function firstDecisionMs(cluster: KafkaCluster, topic: string): Promise<number> {
  const properties = {
    'bootstrap.servers': cluster.bootstrapServers,
    'isolation.level': 'read_committed',
  }
  using reader = new RecordReader(properties, topic, [0, 1], 'earliest')
  // It waits at the ends before the process starts.
  while (reader.positioned.size < PARTITIONS) reader.read(1000)
  const started = performance.now()
  await using worker = startWorker(cluster, topic, { 'topic.decisions': topic })
  let records = reader.read(1000)
  while (records.length === 0 && performance.now() - started < FIRST_MS_MAX) {
    records = reader.read(1000)
  }
  const ms = performance.now() - started
  check(records.length > 0, `a decision within ${FIRST_MS_MAX} ms`)
  await worker.reaches('loan_records_total', COUNT)
  check((await worker.stop()) === 0, 'the worker stops in order')
  return ms
}
