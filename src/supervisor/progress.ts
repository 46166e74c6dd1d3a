// Progress of a partition: how far behind it is, and for how long it has not moved. One that has
// something to do and does not move is wedged, and begun anew alone.

import type { Log } from '../log.ts'
import { COMMAND_RESTART, type Counters, type Stage } from '../metrics/counters.ts'
import type { Consumer } from '../rdkafka/consumer.ts'
import type { PartitionStatus } from '../status.ts'
import type { Assignment } from './assignment.ts'
import type { Membership } from './membership.ts'

/** Longest that a worker may take to see that it shall begin anew. */
const RESTART_MS_MAX = 5000

/** Milliseconds without progress while there was something to do. */
function stalledMs({ thread, caughtUpAtMs, waitsFor }: Assignment): number {
  const { counters } = thread
  // For a place of its decisions, or for a registry: that is said elsewhere, and no restart helps.
  if (counters.stage === 'waiting' || waitsFor !== '') return 0
  return Date.now() - Math.max(caughtUpAtMs, counters.get('progressAtMs'))
}

/**
 * Tells the worker up to where the partition can be read, and sees whether all of it is committed.
 * The high watermark does not tell: records of a transaction that is still open lie below it.
 */
export function noteStableEnd(assignment: Assignment, stableEnd: number): void {
  const { counters } = assignment.thread
  counters.set('stableEnd', stableEnd)
  if (counters.unread > 0 || hasUncommitted(assignment)) return
  assignment.caughtUpAtMs = Date.now()
}

function hasUncommitted({ thread: { counters } }: Assignment): boolean {
  return counters.get('position') > counters.get('committed')
}

function lagOf(assignment: Assignment, consumer: Consumer): number | undefined {
  const read = assignment.thread.counters.readUpTo
  const { high } = consumer.watermarks(assignment)
  return high < 0 || read < 0 ? undefined : Math.max(0, high - read)
}

/** Seconds since the record decided last was sent; undefined before there was one. */
function ageOf(counters: Counters): number | undefined {
  const recordAtMs = counters.get('recordAtMs')
  return recordAtMs > 0 ? Math.max(0, Date.now() - recordAtMs) / 1000 : undefined
}

/**
 * @param stallMsMax  how long it may lag without progress and be healthy; that no broker answers is
 *                    nobody's fault here: Infinity
 */
export function statusOf(
  assignment: Assignment,
  consumer: Consumer,
  stallMsMax: number,
): PartitionStatus {
  const { topic, partition, thread } = assignment
  const { counters } = thread
  const lag = lagOf(assignment, consumer)
  const isIdle = lag === 0 && !hasUncommitted(assignment)
  const firstDecisionAtMs = counters.get('firstDecisionAtMs')
  const firstDecisionMs =
    firstDecisionAtMs > 0 ? firstDecisionAtMs - counters.get('assignedAtMs') : undefined
  return {
    topic,
    partition,
    position: counters.get('position'),
    committed: counters.get('committed'),
    lag,
    lagSeconds: lag === 0 ? 0 : ageOf(counters),
    stage: counters.stage,
    progressAgoMs: Date.now() - counters.get('progressAtMs'),
    firstDecisionMs,
    waitsFor: assignment.waitsFor,
    healthy: isIdle || stalledMs(assignment) <= stallMsMax,
  }
}

/** Has wedged partitions begin anew, each alone. */
export class ProgressWatch {
  /** Partitions found wedged, by the stage they hung in. */
  readonly wedged = new Map<Stage, number>()
  private readonly stallMsMax: number
  private readonly membership: Membership
  private readonly log: Log

  /** @param stallMsMax  how long a partition may have something to do and not move */
  constructor(stallMsMax: number, membership: Membership, log: Log) {
    this.stallMsMax = stallMsMax
    this.membership = membership
    this.log = log
  }

  /** @returns whether one was found wedged just now */
  look(): boolean {
    let found = false
    for (const assignment of this.membership.all()) {
      const isLeaving = assignment.thread.counters.command > COMMAND_RESTART
      if (isLeaving) continue
      if (assignment.restartAskedAtMs > 0) this.checkRestart(assignment)
      else if (stalledMs(assignment) > this.stallMsMax) {
        this.restart(assignment)
        found = true
      }
    }
    return found
  }

  private restart(assignment: Assignment): void {
    const { topic, partition, thread } = assignment
    const { stage } = thread.counters
    this.wedged.set(stage, (this.wedged.get(stage) ?? 0) + 1)
    const { stallMsMax } = this
    const fields = { topic, partition, stage }
    this.log.error(fields, `no progress for ${stallMsMax} ms: the partition is begun anew`)
    this.membership.restart(assignment)
  }

  /** One that does not even begin anew hangs in a call. */
  private checkRestart(assignment: Assignment): void {
    const { partition, topic, thread, restartAskedAtMs } = assignment
    if (Date.now() - restartAskedAtMs <= RESTART_MS_MAX) return
    const { stage } = thread.counters
    this.log.error({ topic, partition, stage }, 'the worker hangs: another one takes over')
    assignment.leave()
  }
}
