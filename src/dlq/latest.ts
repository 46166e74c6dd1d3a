// The latest dead letters, a few of each class, ready to be shown. What is read for them is
// bounded: the end of each partition, and for so long.

import type { SchemaVersion } from '../avro/schema-files.ts'
import type { LetterView, Letters } from '../letters/view.ts'
import type { AssignedReader } from '../rdkafka/assigned-reader.ts'
import { type Window, partitionsOf, windowsOf } from '../replay/window.ts'
import { attemptDecode } from './decode-attempt.ts'
import { hexDump } from './hex-dump.ts'
import { type Letter, placeText } from './letter.ts'
import { bytesText } from './bytes-text.ts'
import { selectLetters } from './selection.ts'

/** Of each class. */
const SHOWN_MAX = 4
/** Offsets at the end of each partition that are looked at. */
const TAIL_OFFSETS = 200
/** No further partition is begun after that. */
const LOOK_MS = 5000
const HEX_BYTES = 512
const FIELDS_MAX = 200
const TEXT_MAX = 256
const ALL = { classes: [], partitions: [], ranges: [] }
const WHOLE = { kind: 'whole' } as const

/**
 * @param versions  of applications, oldest first
 * @throws OperatingError when the topic does not exist or no broker answers
 */
export async function latestLetters(
  reader: AssignedReader,
  topic: string,
  versions: readonly SchemaVersion[],
): Promise<Letters> {
  const all = windowsOf(reader, topic, partitionsOf(reader, topic, []), WHOLE, WHOLE)
  const deadline = performance.now() + LOOK_MS
  const found = new Map<string, Letter[]>()
  let looked = 0
  let partitions = 0
  for (const window of all) {
    if (performance.now() > deadline) break
    partitions++
    for await (const letter of selectLetters(reader, topic, [tailOf(window)], ALL)) {
      looked++
      found.set(letter.class, newest([...(found.get(letter.class) ?? []), letter]))
    }
  }
  const letters = [...found.values()].flat().sort(byAge)
  return {
    topic,
    letters: letters.map((letter) => viewOf(letter, versions)),
    looked,
    partitions: [partitions, all.length],
  }
}

function tailOf({ partition, from, until }: Window): Window {
  return { partition, from: Math.max(from, until - TAIL_OFFSETS), until }
}

function newest(letters: Letter[]): Letter[] {
  return letters.sort(byAge).slice(0, SHOWN_MAX)
}

function byAge(a: Letter, b: Letter): number {
  return b.timestampMs - a.timestampMs || b.at.offset - a.at.offset
}

function viewOf(letter: Letter, versions: readonly SchemaVersion[]): LetterView {
  const { at, origin, byte, droppedBytes, key, value, headers, timestampMs } = letter
  const writers = { versions, raw: undefined, named: undefined }
  const attempt = value && value.length > 0 ? attemptDecode(value, undefined, writers) : undefined
  const { fault } = attempt ?? {}
  return {
    letter: placeText(at),
    time: timestampMs < 0 ? '' : new Date(timestampMs).toISOString(),
    class: letter.class,
    message: letter.message,
    byte: byte ?? null,
    record: origin ? placeText(origin) : null,
    key: key === null ? null : bytesText(key),
    headers: headers.map(([name, bytes]) => [name, bytesText(bytes)]),
    bytes: value?.length ?? null,
    droppedBytes: droppedBytes ?? null,
    hex: value ? hexDump(value, byte, HEX_BYTES) : [],
    schema: attempt?.schema ?? '',
    fields: (attempt?.fields ?? [])
      .slice(0, FIELDS_MAX)
      .map(({ byte: start, field, value: text }) => {
        return { byte: start, field, value: text.slice(0, TEXT_MAX) }
      }),
    fault: fault ? `byte ${fault.byte}: ${[fault.class, fault.field].join(' ').trim()}` : '',
  }
}
