// The challenger: a second model's decisions of the batches that the champion has decided. They go
// to a topic of their own through a producer of their own, outside the champion's transaction.
// Nothing here waits for the broker while batches come, and nothing throws: what fails is counted
// and told, and after a few failures in a row the challenger is off until the next program.
//
// Delivery is best effort. What the champion aborts and reads again is sent again; what was in the
// queue when the queue was full, or the process was killed, is not there.

import { RESULT_DECIDED } from '../../assembly/layout.ts'
import { assert, messageOf } from '../errors.ts'
import { COMMAND_ABANDON, type Counters } from '../metrics/counters.ts'
import type { KafkaEvent } from '../rdkafka/event.ts'
import { addressOf } from '../rdkafka/memory.ts'
import type { Producer } from '../rdkafka/producer.ts'
import type { Engine } from '../scorer/engine.ts'

/** Failures, with nothing delivered between them, after which the challenger is off. */
const FAILURES_MAX = 8
/** Longest sleep in librdkafka at the end, between looks at the command. */
const FLUSH_STEP_MS = 20

export type ChallengerHooks = {
  log(level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>): void
  makeProducer(): Producer
  /** Told of the producer's logs and errors. */
  onEvent(event: KafkaEvent): void
}

export class Challenger {
  private readonly topic: string
  private readonly partition: number
  private readonly counters: Counters
  private readonly hooks: ChallengerHooks
  private producer: Producer | undefined
  private failures = 0
  /** Whether the last batch did not fit the queue. */
  private isFull = false
  /** Decisions that the producer took, failed to deliver, and has delivered. */
  private taken = 0
  private failed = 0
  private delivered = 0

  /** @param topic  where the decisions go, to the same partition as the champion's */
  constructor(topic: string, partition: number, counters: Counters, hooks: ChallengerHooks) {
    this.topic = topic
    this.partition = partition
    this.counters = counters
    this.hooks = hooks
  }

  /** A program comes into use: what failed may work now. A producer that there is goes on. */
  begin({ challenger }: Engine): void {
    this.failures = 0
    this.isFull = false
    if (!challenger || this.isOff) return
    try {
      // Before there is anything to send: it connects and gets its id meanwhile.
      this.producer ??= this.hooks.makeProducer()
    } catch (error) {
      this.fail(`the challenger has no producer: ${messageOf(error)}`)
    }
  }

  /**
   * Decides the batch that the engine has decided last, and hands the decisions over.
   *
   * @returns whether it was decided, so that it counts
   */
  decide(engine: Engine, count: number): boolean {
    if (this.isOff) return false
    try {
      engine.challenge(count)
    } catch (error) {
      this.fail(`the challenger cannot decide: ${messageOf(error)}`)
      return false
    }
    this.send(engine)
    return true
  }

  private get isOff(): boolean {
    return this.counters.get('challengerOff') === 1
  }

  private send(engine: Engine): void {
    const { challenger, u8, u32 } = engine
    assert(challenger, 'the engine has a challenger')
    const { messagesAt, resultAt } = challenger.outputs
    const decided = u32[(resultAt + RESULT_DECIDED) >> 2]!
    if (decided === 0) return
    let sent = 0
    try {
      this.producer ??= this.hooks.makeProducer()
      const messages = addressOf(u8) + messagesAt
      sent = this.producer.produceBatch(this.topic, this.partition, messages, decided)
      this.taken += sent
      const isFull = sent < decided
      if (isFull && !this.isFull) this.log('warn', "the challenger's queue is full, decisions drop")
      this.isFull = isFull
    } catch (error) {
      this.fail(`the challenger's decisions cannot be produced: ${messageOf(error)}`)
    }
    this.counters.add('challengerDropped', decided - sent)
  }

  /** Takes what the producer has to tell. */
  poll(): void {
    if (!this.producer) return
    try {
      this.takeEvents(this.producer)
    } catch (error) {
      this.fail(`the challenger's producer cannot be asked: ${messageOf(error)}`)
    }
  }

  private takeEvents(producer: Producer): void {
    // Asked before the events are taken, so that what failed meanwhile is not seen as delivered.
    const { outstanding } = producer
    let isFatal = false
    for (;;) {
      const event = producer.poll(0)
      if (!event) break
      if (event.type === 'undelivered') {
        if (event.count > 0) this.lose(event.count, event.message)
        continue
      }
      this.hooks.onEvent(event)
      isFatal ||= event.type === 'error' && event.fatal
    }
    const delivered = this.taken - this.failed - outstanding
    if (delivered > this.delivered) {
      this.delivered = delivered
      this.failures = 0
    }
    if (!isFatal) return
    this.fail("the challenger's producer is made anew")
    this.free(producer)
  }

  private lose(count: number, reason: string): void {
    this.failed += count
    this.counters.add('challengerDropped', count)
    this.fail(`${count} decisions of the challenger were not delivered: ${reason}`)
  }

  /**
   * Waits a little for what is not yet delivered, and frees the producer.
   *
   * @param waitMs  upper bound; it ends sooner when the partition is lost
   */
  close(waitMs: number): void {
    const { producer } = this
    if (!producer) return
    try {
      const deadline = Date.now() + waitMs
      const isWorthWaiting = () =>
        !this.isOff && this.counters.command !== COMMAND_ABANDON && Date.now() < deadline
      while (this.producer && isWorthWaiting() && !producer.flush(FLUSH_STEP_MS)) {
        this.takeEvents(producer)
      }
      if (this.producer) this.takeEvents(producer)
    } catch (error) {
      this.fail(`the challenger's producer cannot be closed in order: ${messageOf(error)}`)
    }
    if (this.producer) this.free(producer)
  }

  /** What it has not delivered is dropped. */
  private free(producer: Producer): void {
    this.producer = undefined
    const { outstanding } = producer
    this.counters.add('challengerDropped', outstanding)
    producer.destroy()
    this.taken = 0
    this.failed = 0
    this.delivered = 0
  }

  private fail(message: string): void {
    this.counters.add('challengerErrors', 1)
    this.log('warn', message)
    if (++this.failures < FAILURES_MAX || this.isOff) return
    this.counters.set('challengerOff', 1)
    this.log('error', `the challenger is off after ${this.failures} failures: ${message}`)
  }

  private log(level: 'warn' | 'error', message: string): void {
    this.hooks.log(level, message, { partition: this.partition, challenger_topic: this.topic })
  }
}
