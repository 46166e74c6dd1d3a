// What does it cost to spread the work? The same applications decided by one process with 2
// partitions, by two processes with one each, and by one process with 16: CPU a decision over that
// of the first, in turns, and memory at full load. The least of the rounds counts, of CPU; the most
// of memory.

import { KafkaCluster } from '../../test/support/kafka.ts'
import { type Bench, figure } from '../bench.ts'
import { startBroker } from '../support/broker.ts'
import type { Cost } from '../support/full-load.ts'
import { ScaleRuns, type Way } from '../support/scale-runs.ts'

const WAYS = {
  '2 partitions': { partitions: 2, processes: 1 },
  '2 processes': { partitions: 2, processes: 2 },
  '16 partitions': { partitions: 16, processes: 1 },
} satisfies Record<string, Way>
type Name = keyof typeof WAYS
const NAMES = Object.keys(WAYS) as Name[]

export const bench: Bench = {
  question: 'spread: two processes or 16 partitions beside one process with 2 partitions',
  load: 'closed loop',
  unavailable: () => KafkaCluster.unavailable(),
  async run(size) {
    const count = size === 'small' ? 16_000 : 3_000_000
    const rounds = size === 'small' ? 1 : 3
    await using cluster = await startBroker(2)
    const runs = new ScaleRuns(cluster, count)
    const costs: Record<Name, Cost[]> = {
      '2 partitions': [],
      '2 processes': [],
      '16 partitions': [],
    }
    for (let round = 0; round < rounds; round++) {
      for (const name of NAMES) costs[name].push(await runs.measure(WAYS[name]))
    }
    const cpu = (name: Name) => Math.min(...costs[name].map((cost) => cost.cpu))
    const memory = (name: Name) => Math.max(...costs[name].map(({ megabytes }) => megabytes))
    const [few, many] = [memory('2 partitions'), memory('16 partitions')]
    const further = WAYS['16 partitions'].partitions - WAYS['2 partitions'].partitions
    return {
      figures: [
        ...NAMES.map((name) => figure(`CPU a decision, ${name}`, cpu(name), 'µs')),
        figure('2 processes over one', cpu('2 processes') / cpu('2 partitions'), ''),
        figure('16 partitions over 2', cpu('16 partitions') / cpu('2 partitions'), ''),
        figure('memory with 2 partitions', few, 'MB'),
        figure('memory with 16 partitions', many, 'MB'),
        figure('memory of a further partition', (many - few) / further, 'MB'),
      ],
      checksum: String(runs.checksum),
    }
  },
}
