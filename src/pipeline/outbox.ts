// The outbox: a producer as the worker uses it, with librdkafka's full queue turned into waiting,
// its events into log lines, and its failures into errors with a kind.

import { OperatingError } from '../errors.ts'
import { errorName } from '../rdkafka/error.ts'
import type { KafkaEvent } from '../rdkafka/event.ts'
import type { Producer } from '../rdkafka/producer.ts'
import { MESSAGE_BYTES } from '../rdkafka/structs.ts'
import type { DeliverySettings, Letter } from './delivery.ts'

/** Longest sleep in librdkafka while its queue is full, between looks at the command. */
const FULL_WAIT_MS = 20
/** Longest wait for the next delivery of full requests. */
const DELIVERY_WAIT_MS = 500

export type OutboxHooks = {
  /** Told of logs and errors. */
  onEvent(event: KafkaEvent): void
  /** Whether the partition was taken away or is to be begun anew: waiting ends. */
  isInterrupted(): boolean
}

export class Outbox {
  readonly producer: Producer
  private readonly partition: number
  private readonly settings: DeliverySettings
  private readonly hooks: OutboxHooks

  constructor(
    producer: Producer,
    partition: number,
    settings: DeliverySettings,
    hooks: OutboxHooks,
  ) {
    this.producer = producer
    this.partition = partition
    this.settings = settings
    this.hooks = hooks
  }

  /**
   * Sends to a topic's partition of the same number as this.
   *
   * @param traces  of each record native headers that go onto it, or 0; taken over
   */
  send(topic: string, messages: number, count: number, traces?: number[]): void {
    if (!traces) {
      this.sendPlain(topic, messages, count)
      return
    }
    let from = 0
    try {
      while (from < count) {
        let until = from
        while (until < count && traces[until] === 0) until++
        if (until > from) this.sendPlain(topic, messages + from * MESSAGE_BYTES, until - from)
        from = until
        if (from === count) break
        const at = messages + from * MESSAGE_BYTES
        const headers = traces[from]!
        this.untilRoom(() => {
          // Refused for good it is freed already; only a full queue leaves it to us.
          traces[from] = 0
          const { producer, partition } = this
          if (producer.produceMessage(topic, partition, at, headers)) return true
          traces[from] = headers
          return false
        })
        from++
      }
    } finally {
      for (const headers of traces) if (headers !== 0) this.producer.dropHeaders(headers)
    }
  }

  private sendPlain(topic: string, messages: number, count: number): void {
    let sent = 0
    this.untilRoom(() => {
      const at = messages + sent * MESSAGE_BYTES
      sent += this.producer.produceBatch(topic, this.partition, at, count - sent)
      return sent === count
    })
  }

  sendDeadLetter({ message, headers, withValue }: Letter): void {
    const { deadLettersTopic, deadLettersPartitions } = this.settings
    const partition = this.partition % deadLettersPartitions
    this.untilRoom(() =>
      this.producer.forward(deadLettersTopic, partition, message, headers, withValue),
    )
  }

  /**
   * Tries again until it succeeds, for as long as records are allowed to wait for the broker. What
   * fills the queue may only be lingering for company that has no room: flushing sends it.
   */
  private untilRoom(attempt: () => boolean): void {
    const deadline = Date.now() + this.settings.timeoutMs
    while (!attempt()) {
      this.producer.flush(FULL_WAIT_MS)
      this.poll(0)
      this.checkOwnership()
      if (Date.now() > deadline) {
        const waited = `${this.settings.timeoutMs} ms`
        throw new OperatingError(
          'abort',
          'queue_full',
          `the producer's queue was full for ${waited}`,
        )
      }
    }
  }

  /**
   * Waits while more is handed over than can linger: full requests, which go one after the other.
   * Who flushes meanwhile has librdkafka's thread look without a pause for what it may send, until
   * the last is sent (its rd_kafka_msgq_allow_wakeup_at). Ends when nothing is delivered for long.
   *
   * @param lingering  most records that wait for company and not for their turn
   */
  waitForTurns(lingering: number): void {
    let { outstanding } = this.producer
    const deadlineMs = Date.now() + this.settings.timeoutMs
    let untilMs = Date.now() + DELIVERY_WAIT_MS
    while (outstanding > lingering && Date.now() < Math.min(untilMs, deadlineMs)) {
      Bun.sleepSync(1)
      this.poll(0)
      this.checkOwnership()
      const left = this.producer.outstanding
      if (left < outstanding) untilMs = Date.now() + DELIVERY_WAIT_MS
      outstanding = left
    }
  }

  /** Takes what is left to be told, and frees the producer. */
  close(): void {
    try {
      this.poll(0)
    } catch {
      // The failure that closes it was thrown before.
    }
    this.producer.destroy()
  }

  /** Throws, kind 'abort', once the partition was taken away or is to be begun anew. */
  checkOwnership(): void {
    if (!this.hooks.isInterrupted()) return
    throw new OperatingError('abort', 'interrupted', 'the partition was lost, or is begun anew')
  }

  /**
   * Takes all events that are there.
   *
   * @throws OperatingError kind 'abort' for records that were not delivered, 'fatal' when the
   *         producer is beyond repair
   */
  poll(timeoutMs: number): void {
    let wait = timeoutMs
    for (;;) {
      const event = this.producer.poll(wait)
      if (!event) return
      wait = 0
      this.hooks.onEvent(event)
      if (event.type === 'undelivered' && event.count > 0) {
        const what = `${event.count} records were not delivered: ${event.message}`
        throw new OperatingError('fatal', errorName(event.code), what)
      }
      if (event.type === 'error' && event.fatal) {
        throw new OperatingError('fatal', event.name, event.message)
      }
    }
  }
}
