// The supervisor: membership in the consumer group, and which worker serves which partition. It
// runs on the main thread and never blocks for long: librdkafka is polled by timer, workers answer
// by message, and a rebalance is acknowledged once the workers have let go.

import type { SchemaId } from './avro/schema-id.ts'
import { OperatingError, assert, messageOf } from './errors.ts'
import type { Log } from './log.ts'
import { RepeatFilter, levelOf } from './log.ts'
import { COMMAND_ABANDON, COMMAND_DRAIN, COMMAND_RUN, type Counters } from './metrics/counters.ts'
import type { UnknownId } from './pipeline/wanted-schemas.ts'
import type { LogLevel, WorkerSettings } from './protocol.ts'
import { Consumer } from './rdkafka/consumer.ts'
import { ERR_ALL_BROKERS_DOWN, ERR_UNKNOWN_TOPIC_OR_PARTITION } from './rdkafka/error.ts'
import type { KafkaEvent } from './rdkafka/event.ts'
import type { Waiting } from './registry/lookup.ts'
import type { TopicPartition } from './rdkafka/topic-partition-list.ts'
import { Refusals } from './refusals.ts'
import type { Program } from './scorer/program.ts'
import type { PartitionStatus, Phase, Status } from './status.ts'
import { type Assignment, readUntil, stalledMs, statusOf } from './supervisor/assignment.ts'
import { checkTopics, isAnswered } from './topic-check.ts'
import { type ServeEnd, WorkerThread } from './worker-thread.ts'

const POLL_INTERVAL_MS = 10
/** Longest that asking for metadata may hold up the main thread, and pause between tries. */
const METADATA_TIMEOUT_MS = 100
const METADATA_PAUSE_MS = 500
/** Restarts of a partition without progress between them, before the process gives up. */
const RESTARTS_MAX = 5
const RESTART_PAUSE_FIRST_MS = 500

export type SupervisorOptions = {
  program: Program
  module: WebAssembly.Module
  library: string
  versions: Status['version']
  consumer: Readonly<Record<string, string>>
  worker: WorkerSettings
  applicationsTopic: string
  prestart: number
  shutdownTimeoutMs: number
  progressTimeoutMs: number
  log: Log
  /** Brings schemas that records name by a registry's ids; returns those that there are not. */
  bringSchemas?: ((ids: SchemaId[], waiting: Waiting) => Promise<UnknownId[]>) | undefined
  /** Called once when the process must not go on. */
  onFatal(error: Error): void
}

export class Supervisor implements Status {
  phase: Phase = 'starting'
  /** What keeps the whole process from being ready, or ''. */
  obstacle = 'starting'
  rebalances = 0
  readonly version: Status['version']
  private readonly options: SupervisorOptions
  private readonly log: Log
  private readonly consumer: Consumer
  private readonly threads: WorkerThread[] = []
  private readonly idle: WorkerThread[] = []
  private readonly assignments = new Map<string, Assignment>()
  private readonly repeats = new RepeatFilter()
  private readonly refusals: Refusals
  private decisionsPartitions = 0
  private deadLettersPartitions = 0
  /** Whether all connections are lost, so that no progress is nobody's fault here. */
  private brokersDown = false
  private program: Program
  private programNumber = 0
  /** Number of the last program with a challenger. */
  private challengerNumber = 0
  private poller: ReturnType<typeof setInterval> | undefined

  constructor(options: SupervisorOptions) {
    this.options = options
    this.log = options.log
    this.version = options.versions
    this.program = options.program
    this.consumer = new Consumer(options.consumer)
    this.refusals = new Refusals({
      properties: options.consumer,
      timeoutMs: options.worker.commits.timeoutMs,
      log: options.log,
      isAnswered: () => isAnswered(this.consumer, options.applicationsTopic),
      onGiveUp: (error) => options.onFatal(error),
    })
  }

  /** Starts workers, waits for the topics, joins the group. Resolves when the group is joined. */
  async start(): Promise<void> {
    this.poller = setInterval(() => this.poll(), POLL_INTERVAL_MS)
    const threads = Array.from({ length: this.options.prestart }, () => this.startThread())
    this.idle.push(...threads)
    await Promise.all(threads.map((thread) => thread.ready))
    if (this.isStopping()) return
    this.phase = 'waiting'
    await this.waitForTopics()
    if (this.isStopping()) return
    this.phase = 'joining'
    this.obstacle = 'joining the group'
    this.consumer.subscribe(this.options.applicationsTopic)
  }

  private isStopping(): boolean {
    return this.phase === 'stopping' || this.phase === 'stopped'
  }

