// Prometheus metrics of a worker process, read from the shared counters at each scrape. Names and
// units by Prometheus practice: base units, totals end in _total, no identifiers in labels.

import { Counter, Gauge, type Metric, Registry } from 'prom-client'
import { challengerCounts } from '../metrics/challenger.ts'
import {
  BUCKETS,
  type Counters,
  DEAD_LETTER_CLASSES,
  DENIAL_CODES,
  OUTCOMES,
  STAGES,
  TIMED,
  type Timed,
} from '../metrics/counters.ts'
import type { ModelHost } from '../model-host.ts'
import type { Monitor } from '../monitor/monitor.ts'
import type { PartitionStatus, Status } from '../status.ts'

type Labels = Record<string, string | number>
type Sample = { labels: Labels; value: number }

/** A registry whose metrics show the status at the time of the scrape. */
export function makeRegistry(status: Status, models: ModelHost, monitor?: Monitor): Registry {
  const registry = new Registry()
  addDecisions(registry, status)
  addPipeline(registry, status)
  addPartitions(registry, status)
  addDurations(registry, status)
  addModels(registry, models)
  addChallenger(registry, status)
  addProcess(registry, status)
  if (monitor) addMonitor(registry, monitor)
  return registry
}

function addDecisions(registry: Registry, status: Status): void {
  const total = (read: (counters: Counters) => number) => sum(status, read)
  addCounter(registry, 'loan_decisions_total', 'Decisions committed, by outcome.', () =>
    OUTCOMES.map((decision, i) => ({ labels: { decision }, value: total((c) => c.outcome(i)) })),
  )
  addCounter(registry, 'loan_dead_letters_total', 'Records that went to the dead letters.', () =>
    DEAD_LETTER_CLASSES.map((name) => ({
      labels: { class: name },
      value: total((c) => c.deadLetters(name)),
    })),
  )
  addCounter(registry, 'loan_reasons_total', "The policy's reasons given, by code.", () =>
    status.reasonCodes.map((code, i) => ({ labels: { code }, value: total((c) => c.reason(i)) })),
  )
  addCounter(
    registry,
    'loan_score_reasons_total',
    "Reasons given for scores, by HMDA denial code: the same whatever model's catalogue.",
    () =>
      Array.from({ length: DENIAL_CODES }, (_, i) => {
        return { labels: { hmda: i + 1 }, value: total((c) => c.denials(i + 1)) }
      }),
  )
  addCounter(
    registry,
    'loan_score_reasons_withheld_total',
    'Reasons not given, as the risk would not be lower with their features at the reference.',
    () => single(total((c) => c.get('reasonsWithheld'))),
  )
}

function addPipeline(registry: Registry, status: Status): void {
  const scalars = [
    ['records', 'loan_records_total', 'Applications read and committed.'],
    ['batches', 'loan_batches_total', 'Batches decided, those aborted later included.'],
    ['commits', 'loan_commits_total', 'Commits; with transactions, one each.'],
    ['aborts', 'loan_aborts_total', 'Batches given up and read again.'],
    ['restarts', 'loan_restarts_total', 'Failures after which a partition was served anew.'],
  ] as const
  for (const [scalar, name, help] of scalars) {
    addCounter(registry, name, help, () => single(sum(status, (c) => c.get(scalar))))
  }
  addCounter(registry, 'loan_rebalances_total', 'Rebalances of the consumer group.', () =>
    single(status.rebalances),
  )
  const rejoinsHelp = 'Times of joining the group anew after the answer to a heartbeat was lost.'
  addCounter(registry, 'loan_rejoins_total', rejoinsHelp, () => single(status.rejoins))
  const { spans } = status
  if (spans) {
    addCounter(registry, 'loan_spans_total', 'Spans of batches, by what became of them.', () => [
      { labels: { result: 'exported' }, value: spans.exported },
      {
        labels: { result: 'dropped' },
        value: spans.dropped + sum(status, (c) => c.get('spansDropped')),
      },
    ])
  }
  const help = 'Partitions without progress that were begun anew, by the stage they hung in.'
  addCounter(registry, 'loan_wedged_total', help, () =>
    STAGES.map((stage) => ({ labels: { stage }, value: status.wedged.get(stage) ?? 0 })),
  )
  addGauge(registry, 'loan_workers', 'Worker threads, idle ones included.', () =>
    single(status.counters().length),
  )
  addGauge(registry, 'loan_ready', '1 when the process is ready, else 0.', () =>
    single(Number(status.notReady === '')),
  )
}

