// Sends dead letters back, each once, whatever becomes of the process. Why:
//
// 1. Letter and mark are one transaction: a reader of committed records sees both or neither.
// 2. The transactional id belongs to the letters' topic. A new sender fences any other, and what a
//    killed one left open is aborted, or committed where it had come that far, before `start`
//    returns.
// 3. Only then are the marks read. So they hold all that was ever sent, and nobody else sends.

import { OperatingError } from '../errors.ts'
import type { Producer } from '../rdkafka/producer.ts'
import { ANY_PARTITION } from '../rdkafka/producer.ts'
import type { RawHeader } from '../rdkafka/record.ts'
import { type Letter, placeText } from './letter.ts'
import { markKey, markValue } from './marks.ts'

/** A letter with the value that it goes with. */
export type Outgoing = { letter: Letter; value: Uint8Array | null }

export type SenderTopics = {
  target: string
  /** Of the target. */
  partitions: number
  marks: string
}

const FULL_WAIT_MS = 20
const TRIES_MAX = 4
const TRY_PAUSE_MS = 200
const TOO_LARGE = 'MSG_SIZE_TOO_LARGE'

export class LetterSender {
  private readonly producer: Producer
  private readonly topics: SenderTopics
  private readonly timeoutMs: number

  /** @param producer  with the transactional id of the letters' topic */
  constructor(producer: Producer, topics: SenderTopics, timeoutMs: number) {
    this.producer = producer
    this.topics = topics
    this.timeoutMs = timeoutMs
  }

  /** Fences other senders and ends what they left open. */
  start(): void {
    this.retry(() => this.producer.initTransactions(this.timeoutMs))
  }

  /**
   * Sends letters in one transaction, or each in its own when the target refuses one as too large.
   *
   * @returns those that were refused
   * @throws OperatingError kind 'fatal' once another sender took over, or nothing works
   */
  send(letters: readonly Outgoing[]): Outgoing[] {
    for (let tries = 1; ; tries++) {
      try {
        this.transaction(letters)
        return []
      } catch (error) {
        if (!(error instanceof OperatingError) || error.kind !== 'abort') throw told(error)
        this.retry(() => this.producer.abortTransaction(this.timeoutMs))
        if (error.code === TOO_LARGE) {
          return letters.length === 1 ? [...letters] : letters.flatMap((one) => this.send([one]))
        }
        if (tries === TRIES_MAX) throw error
        Bun.sleepSync(TRY_PAUSE_MS * tries)
      }
    }
  }

  private transaction(letters: readonly Outgoing[]): void {
    this.producer.beginTransaction()
    for (const outgoing of letters) {
      const { letter } = outgoing
      const { target, marks } = this.topics
      const headers = [...letter.headers, ...provenance(letter)]
      const partition = this.partitionOf(letter)
      this.produce(target, partition, letter.key, outgoing.value, headers)
      this.produce(marks, 0, markKey(letter), markValue(letter, target), [])
    }
    this.retry(() => this.producer.commitTransaction(this.timeoutMs))
  }

  /** Its own partition on its own topic, so that the order by key holds; elsewhere the key's. */
  private partitionOf({ origin }: Letter): number {
    const { target, partitions } = this.topics
    const isAtHome = origin?.topic === target && origin.partition < partitions
    return isAtHome ? origin.partition : ANY_PARTITION
  }

  private produce(
    topic: string,
    partition: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: readonly RawHeader[],
  ): void {
    const deadline = performance.now() + this.timeoutMs
    while (!this.producer.produceWithHeaders(topic, partition, key, value, headers)) {
      this.poll(FULL_WAIT_MS)
      if (performance.now() > deadline) {
        const message = `the brokers took nothing for ${this.timeoutMs} ms`
        throw new OperatingError('abort', 'queue_full', message)
      }
    }
    this.poll(0)
  }

  /** @throws OperatingError kind 'fatal' when the producer is beyond repair */
  private poll(timeoutMs: number): void {
    for (let wait = timeoutMs; ; wait = 0) {
      const event = this.producer.poll(wait)
      if (!event) return
      if (event.type === 'error' && event.fatal) {
        throw told(new OperatingError('fatal', event.name, event.message))
      }
    }
  }

  /** Repeats what librdkafka says may be repeated; each call goes on where the last stopped. */
  private retry(call: () => void): void {
    const deadline = performance.now() + this.timeoutMs
    for (;;) {
      try {
        call()
        return
      } catch (error) {
        if (!(error instanceof OperatingError) || error.kind !== 'retriable') throw told(error)
        if (performance.now() > deadline) {
          const what = `${error.message}; whether the last letters went is told by the next run`
          throw new OperatingError('fatal', error.code, what, error)
        }
        this.poll(0)
      }
    }
  }
}

/** Headers that say where a record comes from, behind its own. */
function provenance({ at, origin }: Letter): RawHeader[] {
  const text = (value: string) => new TextEncoder().encode(value)
  return [
    ['loanstream.replayed.letter', text(placeText(at))],
    ...(origin ? [['loanstream.replayed.record', text(placeText(origin))] as const] : []),
  ]
}

function told(error: unknown): unknown {
  if (!(error instanceof OperatingError) || !/FENCED|INVALID_PRODUCER_EPOCH/.test(error.code)) {
    return error
  }
  const message = `another "dlq replay" of this topic took over: ${error.message}`
  return new OperatingError('fatal', error.code, message, error)
}
