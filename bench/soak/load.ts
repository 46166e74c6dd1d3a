// The soak's load: numbered applications on a fixed schedule, a poisonous one now and then, and an
// account of what a read_committed reader finds of each, in constant memory.

import { Producer } from '../../src/rdkafka/producer.ts'
import { RecordReader } from '../../src/rdkafka/record-reader.ts'
import { check } from '../bench.ts'
import { APPLICATIONS, DEAD_LETTERS, DECISIONS, NumberedApplications } from '../support/broker.ts'

/** Prime, so that poison comes to every partition. */
const POISON_EVERY = 997
/** Where a poisonous record is cut off: within a field. */
const POISON_BYTES = 40

/** What a reader must find on one topic: the numbers of each partition, each once, in order. */
class Sequence {
  lost = 0
  duplicated = 0
  found = 0
  private readonly next: number[]
  private readonly partitions: number
  private readonly isDue: (i: number) => boolean

  constructor(partitions: number, isDue: (i: number) => boolean) {
    this.partitions = partitions
    this.isDue = isDue
    this.next = Array.from({ length: partitions }, (_, p) => this.dueFrom(p))
  }

  take(partition: number, i: number): void {
    this.found++
    if (i < this.next[partition]!) {
      this.duplicated++
      return
    }
    this.skipTo(partition, i)
    this.next[partition] = this.dueFrom(i + this.partitions)
  }

  /** Counts as lost what was sent and has not come. */
  end(sent: number): void {
    for (let p = 0; p < this.partitions; p++) this.skipTo(p, sent)
  }

  private skipTo(partition: number, i: number): void {
    while (this.next[partition]! < i) {
      this.lost++
      this.next[partition] = this.dueFrom(this.next[partition]! + this.partitions)
    }
  }

  private dueFrom(i: number): number {
    let due = i
    while (!this.isDue(due)) due += this.partitions
    return due
  }
}

export class Load {
  sent = 0
  private readonly applications = new NumberedApplications()
  private readonly producer: Producer
  private readonly readers: readonly { reader: RecordReader; sequence: Sequence }[]
  private readonly partitions: number
  private readonly rate: number
  private startedMs = 0

  /** @param rate  applications a second */
  constructor(bootstrapServers: string, partitions: number, rate: number) {
    this.partitions = partitions
    this.rate = rate
    this.producer = new Producer({ 'bootstrap.servers': bootstrapServers, 'linger.ms': '5' })
    this.producer.metadata(APPLICATIONS, 10_000)
    const all = Array.from({ length: partitions }, (_, p) => p)
    const properties = {
      'bootstrap.servers': bootstrapServers,
      'isolation.level': 'read_committed',
    }
    const isPoison = (i: number) => i % POISON_EVERY === 0
    this.readers = [
      {
        reader: new RecordReader(properties, DECISIONS, all, 'earliest'),
        sequence: new Sequence(partitions, (i) => !isPoison(i)),
      },
      {
        reader: new RecordReader(properties, DEAD_LETTERS, all, 'earliest'),
        sequence: new Sequence(partitions, isPoison),
      },
    ]
  }

  /** Sends what is due and reads what is there. */
  turn(): void {
    this.startedMs ||= performance.now()
    const due = ((performance.now() - this.startedMs) / 1000) * this.rate
    while (this.sent < due) {
      const i = this.sent++
      const value = this.applications.value(i)
      const key = this.applications.key(value)
      const bytes = i % POISON_EVERY === 0 ? value.subarray(0, POISON_BYTES) : value
      while (!this.producer.produce(APPLICATIONS, i % this.partitions, key, bytes)) {
        this.producer.poll(10)
      }
    }
    while (this.producer.poll(0));
    this.read()
  }

  private read(): void {
    for (const { reader, sequence } of this.readers) {
      for (const { partition, key } of reader.read(0)) {
        // The number is in the id's first eight digits.
        const text = new TextDecoder().decode(key!.subarray(0, 8))
        sequence.take(partition, Number.parseInt(text, 16))
      }
    }
  }

  /** Outcomes found so far. */
  get found(): number {
    return this.readers.reduce((sum, { sequence }) => sum + sequence.found, 0)
  }

  /** Waits until everything sent was found, or the time is over. */
  async finish(timeoutMs: number): Promise<{ lost: number; duplicated: number }> {
    check(this.producer.flush(30_000), 'all applications are delivered')
    const deadline = performance.now() + timeoutMs
    while (this.found < this.sent && performance.now() < deadline) {
      this.read()
      await Bun.sleep(1)
    }
    let lost = 0
    let duplicated = 0
    for (const { sequence } of this.readers) {
      sequence.end(this.sent)
      lost += sequence.lost
      duplicated += sequence.duplicated
    }
    return { lost, duplicated }
  }

  close(): void {
    this.producer.destroy()
    for (const { reader } of this.readers) reader[Symbol.dispose]()
  }
}
