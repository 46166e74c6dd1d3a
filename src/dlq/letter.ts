// A dead letter taken apart: the record as it came, and what the worker says about it. The worker's
// headers come behind the record's own (src/pipeline/dead-letter.ts), which may bear the same
// names: a record that was sent again and has failed again.

import { VALUE_DROPPED_HEADER } from '../pipeline/dead-letter.ts'
import type { RawHeader, RawRecord } from '../rdkafka/record.ts'
import { sha256Hex } from '../hash.ts'

/** Class of a record on the topic that no worker has put there. */
export const FOREIGN = 'foreign'

export type Place = { topic: string; partition: number; offset: number }

export type Letter = {
  /** Where the letter itself lies. */
  at: Place
  /** Milliseconds since 1970; -1 when it has no time. */
  timestampMs: number
  class: string
  message: string
  /** Which byte of the value is at fault. */
  byte: number | undefined
  /** Where the record lay; undefined for a foreign one. */
  origin: Place | undefined
  /** Bytes of the value, where that was left out for its size. */
  droppedBytes: number | undefined
  key: Uint8Array | null
  value: Uint8Array | null
  /** The record's own. */
  headers: RawHeader[]
}

const FIRST = 'loanstream.error.class'
const OURS: ReadonlySet<string> = new Set([
  FIRST,
  'loanstream.error.message',
  'loanstream.error.byte',
  'loanstream.topic',
  'loanstream.partition',
  'loanstream.offset',
  VALUE_DROPPED_HEADER,
])

/** @param topic  that it was read from */
export function readLetter(topic: string, record: RawRecord): Letter {
  const { partition, recordOffset, timestampMs, key, value, headers } = record
  const start = headers.findLastIndex(([name]) => name === FIRST)
  const isOurs = ([name]: RawHeader, i: number) => start >= 0 && i >= start && OURS.has(name)
  const said = new Map(headers.filter(isOurs).map(([name, bytes]) => [name, textOf(bytes)]))
  const number = (name: string) => numberOf(said.get(name))
  const from = {
    topic: said.get('loanstream.topic'),
    partition: number('loanstream.partition'),
    offset: number('loanstream.offset'),
  }
  const isKnown =
    from.topic !== undefined && from.partition !== undefined && from.offset !== undefined
  return {
    at: { topic, partition, offset: recordOffset },
    timestampMs,
    class: isKnown ? said.get(FIRST)! : FOREIGN,
    message: said.get('loanstream.error.message') ?? '',
    byte: number('loanstream.error.byte'),
    origin: isKnown ? (from as Place) : undefined,
    droppedBytes: number(VALUE_DROPPED_HEADER),
    key,
    value,
    headers: headers.filter((header, i) => !isOurs(header, i)),
  }
}

function textOf(bytes: Uint8Array | null): string {
  return new TextDecoder().decode(bytes ?? new Uint8Array(0))
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

export function placeText({ topic, partition, offset }: Place): string {
  return `${topic}/${partition}/${offset}`
}

/**
 * What makes two letters one: they are of the same record. A worker that delivers at least once may
 * write two. The key is a part of it, as a topic that was made anew counts from 0 again.
 */
export function identityOf({ at, origin, key }: Letter): string {
  return `${placeText(origin ?? at)}/${sha256Hex(key ?? '').slice(0, 16)}`
}
