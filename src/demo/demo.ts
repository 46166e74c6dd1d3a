// The demo's world around the workers: a feeder that produces synthetic applications, and a watcher
// that reads the decisions. The feeder keeps only so many applications in flight, because the
// embedded brokers drop the oldest records of a partition once it holds 5 MB.

import { ApplicationEncoder } from '../applications/application.ts'
import { Generator } from '../applications/generator.ts'
import { Poison } from '../applications/poison.ts'
import { loadSchemaVersions, newest } from '../avro/schema-files.ts'
import type { Config } from '../config.ts'
import { DecisionDecoder, type DecisionRecord } from '../decisions.ts'
import { DEAD_LETTER_CLASSES, OUTCOMES } from '../metrics/counters.ts'
import type { MockCluster } from '../rdkafka/mock-cluster.ts'
import { ANY_PARTITION, Producer } from '../rdkafka/producer.ts'
import { RecordReader } from '../rdkafka/record-reader.ts'
import { programFiles } from '../runtime.ts'
import type { Status } from '../status.ts'
import { LatencySamples } from './latency-samples.ts'

export type DemoOptions = {
  /** Stop after so many decisions; undefined: never. */
  applications?: number
  /** Applications a second; 0: as fast as it goes. */
  rate: number
  partitions: number
  /** Share of records that are damaged. */
  poison: number
  seed: number
}

export type DemoSummary = {
  applications: number
  approved: number
  rejected: number
  referred: number
  dead_letters: number
  seconds: number
  latency_ms: { p50: number; p99: number }
}

/** Together well below what the brokers keep of one partition, even if all went to one. */
const IN_FLIGHT_MAX = 10_000
/** One application of so many is timed. */
const TIMED_EVERY = 16
/** The feeder's and the watcher's turn. */
const TURN_MS = 2
/** Records of one turn at most, so that both get theirs. */
const TURN_RECORDS = 500
const SHOWN_DECISIONS = 6

export class Demo {
  /** The last few decisions, newest first. */
  readonly latest: DecisionRecord[] = []
  readonly latencies = new LatencySamples()
  private readonly options: DemoOptions
  private readonly status: Status
  private readonly topic: string
  private readonly producer: Producer
  private readonly reader: RecordReader
  private readonly generator: Generator
  private readonly encoder: ApplicationEncoder
  private readonly poison: Poison
  private readonly decoder: DecisionDecoder
  /** Timed applications that are out: when they were sent, by id. */
  private readonly sentAtMs = new Map<string, number>()
  /** Timed decisions that were read and wait for their commit. */
  private uncommitted: { partition: number; offset: number; sentAtMs: number }[] = []
  private produced = 0
  private good = 0
  private read = 0
  private firstMs = 0
  private lastMs = 0
  private stopped = false

  constructor(cluster: MockCluster, config: Config, status: Status, options: DemoOptions) {
    const { settings } = config
    const schemas = programFiles(config).schemas
    const schema = newest(loadSchemaVersions(`${schemas}/loan_application`))
    const properties = { 'bootstrap.servers': cluster.bootstrapServers }
    this.options = options
    this.status = status
    this.topic = settings['topic.applications']
    this.producer = new Producer({ ...properties, partitioner: 'murmur2_random' })
    const partitions = Array.from({ length: options.partitions }, (_, i) => i)
    const quick = { ...properties, 'fetch.wait.max.ms': '5' }
    this.reader = new RecordReader(quick, settings['topic.decisions'], partitions, 'earliest')
    this.generator = new Generator(options.seed)
    this.encoder = new ApplicationEncoder(schema)
    this.poison = new Poison(schema, options.poison, options.seed)
    this.decoder = new DecisionDecoder(newest(loadSchemaVersions(`${schemas}/loan_decision`)))
  }

  /** Feeds and watches; resolves when as many decisions were committed as were asked for. */
  async run(): Promise<void> {
    while (!this.stopped && !this.isDone()) {
      if (this.isServing()) this.feed()
      this.watch()
      await Bun.sleep(TURN_MS)
    }
  }

  /** Whether every partition has a worker that is past its start; once so, it stays so. */
  private isServing(): boolean {
    if (this.firstMs > 0) return true
    const partitions = this.status.partitions()
    const started = partitions.filter(({ stage }) => stage !== 'starting')
    return started.length === this.options.partitions
  }