function addPartitions(registry: Registry, status: Status): void {
  const add = (
    name: string,
    help: string,
    read: (partition: PartitionStatus) => number | undefined,
  ) =>
    addGauge(registry, name, help, () =>
      status.partitions().flatMap((partition) => {
        const value = read(partition)
        const labels = { topic: partition.topic, partition: partition.partition }
        return value === undefined ? [] : [{ labels, value }]
      }),
    )
  add(
    'loan_consumer_lag_records',
    "Records between position and the partition's end.",
    (p) => p.lag,
  )
  add(
    'loan_consumer_lag_seconds',
    'Age of the record decided last; 0 once all is read.',
    (p) => p.lagSeconds,
  )
  add('loan_consumer_position', 'Offset of the next record to read.', (p) =>
    p.position < 0 ? undefined : p.position,
  )
  add(
    'loan_partition_progress_age_seconds',
    'Time since the last progress.',
    (p) => p.progressAgoMs / 1000,
  )
  add(
    'loan_partition_healthy',
    '0 with lag and no progress for progress.timeout.ms, else 1.',
    (p) => Number(p.healthy),
  )
  add(
    'loan_partition_waits_for_registry',
    '1 while its records wait for what the schema registry says of their schema, else 0.',
    (p) => Number(p.waitsFor !== ''),
  )
}

function addDurations(registry: Registry, status: Status): void {
  addHistogram(registry, status, 'loan_batch_duration_seconds', 'A batch, fetch to produce.', [
    'batch',
  ])
  const stages = TIMED.filter((stage) => stage !== 'batch' && stage !== 'latency')
  addHistogram(registry, status, 'loan_stage_duration_seconds', 'A stage of a batch.', stages)
  const latency = "From a record's timestamp to its commit; a batch counts as its first record."
  addHistogram(registry, status, 'loan_decision_latency_seconds', latency, ['latency'])
}

function addModels(registry: Registry, models: ModelHost): void {
  for (const kind of ['model', 'policy'] as const) {
    const help = `Changes of the ${kind} while running.`
    addCounter(registry, `loan_${kind}_changes_total`, help, () => [
      { labels: { result: 'changed' }, value: models[kind].swaps },
      { labels: { result: 'refused' }, value: models[kind].refusals },
    ])
  }
  addCounter(registry, 'loan_schema_changes_total', 'Changes of the schema files, running.', () => [
    { labels: { result: 'changed' }, value: models.schemaChanges },
    { labels: { result: 'refused' }, value: models.schemaRefusals },
  ])
}

function addChallenger(registry: Registry, status: Status): void {
  const counts = () => challengerCounts(status.counters())
  const since = 'from 0 on with each change of a model.'
  addCounter(
    registry,
    'loan_challenger_decisions_total',
    `The challenger's decisions of committed applications, by outcome; ${since}`,
    () => counts().outcomes.map((value, i) => ({ labels: { decision: OUTCOMES[i]! }, value })),
  )
  addCounter(
    registry,
    'loan_challenger_pairs_total',
    `Committed applications by the champion's and the challenger's outcome; ${since}`,
    () =>
      counts().pairs.map((value, i) => {
        const champion = OUTCOMES[Math.floor(i / OUTCOMES.length)]!
        return { labels: { champion, challenger: OUTCOMES[i % OUTCOMES.length]! }, value }
      }),
  )
  addCounter(registry, 'loan_challenger_dropped_total', 'Its decisions not delivered.', () =>
    single(counts().dropped),
  )
  addCounter(registry, 'loan_challenger_errors_total', 'Its failures.', () =>
    single(counts().errors),
  )
  addGauge(registry, 'loan_challenger_on', '1 when every worker has it decide, else 0.', () =>
    single(Number(status.challenger !== undefined && counts().workersOff === 0)),
  )
  const labels = ['model', 'model_hash']
  const info = () => {
    const { challenger } = status
    if (!challenger) return []
    return [{ labels: { model: challenger.name, model_hash: challenger.hash }, value: 1 }]
  }
  addGauge(registry, 'loan_challenger_info', 'The challenger; always 1.', info, labels)
}

