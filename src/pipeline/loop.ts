// The loop of one partition: fetch, gather, decide, produce, commit, until it is told to let go.
// The data goes one way. When anything fails before the commit, the whole batch is aborted, the
// position rewinds to the committed offset, and the batch is read again.

import { RESULT_DEAD, RESULT_DECIDED } from '../../assembly/layout.ts'
import type { SchemaId } from '../avro/schema-id.ts'
import { OperatingError, assert, messageOf } from '../errors.ts'
import {
  COMMAND_ABANDON,
  COMMAND_DRAIN,
  COMMAND_RESTART,
  COMMAND_RUN,
  type Counters,
  type Timed,
} from '../metrics/counters.ts'
import { ERR_PARTITION_EOF } from '../rdkafka/error.ts'
import { addressOf } from '../rdkafka/memory.ts'
import type { PartitionSource, SourceNotice } from '../rdkafka/partition-source.ts'
import type { Engine } from '../scorer/engine.ts'
import { unknownIds } from '../scorer/schema-ids.ts'
import { VALUE_DROPPED_HEADER, deadLetterHeaders, explainDeadLetter } from './dead-letter.ts'
import { Ages } from './ages.ts'
import type { BatchSpans } from './batch-spans.ts'
import type { Challenger } from './challenger.ts'
import { committedOffset } from './committed-offset.ts'
import type { Delivery } from './delivery.ts'
import { isFatal, isForbidden } from './failures.ts'
import { LetterLimit } from './letter-limit.ts'
import { ReadOrder } from './read-order.ts'
import type { Sampler } from './sampler.ts'
import { Tally } from './tally.ts'
import { Traces } from './traces.ts'
import type { WantedSchemas } from './wanted-schemas.ts'

/** Longest wait for records; a command wakes the queue, so this bounds only a lost wake. */
const IDLE_WAIT_MS = 200
/** Failures in a row, with no commit between, after which the loop gives up. */
const FAILURES_MAX = 8
const BACKOFF_FIRST_MS = 50
const BACKOFF_MAX_MS = 5000
const BACKOFF_STEP_MS = 20
/** A commit leaves sixty small objects; JavaScriptCore would let 30 MB gather in every thread. */
const COLLECT_INTERVAL_MS = 15_000
/** Pause between two looks for a schema's answer. */
const SCHEMA_WAIT_MS = 2
const TOO_LARGE = 'MSG_SIZE_TOO_LARGE'
const ILLEGAL_GENERATION = 'ILLEGAL_GENERATION'

export type LoopSettings = {
  batchRecords: number
  hasReferredTopic: boolean
  timeoutMs: number
  /** Whether an application's trace context goes onto its decision. */
  traceContext: boolean
}

export type LoopHooks = {
  log(level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>): void
  /** An engine with another program, when one is to be used from now on. */
  takeReplacement(): Engine | undefined
  /** Where the decisions of a second model go. */
  challenger: Challenger
  schemas: WantedSchemas
  /** Shows some of the decisions to whoever watches. */
  sampler: Sampler
  spans?: BatchSpans | undefined
}

/** How a loop ended: all committed, given up as the partition was lost, or to be begun anew. */
export type LoopEnd = 'drained' | 'abandoned' | 'restart'

export class PartitionLoop {
  private engine: Engine
  private readonly source: PartitionSource
  private readonly counters: Counters
  private readonly makeDelivery: () => Delivery
  private readonly settings: LoopSettings
  private readonly hooks: LoopHooks
  /** Native addresses of the decisions' messages, and of the referred ones' once more. */
  private messages: number
  private referred: number
  private readonly tally: Tally
  private delivery: Delivery | undefined
  private readonly traces: Traces
  private collectedAtMs = Date.now()
  private readonly ages = new Ages()
  private failures = 0
  /** Committed offset when all earlier owners had been fenced; negative when there was none. */
  private startOffset = -1
  /**
   * What this producer committed last: as long as no other has fenced it, that is the group's
   * offset, and the coordinator need not be asked, which waits for markers. Negative: nothing, or
   * a commit went out of which nobody knows whether it was carried out.
   */
  private ownCommitted = -1
  /** Messages of the turn, given back or not. */
  private taken = 0
  private readonly letterLimit = new LetterLimit()
  private readonly order: ReadOrder