  /** Ends feeding, and waits a little for what is in flight. */
  async stop(): Promise<void> {
    this.stopped = true
    const deadline = performance.now() + 1000
    while (this.inFlight() > 0 && performance.now() < deadline) {
      this.watch()
      await Bun.sleep(TURN_MS)
    }
  }

  private isDone(): boolean {
    const { applications } = this.options
    return applications !== undefined && this.decided() >= applications
  }

  /** Decisions that were committed. */
  decided(): number {
    return OUTCOMES.reduce((sum, _, outcome) => sum + this.outcome(outcome), 0)
  }

  outcome(outcome: number): number {
    return this.status.counters().reduce((sum, counters) => sum + counters.outcome(outcome), 0)
  }

  deadLetters(): number {
    return this.status
      .counters()
      .reduce(
        (sum, counters) =>
          sum +
          DEAD_LETTER_CLASSES.reduce((letters, name) => letters + counters.deadLetters(name), 0),
        0,
      )
  }

  /** Applications sent whose decision was not read yet, or not committed. */
  private inFlight(): number {
    return this.produced - Math.min(this.decided(), this.read) - this.deadLetters()
  }

  private feed(): void {
    const { rate, applications = Number.POSITIVE_INFINITY } = this.options
    if (this.firstMs === 0) this.firstMs = performance.now()
    const elapsed = (performance.now() - this.firstMs) / 1000
    const due = rate === 0 ? Number.POSITIVE_INFINITY : elapsed * rate
    let room = Math.min(TURN_RECORDS, IN_FLIGHT_MAX - this.inFlight(), due - this.produced)
    while (room >= 1 && this.good < applications) {
      if (!this.send()) return
      room--
    }
  }

  private send(): boolean {
    const application = this.generator.next()
    const id = String(application['application_id'])
    const { bytes, kind } = this.poison.dose(this.encoder.encode(application))
    const key = new TextEncoder().encode(id)
    if (this.produced % TIMED_EVERY === 0 && !kind) this.sentAtMs.set(id, performance.now())
    while (!this.producer.produce(this.topic, ANY_PARTITION, key, bytes)) this.producer.poll(1)
    this.produced++
    if (!kind) this.good++
    return true
  }

  private watch(): void {
    for (;;) {
      const records = this.reader.read(0)
      for (const { key, value } of records) {
        this.read++
        const sentAtMs = this.timed(key!)
        if (sentAtMs === undefined) continue
        const { partition, offset } = this.decoder.decode(value!)
        this.uncommitted.push({ partition, offset, sentAtMs })
      }
      const newest = records.slice(-SHOWN_DECISIONS).map(({ value }) => this.decoder.decode(value!))
      this.latest.unshift(...newest.reverse())
      this.latest.length = Math.min(this.latest.length, SHOWN_DECISIONS)
      if (records.length === 0) break
    }
    this.settle()
  }

  /** When a timed application was sent; undefined for the others. */
  private timed(key: Uint8Array): number | undefined {
    if (this.sentAtMs.size === 0) return undefined
    const id = new TextDecoder().decode(key)
    const sentAtMs = this.sentAtMs.get(id)
    if (sentAtMs !== undefined) this.sentAtMs.delete(id)
    return sentAtMs
  }

  /**
   * A decision counts once its transaction is committed. The embedded brokers show records before
   * that, real ones do not, and the time until then belongs to the latency.
   */
  private settle(): void {
    if (this.uncommitted.length === 0) return
    const committed = new Map(this.status.partitions().map((p) => [p.partition, p.committed]))
    const nowMs = performance.now()
    this.uncommitted = this.uncommitted.filter(({ partition, offset, sentAtMs }) => {
      if ((committed.get(partition) ?? -1) <= offset) return true
      this.latencies.add(nowMs - sentAtMs)
      return false
    })
    this.lastMs = nowMs
  }

  /** Seconds since the first application was sent. */
  seconds(): number {
    if (this.firstMs === 0) return 0
    return ((this.stopped ? this.lastMs : performance.now()) - this.firstMs) / 1000
  }

  summary(): DemoSummary {
    const [approved, rejected, referred] = OUTCOMES.map((_, i) => this.outcome(i))
    return {
      applications: this.decided(),
      approved: approved!,
      rejected: rejected!,
      referred: referred!,
      dead_letters: this.deadLetters(),
      seconds: Number(this.seconds().toFixed(3)),
      latency_ms: { p50: this.latencies.percentile(50), p99: this.latencies.percentile(99) },
    }
  }

  close(): void {
    this.producer.destroy()
    this.reader[Symbol.dispose]()
  }
}
