// What the load's own producers do before they say that they are ready, so that their start is no
// part of any latency.

import type { Producer } from '../../src/rdkafka/producer.ts'
import { check } from '../bench.ts'
import { DEAD_LETTERS } from '../support/broker.ts'

/** Sends one record to a topic that is not measured: connected, and with a producer id if it has. */
export function openConnection(producer: Producer): void {
  const key = new Uint8Array(1)
  check(producer.produce(DEAD_LETTERS, 0, key, key), 'there is room for one record')
  check(producer.flush(30_000), 'the first record is delivered')
}
