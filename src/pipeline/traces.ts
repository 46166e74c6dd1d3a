// The trace contexts of a batch, for its decisions.

import type { PartitionSource } from '../rdkafka/partition-source.ts'
import type { TraceContext } from '../rdkafka/trace-context.ts'
import type { Engine } from '../scorer/engine.ts'

/** Of each decided record as native headers, or 0; undefined when none has one. */
export function tracesOf(
  context: TraceContext,
  engine: Engine,
  source: PartitionSource,
  from: number,
  count: number,
): number[] | undefined {
  let traces: number[] | undefined
  let decided = 0
  for (let i = 0; i < count; i++) {
    if (engine.u32[(engine.statusesAt >> 2) + i] !== 0) continue
    const headers = context.copy(source.message(from + i))
    if (headers !== 0) traces ??= Array.from({ length: decided }, () => 0)
    traces?.push(headers)
    decided++
  }
  return traces
}
