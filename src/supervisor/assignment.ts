// An assigned partition: which worker serves it, and how far it was seen to be.

import type { Log } from '../log.ts'
import { COMMAND_RUN } from '../metrics/counters.ts'
import type { Consumer } from '../rdkafka/consumer.ts'
import type { TopicPartition } from '../rdkafka/topic-partition-list.ts'
import type { ServeEnd, WorkerThread } from '../worker-thread.ts'

/** Restarts of a partition without progress between them, before the process gives up. */
const RESTARTS_MAX = 5
const RESTART_PAUSE_FIRST_MS = 500

export type Assignment = TopicPartition & {
  thread: WorkerThread
  /** Date.now() when it was last seen to have read all that is committed. */
  caughtUpAtMs: number
  queue: number
  restarts: number
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
  counters.set('firstDecisionAtMs', 0)
  counters.set('assignedAtMs', Date.now())
  counters.set('progressAtMs', Date.now())
  counters.stage = 'starting'
  counters.command = COMMAND_RUN
}

export type ServeContext = {
  consumer: Consumer
  log: Log
  deadLettersPartitions(): number
  /** Told when the partition cannot be served, whatever is tried. */
  fail(message: string): void
}

/** Has a worker serve the partition, again after a failure, until it is told to let go. */
export async function serve(assignment: Assignment, context: ServeContext): Promise<void> {
  const { thread, queue, topic, partition } = assignment
  await thread.ready
  for (;;) {
    const records = thread.counters.get('records')
    // A command may have come while the worker started or paused.
    if (thread.counters.command !== COMMAND_RUN) return
    const end = await thread.serve({
      consumer: context.consumer.pointer,
      queue,
      topic,
      partition,
      deadLettersPartitions: context.deadLettersPartitions(),
    })
    if (end.end !== 'failed') return
    if (thread.counters.get('records') > records) assignment.restarts = 0
    if (!(await mayRestart(assignment, end, context))) return
  }
}

/** Pauses before a restart; false, and the end of the process, when none would help. */
async function mayRestart(
  assignment: Assignment,
  end: Extract<ServeEnd, { end: 'failed' }>,
  context: ServeContext,
): Promise<boolean> {
  const { topic, partition } = assignment
  assignment.restarts++
  const fields = { topic, partition, code: end.code, restarts: assignment.restarts }
  context.log.error(fields, `the partition's worker failed: ${end.message}`)
  if (end.fatal || assignment.restarts > RESTARTS_MAX) {
    context.fail(`partition ${partition} of ${topic} cannot be served: ${end.message}`)
    return false
  }
  await Bun.sleep(RESTART_PAUSE_FIRST_MS * 2 ** (assignment.restarts - 1))
  return true
}
