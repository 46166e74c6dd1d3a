// Prometheus metrics of a worker process, read from the shared counters at each scrape. Names and
// units by Prometheus practice: base units, totals end in _total, no identifiers in labels.

import {
  Counter,
  Gauge,
  Histogram,
  type MetricObjectWithValues,
  type MetricValueWithName,
  Registry,
} from 'prom-client'
import {
  BUCKETS,
  type Counters,
  DEAD_LETTER_CLASSES,
  OUTCOMES,
  TIMED,
  type Timed,
} from '../metrics/counters.ts'
import type { Status } from '../status.ts'

/** A registry whose metrics show the status at the time of the scrape. */
export function makeRegistry(status: Status): Registry {
  const registers = [new Registry()]
  const total = (read: (counters: Counters) => number) =>
    status.counters().reduce((sum, counters) => sum + read(counters), 0)

  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })

  new Counter({
    name: 'loan_decisions_total',
    help: 'Decisions committed, by outcome.',
    labelNames: ['decision'],
    registers,
    collect() {
      this.reset()
      for (const [i, decision] of OUTCOMES.entries()) {
        this.inc(
          { decision },
          total((c) => c.outcome(i)),
        )
      }
    },
  })
  new Counter({
    name: 'loan_dead_letters_total',
    help: 'Records that could not be decided and went to the dead letters, by class.',
    labelNames: ['class'],
    registers,
    collect() {
      this.reset()
      for (const name of DEAD_LETTER_CLASSES) {
        this.inc(
          { class: name },
          total((c) => c.deadLetters(name)),
        )
      }
    },
  })
  new Counter({
    name: 'loan_reasons_total',
    help: 'Reasons given with decisions, by reason code.',
    labelNames: ['code'],
    registers,
    collect() {
      this.reset()
      for (const [i, { code }] of status.reasons.entries()) {
        this.inc(
          { code },
          total((c) => c.reason(i)),
        )
      }
    },
  })
  counter('loan_records_total', 'Applications read and committed.', () =>
    total((c) => c.get('records')),
  )
  counter('loan_batches_total', 'Batches decided, those that were aborted later included.', () =>
    total((c) => c.get('batches')),
  )
  counter('loan_commits_total', 'Commits, with transactions one each.', () =>
    total((c) => c.get('commits')),
  )
  counter('loan_aborts_total', 'Batches given up and read again.', () =>
    total((c) => c.get('aborts')),
  )
  counter('loan_restarts_total', 'Failures after which a partition was served anew.', () =>
    total((c) => c.get('restarts')),
  )
  counter('loan_rebalances_total', 'Rebalances of the consumer group.', () => status.rebalances)
  gauge('loan_workers', 'Worker threads, idle ones included.', () => status.counters().length)
  gauge('loan_ready', '1 when the process is ready, else 0.', () => Number(status.notReady === ''))

  partitionGauge(status, registers, {
    name: 'loan_consumer_lag_records',
    help: "Records between the position and the partition's end.",
    read: (partition) => partition.lag,
  })
  partitionGauge(status, registers, {
    name: 'loan_consumer_position',
    help: 'Offset of the next record to read.',
    read: (partition) => (partition.position < 0 ? undefined : partition.position),
  })
  partitionGauge(status, registers, {
    name: 'loan_partition_progress_age_seconds',
    help: 'Time since the partition last made progress.',
    read: (partition) => partition.progressAgoMs / 1000,
  })
  partitionGauge(status, registers, {
    name: 'loan_partition_healthy',
    help: '0 when the partition has lag and made no progress for progress.timeout.ms.',
    read: (partition) => Number(partition.healthy),
  })

  new CountersHistogram(
    status,
    'loan_batch_duration_seconds',
    'A batch, fetch to produce.',
    ['batch'],
    registers,
  )
  new CountersHistogram(
    status,
    'loan_stage_duration_seconds',
    'A stage of a batch.',
    TIMED.filter((stage) => stage !== 'batch'),
    registers,
  )
  gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss())
  counter('process_cpu_seconds_total', 'User and system time of all threads.', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  new Gauge({
    name: 'loanstream_info',
    help: 'Versions and hashes; always 1.',
    labelNames: ['version', 'librdkafka', 'model', 'model_hash', 'policy', 'policy_hash'],
    registers,
    collect() {
      const { version, model, policy } = status
      this.set(
        {
          version: version.program,
          librdkafka: version.librdkafka,
          model: model.name,
          model_hash: model.hash,
          policy: policy.name,
          policy_hash: policy.hash,
        },
        1,
      )
    },
  })
  return registers[0]!
}

type PartitionGauge = {
  name: string
  help: string
  /** undefined: not known, no sample. */
  read(partition: ReturnType<Status['partitions']>[number]): number | undefined
}

function partitionGauge(status: Status, registers: Registry[], metric: PartitionGauge): void {
  new Gauge({
    name: metric.name,
    help: metric.help,
    labelNames: ['topic', 'partition'],
    registers,
    collect() {
      // A partition that is another member's now must not linger.
      this.reset()
      for (const partition of status.partitions()) {
        const value = metric.read(partition)
        if (value === undefined) continue
        this.set({ topic: partition.topic, partition: String(partition.partition) }, value)
      }
    },
  })
}

/** A histogram whose buckets are the workers' own, summed. */
class CountersHistogram extends Histogram<'stage'> {
  private readonly status: Status
  private readonly stages: readonly Timed[]
  private readonly title: string
  private readonly description: string

  constructor(
    status: Status,
    name: string,
    help: string,
    stages: readonly Timed[],
    registers: Registry[],
  ) {
    super({ name, help, labelNames: ['stage'], buckets: [...BUCKETS], registers })
    this.status = status
    this.stages = stages
    this.title = name
    this.description = help
  }

  override async get(): Promise<MetricObjectWithValues<MetricValueWithName<'stage'>>> {
    return {
      name: this.title,
      help: this.description,
      type: 'histogram' as never,
      aggregator: 'sum',
      collect: () => {},
      values: this.stages.flatMap((stage) => this.samples(stage)),
    }
  }

  private samples(stage: Timed): MetricValueWithName<'stage'>[] {
    const labels = this.stages.length > 1 ? { stage } : {}
    const histograms = this.status.counters().map((counters) => counters.histogram(stage))
    const counts = Array.from({ length: BUCKETS.length + 1 }, (_, i) =>
      histograms.reduce((sum, histogram) => sum + histogram.counts[i]!, 0),
    )
    let cumulative = 0
    const buckets = counts.map((count, i) => {
      cumulative += count
      const le = i < BUCKETS.length ? BUCKETS[i]! : '+Inf'
      return { metricName: `${this.title}_bucket`, labels: { ...labels, le }, value: cumulative }
    })
    const sum = histograms.reduce((total, histogram) => total + histogram.sum, 0)
    return [
      ...(buckets as MetricValueWithName<'stage'>[]),
      { metricName: `${this.title}_sum`, labels, value: sum },
      { metricName: `${this.title}_count`, labels, value: cumulative },
    ]
  }
}
