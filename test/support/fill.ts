// A batch in an engine's input, as the worker gathers it: for tests and benches alike.

import type { Engine } from '../../src/scorer/engine.ts'

/** Lays the records into the engine's input one behind the other, without a gap. */
export function fill(engine: Engine, records: readonly Uint8Array[]): void {
  let at = engine.inputAt
  for (const [i, record] of records.entries()) {
    engine.u8.set(record, at)
    engine.u32[engine.spansAt / 4 + i * 2] = at
    engine.u32[engine.spansAt / 4 + i * 2 + 1] = record.length
    at += record.length
  }
  if (at > engine.inputAt + engine.size.inputBytes) throw new Error('the records do not fit')
}