  private startThread(): WorkerThread {
    const { library, module, worker } = this.options
    const thread = new WorkerThread(
      { library, module, program: this.program, settings: worker },
      ({ level, message, fields }) => this.workerLog(level, message, fields),
      (message) => this.fail(`a worker broke down: ${message}`),
      (ids) => void this.bringSchemas(thread, ids),
    )
    thread.ready.catch((error: unknown) => this.fail(`a worker did not start: ${messageOf(error)}`))
    // It starts with this very program.
    thread.counters.programWanted = this.programNumber
    thread.counters.programUsed = this.programNumber
    thread.counters.startChallenger(this.challengerNumber)
    this.threads.push(thread)
    return thread
  }

  // ---- Program

  /**
   * Has every worker go on with another program, each at its next batch.
   *
   * @returns when all that serve a partition use it
   */
  async replaceProgram(program: Program): Promise<void> {
    this.program = program
    const number = ++this.programNumber
    if (program.challenger) this.challengerNumber = number
    for (const thread of this.threads) thread.replaceProgram(number, program)
    for (const { queue } of this.assignments.values()) this.consumer.wakeQueue(queue as never)
    const isBehind = ({ thread }: Assignment) => thread.counters.programUsed < number
    while ([...this.assignments.values()].some(isBehind) && !this.isStopping()) await Bun.sleep(1)
  }

  // ---- Schemas

  /** Has the registry asked for what a worker waits for, for as long as it has its partition. */
  private async bringSchemas(thread: WorkerThread, ids: SchemaId[]): Promise<void> {
    const assignment = [...this.assignments.values()].find((it) => it.thread === thread)
    if (!assignment) return
    const { topic, partition } = assignment
    const waiting: Waiting = {
      isWanted: () => this.assignments.get(keyOf(assignment)) === assignment && !this.isStopping(),
      onDelay: (why) => {
        assignment.waitsFor = why
        this.write('warn', `partition ${partition} of ${topic} waits: ${why}`, {})
      },
    }
    try {
      thread.tellUnknown((await this.options.bringSchemas?.(ids, waiting)) ?? [])
    } catch (error) {
      this.fail(`schemas of the registry cannot be used: ${messageOf(error)}`, error)
    }
    if (assignment.waitsFor === '') return
    assignment.waitsFor = ''
    this.log.info({ topic, partition }, 'the registry answers again')
  }

  // ---- Topics

  /** Waits until a broker answers and all three topics are there, saying what it waits for. */
  private async waitForTopics(): Promise<void> {
    while (!this.isStopping()) {
      const missing = this.missing()
      if (missing === '') return
      const told = missing === this.obstacle || missing === this.refusals.reason
      if (!told) this.log.warn(missing)
      this.obstacle = missing
      await Bun.sleep(METADATA_PAUSE_MS)
    }
  }

  /** What keeps the worker from joining, or ''. */
  private missing(): string {
    const { decisionsTopic, deadLettersTopic } = this.options.worker.commits
    const topics = {
      applications: this.options.applicationsTopic,
      decisions: decisionsTopic,
      deadLetters: deadLettersTopic,
    }
    const brokers = this.options.consumer['bootstrap.servers']
    const check = checkTopics(this.consumer, this.refusals, topics, brokers)
    if (check.missing !== undefined) return check.missing
    this.decisionsPartitions = check.partitions.decisions
    this.deadLettersPartitions = check.partitions.deadLetters
    return ''
  }

  // ---- Events

  private poll(): void {
    try {
      for (;;) {
        const event = this.consumer.poll(0)
        if (!event) return
        this.handle(event)
      }
    } catch (error) {
      this.fail(messageOf(error), error)
    }
  }

  private handle(event: KafkaEvent): void {
    switch (event.type) {
      case 'rebalance':
        this.rebalances++
        if (event.assign) this.assign(event.partitions)
        else void this.revoke(event.partitions)
        break
      case 'error':
        this.consumerError(event)
        break
      case 'log':
        if (this.refusals.take('', event.message)) break
        this.write(levelOf(event.level), event.message, { facility: event.facility })
        break
      case 'stats':
        this.watchLag(event.stableEnds)
        break
      case 'commit':
        if (event.code !== 0) this.write('warn', `offsets not committed: ${event.message}`, {})
        break
      default:
    }
  }

  private consumerError(event: Extract<KafkaEvent, { type: 'error' }>): void {
    if (event.fatal) {
      this.fail(`the consumer cannot go on: ${event.message}`)
      return
    }
    const isRefusal = this.refusals.take(event.name, event.message)
    if (event.code === ERR_ALL_BROKERS_DOWN) this.brokersLost()
    if (isRefusal) return
    const hint =
      event.code === ERR_UNKNOWN_TOPIC_OR_PARTITION ? '; "bun run topics" makes the topics' : ''
    this.write('warn', event.message + hint, { code: event.name })
  }

