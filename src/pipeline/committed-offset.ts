// The group's offset of a partition, asked for until it is known or a command comes.

import { OperatingError } from '../errors.ts'
import { COMMAND_RUN, type Counters } from '../metrics/counters.ts'
import type { PartitionSource } from '../rdkafka/partition-source.ts'

const TURN_FIRST_MS = 1000

/**
 * Asked for in turns that grow, so that commands are seen in between: a consumer that is closing
 * does not answer any more.
 *
 * @returns the next offset to read; negative when none is committed
 * @throws OperatingError kind 'retriable' when the broker does not say within `timeoutMs`
 */
export function committedOffset(
  source: PartitionSource,
  timeoutMs: number,
  counters: Counters,
): number {
  const deadline = Date.now() + timeoutMs
  for (let turnMs = TURN_FIRST_MS; ; turnMs *= 2) {
    const leftMs = Math.max(0, deadline - Date.now())
    try {
      return source.committed(Math.min(turnMs, leftMs))
    } catch (error) {
      const isLast = turnMs >= leftMs || counters.command !== COMMAND_RUN
      if (isLast || !(error instanceof OperatingError) || error.kind !== 'retriable') throw error
    }
  }
}
