// Whether the topics that a worker needs are there, with partitions enough.

import { OperatingError, messageOf } from './errors.ts'
import type { Consumer } from './rdkafka/consumer.ts'
import type { Refusals } from './refusals.ts'

/** Longest that asking for metadata may hold up the main thread. */
const METADATA_MS_MAX = 100
const ANSWER_MS_MAX = 1000

export type WorkerTopics = { applications: string; decisions: string; deadLetters: string }

/** Partitions of each topic, or what is missing, in a sentence. */
export type TopicCheck =
  | { partitions: { [topic in keyof WorkerTopics]: number }; missing?: undefined }
  | { missing: string }

/** Asks the brokers; what they refuse is told to `refusals`. */
export function checkTopics(
  consumer: Consumer,
  refusals: Refusals,
  topics: WorkerTopics,
  bootstrapServers: string | undefined,
): TopicCheck {
  const count = (topic: string): number | string => {
    try {
      const metadata = consumer.metadata(topic, METADATA_MS_MAX)
      refusals.accepted()
      return metadata?.partitions ?? `topic ${topic} does not exist; "bun run topics" makes it`
    } catch (error) {
      const code = error instanceof OperatingError ? error.code : 'unknown'
      refusals.take(code, messageOf(error))
      return refusals.reason || `waiting for a broker at ${bootstrapServers} (${code})`
    }
  }
  const counts: number[] = []
  for (const topic of [topics.applications, topics.decisions, topics.deadLetters]) {
    const partitions = count(topic)
    if (typeof partitions === 'string') return { missing: partitions }
    counts.push(partitions)
  }
  const [applications, decisions, deadLetters] = counts as [number, number, number]
  if (decisions < applications) {
    const due = `${applications} as ${topics.applications} has`
    return { missing: `topic ${topics.decisions} has ${decisions} partitions, it needs ${due}` }
  }
  return { partitions: { applications, decisions, deadLetters } }
}

/** Whether a broker answers within a second. */
export function isAnswered(consumer: Consumer, topic: string): boolean {
  try {
    consumer.metadata(topic, ANSWER_MS_MAX)
    return true
  } catch {
    return false
  }
}