  constructor(
    engine: Engine,
    source: PartitionSource,
    counters: Counters,
    makeDelivery: () => Delivery,
    settings: LoopSettings,
    hooks: LoopHooks,
  ) {
    this.engine = engine
    this.source = source
    this.counters = counters
    this.makeDelivery = makeDelivery
    this.settings = settings
    this.traces = new Traces(settings.traceContext)
    this.hooks = hooks
    this.messages = addressOf(engine.u8) + engine.messagesAt
    this.referred = addressOf(engine.u8) + engine.referredAt
    this.tally = new Tally(engine)
    const { topic, partition } = source
    const warn = (message: string) => hooks.log('warn', message, { topic, partition })
    this.order = new ReadOrder(source, settings.timeoutMs, warn)
  }

  /**
   * Serves the partition until the command says otherwise. Nothing of the partition's is in use
   * then; `close` frees the rest, which another member need not wait for.
   *
   * @throws OperatingError after FAILURES_MAX failures in a row
   */
  run(): LoopEnd {
    const { counters } = this
    this.hooks.challenger.begin(this.engine)
    for (;;) {
      counters.stage = 'starting'
      try {
        this.ownCommitted = -1
        const delivery = this.makeDelivery()
        this.delivery = delivery
        delivery.start()
        if (counters.command === COMMAND_RUN) this.rewind()
        return this.serve(delivery)
      } catch (error) {
        this.close()
        if (counters.command === COMMAND_ABANDON) return 'abandoned'
        if (counters.command === COMMAND_RESTART) return 'restart'
        this.recover(error, 'the producer is made anew')
      } finally {
        counters.stage = 'idle'
      }
      // Nothing is uncommitted here: what was read since the last commit will be read again.
      if (counters.command === COMMAND_DRAIN) return 'drained'
    }
  }

  /** Frees the producer; what was not committed is aborted by the next one. */
  close(): void {
    this.delivery?.close()
    this.delivery = undefined
  }

  private serve(delivery: Delivery): LoopEnd {
    const { counters } = this
    for (;;) {
      try {
        const command = counters.command
        if (command === COMMAND_ABANDON) {
          this.abandon(delivery)
          return 'abandoned'
        }
        if (command === COMMAND_DRAIN) {
          this.commit(delivery, true)
          return 'drained'
        }
        // The next producer fences this one, which ends its transaction: no time to lose with it.
        if (command === COMMAND_RESTART) return 'restart'
        this.step(delivery)
      } catch (error) {
        if (isFatal(error)) throw error
        if (counters.command === COMMAND_ABANDON) continue
        if (counters.command === COMMAND_RESTART) continue
        counters.stage = 'abort'
        counters.add('aborts', 1)
        if (!delivery.abort()) this.ownCommitted = -1
        this.recover(error, 'aborted, the batch is read again')
        // By the next owner: a consumer that is closing answers no question.
        if (counters.command === COMMAND_DRAIN) return 'drained'
        this.rewind()
      }
    }
  }

