// The supervisor: the process's member of the consumer group, from joining to leaving. It runs on
// the main thread and never blocks for long: librdkafka is polled by timer, workers answer by
// message, and a rebalance is acknowledged once the workers have let go.

import { OperatingError, assert, messageOf } from './errors.ts'
import { type Log, levelOf } from './log.ts'
import type { Counters, Stage } from './metrics/counters.ts'
import { ReasonSlots } from './metrics/reason-slots.ts'
import type { SampleRing } from './metrics/samples.ts'
import type { WorkerSettings } from './protocol.ts'
import { Consumer } from './rdkafka/consumer.ts'
import {
  ERR_ALL_BROKERS_DOWN,
  ERR_FENCED_INSTANCE_ID,
  ERR_UNKNOWN_TOPIC_OR_PARTITION,
} from './rdkafka/error.ts'
import type { KafkaEvent } from './rdkafka/event.ts'
import type { TopicPartition } from './rdkafka/topic-partition-list.ts'
import { Refusals } from './refusals.ts'
import type { Program } from './scorer/program.ts'
import type { SpanExporter } from './tracing/span-exporter.ts'
import type { PartitionStatus, Phase, Status } from './status.ts'
import { EventLog } from './supervisor/event-log.ts'
import { GroupWatch } from './supervisor/group-watch.ts'
import { Membership } from './supervisor/membership.ts'
import { ProgressWatch, noteStableEnd, statusOf } from './supervisor/progress.ts'
import { type BringSchemas, SchemaRequests } from './supervisor/schema-requests.ts'
import { METADATA_PAUSE_MS, type TopicNames, Topics } from './supervisor/topics.ts'
import { WorkerPool } from './supervisor/worker-pool.ts'

const POLL_INTERVAL_MS = 10
const WATCH_INTERVAL_MS = 500
/** How often, and for how long after an event of the group, its next one is hastened. */
const HASTEN_INTERVAL_MS = 50
const HASTEN_FOR_MS = 2000
/** Longest wait for the group's coordinator when nothing of ours is left to be done. */
const LEAVE_WAIT_MS = 6000

