// Dead letters for files: as flat rows for JSON lines and CSV, and as Avro records.

import avsc from 'avsc'
import { fingerprintOf, singleObjectHeader } from '../avro/fingerprint.ts'
import type { SchemaVersion } from '../avro/schema-files.ts'
import { type Json, parseRecord } from '../avro/schema.ts'
import type { Letter } from './letter.ts'

const optional = (type: string): Json => ['null', type]

const SCHEMA: Json = {
  type: 'record',
  name: 'DeadLetter',
  namespace: 'loanstream',
  fields: [
    { name: 'letter_partition', type: 'int' },
    { name: 'letter_offset', type: 'long' },
    { name: 'time', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'class', type: 'string' },
    { name: 'message', type: 'string' },
    { name: 'byte', type: optional('long') },
    { name: 'topic', type: optional('string') },
    { name: 'partition', type: optional('int') },
    { name: 'offset', type: optional('long') },
    { name: 'dropped_bytes', type: optional('long') },
    { name: 'sent', type: 'boolean' },
    { name: 'key', type: optional('bytes') },
    { name: 'value', type: optional('bytes') },
    {
      name: 'headers',
      type: {
        type: 'array',
        items: {
          type: 'record',
          name: 'Header',
          fields: [
            { name: 'name', type: 'string' },
            { name: 'value', type: optional('bytes') },
          ],
        },
      },
    },
  ],
}

/** What a file says of a letter, without its bytes. */
function facts(letter: Letter, sent: boolean) {
  const { at, origin, byte, droppedBytes, timestampMs, message } = letter
  return {
    letter_partition: at.partition,
    letter_offset: at.offset,
    time: timestampMs,
    class: letter.class,
    message,
    byte: byte ?? null,
    topic: origin?.topic ?? null,
    partition: origin?.partition ?? null,
    offset: origin?.offset ?? null,
    dropped_bytes: droppedBytes ?? null,
    sent,
  }
}

/** Bytes as base64; headers as pairs of name and bytes. */
export function rowOf(letter: Letter, sent: boolean) {
  const { key, value, headers, timestampMs } = letter
  return {
    ...facts(letter, sent),
    time: timestampMs < 0 ? null : new Date(timestampMs).toISOString(),
    key: base64(key),
    value: base64(value),
    headers: headers.map(([name, bytes]) => [name, base64(bytes)] as const),
  }
}

function base64(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('base64')
}

/** The schema of `encodeLetter`'s records. */
export function letterSchema(): SchemaVersion {
  const schema = parseRecord(SCHEMA, 'DeadLetter')
  return {
    path: 'DeadLetter',
    version: 1,
    fingerprint: fingerprintOf(schema),
    schema,
    json: SCHEMA,
  }
}

/** Makes records in single-object encoding. */
export function letterEncoder(
  version: SchemaVersion,
): (letter: Letter, sent: boolean) => Uint8Array {
  const type = avsc.Type.forSchema(version.json as avsc.Schema)
  const header = singleObjectHeader(version.fingerprint)
  const bytesOf = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes))
  return (letter, sent) => {
    const { key, value } = letter
    const headers = letter.headers.map(([name, bytes]) => ({ name, value: bytesOf(bytes) }))
    const own = { key: bytesOf(key), value: bytesOf(value), headers }
    return Buffer.concat([header, type.toBuffer({ ...facts(letter, sent), ...own })])
  }
}
