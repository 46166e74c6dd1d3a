// Values that were left out of a dead letter for their size: the input topic may still hold them.

import type { AssignedReader } from '../rdkafka/assigned-reader.ts'
import type { Letter } from './letter.ts'

/**
 * Reads a letter's value from where the record lay.
 *
 * @returns the value, or why there is none
 */
export function fetchOriginal(
  reader: AssignedReader,
  { origin, droppedBytes, key }: Letter,
): { value: Uint8Array } | { gone: string } {
  if (!origin) return { gone: 'the letter does not say where it lay' }
  const { topic, partition, offset } = origin
  const metadata = reader.metadata(topic)
  if (!metadata || partition >= metadata.partitions) return { gone: `no partition ${partition}` }
  const { low, high } = reader.bounds(topic, partition)
  if (offset < low) return { gone: `${topic} [${partition}] starts at ${low} by now` }
  if (offset >= high) return { gone: `${topic} [${partition}] ends at ${high}` }
  const stream = reader.open(topic, partition, offset, offset + 1, { records: 1, inputBytes: 8 })
  if (stream.next() === 0) return { gone: 'the record is not there any more' }
  const record = stream.record(0)
  const isSame =
    record.value?.length === droppedBytes &&
    Buffer.compare(record.key ?? new Uint8Array(0), key ?? new Uint8Array(0)) === 0
  return isSame && record.value ? { value: record.value } : { gone: 'another record lies there' }
}
