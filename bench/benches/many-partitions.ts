// What do 64 partitions cost a process? One worker serves all of them, exactly-once: time from its
// start until all have decisions, memory and threads then, and how long an orderly stop takes.

import { KafkaCluster } from '../../test/support/kafka.ts'
import { type Bench, check, figure } from '../bench.ts'
import { checkDecisions, preload, startBroker, startWorker } from '../support/broker.ts'

const RECORDS_EACH = 500

export const bench: Bench = {
  question: 'many-partitions: memory, threads and times of a process with 64 partitions',
  load: 'closed loop',
  unavailable: () => KafkaCluster.unavailable(),
  async run(size) {
    const partitions = size === 'small' ? 4 : 64
    await using cluster = await startBroker(partitions)
    const count = partitions * RECORDS_EACH
    preload(cluster, count, partitions)
    const started = performance.now()
    await using worker = startWorker(cluster, 'bench', { 'shutdown.timeout.ms': 120_000 })
    await worker.reaches('loan_records_total', count, 240_000)
    const startSeconds = (performance.now() - started) / 1000
    const [megabytes, threads] = [worker.residentMegabytes(), worker.threads()]
    const stopping = performance.now()
    worker.process.kill('SIGTERM')
    check((await worker.exit(120_000)) === 0, 'the worker stops in order')
    return {
      figures: [
        figure('start to all decided', startSeconds, 's'),
        figure('resident memory', megabytes, 'MB'),
        figure('threads', threads, ''),
        figure('stop', (performance.now() - stopping) / 1000, 's'),
      ],
      checksum: String(checkDecisions(cluster, count, partitions)),
    }
  },
}
