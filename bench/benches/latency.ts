// How long from the moment an application was to be sent until its decision can be read by a
// read_committed consumer? Open loop: 20,000 a second on a fixed schedule for a minute, sender,
// worker and reader in processes of their own, latency from the intended time, so a stall counts
// for all that had to wait. At least once and exactly-once (transactions of 20 ms), each over the
// bare two hops, where the same bytes are passed on undecided, in the same run.
//
// `from the first second` counts all, from the moment the worker was ready; `warm` leaves out what
// was due in the first five seconds.

import { KafkaCluster } from '../../test/support/kafka.ts'
import { type Bench, type Figure, figure } from '../bench.ts'
import type { Percentiles } from '../load/latencies.ts'
import { type Load, LoadRuns } from '../load/run.ts'
import { startBroker } from '../support/broker.ts'

const PARTITIONS = 2
const RATE = 20_000
const SECONDS = 60
const INTERVAL_MS = 20

export const bench: Bench = {
  question: 'latency: open loop at 20,000/s, ms from the intended send to a readable decision',
  load: 'open loop',
  bothCores: true,
  unavailable: () => KafkaCluster.unavailable(),
  async run(size) {
    const load: Load =
      size === 'small'
        ? { rate: 2000, count: 1000, warmUpMs: 100 }
        : { rate: RATE, count: RATE * SECONDS, warmUpMs: 5000 }
    await using cluster = await startBroker(PARTITIONS)
    const runs = new LoadRuns(cluster, PARTITIONS)
    if (size === 'large') await runs.warmUp(load.rate)
    const bare = await runs.throughRelay(load)
    const least = await runs.throughWorker(load, 'latency-at-least-once', {
      delivery: 'at-least-once',
    })
    const exactly = await runs.throughWorker(load, 'latency-exactly-once', {
      'commit.interval.ms': INTERVAL_MS,
    })
    const all = { bare, 'at-least-once': least, 'exactly-once': exactly }
    return {
      figures: [
        figure('at-least-once over bare: p50', least.all.p50 / bare.all.p50, 'times'),
        figure('at-least-once over bare: p99', least.all.p99 / bare.all.p99, 'times'),
        figure('exactly-once over bare: p50', exactly.all.p50 - bare.all.p50, 'ms more'),
        figure('exactly-once over bare: p99', exactly.all.p99 / bare.all.p99, 'times'),
        figure(
          'the same without the interval: p99',
          (exactly.all.p99 - INTERVAL_MS) / bare.all.p99,
          'times',
        ),
        ...Object.entries(all).flatMap(([name, { all: from, warm }]) => [
          ...figuresOf(`${name}, from the first second`, from),
          ...figuresOf(`${name}, warm`, warm),
        ]),
        // What measuring took of the machine, and how late the schedule was kept.
        figure('sender: late p99', exactly.sender.late.p99, 'ms'),
        figure('sender: CPU an application', exactly.sender.cpuMicrosecondsEach, 'µs'),
        figure('reader: CPU a decision', exactly.cpuMicrosecondsEach, 'µs'),
      ],
      checksum: `${bare.bytes}/${least.bytes}/${exactly.bytes}`,
    }
  },
}

function figuresOf(name: string, { p50, p90, p99, p999, max }: Percentiles): Figure[] {
  const all = { p50, p90, p99, 'p99.9': p999, max }
  return Object.entries(all).map(([what, ms]) => figure(`${name}: ${what}`, ms, 'ms'))
}
