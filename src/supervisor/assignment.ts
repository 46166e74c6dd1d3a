// An assigned partition: the worker that serves it, until it is told to let go or nothing helps.

import type { Log } from '../log.ts'
import { COMMAND_ABANDON, COMMAND_RESTART, COMMAND_RUN } from '../metrics/counters.ts'
import type { Consumer } from '../rdkafka/consumer.ts'
import type { TopicPartition } from '../rdkafka/topic-partition-list.ts'
import type { ServeEnd, WorkerThread } from '../worker-thread.ts'
import type { EventLog } from './event-log.ts'
import type { Topics } from './topics.ts'
import type { WorkerPool } from './worker-pool.ts'

/** Restarts of a partition without progress between them, before the process gives up. */
const RESTARTS_MAX = 5
const RESTART_PAUSE_FIRST_MS = 500
/** How often a partition that waits looks whether its decisions have a place. */
const PLACE_PAUSE_MS = 100

export type Assignment = TopicPartition & {
  thread: WorkerThread
  /** Date.now() when it was last seen to have read all that is committed. */
  caughtUpAtMs: number
  queue: number
  /** Restarts since the last commit. */
  restarts: number
  /** Committed records when it was last begun anew. */
  recordsAtRestart: number
  /** Date.now() when it was told to begin anew as it made no progress; 0 when it was not. */
  restartAskedAtMs: number
  /** Why a registry does not say what its records' schemas are, or ''. */
  waitsFor: string
  /** Has another worker take over from one that hangs. */
  leave: () => void
  /** Settles when the worker has let go for good. */
  released: Promise<void>
}

export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

/** Sets a worker's counters for its next partition. */
export function resetCounters({ counters }: WorkerThread): void {
  counters.set('firstOffset', -1)
  counters.set('position', -1)
  counters.set('committed', -1)
  counters.set('endReached', -1)
  counters.set('stableEnd', -1)
  counters.set('firstDecisionAtMs', 0)
  counters.set('recordAtMs', 0)
  counters.set('assignedAtMs', Date.now())
  counters.set('progressAtMs', Date.now())
  counters.stage = 'starting'
  counters.command = COMMAND_RUN
}

export type ServeContext = {
  consumer: Consumer
  pool: WorkerPool
  log: Log
  events: EventLog
  topics: Topics
  /** Told when the partition cannot be served, whatever is tried. */
  fail(message: string, cause?: unknown): void
}

/** Has a worker serve the partition, again after a failure, until it is told to let go. */
export async function serve(assignment: Assignment, context: ServeContext): Promise<void> {
  await assignment.thread.ready
  await untilPlace(assignment, context.topics)
  for (;;) {
    const { counters } = assignment.thread
    // A command may have come while the worker started or paused.
    if (counters.command === COMMAND_RESTART) counters.command = COMMAND_RUN
    assignment.restartAskedAtMs = 0
    if (counters.command !== COMMAND_RUN) return
    const end = await serveOnce(assignment, context)
    if (end.end === 'drained' || end.end === 'abandoned') return
    // It was let go already, and its worker left behind.
    if (end.end === 'left' && assignment.thread.counters.command === COMMAND_ABANDON) return
    const reason = end.end === 'failed' ? end : { fatal: false, ...NO_PROGRESS }
    const mayGoOn = await mayRestart(assignment, reason, context)
    if (counters.command > COMMAND_RESTART) {
      // Told to let go while it paused; one that hangs must not commit when its call returns.
      counters.command = COMMAND_ABANDON
      return
    }
    if (end.end === 'left') await takeOver(assignment, end.serving, context.pool)
    if (!mayGoOn) return
  }
}

const NO_PROGRESS = { code: 'no_progress', message: 'no progress' }

/** A worker that hangs is left behind: its end comes when it comes. */
type Left = { end: 'left'; serving: Promise<ServeEnd> }

async function serveOnce(
  assignment: Assignment,
  { consumer, topics }: ServeContext,
): Promise<ServeEnd | Left> {
  const { thread, queue, topic, partition } = assignment
  const { deadLettersPartitions } = topics
  const where = { consumer: consumer.pointer, queue, topic, partition, deadLettersPartitions }
  const serving = thread.serve(where)
  const { promise: left, resolve } = Promise.withResolvers<Left>()
  assignment.leave = () => resolve({ end: 'left', serving })
  return Promise.race([serving, left])
}

/**
 * Has another worker go on. No call into librdkafka can be interrupted, and one of them may hang
 * for ever when the group's coordinator goes away (confluentinc/librdkafka#5456, #5511). The next
 * producer of the partition fences the one that is left behind, and what it read is read again.
 */
async function takeOver(
  assignment: Assignment,
  serving: Promise<ServeEnd>,
  pool: WorkerPool,
): Promise<void> {
  const old = assignment.thread
  old.counters.command = COMMAND_ABANDON
  void serving.then(() => pool.giveBack(old))
  const thread = pool.take()
  resetCounters(thread)
  thread.counters.set('firstOffset', old.counters.get('firstOffset'))
  assignment.thread = thread
  assignment.recordsAtRestart = thread.counters.get('records')
  await thread.ready
}

/** A topic may have grown past that of the decisions: the partition waits, nothing is lost. */
async function untilPlace({ thread, partition }: Assignment, topics: Topics): Promise<void> {
  const { counters } = thread
  while (counters.command === COMMAND_RUN && !topics.hasPlaceFor(partition)) {
    counters.stage = 'waiting'
    await Bun.sleep(PLACE_PAUSE_MS)
  }
  counters.set('assignedAtMs', Date.now())
  counters.set('progressAtMs', Date.now())
}

/** Pauses before a restart; false, and the end of the process, when none would help. */
async function mayRestart(
  assignment: Assignment,
  { fatal, code, message }: { fatal: boolean; code: string; message: string },
  context: ServeContext,
): Promise<boolean> {
  const { topic, partition, thread } = assignment
  const records = thread.counters.get('records')
  if (records > assignment.recordsAtRestart) assignment.restarts = 0
  assignment.recordsAtRestart = records
  assignment.restarts++
  const { restarts } = assignment
  const fields = { topic, partition, code, restarts }
  if (!context.events.isRefusal(code, message)) {
    context.log.error(fields, `the partition's worker: ${message}`)
  }
  if (fatal || restarts > RESTARTS_MAX) {
    context.fail(`partition ${partition} of ${topic} cannot be served: ${message}`)
    return false
  }
  await Bun.sleep(RESTART_PAUSE_FIRST_MS * 2 ** (restarts - 1))
  thread.counters.set('progressAtMs', Date.now())
  return true
}
