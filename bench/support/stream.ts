// A steady stream of applications, and how long its partitions go without a decision.

import { Producer } from '../../src/rdkafka/producer.ts'
import { RecordReader } from '../../src/rdkafka/record-reader.ts'
import type { KafkaCluster } from '../../test/support/kafka.ts'
import { check } from '../bench.ts'
import { APPLICATIONS, DECISIONS, NumberedApplications } from './broker.ts'

/** One application on each partition every so often, and when its decision can be read. */
export class Stream implements Disposable {
  sent = 0
  private readonly applications = new NumberedApplications()
  private readonly producer: Producer
  private readonly reader: RecordReader
  private readonly lastAtMs: number[]
  private readonly longestMs: number[]
  private dueAtMs = performance.now()
  private readonly partitions: number
  private readonly everyMs: number

  constructor({ bootstrapServers }: KafkaCluster, partitions: number, everyMs: number) {
    this.partitions = partitions
    this.everyMs = everyMs
    const properties = {
      'bootstrap.servers': bootstrapServers,
      'isolation.level': 'read_committed',
    }
    const all = Array.from({ length: this.partitions }, (_, p) => p)
    this.producer = new Producer({ 'bootstrap.servers': bootstrapServers, 'linger.ms': '1' })
    this.reader = new RecordReader(properties, DECISIONS, all, 'earliest')
    this.lastAtMs = all.map(() => performance.now())
    this.longestMs = all.map(() => 0)
  }

  /** Sends what is due and reads what is there. */
  turn(): void {
    for (; this.dueAtMs <= performance.now(); this.dueAtMs += this.everyMs) {
      for (let i = 0; i < this.partitions; i++, this.sent++) {
        const value = this.applications.value(this.sent)
        const key = this.applications.key(value)
        check(this.producer.produce(APPLICATIONS, i, key, value), 'there is room in the queue')
      }
    }
    while (this.producer.poll(0)) continue
    for (const { partition } of this.reader.read(2)) {
      const nowMs = performance.now()
      const gap = nowMs - this.lastAtMs[partition]!
      this.longestMs[partition] = Math.max(this.longestMs[partition]!, gap)
      this.lastAtMs[partition] = nowMs
    }
  }

  /** The longest time without a decision of each partition from now on, milliseconds. */
  async watch(isOver: () => boolean): Promise<number[]> {
    this.longestMs.fill(0)
    this.lastAtMs.fill(performance.now())
    while (!isOver()) {
      this.turn()
      await Bun.sleep(0)
    }
    const nowMs = performance.now()
    return this.lastAtMs.map((atMs, p) => Math.max(this.longestMs[p]!, nowMs - atMs))
  }

  /** The same while an action lasts, and what that comes to. */
  async during<T>(action: () => Promise<T>): Promise<{ longest: number[]; result: T }> {
    let isOver = false
    const acting = action().finally(() => (isOver = true))
    const longest = await this.watch(() => isOver)
    return { longest, result: await acting }
  }

  flush(): void {
    check(this.producer.flush(60_000), 'all applications are delivered')
  }

  [Symbol.dispose](): void {
    this.producer.destroy()
    this.reader[Symbol.dispose]()
  }
}
