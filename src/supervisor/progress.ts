// Progress of a partition: how far behind it is, and for how long it has not moved.

import type { Consumer } from '../rdkafka/consumer.ts'
import type { PartitionStatus } from '../status.ts'
import type { Assignment } from './assignment.ts'

/** Milliseconds without progress while there was something to read. */
function stalledMs({ thread, caughtUpAtMs }: Assignment): number {
  return Date.now() - Math.max(caughtUpAtMs, thread.counters.get('progressAtMs'))
}

/**
 * Sees whether the partition has read all that can be read. The high watermark does not tell:
 * records of a transaction that is still open lie below it.
 */
export function noteStableEnd(assignment: Assignment, stableEnd: number): void {
  if (readUpTo(assignment) >= stableEnd) assignment.caughtUpAtMs = Date.now()
}

/** The end last reached counts as read: behind it may lie control records, never fetched. */
function readUpTo({ thread: { counters } }: Assignment): number {
  return Math.max(counters.get('position'), counters.get('endReached'))
}

function lagOf(assignment: Assignment, consumer: Consumer): number | undefined {
  const read = readUpTo(assignment)
  const { high } = consumer.watermarks(assignment)
  return high < 0 || read < 0 ? undefined : Math.max(0, high - read)
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
  const firstDecisionAtMs = counters.get('firstDecisionAtMs')
  const firstDecisionMs =
    firstDecisionAtMs > 0 ? firstDecisionAtMs - counters.get('assignedAtMs') : undefined
  return {
    topic,
    partition,
    position: counters.get('position'),
    committed: counters.get('committed'),
    lag,
    stage: counters.stage,
    progressAgoMs: Date.now() - counters.get('progressAtMs'),
    firstDecisionMs,
    healthy: lag === 0 || stalledMs(assignment) <= stallMsMax,
  }
}
