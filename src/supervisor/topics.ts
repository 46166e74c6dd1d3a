// The topics: whether they are there, and whether their partitions fit together. Applications may
// get partitions while the worker runs; those that the decisions' topic, or that of the referred
// ones, does not have yet are not served until it has.

import { OperatingError, messageOf } from '../errors.ts'
import type { Log } from '../log.ts'
import { Admin } from '../rdkafka/admin.ts'
import type { Properties } from '../rdkafka/conf.ts'
import type { Consumer } from '../rdkafka/consumer.ts'
import type { TopicMetadata } from '../rdkafka/metadata.ts'
import type { Refusals } from '../refusals.ts'

/** Longest that asking for metadata may hold up the main thread, and pause between tries. */
const METADATA_TIMEOUT_MS = 100
export const METADATA_PAUSE_MS = 500

export type TopicNames = {
  applications: string
  decisions: string
  deadLetters: string
  /** '': there is none. */
  referred: string
}

export class Topics {
  deadLettersPartitions = 0
  /** Why some partitions wait, or ''. */
  tooFew = ''
  /** Partitions that are there wherever decisions go. */
  private decisionsPartitions = 0
  private askedAtMs = 0
  private readonly consumer: Consumer
  private readonly properties: Properties
  private admin: Admin | undefined
  private readonly names: TopicNames
  private readonly brokers: string | undefined
  private readonly log: Log
  private readonly refusals: Refusals

  /** @param properties  of a client that asks while the consumer is busy */
  constructor(
    consumer: Consumer,
    properties: Properties,
    names: TopicNames,
    log: Log,
    refusals: Refusals,
  ) {
    this.consumer = consumer
    this.properties = properties
    this.brokers = properties['bootstrap.servers']
    this.names = names
    this.log = log
    this.refusals = refusals
  }

  /** Whether the decisions of a partition have a place; asks the brokers now and then if not. */
  hasPlaceFor(partition: number): boolean {
    if (partition < this.decisionsPartitions) return true
    if (Date.now() - this.askedAtMs >= METADATA_PAUSE_MS && this.look((t) => this.ask(t)) === '') {
      if (this.tooFew === '') this.close()
    }
    return partition < this.decisionsPartitions
  }

  /** What keeps the worker from joining, or ''. */
  missing(): string {
    return this.look((topic) => this.consumer.metadata(topic, METADATA_TIMEOUT_MS))
  }

  private look(ask: (topic: string) => TopicMetadata | undefined): string {
    const { applications, decisions, deadLetters, referred } = this.names
    const outputs = referred === '' ? [decisions] : [decisions, referred]
    this.askedAtMs = Date.now()
    const partitions = new Map<string, number>()
    for (const topic of [applications, ...outputs, deadLetters]) {
      try {
        const metadata = ask(topic)
        this.refusals.accepted()
        if (!metadata) return `topic ${topic} does not exist; "bun run topics" makes it`
        partitions.set(topic, metadata.partitions)
      } catch (error) {
        const code = error instanceof OperatingError ? error.code : 'unknown'
        this.refusals.take(code, messageOf(error))
        return this.refusals.reason || `waiting for a broker at ${this.brokers} (${code})`
      }
    }
    const countOf = (topic: string) => partitions.get(topic)!
    const due = countOf(applications)
    const fewest = outputs.toSorted((a, b) => countOf(a) - countOf(b))[0]!
    const there = countOf(fewest)
    this.decisionsPartitions = there
    this.deadLettersPartitions = countOf(deadLetters)
    const short = `topic ${fewest} has ${there} partitions, it needs ${due}`
    const tooFew = there < due ? `${short} as ${applications} has; the others wait` : ''
    if (tooFew !== this.tooFew) this.log.warn(tooFew || 'all partitions have a place now')
    this.tooFew = tooFew
    return ''
  }

  /**
   * Asks over a connection of its own: on the consumer's, an answer waits behind a fetch, which is
   * longer than the main thread may.
   */
  private ask(topic: string): TopicMetadata | undefined {
    this.admin ??= new Admin(this.properties, METADATA_TIMEOUT_MS)
    while (this.admin.poll()) continue
    return this.admin.topic(topic)
  }

  /** Whether a broker answers. */
  answers(): boolean {
    try {
      this.ask(this.names.applications)
      this.close()
      return true
    } catch {
      return false
    }
  }

  /** Has librdkafka ask who leads what; its answer is not waited for. */
  refreshLeaders(): void {
    try {
      this.consumer.metadata(this.names.applications, 1)
    } catch {
      // It comes later, or not at all.
    }
  }

  /** Frees the client that asks, which is made again when needed. */
  close(): void {
    this.admin?.[Symbol.dispose]()
    this.admin = undefined
  }
}
