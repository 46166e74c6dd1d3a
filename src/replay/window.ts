// Which part of a topic: from where to where in each partition, as a person says it.

import { OperatingError, usageError } from '../errors.ts'
import type { AssignedReader } from '../rdkafka/assigned-reader.ts'

/** An end of a window: a time, an offset in each partition, or the partition's own end. */
export type Bound =
  | { kind: 'time'; timeMs: number }
  | { kind: 'offset'; offset: number }
  | { kind: 'offsets'; offsets: ReadonlyMap<number, number> }
  | { kind: 'whole' }

/** Offsets of a partition; `until` is the first that does not belong to it. */
export type Window = { partition: number; from: number; until: number }

const TIME = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/
const OFFSET = /^\d{1,15}$/
const OFFSETS = /^\d{1,9}:\d{1,15}(,\d{1,9}:\d{1,15})*$/

/**
 * Reads a bound: an ISO 8601 time with its zone (a date alone is midnight UTC), an offset, or
 * offsets by partition as `0:1200,1:900`.
 *
 * @param option  its name, for the error
 * @throws OperatingError kind 'usage', code 'option'
 */
export function parseBound(text: string, option: string): Bound {
  if (OFFSET.test(text)) return { kind: 'offset', offset: Number(text) }
  if (OFFSETS.test(text)) {
    const pairs = text.split(',').map((pair) => pair.split(':').map(Number) as [number, number])
    return { kind: 'offsets', offsets: new Map(pairs) }
  }
  const timeMs = TIME.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isFinite(timeMs)) return { kind: 'time', timeMs }
  const forms = 'a time such as 2026-11-23T08:00:00Z, an offset, or offsets such as 0:1200,1:900'
  throw usageError('option', `${option} ${text}: must be ${forms}`)
}

/**
 * The partitions that were asked for.
 *
 * @param chosen  numbers; none: all there are
 * @throws OperatingError kind 'usage' when the topic or a partition does not exist
 */
export function partitionsOf(
  reader: AssignedReader,
  topic: string,
  chosen: readonly number[],
): number[] {
  const metadata = reader.metadata(topic)
  if (!metadata) throw usageError('topic', `topic ${topic} does not exist`)
  const all = Array.from({ length: metadata.partitions }, (_, partition) => partition)
  const wrong = chosen.find((partition) => partition >= metadata.partitions)
  if (wrong !== undefined) {
    const what = `topic ${topic} has ${metadata.partitions} partitions`
    throw usageError('option', `--partition ${wrong}: ${what}, from 0 on`)
  }
  return chosen.length > 0 ? all.filter((partition) => chosen.includes(partition)) : all
}

/**
 * What of each partition lies between the bounds, and is there: what retention has removed, or
 * nobody has written yet, is no part of it.
 *
 * @throws OperatingError kind 'usage' when a bound names a partition that is not among them
 */
export function windowsOf(
  reader: AssignedReader,
  topic: string,
  partitions: readonly number[],
  from: Bound,
  to: Bound,
): Window[] {
  for (const bound of [from, to]) checkPartitions(bound, topic, partitions)
  return partitions.map((partition) => {
    const { low, high } = reader.bounds(topic, partition)
    const within = (offset: number) => Math.max(low, Math.min(offset, high))
    const place = (bound: Bound, whole: number) => {
      switch (bound.kind) {
        case 'time':
          return within(reader.offsetAt(topic, partition, bound.timeMs) ?? high)
        case 'offset':
          return within(bound.offset)
        case 'offsets':
          return within(bound.offsets.get(partition) ?? whole)
        case 'whole':
          return whole
      }
    }
    return { partition, from: place(from, low), until: place(to, high) }
  })
}

function checkPartitions(bound: Bound, topic: string, partitions: readonly number[]): void {
  if (bound.kind !== 'offsets') return
  for (const partition of bound.offsets.keys()) {
    if (partitions.includes(partition)) continue
    const what = `partition ${partition} of ${topic} is given an offset, and is not among those read`
    throw new OperatingError('usage', 'option', what)
  }
}

/** Offsets in the windows, which is an upper bound of their records. */
export function offsetsIn(windows: readonly Window[]): number {
  return windows.reduce((sum, { from, until }) => sum + Math.max(0, until - from), 0)
}
