// One run of the load: sender and reader as processes of their own, begun at one moment, beside
// whatever decides meanwhile.

import { join } from 'node:path'
import type { KafkaCluster } from '../../test/support/kafka.ts'
import { check } from '../bench.ts'
import { startWorker } from '../support/broker.ts'
import type { ReaderResult } from './reader.ts'
import { type Schedule, clockMs } from './schedule.ts'
import type { SenderResult } from './sender.ts'

/** From telling the processes to the first application. */
const LEAD_MS = 200
const WARM_UP_SECONDS = 15
const RUN_MS_MAX = 300_000

type LoadResult = ReaderResult & { sender: SenderResult }

/** What a schedule leaves open: its numbers go on from one run to the next. */
export type Load = Pick<Schedule, 'rate' | 'count' | 'warmUpMs'>

export class LoadRuns {
  private readonly cluster: KafkaCluster
  private readonly partitions: number
  private first = 0

  constructor(cluster: KafkaCluster, partitions: number) {
    this.cluster = cluster
    this.partitions = partitions
  }

  /** @throws Error when a decision is missing or there twice */
  async run(load: Load): Promise<LoadResult> {
    const result = await this.runAnyway(load)
    check(result.missing === 0, `${result.missing} decisions are missing`)
    check(result.doubled === 0, `${result.doubled} decisions are there twice`)
    return result
  }

  /** The same; whoever sends too much does not get all of it in time. */
  async runAnyway(load: Load): Promise<LoadResult> {
    const { partitions, first } = this
    const { bootstrapServers } = this.cluster
    const schedule: Schedule = { bootstrapServers, partitions, first, ...load }
    this.first += load.count
    const reader = start('reader', JSON.stringify(schedule))
    const sender = start('sender', JSON.stringify(schedule))
    try {
      await Promise.all([reader.ready, sender.ready])
      const line = `${clockMs() + LEAD_MS}\n`
      await Promise.all([reader.tell(line), sender.tell(line)])
      const read = JSON.parse(await reader.result) as ReaderResult
      return { ...read, sender: JSON.parse(await sender.result) as SenderResult }
    } finally {
      await Promise.all([reader.end(), sender.end()])
    }
  }

  /** Runs whose figures nobody sees: the broker's code is compiled afterwards, of transactions too. */
  async warmUp(rate: number): Promise<void> {
    const load: Load = { rate, count: rate * WARM_UP_SECONDS, warmUpMs: 0 }
    await this.throughRelay(load)
    await this.throughWorker(load, 'warm-up', { 'commit.interval.ms': 20 })
  }

  /** Through the relay, which decides nothing. */
  async throughRelay(load: Load): Promise<LoadResult> {
    const relay = start('relay', this.cluster.bootstrapServers, String(this.partitions))
    try {
      await relay.ready
      return await this.run(load)
    } finally {
      await relay.end()
    }
  }

  /**
   * Through a worker of a group of its own, from its first second with all partitions on.
   *
   * @param settings  of the worker
   * @param due       whether all decisions must come in time; some when it is sent too much
   */
  async throughWorker(
    load: Load,
    group: string,
    settings: Readonly<Record<string, string | number>>,
    due: 'all' | 'some' = 'all',
  ): Promise<LoadResult> {
    const own = { 'auto.offset.reset': 'latest', ...settings }
    await using worker = startWorker(this.cluster, group, own)
    await worker.ready()
    // Only until the partitions have a position.
    await worker.caughtUp(this.partitions)
    const result = due === 'all' ? await this.run(load) : await this.runAnyway(load)
    check((await worker.metric('loan_dead_letters_total')) === 0, 'no dead letters')
    check((await worker.stop()) === 0 || result.missing > 0, 'the worker stops in order')
    return result
  }
}

/** A process of this folder: it says that it is ready, and one line of result at its end. */
function start(name: string, ...args: string[]) {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, `${name}.ts`), ...args], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
    timeout: RUN_MS_MAX,
  })
  const ready = Promise.withResolvers<void>()
  const collect = async () => {
    const decoder = new TextDecoder()
    let text = ''
    for await (const chunk of child.stdout) {
      text += decoder.decode(chunk, { stream: true })
      if (text.includes('\n')) ready.resolve()
    }
    ready.reject(new Error(`the ${name} ended before it was ready`))
    return text.slice(text.indexOf('\n') + 1)
  }
  const result = collect()
  return {
    ready: ready.promise,
    result,
    async tell(line: string) {
      await child.stdin.write(line)
      await child.stdin.end()
    },
    async end() {
      child.kill('SIGKILL')
      await child.exited
    },
  }
}