function addMonitor(registry: Registry, monitor: Monitor): void {
  const { viewers } = monitor
  addGauge(registry, 'loan_monitor_viewers', 'Viewers of the monitor page.', () =>
    single(viewers.count),
  )
  const dropped = 'Frames that viewers were too slow for.'
  addCounter(registry, 'loan_monitor_frames_dropped_total', dropped, () =>
    single(viewers.droppedFrames),
  )
  const index = 'Population stability index against the training data, from a sample:'
  addGauge(
    registry,
    'loan_feature_stability_index',
    `${index} by feature.`,
    () =>
      monitor.drift().flatMap(({ feature, psi }) => {
        return psi === null ? [] : [{ labels: { feature }, value: psi }]
      }),
    ['feature'],
  )
  addGauge(registry, 'loan_score_stability_index', `${index} of the score.`, () => {
    const psi = monitor.score()?.psi ?? null
    return psi === null ? [] : single(psi)
  })
}

function addProcess(registry: Registry, status: Status): void {
  addGauge(registry, 'process_resident_memory_bytes', 'Resident memory.', () =>
    single(process.memoryUsage.rss()),
  )
  addCounter(registry, 'process_cpu_seconds_total', 'User and system time of all threads.', () => {
    const { user, system } = process.cpuUsage()
    return single((user + system) / 1e6)
  })
  addGauge(registry, 'loan_build_info', 'Versions and hashes; always 1.', () => {
    const { version, model, policy } = status
    const labels = {
      version: version.program,
      librdkafka: version.librdkafka,
      model: model.name,
      model_hash: model.hash,
      policy: policy.name,
      policy_hash: policy.hash,
    }
    return [{ labels, value: 1 }]
  })
}

function sum(status: Status, read: (counters: Counters) => number): number {
  return status.counters().reduce((total, counters) => total + read(counters), 0)
}

function single(value: number): Sample[] {
  return [{ labels: {}, value }]
}

/** prom-client wants to know the labels beforehand: those of a first reading. */
function labelNames(samples: readonly Sample[], fallback: readonly string[]): string[] {
  return samples[0] ? Object.keys(samples[0].labels) : [...fallback]
}

function addCounter(registry: Registry, name: string, help: string, read: () => Sample[]): void {
  new Counter({
    name,
    help,
    labelNames: labelNames(read(), ['code']),
    registers: [registry],
    collect() {
      this.reset()
      for (const { labels, value } of read()) this.inc(labels, value)
    },
  })
}

/** @param labels  its labels, where at first there may be no sample to tell */
function addGauge(
  registry: Registry,
  name: string,
  help: string,
  read: () => Sample[],
  labels: readonly string[] = ['topic', 'partition'],
): void {
  new Gauge({
    name,
    help,
    labelNames: labelNames(read(), labels),
    registers: [registry],
    collect() {
      // A partition that is another member's now must not linger.
      this.reset()
      for (const { labels, value } of read()) this.set(labels, value)
    },
  })
}

/**
 * A histogram whose buckets the workers filled. prom-client's own can only observe, so this is the
 * little of a metric that a registry asks for.
 */
function addHistogram(
  registry: Registry,
  status: Status,
  name: string,
  help: string,
  stages: readonly Timed[],
): void {
  const get = async () => {
    const labelled = stages.length > 1
    const values = stages.flatMap((stage) =>
      histogramSamples(status, stage, labelled ? { stage } : {}).map((sample) => ({
        ...sample,
        metricName: name + sample.suffix,
      })),
    )
    return { name, help, type: 'histogram', values }
  }
  registry.registerMetric({ name, get } as unknown as Metric)
}

function histogramSamples(
  status: Status,
  stage: Timed,
  labels: Labels,
): (Sample & { suffix: string })[] {
  const histograms = status.counters().map((counters) => counters.histogram(stage))
  let cumulative = 0
  const buckets = [...BUCKETS, '+Inf'].map((le, i) => {
    cumulative += histograms.reduce((total, histogram) => total + histogram.counts[i]!, 0)
    return { suffix: '_bucket', labels: { ...labels, le }, value: cumulative }
  })
  const seconds = histograms.reduce((total, histogram) => total + histogram.sum, 0)
  return [
    ...buckets,
    { suffix: '_sum', labels, value: seconds },
    { suffix: '_count', labels, value: cumulative },
  ]
}
