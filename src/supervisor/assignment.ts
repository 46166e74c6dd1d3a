// A partition that is assigned to this process: who serves it, and how it stands.

import type { Counters } from '../metrics/counters.ts'
import type { TopicPartition } from '../rdkafka/topic-partition-list.ts'
import type { PartitionStatus } from '../status.ts'
import type { WorkerThread } from '../worker-thread.ts'

export type Assignment = TopicPartition & {
  thread: WorkerThread
  /** Date.now() when it was last seen to have read all that is committed. */
  caughtUpAtMs: number
  queue: number
  restarts: number
  /** Why a registry does not say what its records' schemas are, or ''. */
  waitsFor: string
  /** Settles when the worker has let go for good. */
  released: Promise<void>
}

/** What tells it from the others. */
export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

/** Sets what belongs to a partition anew, for one that is assigned now. */
export function resetCounters(counters: Counters): void {
  counters.set('firstOffset', -1)
  counters.set('position', -1)
  counters.set('committed', -1)
  counters.set('endReached', -1)
  counters.set('firstDecisionAtMs', 0)
  counters.set('recordAtMs', 0)
  counters.set('assignedAtMs', Date.now())
  counters.set('progressAtMs', Date.now())
}

/** How it stands, but for whether that is well. */
export function statusOf(assignment: Assignment, high: number): Omit<PartitionStatus, 'healthy'> {
  const { topic, partition, thread, waitsFor } = assignment
  const { counters } = thread
  const firstDecisionAtMs = counters.get('firstDecisionAtMs')
  const read = readUntil(assignment)
  const lag = high < 0 || read < 0 ? undefined : Math.max(0, high - read)
  const recordAtMs = counters.get('recordAtMs')
  const age = recordAtMs > 0 ? Math.max(0, Date.now() - recordAtMs) / 1000 : undefined
  return {
    topic,
    partition,
    position: counters.get('position'),
    committed: counters.get('committed'),
    lag,
    lagSeconds: lag === 0 ? 0 : age,
    stage: counters.stage,
    progressAgoMs: Date.now() - counters.get('progressAtMs'),
    firstDecisionMs:
      firstDecisionAtMs > 0 ? firstDecisionAtMs - counters.get('assignedAtMs') : undefined,
    waitsFor,
  }
}

/** Milliseconds without progress while there was something to read. */
export function stalledMs({ thread, caughtUpAtMs }: Assignment): number {
  return Date.now() - Math.max(caughtUpAtMs, thread.counters.get('progressAtMs'))
}

/** The end last reached counts as read: behind it may lie control records, never fetched. */
export function readUntil({ thread: { counters } }: Assignment): number {
  return Math.max(counters.get('position'), counters.get('endReached'))
}
