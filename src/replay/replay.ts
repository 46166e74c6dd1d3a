// A window decided once more, batch by batch, by one program or by two beside each other.

import { DECISIONS } from '../avro/encode-plan.ts'
import { RESULT_OUTCOMES } from '../../assembly/layout.ts'
import type { DeadLetter } from '../pipeline/dead-letter.ts'
import type { AssignedReader, PartitionStream } from '../rdkafka/assigned-reader.ts'
import { namedIds } from '../scorer/schema-ids.ts'
import type { BatchDecider } from './batch-decider.ts'
import type { KnownSchemas } from './known-schemas.ts'
import { nextTurn } from './turn.ts'
import type { Window } from './window.ts'

export type Input = {
  reader: AssignedReader
  topic: string
  windows: readonly Window[]
  schemas: KnownSchemas
}

/** A batch that was read, in the partition that the deciders are set to. */
export type Batch = { stream: PartitionStream; partition: number }

/**
 * Reads the windows, one partition after the other.
 *
 * @param deciders    told of each partition before its first batch
 * @param onProgress  told how many offsets were passed
 */
export async function* batches(
  { reader, topic, windows, schemas }: Input,
  deciders: readonly BatchDecider[],
  onProgress: (offsets: number) => void,
): AsyncGenerator<Batch> {
  let before = 0
  for (const { partition, from, until } of windows) {
    for (const decider of deciders) decider.setPartition(topic, partition)
    const stream = reader.open(topic, partition, from, until, deciders[0]!.size)
    while (stream.next() > 0) {
      if (schemas.hasRegistry) await schemas.learn(namedIds(stream.batch, stream.count))
      yield { stream, partition }
      onProgress(before + stream.position - from)
      await nextTurn()
    }
    before += until - from
  }
}

export type Totals = {
  applications: number
  /** In the order of DECISIONS. */
  outcomes: number[]
  /** By class. */
  deadLetters: Map<string, number>
}

export function noTotals(): Totals {
  return { applications: 0, outcomes: DECISIONS.map(() => 0), deadLetters: new Map() }
}

/** A dead letter's place and what is wrong with it. */
export type Undecided = { partition: number; offset: number; letter: DeadLetter }

/** Adds the batch that was just decided. */
export function addBatch(
  totals: Totals,
  { stream, partition }: Batch,
  decider: BatchDecider,
  onUndecided: (undecided: Undecided) => void,
): void {
  const { u32, resultAt, statusesAt } = decider.engine
  totals.applications += stream.count
  for (let i = 0; i < totals.outcomes.length; i++) {
    totals.outcomes[i]! += u32[((resultAt + RESULT_OUTCOMES) >> 2) + i]!
  }
  for (let i = 0; i < stream.count; i++) {
    if (u32[(statusesAt >> 2) + i] === 0) continue
    const letter = decider.deadLetter(i, stream.valueBytes(i))
    totals.deadLetters.set(letter.class, (totals.deadLetters.get(letter.class) ?? 0) + 1)
    onUndecided({ partition, offset: stream.recordOffset(i), letter })
  }
}