  /** One turn: at most one batch, and a commit when it is due. */
  private step(delivery: Delivery): void {
    const { counters, source, settings } = this
    const replacement = this.hooks.takeReplacement()
    if (replacement) this.replaceEngine(replacement)
    counters.stage = 'fetch'
    const isBehind = counters.unread > settings.batchRecords
    const waitMs = delivery.untilDue(Date.now(), IDLE_WAIT_MS, isBehind)
    const asked = Bun.nanoseconds()
    const taken = source.fetch(settings.batchRecords, waitMs)
    if (taken > 0) {
      // Waiting for a record is no work.
      const started = asked + source.waitedNanoseconds
      const fetched = Bun.nanoseconds() - started
      if (this.process(delivery, taken) > 0) {
        counters.observe('fetch', fetched)
        this.lap('batch', started)
      }
    }
    // A full batch has more behind it.
    const hasMore = taken === settings.batchRecords
    if (!hasMore) delivery.push()
    delivery.poll()
    this.hooks.challenger.poll()
    if (delivery.untilDue(Date.now(), IDLE_WAIT_MS, hasMore || isBehind) > 0) return
    this.commit(delivery, false)
    if (!hasMore) delivery.rest()
  }

  /**
   * Between two batches nothing of the old engine is in use: librdkafka copied its output.
   *
   * @param held  messages that are not all given back
   */
  private replaceEngine(engine: Engine, held = 0): void {
    this.engine = engine
    this.messages = addressOf(engine.u8) + engine.messagesAt
    this.referred = addressOf(engine.u8) + engine.referredAt
    this.source.setTarget(engine, held)
    this.tally.setEngine(engine)
    this.hooks.challenger.begin(engine)
  }

  /** Returns how many records were among the messages. */
  private process(delivery: Delivery, taken: number): number {
    const { source } = this
    let done = 0
    let records = 0
    this.taken = taken
    try {
      while (done < taken) {
        const count = this.gather(done, taken)
        if (count === 0) this.notice(source.notice(done))
        else if (!this.isDue(source.recordOffset(done))) break
        else if (!this.decide(delivery, done, count)) break
        records += count
        const next = done + Math.max(1, count)
        source.release(done, next)
        done = next
      }
    } finally {
      source.release(done, taken)
    }
    return records
  }

  private isDue(recordOffset: number): boolean {
    const { counters } = this
    const isFirst = counters.get('firstOffset') < 0
    const due = isFirst ? this.startOffset : counters.get('position')
    if (!this.order.isNext(recordOffset, due, isFirst)) return false
    if (isFirst) counters.set('firstOffset', recordOffset)
    return true
  }

  private gather(from: number, until: number): number {
    const { counters, engine, source } = this
    counters.stage = 'gather'
    const started = Bun.nanoseconds()
    const count = source.gather(from, until)
    if (count > 0) {
      const first = source.gatherOffsets(from, count)
      if (first >= 0) engine.setFirstOffset(BigInt(first))
      else engine.useOffsets()
      this.lap('gather', started)
    }
    return count
  }

  /** Returns false when a command came before it was known what the records' schemas are. */
  private decide(delivery: Delivery, from: number, count: number): boolean {
    const { counters, source, settings } = this
    counters.stage = 'decide'
    const begun = Bun.nanoseconds()
    let started = begun
    this.engine.decide(count)
    started = this.lap('decide', started)
    if (this.deadCount() > 0 && this.engine.program.framings.registry) {
      if (!this.bringSchemas(delivery, from, count)) return false
      started = Bun.nanoseconds()
    }
    const { engine, traces } = this
    counters.stage = 'produce'
    const result = engine.resultAt >> 2
    const decided = engine.u32[result + (RESULT_DECIDED >> 2)]!
    if (decided > 0) {
      delivery.produce(this.messages, decided, traces.ofDecided(engine, source, from, count))
    }
    const referred = engine.referredCount
    if (settings.hasReferredTopic && referred > 0) {
      delivery.refer(this.referred, referred, traces.ofReferred(engine, source, from, count))
    }
    if (this.deadCount() > 0) this.deadLetters(delivery, from, count)
    this.lap('produce', started)
    this.tally.addBatch(count)
    const nextOffset = source.recordOffset(from + count - 1) + 1
    delivery.advance(nextOffset, count)
    const nowMs = Date.now()
    counters.add('batches', 1)
    counters.set('position', nextOffset)
    counters.set('progressAtMs', nowMs)
    this.observe(from, count, nowMs)
    this.hooks.spans?.add(source, from, count, decided, begun)
    if (counters.get('firstDecisionAtMs') === 0) counters.set('firstDecisionAtMs', nowMs)
    if (engine.challenger) this.challenge(count)
    return true
  }

