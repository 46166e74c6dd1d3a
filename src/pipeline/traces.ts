// The trace contexts of a batch, for its decisions and for the copies of those that were referred.

import type { PartitionSource } from '../rdkafka/partition-source.ts'
import { MESSAGE_BYTES, MESSAGE_PAYLOAD } from '../rdkafka/structs.ts'
import { TraceContext } from '../rdkafka/trace-context.ts'
import type { Engine } from '../scorer/engine.ts'

export class Traces {
  private readonly context = new TraceContext()
  private readonly isOn: boolean

  constructor(isOn: boolean) {
    this.isOn = isOn
  }

  /** Of each decided record as native headers, or 0; undefined when none has one. */
  ofDecided(
    engine: Engine,
    source: PartitionSource,
    from: number,
    count: number,
  ): number[] | undefined {
    return this.isOn ? this.of(decidedOf(engine, count), source, from) : undefined
  }

  /** The same of those that were referred. */
  ofReferred(
    engine: Engine,
    source: PartitionSource,
    from: number,
    count: number,
  ): number[] | undefined {
    return this.isOn ? this.of(referredOf(engine, count), source, from) : undefined
  }

  private of(
    records: readonly number[],
    source: PartitionSource,
    from: number,
  ): number[] | undefined {
    let traces: number[] | undefined
    for (const [i, record] of records.entries()) {
      const headers = this.context.copy(source.message(from + record))
      if (headers !== 0) traces ??= Array.from({ length: i }, () => 0)
      traces?.push(headers)
    }
    return traces
  }
}

/** Indices of the batch's records that were decided. */
function decidedOf({ u32, statusesAt }: Engine, count: number): number[] {
  const records: number[] = []
  for (let i = 0; i < count; i++) if (u32[(statusesAt >> 2) + i] === 0) records.push(i)
  return records
}

/** A referred message is a copy of the decision's, so that both have their value in one place. */
function referredOf(engine: Engine, count: number): number[] {
  const { u32, messagesAt, referredAt, referredCount } = engine
  const valueAt = (messages: number, i: number) =>
    u32[(messages + i * MESSAGE_BYTES + MESSAGE_PAYLOAD) >> 2]
  let referred = 0
  return decidedOf(engine, count).filter((_, i) => {
    const isReferred =
      referred < referredCount && valueAt(messagesAt, i) === valueAt(referredAt, referred)
    if (isReferred) referred++
    return isReferred
  })
}
