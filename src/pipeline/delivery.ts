// Delivery: how decisions and offsets get to the broker. Two ways, one interface: a transaction
// (transaction.ts) or at least once (at-least-once.ts).

/** A dead letter: a consumed message and what is added. */
export type Letter = {
  /** Native address of the message. */
  message: number
  headers: readonly (readonly [name: string, value: string])[]
  /** Whether the message's value goes along. */
  withValue: boolean
}

export interface Delivery {
  /** Makes ready to produce; with transactions, fences whoever served the partition before. */
  start(): void

  /**
   * Hands over encoded decisions, waiting for room while librdkafka's queue is full.
   *
   * @param messages  native address of rd_kafka_message_t[count]
   */
  produce(messages: number, count: number, traces?: number[]): void

  /** Hands over what was referred once more, for the topic that people work off. */
  refer(messages: number, count: number, traces?: number[]): void

  /** Hands over a dead letter. */
  deadLetter(letter: Letter): void

  /** Says that all before `nextOffset` was handed over: a later commit may include it. */
  advance(nextOffset: number, records: number): void

  /** Says that no more is at hand: what was handed over need not wait for company. */
  push(): void

  /**
   * Milliseconds until a commit is due, 0 when it is, `idleMs` at most.
   *
   * @param isBehind  whether a batch and more could have been decided already
   */
  untilDue(nowMs: number, idleMs: number, isBehind: boolean): number

  /**
   * Commits what was handed over; afterwards the committed offset is at least the one returned.
   *
   * @param all  wait until everything handed over is committed
   * @returns the next offset that is committed, or -1 when there was nothing to commit
   */
  commit(all: boolean): number

  /** After a commit, when no more is at hand: waits for as long as the next record had better. */
  rest(): void

  /**
   * Gives up what was handed over since the last commit.
   *
   * @returns whether none of it can have been committed: the answer to a commit may be lost
   */
  abort(): boolean

  /** Takes librdkafka's events (logs, errors); throws for records that could not be delivered. */
  poll(): void

  /** Frees the producer. */
  close(): void
}

/** What both ways need to know. */
export type DeliverySettings = {
  decisionsTopic: string
  /** Referred decisions go there as well; '': nowhere. */
  referredTopic: string
  deadLettersTopic: string
  /** Partitions of the dead letters' topic: a letter goes to its own partition, modulo these. */
  deadLettersPartitions: number
  commitIntervalMs: number
  /** Time between two commits while the partition is behind, where that is longer. */
  behindIntervalMs: number
  /** Records after which a commit is due before its time. */
  commitRecords: number
  /** Records that a request to produce holds: librdkafka's batch.num.messages. */
  requestRecords: number
  /** Longest wait for the broker in one call. */
  timeoutMs: number
}
