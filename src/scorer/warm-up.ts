// Warm-up: cold WebAssembly runs in JavaScriptCore's interpreter until a function has run often
// enough, and a padded block then takes milliseconds instead of microseconds. So the whole path is
// run before the group is joined. Machine code belongs to the module and is shared by all threads
// that got it posted, so one thread warms for all.

import { ByteWriter } from '../avro/bytes.ts'
import { singleObjectHeader } from '../avro/fingerprint.ts'
import type { SchemaVersion } from '../avro/schema-files.ts'
import type { Schema } from '../avro/schema.ts'
import { Engine } from './engine.ts'
import type { Program } from './program.ts'

const BATCH_RECORDS = 65
/** Records whose score is explained a turn: that takes far longer than the rest. */
const REASONS_RECORDS = 4
/** Batches of each kind; a few hundred bring every function to its last tier. */
const TURNS_MAX = 2000
const TIME_MAX_MS = 400
/** Turns that show a module to be hot already. */
export const HOT = { turns: 10, settled: 3 }
/** A turn this much slower than the best shows code that is still changing tiers. */
const SETTLED_RATIO = 1.5
const SETTLED_TURNS = 100

/**
 * Runs blocks and single records through all stages until their times settle.
 *
 * @param bounds  of the turns, and how many as fast as the best show that times have settled
 */
export function warmUp(
  module: WebAssembly.Module,
  program: Program,
  bounds = { turns: TURNS_MAX, settled: SETTLED_TURNS },
): void {
  const record = sampleRecord(program.applicationSchema)
  const engine = new Engine(module, program, {
    records: BATCH_RECORDS,
    inputBytes: BATCH_RECORDS * record.length,
  })
  for (let i = 0; i < BATCH_RECORDS; i++) {
    const at = engine.inputAt + i * record.length
    engine.u8.set(record, at)
    engine.u32[(engine.spansAt >> 2) + i * 2] = at
    engine.u32[(engine.spansAt >> 2) + i * 2 + 1] = record.length
  }
  const startedMs = performance.now()
  let best = Number.POSITIVE_INFINITY
  let settled = 0
  for (let turn = 0; turn < bounds.turns && settled < bounds.settled; turn++) {
    const started = Bun.nanoseconds()
    for (const records of [BATCH_RECORDS, 1]) {
      engine.decide(records)
      if (engine.challenger) engine.challenge(records)
    }
    // Whatever the policy makes of the sample.
    engine.rehearseReasons(REASONS_RECORDS)
    const elapsed = Bun.nanoseconds() - started
    best = Math.min(best, elapsed)
    settled = elapsed < best * SETTLED_RATIO ? settled + 1 : 0
    if (performance.now() - startedMs > TIME_MAX_MS) return
  }
}

/** A record of the schema's own making: small numbers within bounds, short strings. */
export function sampleRecord(version: SchemaVersion): Uint8Array {
  const writer = new ByteWriter().raw(singleObjectHeader(version.fingerprint))
  for (const field of version.schema.fields) {
    writeSample(field.schema, field, writer)
  }
  return writer.take()
}

type Bounds = { minimum: number; maximum: number }

function writeSample(schema: Schema, bounds: Bounds, writer: ByteWriter): void {
  const number = Math.min(Math.max(1, bounds.minimum), bounds.maximum)
  switch (schema.kind) {
    case 'primitive':
      if (schema.type === 'double') writer.double(number)
      else if (schema.type === 'float') writer.float(floatWithin(number, bounds))
      else if (schema.type === 'int' || schema.type === 'long')
        writer.long(intWithin(number, bounds))
      else if (schema.type === 'boolean') writer.raw(Uint8Array.of(1))
      else if (schema.type !== 'null') writer.string('warm-up')
      return
    case 'union':
      writer.long(schema.branches.length - 1)
      writeSample(schema.branches[schema.branches.length - 1]!, bounds, writer)
      return
    case 'enum':
      writer.long(0)
      return
    case 'fixed':
      writer.raw(new Uint8Array(schema.size))
      return
    case 'record':
      for (const field of schema.fields) writeSample(field.schema, field, writer)
      return
    default:
      // Arrays and maps: none.
      writer.long(0)
  }
}

/** The whole number next to x that lies within the bounds. */
function intWithin(x: number, { maximum }: Bounds): number {
  return Math.ceil(x) <= maximum ? Math.ceil(x) : Math.floor(x)
}

/** The float nearest to x, or the one beside it that lies within the bounds. */
function floatWithin(x: number, { minimum, maximum }: Bounds): number {
  const float = Math.fround(x)
  if (float >= minimum && float <= maximum) return float
  const bits = new Int32Array(Float32Array.of(float).buffer)
  const up = float < minimum
  // The bits of a negative float run the other way; beyond 0 they begin anew.
  if (float === 0) return up ? 1.401298464324817e-45 : -1.401298464324817e-45
  bits[0]! += up === float > 0 ? 1 : -1
  return new Float32Array(bits.buffer)[0]!
}
