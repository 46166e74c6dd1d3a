// How long does a lone application take on a system that is warm and idle, at least once, beside the
// bare two hops? Seven a second, so that each finds everything asleep; both in turns. Expected: two
// wake-ups and two requests more or less, a tenth of a millisecond of work.

import { median } from 'simple-statistics'
import { KafkaCluster } from '../../test/support/kafka.ts'
import { type Bench, check, figure } from '../bench.ts'
import { type Load, LoadRuns } from '../load/run.ts'
import { startBroker } from '../support/broker.ts'

const PARTITIONS = 2
const TURNS = 3

export const bench: Bench = {
  question: 'lone: one application on an idle, warm system, ms to a readable decision',
  load: 'open loop',
  unavailable: () => KafkaCluster.unavailable(),
  async run(size) {
    // No multiple of any wait in worker or client.
    const rate = 7.3
    const load: Load = { rate, count: size === 'small' ? 8 : 110, warmUpMs: 500 }
    await using cluster = await startBroker(PARTITIONS)
    const runs = new LoadRuns(cluster, PARTITIONS)
    const [bare, least] = [[] as number[], [] as number[]]
    const bytes = new Set<number>()
    for (let turn = 0; turn < (size === 'small' ? 1 : TURNS); turn++) {
      bare.push((await runs.throughRelay(load)).warm.p50)
      const settings = { delivery: 'at-least-once' }
      const decided = await runs.throughWorker(load, `lone-${turn}`, settings)
      least.push(decided.warm.p50)
      bytes.add(decided.bytes)
    }
    check(bytes.size > 0, 'decisions were read')
    const [two, all] = [median(bare), median(least)]
    return {
      figures: [
        figure('over the bare two hops: p50', all - two, 'ms more'),
        figure('bare two hops: p50', two, 'ms'),
        figure('with decision: p50', all, 'ms'),
      ],
      checksum: [...bytes].join('/'),
    }
  },
}