export type SupervisorOptions = {
  program: Program
  module: WebAssembly.Module
  library: string
  versions: Status['version']
  consumer: Readonly<Record<string, string>>
  worker: WorkerSettings
  topics: TopicNames
  prestart: number
  shutdownTimeoutMs: number
  progressTimeoutMs: number
  log: Log
  bringSchemas?: BringSchemas | undefined
  spans?: SpanExporter | undefined
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
  private readonly events: EventLog
  private readonly refusals: Refusals
  private readonly consumer: Consumer
  private readonly topics: Topics
  private readonly slots = new ReasonSlots()
  private readonly pool: WorkerPool
  private readonly membership: Membership
  private readonly schemaRequests: SchemaRequests
  private readonly watch: ProgressWatch
  /** Under KIP-848 only. */
  private readonly groupWatch: GroupWatch | undefined
  private readonly stallMsMax: number
  /** Whether all connections are lost, so that no progress is nobody's fault here. */
  private brokersDown = false
  /** Date.now() of the group's last event. */
  private rebalancedAtMs = 0
  private readonly timers: ReturnType<typeof setInterval>[] = []

  constructor(options: SupervisorOptions) {
    const { consumer, worker, log, topics: names } = options
    this.options = options
    this.log = log
    this.version = options.versions
    this.consumer = new Consumer(consumer)
    this.refusals = new Refusals({
      properties: consumer,
      timeoutMs: worker.commits.timeoutMs,
      log,
      isAnswered: () => this.topics.answers(),
      onGiveUp: (error) => options.onFatal(error),
    })
    this.events = new EventLog(log, this.refusals)
    this.topics = new Topics(this.consumer, worker.producer, names, log, this.refusals)
    const program = this.slots.assign(options.program)
    const fail = (message: string, cause?: unknown) => this.fail(message, cause)
    this.pool = new WorkerPool(program, options, this.events, fail, (thread, ids) => {
      void this.schemaRequests.answer(thread, ids)
    })
    const { pool, topics } = this
    const context = { consumer: this.consumer, pool, log, events: this.events, topics, fail }
    this.membership = new Membership(context, options.shutdownTimeoutMs)
    this.schemaRequests = new SchemaRequests(options.bringSchemas, {
      membership: this.membership,
      log,
      isStopping: () => this.isStopping(),
      fail,
    })
    // What is decided may wait that long for its commit.
    const { commitIntervalMs, behindIntervalMs } = worker.commits
    const stallMsMax = options.progressTimeoutMs + Math.max(commitIntervalMs, behindIntervalMs)
    this.watch = new ProgressWatch(stallMsMax, this.membership, log)
    this.stallMsMax = stallMsMax
    if (consumer['group.protocol']?.toLowerCase() === 'consumer') {
      this.groupWatch = new GroupWatch({
        log,
        isWithoutPartitions: () => this.membership.size === 0 && this.consumer.isMember(),
        isLettingGo: () => this.membership.isLettingGo,
        onIdle: () => this.joined(),
        rejoin: () => this.rejoin(),
      })
    }
  }

  /** Why the process is not ready, or '' when it is. */
  get notReady(): string {
    return this.obstacle || this.topics.tooFew || this.schemaRequests.delay
  }

  /** Starts workers, waits for the topics, joins the group. Resolves when the group is joined. */
  async start(): Promise<void> {
    this.timers.push(setInterval(() => this.poll(), POLL_INTERVAL_MS))
    this.timers.push(setInterval(() => this.watchProgress(), WATCH_INTERVAL_MS))
    this.timers.push(setInterval(() => this.hasten(), HASTEN_INTERVAL_MS))
    await this.pool.prestart(this.options.prestart)
    if (this.isStopping()) return
    this.phase = 'waiting'
    await this.waitForTopics()
    if (this.isStopping()) return
    this.join()
  }

  private join(): void {
    this.phase = 'joining'
    this.obstacle = 'joining the group'
    this.consumer.subscribe(this.options.topics.applications)
  }

  private rejoin(): void {
    this.consumer.unsubscribe()
    this.join()
  }

  private isStopping(): boolean {
    return this.phase === 'stopping' || this.phase === 'stopped'
  }

  /**
   * Has every worker go on with another program, each at its next batch.
   *
   * @returns when all that serve a partition use it
   */
  async replaceProgram(program: Program): Promise<void> {
    const number = this.pool.replaceProgram(this.slots.assign(program))
    this.membership.wake()
    const isBehind = () =>
      this.membership.all().some(({ thread }) => thread.counters.programUsed < number)
    while (isBehind() && !this.isStopping()) await Bun.sleep(1)
  }

  /** Waits until a broker answers and all topics are there, saying what it waits for. */
  private async waitForTopics(): Promise<void> {
    while (!this.isStopping()) {
      const missing = this.topics.missing()
      if (missing === '') return
      const told = missing === this.obstacle || missing === this.refusals.reason
      if (!told) this.log.warn(missing)
      this.obstacle = missing
      await Bun.sleep(METADATA_PAUSE_MS)
    }
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
        this.rebalancedAtMs = Date.now()
        this.groupWatch?.rebalanced(event.assign)
        if (event.assign) this.assign(event.partitions)
        else void this.membership.revoke(event.partitions)
        break
      case 'error':
        this.consumerError(event)
        break
      case 'log':
        this.groupWatch?.logged(event.message)
        this.events.write(levelOf(event.level), event.message, { facility: event.facility })
        break
      case 'stats':
        for (const { stableEnd, ...partition } of event.stableEnds) {
          const assignment = this.membership.get(partition)
          if (assignment) noteStableEnd(assignment, stableEnd)
        }
        break
      case 'commit':
        if (event.code !== 0) {
          this.events.write('warn', `offsets not committed: ${event.message}`, {})
        }
        break
      default:
    }
  }

  private consumerError(event: Extract<KafkaEvent, { type: 'error' }>): void {
    if (event.fatal) {
      const id = this.options.consumer['group.instance.id']
      const fenced = `another process is member ${id} now (group.instance.id), this one ends`
      const message = event.code === ERR_FENCED_INSTANCE_ID ? fenced : event.message
      this.fail(`the consumer cannot go on: ${message}`)
      return
    }
    const isRefusal = this.refusals.take(event.name, event.message)
    if (event.code === ERR_ALL_BROKERS_DOWN) this.brokersLost()
    if (isRefusal) return
    const hint =
      event.code === ERR_UNKNOWN_TOPIC_OR_PARTITION ? '; "bun run topics" makes the topics' : ''
    this.events.write('warn', event.message + hint, { code: event.name })
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
    do {
      await Bun.sleep(METADATA_PAUSE_MS)
    } while (!this.isStopping() && !this.topics.answers())
    this.brokersDown = false
    this.refusals.accepted()
    if (this.isStopping()) return
    this.obstacle = ''
    this.log.info('a broker answers again')
  }

  private assign(partitions: readonly TopicPartition[]): void {
    this.membership.assign(partitions)
    this.refusals.clear()
    this.joined()
  }

  /**
   * A rebalance is two in a row, and all members wait for the last one's heartbeat, which tells of
   * the second. librdkafka sends it when its main thread is awake, and that of a member without
   * partitions, which a new one still is, sleeps for half a second. Any question wakes it.
   */
  private hasten(): void {
    if (this.phase !== 'running' || Date.now() > this.rebalancedAtMs + HASTEN_FOR_MS) return
    this.consumer.isMember()
  }

  /** With partitions, or without one when there are more members than partitions. */
  private joined(): void {
    if (this.isStopping()) return
    this.phase = 'running'
    this.obstacle = ''
  }

  /** When no broker answers, nothing of ours can be mended. */
  private watchProgress(): void {
    if (this.phase === 'joining') this.groupWatch?.lookAtJoining()
    if (this.phase !== 'running' || this.brokersDown) return
    this.groupWatch?.look()
    // Who leads what may have changed unnoticed: a broker that hangs says nothing.
    if (this.watch.look()) this.topics.refreshLeaders()
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
    this.membership.drain()
    try {
      if (joined) this.consumer.startClosing()
    } catch (error) {
      // A static member whose place another has taken is out already, and its workers are fenced.
      this.log.warn(messageOf(error))
      return false
    }
    let leaveBy = deadline
    while (joined && !(this.consumer.isClosed() && this.membership.size === 0)) {
      if (Date.now() > leaveBy) return this.endUnfinished()
      this.poll()
      if (this.membership.size === 0) leaveBy = Math.min(leaveBy, Date.now() + LEAVE_WAIT_MS)
      await Bun.sleep(POLL_INTERVAL_MS)
    }
    for (const timer of this.timers) clearInterval(timer)
    const leftMs = Math.max(0, Math.min(deadline - Date.now(), LEAVE_WAIT_MS))
    const late = Bun.sleep(leftMs).then(() => 'late')
    if ((await Promise.race([this.pool.allFree(), late])) === 'late') return this.endUnfinished()
    this.refusals.close()
    this.topics.close()
    this.consumer.destroy()
    this.phase = 'stopped'
    return true
  }

  /**
   * Says what stopping still waits for; the process ends without it. Whatever is not committed then
   * is aborted by the partition's next owner, and read again.
   *
   * @returns whether all partitions were let go, so that nothing is left to be done
   */
  private endUnfinished(): boolean {
    const stages = this.membership.stages()
    if (stages !== '') {
      this.log.error(`partitions that were not let go, and what they are at: ${stages}`)
      return false
    }
    const what = this.consumer.isClosed()
      ? 'a worker hangs in a call of librdkafka'
      : "the group's coordinator does not answer: the group waits for session.timeout.ms"
    this.log.warn(`${what}; all partitions were let go, the process ends`)
    return true
  }

  private fail(message: string, cause?: unknown): void {
    this.options.onFatal(new OperatingError('fatal', 'worker_failed', message, cause))
  }

  // ---- Status

  get model() {
    const { modelName, modelHash } = this.pool.program
    return { name: modelName, hash: modelHash.toHex() }
  }

  get challenger() {
    const { challenger } = this.pool.program
    return challenger && { name: challenger.modelName, hash: challenger.modelHash.toHex() }
  }

  get policy() {
    const { policyName, policyHash } = this.pool.program
    return { name: policyName, hash: policyHash.toHex() }
  }

  get spans() {
    return this.options.spans
  }

  get reasonCodes() {
    return this.slots.codes
  }

  get rejoins(): number {
    return this.groupWatch?.rejoins ?? 0
  }

  get wedged(): ReadonlyMap<Stage, number> {
    return this.watch.wedged
  }

  counters(): readonly Counters[] {
    return this.pool.counters()
  }

  samples(): readonly SampleRing[] {
    return this.pool.samples()
  }

  partitions(): PartitionStatus[] {
    const stallMsMax = this.brokersDown ? Infinity : this.stallMsMax
    const statuses = this.membership.all().map((a) => statusOf(a, this.consumer, stallMsMax))
    return statuses.sort((a, b) => a.partition - b.partition)
  }
}
