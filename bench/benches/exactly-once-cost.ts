// What does exactly-once cost over at-least-once? The same applications on one broker, decided by
// two workers in turn, one with each delivery, in several rounds; CPU of the whole worker process
// once the first tenth is through. The least of the rounds counts: what is more is the machine's.

import { KafkaCluster } from '../../test/support/kafka.ts'
import { type Bench, check, figure } from '../bench.ts'
import { checkDecisions, preload, startBroker, startWorker } from '../support/broker.ts'
import { atFullLoad, costOf, lookAt } from '../support/full-load.ts'

const PARTITIONS = 2
const DELIVERIES = ['exactly-once', 'at-least-once'] as const
type Delivery = (typeof DELIVERIES)[number]

export const bench: Bench = {
  question: 'exactly-once-cost: CPU a decision against at-least-once, in one run',
  unavailable: () => KafkaCluster.unavailable(),
  async run(size) {
    const count = size === 'small' ? 20_000 : 1_000_000
    const rounds = size === 'small' ? 1 : 3
    await using cluster = await startBroker(PARTITIONS)
    preload(cluster, count, PARTITIONS)
    const least: Record<Delivery, number> = { 'exactly-once': Infinity, 'at-least-once': Infinity }
    let checksum = 0
    for (let round = 0; round < rounds; round++) {
      for (const delivery of DELIVERIES) {
        const topic = `decisions.${delivery}.${round}`
        await cluster.createTopic(topic, { partitions: PARTITIONS })
        const cpu = await microsecondsEach(cluster, delivery, topic, count)
        least[delivery] = Math.min(least[delivery], cpu)
        checksum += checkDecisions(cluster, count, PARTITIONS, { topic })
      }
    }
    const ratio = least['exactly-once'] / least['at-least-once']
    return {
      figures: [
        figure('exactly-once', least['exactly-once'], 'µs'),
        figure('at-least-once', least['at-least-once'], 'µs'),
        figure('exactly-once over at-least-once', ratio, ''),
      ],
      checksum: String(checksum),
    }
  },
}

async function microsecondsEach(
  cluster: KafkaCluster,
  delivery: Delivery,
  topic: string,
  count: number,
): Promise<number> {
  await using worker = startWorker(cluster, topic, { delivery, 'topic.decisions': topic })
  const looks = await atFullLoad(worker, count, () => lookAt([worker]))
  check((await worker.stop()) === 0, 'the worker stops in order')
  return costOf(looks).cpu
}