  /** Not ready until a broker answers again. */
  private brokersLost(): void {
    if (this.brokersDown || this.phase !== 'running') return
    this.brokersDown = true
    const brokers = this.options.consumer['bootstrap.servers']
    this.obstacle = this.refusals.reason || `no broker answers at ${brokers}`
    if (this.refusals.reason === '') this.log.warn(this.obstacle)
    void this.waitForBrokers()
  }

  private async waitForBrokers(): Promise<void> {
    while (!this.isStopping()) {
      await Bun.sleep(METADATA_PAUSE_MS)
      try {
        this.consumer.metadata(this.options.applicationsTopic, METADATA_TIMEOUT_MS)
        break
      } catch {
        // Still gone.
      }
    }
    this.brokersDown = false
    this.refusals.accepted()
    if (this.isStopping()) return
    this.obstacle = ''
    this.log.info('a broker answers again')
  }

  private workerLog(level: LogLevel, message: string, fields: Record<string, unknown>): void {
    const isRefusal = this.refusals.take(fields['code'], message)
    if (!isRefusal) this.write(level, message, fields)
  }

  private write(level: LogLevel, message: string, fields: Record<string, unknown>): void {
    const repeated = this.repeats.check(message)
    if (repeated === undefined) return
    this.log[level](repeated > 0 ? { ...fields, repeated } : fields, message)
  }

  // ---- Assignment

  private assign(partitions: readonly TopicPartition[]): void {
    const queues = partitions.map((partition) => this.consumer.takePartitionQueue(partition))
    this.consumer.assign(partitions)
    this.refusals.clear()
    if (!this.isStopping()) {
      this.phase = 'running'
      this.obstacle = ''
      this.checkPartitionCounts(partitions)
    }
    for (const [i, { topic, partition }] of partitions.entries()) {
      const thread = this.idle.pop() ?? this.startThread()
      const { counters } = thread
      counters.set('firstOffset', -1)
      counters.set('position', -1)
      counters.set('committed', -1)
      counters.set('endReached', -1)
      counters.set('firstDecisionAtMs', 0)
      counters.set('assignedAtMs', Date.now())
      counters.set('progressAtMs', Date.now())
      counters.stage = 'starting'
      counters.command = COMMAND_RUN
      const assignment: Assignment = {
        topic,
        partition,
        thread,
        caughtUpAtMs: Date.now(),
        queue: queues[i]!,
        restarts: 0,
        waitsFor: '',
        released: Promise.resolve(),
      }
      assignment.released = this.serve(assignment)
      this.assignments.set(keyOf(assignment), assignment)
    }
    this.log.info({ partitions: partitions.map((p) => p.partition) }, 'partitions assigned')
  }

  /** Topics may have grown since the start. */
  private checkPartitionCounts(partitions: readonly TopicPartition[]): void {
    const isNew = partitions.some(({ partition }) => partition >= this.decisionsPartitions)
    const missing = isNew ? this.missing() : ''
    if (missing !== '') this.fail(missing)
  }

  /** Has a worker serve the partition, again after a failure, until it is told to let go. */
  private async serve(assignment: Assignment): Promise<void> {
    const { thread, queue, topic, partition } = assignment
    await thread.ready
    for (;;) {
      const records = thread.counters.get('records')
      // A command may have come while the worker started or paused.
      if (thread.counters.command !== COMMAND_RUN) return
      const end = await thread.serve({
        consumer: this.consumer.pointer,
        queue,
        topic,
        partition,
        deadLettersPartitions: this.deadLettersPartitions,
      })
      if (end.end !== 'failed') return
      if (thread.counters.get('records') > records) assignment.restarts = 0
      if (!(await this.mayRestart(assignment, end))) return
    }
  }

  /** Pauses before a restart; false, and the end of the process, when none would help. */
  private async mayRestart(
    assignment: Assignment,
    end: Extract<ServeEnd, { end: 'failed' }>,
  ): Promise<boolean> {
    const { topic, partition } = assignment
    assignment.restarts++
    const fields = { topic, partition, code: end.code, restarts: assignment.restarts }
    this.workerLog('error', `the partition's worker failed: ${end.message}`, fields)
    if (end.fatal || assignment.restarts > RESTARTS_MAX) {
      this.fail(`partition ${partition} of ${topic} cannot be served: ${end.message}`)
      return false
    }
    await Bun.sleep(RESTART_PAUSE_FIRST_MS * 2 ** (assignment.restarts - 1))
    return true
  }

