// What the pages show of a running worker, put together once a second from shared memory. The
// workers do nothing for it but count and leave a sample; without viewers no frame is made.

import type { SchemaVersion } from '../avro/schema-files.ts'
import { messageOf } from '../errors.ts'
import type { Log } from '../log.ts'
import { challengerCounts } from '../metrics/challenger.ts'
import { DEAD_LETTER_CLASSES, OUTCOMES } from '../metrics/counters.ts'
import type { PartitionStatus, Status } from '../status.ts'
import { Distributions } from './distributions.ts'
import type {
  DecisionView,
  DriftView,
  Frame,
  Hello,
  PartitionView,
  ScoreView,
  Tick,
} from './frame.ts'
import { TickHistory } from './history.ts'
import { KeptSamples } from './kept-samples.ts'
import { SampleReader, masked } from './sample-reader.ts'
import { Viewers, eventBytes } from './viewers.ts'

const TICK_MS = 1000
/** Samples that are read in a second, over all workers; the rest is passed over. */
const SAMPLES_PER_TICK = 50
/** Decisions that a frame shows, and that a new viewer gets. */
const SHOWN_PER_TICK = 20
const SHOWN_AT_FIRST = 100

export type MonitorOptions = {
  status: Status
  /** The model in use, and where it lies. */
  models: { readonly model: { readonly version: { hash: string; path: string } } }
  /** Every version of an application's schema, and the decision's. */
  applications: readonly SchemaVersion[]
  decision: SchemaVersion
  log: Pick<Log, 'warn'>
}

export class Monitor {
  readonly viewers = new Viewers()
  /** Those that were shown last, whole. */
  readonly kept = new KeptSamples()
  private readonly options: MonitorOptions
  private readonly reader: SampleReader
  private readonly history = new TickHistory()
  private readonly startedAtMs = Date.now()
  private distributions: Distributions
  /** Newest first. */
  private readonly latest: DecisionView[] = []
  private timer: ReturnType<typeof setInterval> | undefined

  constructor(options: MonitorOptions) {
    this.options = options
    this.reader = new SampleReader(options.applications, options.decision)
    this.distributions = new Distributions(options.models.model.version)
  }

  start(): void {
    this.timer = setInterval(() => {
      try {
        this.turn(Date.now())
      } catch (error) {
        // Whatever is wrong with the page, the worker decides on.
        this.options.log.warn(`the monitor page misses a second: ${messageOf(error)}`)
      }
    }, TICK_MS)
    this.timer.unref()
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** A stream of events for a viewer; undefined when there are too many. */
  watch(access: { signedIn: boolean; canSignIn: boolean }): ReadableStream<Uint8Array> | undefined {
    if (this.viewers.isFull) return undefined
    const decisions = this.latest.slice(0, SHOWN_AT_FIRST)
    const hello: Hello = {
      version: this.options.status.version,
      startedAtMs: this.startedAtMs,
      outcomes: OUTCOMES,
      ...access,
      history: this.history.columns(),
      decisions: access.signedIn ? decisions : decisions.map(masked),
    }
    return this.viewers.add(access.signedIn, eventBytes('hello', hello))
  }

  /** How far each feature, and the score, are from the training data. */
  drift(): DriftView[] {
    return this.distributions.driftViews()
  }

  score(): ScoreView | null {
    return this.distributions.scoreView()
  }

  /** One second's work. */
  turn(nowMs: number): void {
    const { status } = this.options
    const partitions = status.partitions()
    const lag = partitions.reduce((sum, partition) => sum + (partition.lag ?? 0), 0)
    const tick = this.history.add(status.counters(), lag, nowMs)
    const fresh = this.takeSamples()
    if (this.viewers.count === 0) return
    const frame = this.frame(tick, partitions, fresh)
    this.viewers.send((signedIn) =>
      eventBytes('frame', signedIn ? frame : { ...frame, decisions: fresh.map(masked) }),
    )
  }

  /** Reads what the workers left; returns what is new to show, newest first. */
  private takeSamples(): DecisionView[] {
    const { status, models } = this.options
    if (models.model.version.hash !== this.distributions.model) {
      this.distributions = new Distributions(models.model.version)
    }
    this.distributions.decay()
    const rings = status.samples().filter((ring) => ring.waiting > 0)
    const share = Math.ceil(SAMPLES_PER_TICK / Math.max(1, rings.length))
    const fresh: DecisionView[] = []
    for (const ring of rings) {
      const { waiting } = ring
      ring.skip(waiting - share)
      // What is read stands for what was passed over too.
      const scale = Math.max(1, waiting / share)
      for (let left = Math.min(waiting, share); left > 0; left--) {
        const sample = this.reader.read(ring.take()!)
        this.distributions.add({ ...sample, weight: sample.weight * scale })
        this.kept.keep(sample)
        fresh.push(sample.view)
      }
    }
    fresh.sort((a, b) => b.atMs - a.atMs)
    const shown = fresh.slice(0, SHOWN_PER_TICK)
    this.latest.unshift(...shown)
    this.latest.length = Math.min(this.latest.length, SHOWN_AT_FIRST)
    return shown
  }

  private frame(tick: Tick, partitions: PartitionStatus[], decisions: DecisionView[]): Frame {
    const { status } = this.options
    const { distributions, viewers } = this
    const workers = status.counters()
    const total = (read: (worker: (typeof workers)[number]) => number) =>
      workers.reduce((sum, worker) => sum + read(worker), 0)
    return {
      tick,
      phase: status.phase,
      notReady: status.notReady,
      model: status.model,
      policy: status.policy,
      challenger: this.challenger(),
      outcomes: OUTCOMES.map((_, i) => total((worker) => worker.outcome(i))),
      reasons: status.reasonCodes.map((code, slot) => ({
        code,
        count: total((worker) => worker.reason(slot)),
      })),
      deadLetters: DEAD_LETTER_CLASSES.map((name) => ({
        class: name,
        count: total((worker) => worker.deadLetters(name)),
      })).filter(({ count }) => count > 0),
      partitions: partitions.map(partitionView),
      regions: distributions.regionViews(),
      score: distributions.scoreView(),
      drift: distributions.driftViews(),
      sampled: Math.round(distributions.sampled),
      decisions,
      viewers: viewers.count,
      droppedFrames: viewers.droppedFrames,
    }
  }

  private challenger(): Frame['challenger'] {
    const { status } = this.options
    if (!status.challenger) return null
    const { pairs, workersOff } = challengerCounts(status.counters())
    return { ...status.challenger, workersOff, pairs }
  }
}

function partitionView(partition: PartitionStatus): PartitionView {
  const { lag, lagSeconds, ...rest } = partition
  return {
    partition: rest.partition,
    position: rest.position,
    committed: rest.committed,
    lag: lag ?? null,
    lagSeconds: lagSeconds ?? null,
    stage: rest.stage,
    progressAgoMs: rest.progressAgoMs,
    healthy: rest.healthy,
  }
}
