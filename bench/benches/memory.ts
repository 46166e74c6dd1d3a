// How much memory does a worker process with 4 partitions take, and does it grow? 20,000,000
// applications preloaded, exactly-once; resident memory is read every 100 ms. It takes some 7,000,000
// until all heaps have what they need: growth is looked for behind them.

import { KafkaCluster } from '../../test/support/kafka.ts'
import { type Bench, check, figure } from '../bench.ts'
import { preload, startBroker, startWorker } from '../support/broker.ts'

const PARTITIONS = 4

export const bench: Bench = {
  question: 'memory: 4 partitions over 20,000,000 records, resident MB',
  load: 'closed loop',
  unavailable: () => KafkaCluster.unavailable(),
  async run(size) {
    const count = size === 'small' ? 40_000 : 20_000_000
    await using cluster = await startBroker(PARTITIONS)
    preload(cluster, count, PARTITIONS)
    await using worker = startWorker(cluster, 'memory')
    const samples: { records: number; megabytes: number }[] = []
    let records = 0
    const deadline = performance.now() + 360_000
    while (records < count) {
      check(performance.now() < deadline, `${records} of ${count} records in time`)
      await Bun.sleep(100)
      records = await worker.metric('loan_records_total')
      samples.push({ records, megabytes: worker.residentMegabytes() })
    }
    const peak = worker.peakMegabytes()
    check((await worker.stop()) === 0, 'the worker stops in order')
    const early = meanBetween(samples, 0.4 * count, 0.6 * count)
    const late = meanBetween(samples, 0.8 * count, count)
    return {
      figures: [
        figure('peak', peak, 'MB'),
        figure('mean of records 40 to 60 %', early, 'MB'),
        figure('mean of records 80 to 100 %', late, 'MB'),
        figure('late over early', late / early, ''),
      ],
      checksum: String(records),
    }
  },
}

function meanBetween(
  samples: readonly { records: number; megabytes: number }[],
  from: number,
  to: number,
): number {
  const inside = samples.filter(({ records }) => records >= from && records <= to)
  const all = inside.length > 0 ? inside : samples
  return all.reduce((sum, { megabytes }) => sum + megabytes, 0) / all.length
}
