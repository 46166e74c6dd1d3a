// Marks: which dead letters were sent already. A compacted topic has one by each letter's identity,
// written in the very transaction that sends the letter: both are there, or neither.

import { OperatingError, usageError } from '../errors.ts'
import type { Admin } from '../rdkafka/admin.ts'
import type { AssignedReader } from '../rdkafka/assigned-reader.ts'
import { type Letter, identityOf, placeText } from './letter.ts'

const BATCH = { records: 1024, inputBytes: 65_536 }
const MADE_WAIT_MS = 100

export function markKey(letter: Letter): Uint8Array {
  return new TextEncoder().encode(identityOf(letter))
}

/** For people who look at the topic: which letter it was, and where it went. */
export function markValue(letter: Letter, target: string): Uint8Array {
  const value = { letter: placeText(letter.at), sent_to: target }
  return new TextEncoder().encode(JSON.stringify(value))
}

/** Identities of the letters that were sent; none when there is no such topic yet. */
export function readMarks(reader: AssignedReader, topic: string): Set<string> {
  const marks = new Set<string>()
  const partitions = reader.metadata(topic)?.partitions ?? 0
  for (let partition = 0; partition < partitions; partition++) {
    const { low, high } = reader.bounds(topic, partition)
    const stream = reader.open(topic, partition, low, high, BATCH)
    while (stream.next() > 0) {
      for (let i = 0; i < stream.count; i++) {
        const { key } = stream.record(i)
        if (key) marks.add(new TextDecoder().decode(key))
      }
    }
  }
  return marks
}

/**
 * Makes the marks' topic where it is missing, with the letters' replicas.
 *
 * @throws OperatingError kind 'usage' when it is there and forgets marks by time
 */
export async function ensureMarksTopic(
  admin: Admin,
  topic: string,
  lettersTopic: string,
  timeoutMs: number,
): Promise<void> {
  const like = admin.topic(lettersTopic)
  if (!like) throw usageError('topic', `topic ${lettersTopic} does not exist`)
  if (!admin.topic(topic)) {
    const inSync = admin.topicConfig(lettersTopic).get('min.insync.replicas') ?? '1'
    const config = { 'cleanup.policy': 'compact', 'min.insync.replicas': inSync }
    const { replicationFactor } = like
    if (admin.createTopic({ topic, partitions: 1, replicationFactor, config })) {
      process.stderr.write(`topic ${topic}: made, compacted, for the marks of what was sent\n`)
    }
    const deadline = performance.now() + timeoutMs
    while (!admin.topic(topic)) {
      if (performance.now() > deadline) {
        throw new OperatingError('retriable', 'broker', `topic ${topic} did not come about`)
      }
      await Bun.sleep(MADE_WAIT_MS)
    }
    return
  }
  const policy = admin.topicConfig(topic).get('cleanup.policy')
  if (policy === 'compact') return
  const what = `topic ${topic}: cleanup.policy is ${policy}, compact is due`
  throw usageError('topic', `${what}: marks that are deleted would let letters be sent again`)
}
