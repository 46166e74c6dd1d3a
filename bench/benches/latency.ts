// How long from the moment an application was to be sent until its decision is readable by another
// process, at least once, open loop? 1,000 applications a second on a fixed schedule; latency runs
// from the intended time, so a stall counts for all that had to wait. Beside it the bare two hops:
// the same bytes consumed and produced without deciding, in the same run, in turn.

import { KafkaCluster } from '../../test/support/kafka.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import { RecordReader } from '../../src/rdkafka/record-reader.ts'
import { ROOT } from '../../src/paths.ts'
import { type Bench, check, figure } from '../bench.ts'
import {
  APPLICATIONS,
  DECISIONS,
  NumberedApplications,
  startBroker,
  startWorker,
} from '../support/broker.ts'

const PARTITIONS = 2
const RATE = 1000
const TURNS = 3

export const bench: Bench = {
  question: 'latency: at-least-once at 1,000/s, ms from intended send to readable decision',
  unavailable: () => KafkaCluster.unavailable(),
  async run(size) {
    const count = size === 'small' ? 500 : 20_000
    await using cluster = await startBroker(PARTITIONS)
    const load = new Load(cluster.bootstrapServers)
    const bare: number[][] = []
    const deciding: number[][] = []
    for (let turn = 0; turn < (size === 'small' ? 1 : TURNS); turn++) {
      bare.push(await throughRelay(cluster, load, count))
      deciding.push(await throughWorker(cluster, load, count, `latency-${turn}`))
    }
    load.close()
    const median = (turns: number[][], percent: number) =>
      middle(turns.map((latencies) => percentile(latencies, percent)))
    const figures = [50, 99].flatMap((percent) => {
      const two = median(bare, percent)
      const all = median(deciding, percent)
      return [
        figure(`bare two hops p${percent}`, two, 'ms'),
        figure(`with decision p${percent}`, all, 'ms'),
        figure(`ratio p${percent}`, all / two, ''),
      ]
    })
    return { figures, checksum: String(count * 2 * bare.length) }
  },
}

async function throughRelay(cluster: KafkaCluster, load: Load, count: number): Promise<number[]> {
  const args = ['bench/support/relay.ts', cluster.bootstrapServers, String(PARTITIONS)]
  const relay = Bun.spawn([process.execPath, ...args], {
    cwd: ROOT,
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const reader = relay.stdout.getReader()
  await reader.read()
  const latencies = await load.run(count)
  relay.kill('SIGKILL')
  await relay.exited
  return latencies
}

async function throughWorker(
  cluster: KafkaCluster,
  load: Load,
  count: number,
  group: string,
): Promise<number[]> {
  const settings = { delivery: 'at-least-once', 'auto.offset.reset': 'latest' }
  await using worker = startWorker(cluster, group, settings)
  await worker.ready()
  // From the first second after the assignment: only until the partitions have a position.
  await worker.caughtUp(PARTITIONS)
  const latencies = await load.run(count)
  check((await worker.metric('loan_dead_letters_total')) === 0, 'no dead letters')
  check((await worker.stop()) === 0, 'the worker stops in order')
  return latencies
}

/** Sends on schedule and reads what comes out, in one thread that sleeps in librdkafka. */
class Load {
  private readonly producer: Producer
  private readonly reader: RecordReader
  private readonly applications = new NumberedApplications()
  private sent = 0

  constructor(bootstrapServers: string) {
    const properties = { 'bootstrap.servers': bootstrapServers, 'socket.nagle.disable': 'true' }
    this.producer = new Producer({ ...properties, 'linger.ms': '0' })
    this.producer.metadata(APPLICATIONS, 10_000)
    const all = Array.from({ length: PARTITIONS }, (_, i) => i)
    const committed = { ...properties, 'isolation.level': 'read_committed' }
    this.reader = new RecordReader(committed, DECISIONS, all, 'latest')
    while (this.reader.ended.size < PARTITIONS) this.reader.read(100)
  }

  /** @returns latencies in milliseconds, one a record */
  async run(count: number): Promise<number[]> {
    const { producer, reader, applications } = this
    const first = this.sent
    const latencies: number[] = []
    const startMs = performance.now() + 10
    const dueMs = (i: number) => startMs + ((i - first) * 1000) / RATE
    const deadline = startMs + (count / RATE) * 1000 + 20_000
    while (latencies.length < count) {
      check(performance.now() < deadline, `${latencies.length} of ${count} came out in time`)
      while (this.sent - first < count && dueMs(this.sent) <= performance.now()) {
        const value = applications.value(this.sent)
        const key = applications.key(value)
        check(producer.produce(APPLICATIONS, this.sent % PARTITIONS, key, value), 'room to send')
        this.sent++
      }
      for (const { key } of reader.read(1)) {
        // The number is in the id's first eight digits.
        const i = Number.parseInt(new TextDecoder().decode(key!.subarray(0, 8)), 16)
        latencies.push(performance.now() - dueMs(i))
      }
    }
    return latencies
  }

  close(): void {
    this.producer.destroy()
    this.reader[Symbol.dispose]()
  }
}

/** Nearest-rank percentile. */
function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil((percent / 100) * sorted.length) - 1)]!
}

function middle(values: readonly number[]): number {
  return percentile(values, 50)
}
