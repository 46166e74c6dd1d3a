// What the outside may know of a running worker process: read by health, metrics and the summary.

import type { Counters, Stage } from './metrics/counters.ts'
import type { SampleRing } from './metrics/samples.ts'

export type Phase = 'starting' | 'waiting' | 'joining' | 'running' | 'stopping' | 'stopped'

export type PartitionStatus = {
  topic: string
  partition: number
  /** Next offset to read, -1 before the first record. */
  position: number
  committed: number
  /** Records between the position and the partition's end; undefined before the end is known. */
  lag: number | undefined
  /**
   * Age of the record decided last, seconds, by the senders' clocks; 0 once all is read, undefined
   * before anything was.
   */
  lagSeconds: number | undefined
  stage: Stage
  /** Milliseconds since anything was decided or committed, or the partition's end was reached. */
  progressAgoMs: number
  /** Milliseconds from the assignment to the first decisions handed to Kafka; undefined before. */
  firstDecisionMs: number | undefined
  /** What keeps a registry from saying what its records' schemas are, or '' when nothing does. */
  waitsFor: string
  /** False when it has lag and made no progress for progress.timeout.ms, for no such reason. */
  healthy: boolean
}

export interface Status {
  readonly phase: Phase
  /** Why the process is not ready, or '' when it is. */
  readonly notReady: string
  readonly version: { program: string; librdkafka: string }
  readonly model: { name: string; hash: string }
  /** The second model, when there is one. */
  readonly challenger: { name: string; hash: string } | undefined
  readonly policy: { name: string; hash: string }
  /** By slot of the counters. */
  readonly reasonCodes: readonly string[]
  readonly rebalances: number
  /** Times that the member joined the group anew, as it may have missed a change. */
  readonly rejoins: number
  /** Spans that a collector has, and that it does not; undefined when none is exported. */
  readonly spans?: { exported: number; dropped: number } | undefined
  /** Partitions found wedged and begun anew, by the stage they hung in. */
  readonly wedged: ReadonlyMap<Stage, number>
  partitions(): PartitionStatus[]
  /** One a worker, for sums over the process. */
  counters(): readonly Counters[]
  /** One a worker, of which there is one reader at most. */
  samples(): readonly SampleRing[]
}