  private deadCount(): number {
    const { u32, resultAt } = this.engine
    return u32[(resultAt + RESULT_DEAD) >> 2]!
  }

  /**
   * Has the schemas brought that records of the batch name and that are not known yet, and decides
   * the batch again with those that there are. What was decided before is committed first, as an
   * answer may take as long as the registry is down.
   *
   * @returns false when a command came first: the batch is read again by whoever is next
   */
  private bringSchemas(delivery: Delivery, from: number, count: number): boolean {
    const { counters } = this
    const { schemas } = this.hooks
    const ids = schemas.due(unknownIds(this.engine, count))
    if (ids.length === 0) return true
    this.commit(delivery, true)
    counters.stage = 'schema'
    schemas.ask(ids)
    const before = this.engine
    while (schemas.isWaiting(this.engine.program.framings.known)) {
      if (counters.command !== COMMAND_RUN) {
        schemas.giveUp()
        return false
      }
      Bun.sleepSync(SCHEMA_WAIT_MS)
      delivery.poll()
      this.hooks.challenger.poll()
      const replacement = this.hooks.takeReplacement()
      if (replacement) this.replaceEngine(replacement, this.taken)
    }
    if (this.engine === before) return true
    assert(this.gather(from, from + count) === count, 'engines of one size gather the same')
    counters.stage = 'decide'
    this.engine.decide(count)
    return true
  }

  /** What the watchers get of a batch: two timestamps, and now and then a sample. */
  private observe(from: number, count: number, nowMs: number): void {
    const { counters, engine, source } = this
    const sentAtMs = source.recordTimestamp(from)
    if (sentAtMs > 0) this.ages.add(sentAtMs, count)
    counters.set('recordAtMs', source.recordTimestamp(from + count - 1))
    this.hooks.sampler.see(engine, count, nowMs)
  }

  /** After all that the champion needs; what fails here is told by counters and the log alone. */
  private challenge(count: number): void {
    this.counters.stage = 'challenge'
    const started = Bun.nanoseconds()
    if (!this.hooks.challenger.decide(this.engine, count)) return
    this.tally.addChallenger()
    this.lap('challenge', started)
  }

  private deadLetters(delivery: Delivery, from: number, count: number): void {
    const { engine, source } = this
    for (let i = 0; i < count; i++) {
      if (engine.u32[(engine.statusesAt >> 2) + i] === 0) continue
      const valueBytes = source.valueBytes(from + i)
      const why = (id: SchemaId) => this.hooks.schemas.whyUnknown(id)
      const letter = explainDeadLetter(engine, i, valueBytes, why)
      const recordOffset = source.recordOffset(from + i)
      const headers = deadLetterHeaders(letter, source.topic, source.partition, recordOffset)
      const withValue = this.letterLimit.takes(valueBytes + source.keyBytes(from + i))
      if (!withValue) headers.push([VALUE_DROPPED_HEADER, String(valueBytes)])
      delivery.deadLetter({ message: source.message(from + i), headers, withValue })
      this.tally.addDeadLetter(letter.class)
    }
  }

  private commit(delivery: Delivery, all: boolean): void {
    const { counters } = this
    counters.stage = 'commit'
    const started = Bun.nanoseconds()
    const nextOffset = delivery.commit(all)
    if (nextOffset < 0) return
    this.lap('commit', started)
    this.failures = 0
    this.ownCommitted = nextOffset
    this.letterLimit.clear()
    const nowMs = Date.now()
    this.tally.moveTo(counters)
    this.ages.moveTo(counters, nowMs)
    this.hooks.sampler.publish()
    counters.add('commits', 1)
    counters.set('committed', nextOffset)
    counters.set('progressAtMs', nowMs)
    if (nowMs - this.collectedAtMs >= COLLECT_INTERVAL_MS) this.collectGarbage(nowMs)
  }

