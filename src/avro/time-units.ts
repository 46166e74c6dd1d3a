// Units of time that logical types count in, and what turns one into another when writer and reader
// differ. Source: Avro 1.12 specification, "Logical Types".

import type { PrimitiveName, Schema } from './schema.ts'

type Unit = { type: PrimitiveName; family: 'time' | 'timestamp'; nanoseconds: bigint }

const UNITS: Readonly<{ [logicalType: string]: Unit }> = {
  // A date is the timestamp of its midnight.
  date: { type: 'int', family: 'timestamp', nanoseconds: 86_400_000_000_000n },
  'time-millis': { type: 'int', family: 'time', nanoseconds: 1_000_000n },
  'time-micros': { type: 'long', family: 'time', nanoseconds: 1000n },
  'timestamp-millis': { type: 'long', family: 'timestamp', nanoseconds: 1_000_000n },
  'timestamp-micros': { type: 'long', family: 'timestamp', nanoseconds: 1000n },
  'timestamp-nanos': { type: 'long', family: 'timestamp', nanoseconds: 1n },
  'local-timestamp-millis': { type: 'long', family: 'timestamp', nanoseconds: 1_000_000n },
  'local-timestamp-micros': { type: 'long', family: 'timestamp', nanoseconds: 1000n },
  'local-timestamp-nanos': { type: 'long', family: 'timestamp', nanoseconds: 1n },
}

/** One of both is 1. */
export type Conversion = { multiplier: bigint; divisor: bigint }

/**
 * What turns the writer's number into the reader's unit, or undefined when that is the same or one
 * of them has none. A timestamp and a local one differ in meaning, not in how they are counted.
 */
export function conversionOf(writer: Schema, reader: Schema): Conversion | undefined {
  const from = unitOf(writer)
  const to = unitOf(reader)
  if (!from || !to || from.family !== to.family) return undefined
  if (from.nanoseconds === to.nanoseconds) return undefined
  return from.nanoseconds > to.nanoseconds
    ? { multiplier: from.nanoseconds / to.nanoseconds, divisor: 1n }
    : { multiplier: 1n, divisor: to.nanoseconds / from.nanoseconds }
}

function unitOf(schema: Schema): Unit | undefined {
  if (schema.kind !== 'primitive' || schema.logicalType === undefined) return undefined
  const unit = Object.hasOwn(UNITS, schema.logicalType) ? UNITS[schema.logicalType] : undefined
  // On another type a logical type means nothing.
  return unit?.type === schema.type ? unit : undefined
}

/** The number in the other unit, rounded down to a whole one; undefined beyond 64 bits. */
export function convert(value: bigint, { multiplier, divisor }: Conversion): bigint | undefined {
  const product = value * multiplier
  if (product !== BigInt.asIntN(64, product)) return undefined
  const quotient = product / divisor
  return quotient * divisor > product ? quotient - 1n : quotient
}
