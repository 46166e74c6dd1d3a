// Does a partition that is behind wait for one that has nothing? librdkafka has one fetch a broker
// out, which the broker keeps for a while when none of its partitions has records; one whose queue
// was full when the fetch began is not in it. Decisions a second of a full partition beside an
// empty one over those of a full one alone, in turns; the median of the rounds.

import { median } from 'simple-statistics'
import { KafkaCluster } from '../../test/support/kafka.ts'
import { type Bench, figure } from '../bench.ts'
import { startBroker } from '../support/broker.ts'
import { ScaleRuns, type Way } from '../support/scale-runs.ts'

const WAYS = {
  alone: { partitions: 1, processes: 1 },
  'beside an empty one': { partitions: 2, filled: 1, processes: 1 },
} satisfies Record<string, Way>
type Name = keyof typeof WAYS
const NAMES = Object.keys(WAYS) as Name[]

export const bench: Bench = {
  question: 'uneven: a partition that is behind beside one without records',
  load: 'closed loop',
  unavailable: () => KafkaCluster.unavailable(),
  async run(size) {
    const count = size === 'small' ? 16_000 : 1_000_000
    const rounds = size === 'small' ? 1 : 3
    await using cluster = await startBroker(2)
    const runs = new ScaleRuns(cluster, count)
    const rates: Record<Name, number[]> = { alone: [], 'beside an empty one': [] }
    for (let round = 0; round < rounds; round++) {
      for (const name of NAMES) rates[name].push((await runs.measure(WAYS[name])).rate)
    }
    const rate = (name: Name) => median(rates[name])
    return {
      figures: [
        ...NAMES.map((name) => figure(`decisions a second, ${name}`, rate(name), '/s')),
        figure('beside an empty one over alone', rate('beside an empty one') / rate('alone'), ''),
      ],
      checksum: String(runs.checksum),
    }
  },
}
