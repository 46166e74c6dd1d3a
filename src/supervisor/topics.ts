// The three topics: whether they are there, and whether their partitions fit together. Applications
// may get partitions while the worker runs; those that the decisions' topic does not have yet are
// not served until it has.

import { OperatingError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Consumer } from '../rdkafka/consumer.ts'

/** Longest that asking for metadata may hold up the main thread, and pause between tries. */
const METADATA_TIMEOUT_MS = 100
export const METADATA_PAUSE_MS = 500

export type TopicNames = { applications: string; decisions: string; deadLetters: string }

export class Topics {
  deadLettersPartitions = 0
  /** Why some partitions wait, or ''. */
  tooFew = ''
  private decisionsPartitions = 0
  private askedAtMs = 0
  private readonly consumer: Consumer
  private readonly names: TopicNames
  private readonly brokers: string | undefined
  private readonly log: Log

  /** @param brokers  as configured, for messages */
  constructor(consumer: Consumer, names: TopicNames, brokers: string | undefined, log: Log) {
    this.consumer = consumer
    this.names = names
    this.brokers = brokers
    this.log = log
  }

  /** Whether the decisions of a partition have a place; asks the brokers now and then if not. */
  hasPlaceFor(partition: number): boolean {
    if (partition < this.decisionsPartitions) return true
    if (Date.now() - this.askedAtMs >= METADATA_PAUSE_MS) this.missing()
    return partition < this.decisionsPartitions
  }

  /** What keeps the worker from joining, or ''. */
  missing(): string {
    const { applications, decisions, deadLetters } = this.names
    this.askedAtMs = Date.now()
    const partitions: number[] = []
    for (const topic of [applications, decisions, deadLetters]) {
      try {
        const metadata = this.consumer.metadata(topic, METADATA_TIMEOUT_MS)
        if (!metadata) return `topic ${topic} does not exist; "bun run topics" makes it`
        partitions.push(metadata.partitions)
      } catch (error) {
        const code = error instanceof OperatingError ? error.code : 'unknown'
        return `waiting for a broker at ${this.brokers} (${code})`
      }
    }
    const [due, there, letters] = partitions as [number, number, number]
    this.decisionsPartitions = there
    this.deadLettersPartitions = letters
    const short = `topic ${decisions} has ${there} partitions, it needs ${due}`
    const tooFew = there < due ? `${short} as ${applications} has; the others wait` : ''
    if (tooFew !== this.tooFew) this.log.warn(tooFew || 'all partitions have a place now')
    this.tooFew = tooFew
    return ''
  }

  /** Whether a broker answers; that also tells librdkafka of new leaders. */
  answers(): boolean {
    try {
      this.consumer.metadata(this.names.applications, METADATA_TIMEOUT_MS)
      return true
    } catch {
      return false
    }
  }
}
