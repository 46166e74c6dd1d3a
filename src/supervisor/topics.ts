// The three topics: whether they are there, and whether their partitions fit together.

import { OperatingError } from '../errors.ts'
import type { Consumer } from '../rdkafka/consumer.ts'

/** Longest that asking for metadata may hold up the main thread, and pause between tries. */
const METADATA_TIMEOUT_MS = 100
export const METADATA_PAUSE_MS = 500

export type TopicNames = { applications: string; decisions: string; deadLetters: string }

export class Topics {
  decisionsPartitions = 0
  deadLettersPartitions = 0
  private readonly consumer: Consumer
  private readonly names: TopicNames
  private readonly brokers: string | undefined

  /** @param brokers  as configured, for messages */
  constructor(consumer: Consumer, names: TopicNames, brokers: string | undefined) {
    this.consumer = consumer
    this.names = names
    this.brokers = brokers
  }

  /** What keeps the worker from serving all partitions, or ''. */
  missing(): string {
    const { applications, decisions, deadLetters } = this.names
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
    const [due, there, letters] = partitions
    if (there! < due!) {
      return `topic ${decisions} has ${there} partitions, it needs ${due} as ${applications} has`
    }
    this.decisionsPartitions = there!
    this.deadLettersPartitions = letters!
    return ''
  }

  /** Whether a broker answers. */
  answers(): boolean {
    try {
      this.consumer.metadata(this.names.applications, METADATA_TIMEOUT_MS)
      return true
    } catch {
      return false
    }
  }
}
