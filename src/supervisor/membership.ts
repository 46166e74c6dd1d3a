// Which partitions are this member's: assigned to workers, and let go before the group goes on.

import { messageOf } from '../errors.ts'
import type { Log } from '../log.ts'
import { COMMAND_ABANDON, COMMAND_DRAIN, COMMAND_RESTART } from '../metrics/counters.ts'
import type { Consumer } from '../rdkafka/consumer.ts'
import type { TopicPartition } from '../rdkafka/topic-partition-list.ts'
import { type Assignment, type ServeContext, keyOf, resetCounters, serve } from './assignment.ts'
import type { WorkerPool } from './worker-pool.ts'

export class Membership {
  private readonly consumer: Consumer
  private readonly pool: WorkerPool
  private readonly context: ServeContext
  private readonly log: Log
  private readonly releaseTimeoutMs: number
  private readonly assignments = new Map<string, Assignment>()
  /** Of partitions that workers are letting go of. */
  private revocations = 0
  /** Settles when the group's last event was answered. */
  private answered: Promise<void> = Promise.resolve()

  /** @param releaseTimeoutMs  longest that workers may take to let go of revoked partitions */
  constructor(context: ServeContext, releaseTimeoutMs: number) {
    this.consumer = context.consumer
    this.pool = context.pool
    this.context = context
    this.log = context.log
    this.releaseTimeoutMs = releaseTimeoutMs
  }

  get size(): number {
    return this.assignments.size
  }

  /** Whether the group waits for this member to acknowledge a revocation. */
  get isLettingGo(): boolean {
    return this.revocations > 0
  }

  all(): Assignment[] {
    return [...this.assignments.values()]
  }

  get(partition: TopicPartition): Assignment | undefined {
    return this.assignments.get(keyOf(partition))
  }

  /**
   * Has workers serve the partitions. One that is still being let go comes when that is answered:
   * librdkafka joins anew when the topic has grown, whatever the group waits for, and may bring
   * back what was revoked before that was acknowledged.
   */
  assign(partitions: readonly TopicPartition[]): void {
    void this.answer(() => {
      const queues = partitions.map((partition) => this.consumer.takePartitionQueue(partition))
      this.consumer.assign(partitions)
      for (const [i, partition] of partitions.entries()) this.add(partition, queues[i]!)
      this.log.info({ partitions: numbersOf(partitions) }, 'partitions assigned')
      this.goOn()
    })
  }

  private add({ topic, partition }: TopicPartition, queue: number): void {
    const thread = this.pool.take()
    resetCounters(thread)
    const assignment: Assignment = {
      topic,
      partition,
      thread,
      caughtUpAtMs: Date.now(),
      queue,
      restarts: 0,
      recordsAtRestart: thread.counters.get('records'),
      restartAskedAtMs: 0,
      waitsFor: '',
      leave: () => undefined,
      released: Promise.resolve(),
    }
    assignment.released = serve(assignment, this.context)
    this.assignments.set(keyOf(assignment), assignment)
  }

  /** Has the workers let go, then acknowledges; until then the group waits for this member. */
  async revoke(partitions: readonly TopicPartition[]): Promise<void> {
    const lost = this.consumer.isAssignmentLost()
    this.log.info({ partitions: numbersOf(partitions), lost }, 'partitions revoked')
    this.revocations++
    const released = this.release(this.known(partitions), lost)
    await this.answer(async () => {
      await released
      // Those that another revocation, answered meanwhile, has let go are gone, and what was
      // assigned meanwhile does not know yet that it shall let go.
      const leaving = this.known(partitions)
      await this.release(leaving, lost)
      try {
        this.consumer.unassign(leaving)
      } catch (error) {
        this.log.warn(messageOf(error))
      }
      for (const assignment of leaving) {
        this.consumer.destroyQueue(assignment.queue as never)
        this.assignments.delete(keyOf(assignment))
        this.pool.giveBack(assignment.thread)
      }
      if (this.size > 0) this.goOn()
    })
    this.revocations--
  }

  private known(partitions: readonly TopicPartition[]): Assignment[] {
    const assignments = partitions.map((partition) => this.get(partition))
    return assignments.filter((assignment) => assignment !== undefined)
  }

  /** Answers an event of the group when those before it were. */
  private answer(reply: () => void | Promise<void>): Promise<void> {
    this.answered = this.answered
      .then(reply)
      .catch((error) => this.context.fail(messageOf(error), error))
    return this.answered
  }

  /** What follows a rebalance need not wait for the seconds that librdkafka would wait. */
  private goOn(): void {
    this.consumer.wakeFetchers(this.all())
    // librdkafka does not join again within a second of joining, and the whole group waits, unless
    // it has learned of new metadata (rd_kafka_parse_Metadata).
    this.context.topics.refreshLeaders()
  }

  /** Waits for the workers; one that cannot finish in time gives up, the next owner reads again. */
  private async release(leaving: readonly Assignment[], lost: boolean): Promise<void> {
    for (const assignment of leaving) {
      this.command(assignment, lost ? COMMAND_ABANDON : COMMAND_DRAIN)
    }
    const timeoutMs = this.releaseTimeoutMs
    const late = setTimeout(() => {
      for (const assignment of leaving) this.command(assignment, COMMAND_ABANDON)
    }, timeoutMs / 2)
    const hanging = setTimeout(() => this.leaveBehind(leaving), (timeoutMs * 3) / 4)
    const wedged = setTimeout(() => {
      const stages = stagesOf(leaving)
      this.context.fail(`revoked partitions were not let go in ${timeoutMs} ms (${stages})`)
    }, timeoutMs)
    await Promise.all(leaving.map((assignment) => assignment.released))
    clearTimeout(late)
    clearTimeout(hanging)
    clearTimeout(wedged)
  }

  /**
   * Waits no more for workers that hang in a call of librdkafka, such as sending offsets to a
   * transaction when the group's coordinator goes away (confluentinc/librdkafka#5456, #5511). What
   * they have not committed is read again by the next owner, whose producer fences them.
   */
  private leaveBehind(leaving: readonly Assignment[]): void {
    for (const assignment of leaving) {
      const { topic, partition, thread } = assignment
      if (thread.counters.stage === 'idle') continue
      const fields = { topic, partition, stage: thread.counters.stage }
      this.log.warn(fields, 'the worker hangs: what it has not committed is for the next owner')
      assignment.leave()
    }
  }

  /** What each partition's worker is at, for the log. */
  stages(): string {
    return stagesOf(this.all())
  }

  /** Has all workers finish their batch, commit and let go. */
  drain(): void {
    for (const assignment of this.assignments.values()) this.command(assignment, COMMAND_DRAIN)
  }

  /** Has one partition's worker give up what is not committed and begin anew. */
  restart(assignment: Assignment): void {
    assignment.restartAskedAtMs = Date.now()
    this.command(assignment, COMMAND_RESTART)
  }

  /** Has workers that wait for records look at their commands. */
  wake(): void {
    for (const { queue } of this.assignments.values()) this.consumer.wakeQueue(queue as never)
  }

  private command(assignment: Assignment, command: number): void {
    const { counters } = assignment.thread
    if (counters.command < command) counters.command = command
    this.consumer.wakeQueue(assignment.queue as never)
  }
}

function numbersOf(partitions: readonly TopicPartition[]): number[] {
  return partitions.map(({ partition }) => partition)
}

function stagesOf(assignments: readonly Assignment[]): string {
  return assignments.map((a) => `${a.partition}: ${a.thread.counters.stage}`).join(', ')
}
