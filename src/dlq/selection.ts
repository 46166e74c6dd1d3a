// Which dead letters are meant: by class, by the letter's own time or place, and by where the
// record lay.

import { usageError } from '../errors.ts'
import { DEAD_LETTER_CLASSES } from '../metrics/counters.ts'
import { nearest } from '../nearest.ts'
import type { AssignedReader } from '../rdkafka/assigned-reader.ts'
import { nextTurn } from '../replay/turn.ts'
import type { Window } from '../replay/window.ts'
import { FOREIGN, type Letter, readLetter } from './letter.ts'

/** Offsets of records, both ends included, in one partition or in any. */
export type OffsetRange = { partition: number | undefined; first: number; last: number }

export type Selection = {
  /** Empty: all. The same holds for the others. */
  classes: readonly string[]
  partitions: readonly number[]
  ranges: readonly OffsetRange[]
}

/** Letters' values are read whole, whatever the size of this. */
const BATCH = { records: 256, inputBytes: 65_536 }
const RANGE = /^(?:(\d{1,9}):)?(\d{1,15})(?:-(\d{1,15}))?$/

/** @throws OperatingError kind 'usage' with the nearest class for one that is not known */
export function checkClasses(classes: readonly string[]): void {
  const known = [...DEAD_LETTER_CLASSES, FOREIGN]
  const wrong = classes.find((name) => !known.includes(name))
  if (wrong === undefined) return
  const meant = nearest(wrong, known)
  const help = meant === undefined ? `they are ${known.join(', ')}` : `the nearest is ${meant}`
  throw usageError('option', `--class ${wrong}: no such class; ${help}`)
}

/**
 * Reads ranges of offsets: `120`, `100-200`, `2:100-200`, several between commas.
 *
 * @throws OperatingError kind 'usage', code 'option'
 */
export function parseRanges(text: string): OffsetRange[] {
  return text.split(',').map((part) => {
    const [, partition, first, last] = RANGE.exec(part) ?? []
    if (first === undefined || Number(last ?? first) < Number(first)) {
      const forms = 'an offset, a range such as 100-200, or one of a partition such as 2:100-200'
      throw usageError('option', `--offset ${part}: must be ${forms}`)
    }
    return {
      partition: partition === undefined ? undefined : Number(partition),
      first: Number(first),
      last: Number(last ?? first),
    }
  })
}

export function isSelected({ classes, partitions, ranges }: Selection, letter: Letter): boolean {
  const { origin } = letter
  if (classes.length > 0 && !classes.includes(letter.class)) return false
  if (partitions.length > 0 && !(origin && partitions.includes(origin.partition))) return false
  return ranges.length === 0 || ranges.some((range) => origin && isWithin(range, origin))
}

function isWithin(range: OffsetRange, place: { partition: number; offset: number }): boolean {
  const isPartition = range.partition === undefined || range.partition === place.partition
  return isPartition && place.offset >= range.first && place.offset <= range.last
}

/**
 * The selected letters, in the order they lie in, partition after partition.
 *
 * @param windows  of the letters' topic
 */
export async function* selectLetters(
  reader: AssignedReader,
  topic: string,
  windows: readonly Window[],
  selection: Selection,
  onProgress: (offsets: number) => void = () => {},
): AsyncGenerator<Letter> {
  let before = 0
  for (const { partition, from, until } of windows) {
    const stream = reader.open(topic, partition, from, until, BATCH)
    while (stream.next() > 0) {
      for (let i = 0; i < stream.count; i++) {
        const letter = readLetter(topic, stream.record(i))
        if (isSelected(selection, letter)) yield letter
        onProgress(before + stream.recordOffset(i) + 1 - from)
      }
      await nextTurn()
    }
    before += until - from
  }
}
