// The applications of a drill: a known list, some poisonous, sent at a steady rate by an idempotent
// producer, so that each lies on its partition once and at the offset that its turn gives it.

import { ApplicationEncoder } from '../../src/applications/application.ts'
import { Generator } from '../../src/applications/generator.ts'
import { Poison } from '../../src/applications/poison.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import { TOPICS, defaultProgram } from '../support/applications.ts'

const POISON_SHARE = 0.01
const TICK_MS = 20
const FLUSH_TURN_MS = 20
/** 2026-01-01, microseconds: the generator's applications arrive from there on. */
const FIRST_ARRIVAL = 1_767_225_600_000_000

export class Feed {
  /** What was sent, by partition and offset. */
  readonly sent: Uint8Array[][]
  /** Applications handed to the producer so far. */
  count = 0
  private readonly producer: Producer
  private readonly schema = defaultProgram().applicationSchema
  private readonly generator: Generator
  private readonly encoder = new ApplicationEncoder(this.schema)
  private readonly poison: Poison

  constructor(bootstrapServers: string, partitions: number, seed: number) {
    this.sent = Array.from({ length: partitions }, () => [])
    this.generator = new Generator(seed)
    this.poison = new Poison(this.schema, POISON_SHARE, seed)
    this.producer = new Producer({
      'bootstrap.servers': bootstrapServers,
      'enable.idempotence': 'true',
      'message.timeout.ms': '0',
      'linger.ms': '5',
      'topic.metadata.refresh.interval.ms': '1000',
      'socket.timeout.ms': '10000',
    })
  }

  /** Sends so many in as many milliseconds, counted from now. */
  async run(applications: number, durationMs: number): Promise<void> {
    const started = performance.now()
    while (this.count < applications) {
      const share = (performance.now() - started) / durationMs
      const due = Math.min(applications, Math.ceil(applications * share))
      while (this.count < due && this.send()) continue
      this.watch()
      await Bun.sleep(TICK_MS)
    }
  }

  /** False when the queue is full: brokers are slow, or away. */
  private send(): boolean {
    const partition = this.count % this.sent.length
    // Encoded only once there is room for it: the generator cannot go back.
    if (this.producer.outstanding > 50_000) return false
    const application = this.generator.next(FIRST_ARRIVAL + this.count)
    const { bytes } = this.poison.dose(this.encoder.encode(application))
    const key = new TextEncoder().encode(String(application['application_id']))
    if (!this.producer.produce(TOPICS.applications, partition, key, bytes)) {
      throw new Error("the drill's own queue is full")
    }
    this.sent[partition]!.push(bytes)
    this.count++
    return true
  }

  private watch(): void {
    for (;;) {
      const event = this.producer.poll(0)
      if (!event) return
      const isLost = event.type === 'undelivered' && event.count > 0
      if (isLost || (event.type === 'error' && event.fatal)) {
        throw new Error(`the drill's own producer failed: ${event.message}`)
      }
    }
  }

  /** Sends to so many partitions from now on, once the producer knows of them. */
  async grow(partitions: number): Promise<void> {
    while ((this.known() ?? 0) < partitions) await Bun.sleep(200)
    // The producer's own view follows what it just asked for.
    await Bun.sleep(2000)
    while (this.sent.length < partitions) this.sent.push([])
  }

  private known(): number | undefined {
    try {
      return this.producer.metadata(TOPICS.applications, 500)?.partitions
    } catch {
      return undefined
    }
  }

  /** Waits until all are delivered. */
  async flush(timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs
    while (this.producer.outstanding > 0) {
      this.watch()
      if (Date.now() > deadline) throw new Error("the drill's own applications are not delivered")
      await Bun.sleep(FLUSH_TURN_MS)
    }
  }

  close(): void {
    this.producer.destroy()
  }
}