  /** Asks for it and does not wait: it runs beside this thread, which it stops for 0.1 ms. */
  private collectGarbage(nowMs: number): void {
    this.collectedAtMs = nowMs
    Bun.gc(false)
  }

  /** A fetched message that is no record: the partition's end, or an error of the consumer. */
  private notice(notice: SourceNotice): void {
    if (notice.code === ERR_PARTITION_EOF) {
      // The end may lie behind control records, which are never fetched.
      this.counters.set('endReached', notice.recordOffset)
      this.counters.set('progressAtMs', Date.now())
      return
    }
    throw new OperatingError('abort', notice.name, `fetch: ${notice.message} (${notice.name})`)
  }

  /** The partition is another's already: what was not committed must not become visible. */
  private abandon(delivery: Delivery): void {
    this.counters.stage = 'abort'
    try {
      delivery.abort()
    } catch (error) {
      // The broker fences it, or its time-out ends it.
      this.hooks.log('info', `abort of a lost partition: ${messageOf(error)}`)
    }
  }

  /**
   * Back to the committed offset, or to the first one read when nothing is committed yet. Before
   * anything was read, only sees from where on to read.
   */
  private rewind(): void {
    const { counters, source } = this
    const { timeoutMs } = this.settings
    counters.stage = 'rewind'
    this.tally.clear()
    this.ages.clear()
    this.hooks.sampler.discard()
    const firstOffset = counters.get('firstOffset')
    const known = this.ownCommitted
    const committed = known >= 0 ? known : committedOffset(source, timeoutMs, counters)
    const { topic, partition } = source
    const from = { topic, partition, committed: committed >= 0 ? committed : 'none' }
    this.hooks.log('info', 'begins at the committed offset', from)
    if (firstOffset < 0) {
      this.startOffset = committed
      return
    }
    const offset = committed >= 0 ? committed : firstOffset
    source.seek(offset, timeoutMs)
    counters.set('committed', offset)
    counters.set('position', offset)
  }

  /** Logs a failure and waits before the next try, ever longer; gives up after FAILURES_MAX. */
  private recover(error: unknown, next: string): void {
    if (!(error instanceof OperatingError) || error.kind === 'usage') throw error
    // A missing ACL is not mended by trying again at once.
    if (isForbidden(error)) throw error
    this.failures++
    const { topic, partition } = this.source
    if (error.code === TOO_LARGE) {
      const { message, fields } = this.letterLimit.refused()
      this.hooks.log('error', message, { topic, partition, ...fields })
    }
    this.letterLimit.clear()
    const fields = { topic, partition, code: error.code, kind: error.kind, failures: this.failures }
    this.hooks.log('warn', `${error.message}: ${next}`, fields)
    this.counters.add('restarts', 1)
    if (this.failures >= FAILURES_MAX) throw error
    // The group went on to its next generation while this committed: that is over at once.
    const isOver = error.code === ILLEGAL_GENERATION && this.failures === 1
    if (isOver) return
    let waitMs = Math.min(BACKOFF_FIRST_MS * 2 ** (this.failures - 1), BACKOFF_MAX_MS)
    while (waitMs > 0 && this.counters.command === COMMAND_RUN) {
      Bun.sleepSync(Math.min(waitMs, BACKOFF_STEP_MS))
      waitMs -= BACKOFF_STEP_MS
    }
  }

  /** Adds the time since `started` to a stage's histogram; returns now. */
  private lap(stage: Timed, started: number): number {
    const now = Bun.nanoseconds()
    this.counters.observe(stage, now - started)
    return now
  }
}