  /** Has the workers let go, then acknowledges; until then the group waits for this member. */
  private async revoke(partitions: readonly TopicPartition[]): Promise<void> {
    const lost = this.consumer.isAssignmentLost()
    const numbers = partitions.map((p) => p.partition)
    this.log.info({ partitions: numbers, lost }, 'partitions revoked')
    const revoked = partitions.map((partition) => this.assignments.get(keyOf(partition)))
    const leaving = revoked.filter((assignment) => assignment !== undefined)
    for (const assignment of leaving) {
      this.command(assignment, lost ? COMMAND_ABANDON : COMMAND_DRAIN)
    }
    const { shutdownTimeoutMs } = this.options
    const late = setTimeout(() => {
      // A worker that cannot finish in time gives up; the next owner reads the batch again.
      for (const assignment of leaving) this.command(assignment, COMMAND_ABANDON)
    }, shutdownTimeoutMs / 2)
    const wedged = setTimeout(() => {
      const stages = leaving.map((a) => `${a.partition}: ${a.thread.counters.stage}`).join(', ')
      this.fail(`revoked partitions were not let go in ${shutdownTimeoutMs} ms (${stages})`)
    }, shutdownTimeoutMs)
    await Promise.all(leaving.map((assignment) => assignment.released))
    clearTimeout(late)
    clearTimeout(wedged)
    try {
      this.consumer.unassign(partitions)
    } catch (error) {
      this.write('warn', messageOf(error), {})
    }
    for (const assignment of leaving) {
      this.consumer.destroyQueue(assignment.queue as never)
      this.assignments.delete(keyOf(assignment))
      assignment.thread.counters.stage = 'idle'
      this.idle.push(assignment.thread)
    }
  }

  private command(assignment: Assignment, command: number): void {
    const { counters } = assignment.thread
    if (counters.command < command) counters.command = command
    this.consumer.wakeQueue(assignment.queue as never)
  }

  // ---- End

  /**
   * Stops in order: finish the batches, commit, leave the group.
   *
   * @returns false when that took longer than shutdown.timeout.ms
   */
  async stop(): Promise<boolean> {
    if (this.phase === 'stopped') return true
    assert(this.phase !== 'stopping', 'stop is called once')
    const joined = this.phase === 'joining' || this.phase === 'running'
    this.phase = 'stopping'
    this.obstacle = 'stopping'
    const deadline = Date.now() + this.options.shutdownTimeoutMs
    for (const assignment of this.assignments.values()) this.command(assignment, COMMAND_DRAIN)
    if (joined) this.consumer.startClosing()
    while (joined && !(this.consumer.isClosed() && this.assignments.size === 0)) {
      if (Date.now() > deadline) return false
      this.poll()
      await Bun.sleep(POLL_INTERVAL_MS)
    }
    clearInterval(this.poller)
    this.refusals.close()
    this.consumer.destroy()
    this.phase = 'stopped'
    return true
  }

  private fail(message: string, cause?: unknown): void {
    this.options.onFatal(new OperatingError('fatal', 'worker_failed', message, cause))
  }

  // ---- Status

  get notReady(): string {
    if (this.obstacle !== '') return this.obstacle
    const waiting = [...this.assignments.values()].find(({ waitsFor }) => waitsFor !== '')
    return waiting
      ? `partition ${waiting.partition} of ${waiting.topic} waits: ${waiting.waitsFor}`
      : ''
  }

  get model() {
    return { name: this.program.modelName, hash: this.program.modelHash.toHex() }
  }

  get challenger() {
    const { challenger } = this.program
    return challenger && { name: challenger.modelName, hash: challenger.modelHash.toHex() }
  }

  get policy() {
    return { name: this.program.policyName, hash: this.program.policyHash.toHex() }
  }

  get reasons() {
    return this.program.reasons
  }

  counters(): readonly Counters[] {
    return this.threads.map((thread) => thread.counters)
  }

  partitions(): PartitionStatus[] {
    const statuses = [...this.assignments.values()].map((assignment): PartitionStatus => {
      const { high } = this.consumer.watermarks(assignment)
      const status = statusOf(assignment, high)
      const mayStall = status.lag === 0 || this.brokersDown || status.waitsFor !== ''
      const healthy = mayStall || stalledMs(assignment) <= this.options.progressTimeoutMs
      return { ...status, healthy }
    })
    return statuses.sort((a, b) => a.partition - b.partition)
  }

  /**
   * Sees which partitions have read all that can be read. The high watermark does not tell: records
   * of a transaction that is still open lie below it.
   */
  private watchLag(stableEnds: Extract<KafkaEvent, { type: 'stats' }>['stableEnds']): void {
    for (const { stableEnd, ...partition } of stableEnds) {
      const assignment = this.assignments.get(keyOf(partition))
      if (!assignment) continue
      if (readUntil(assignment) >= stableEnd) assignment.caughtUpAtMs = Date.now()
    }
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
