// Dead letters: what a record that could not be decided says about itself. The record goes on as it
// came (key, value, headers); these headers say why and from where.

import {
  DEPTH_MAX,
  ID_BYTES_MAX,
  ITEMS_MAX,
  STATUS_BAD_BRANCH,
  STATUS_BAD_HEADER,
  STATUS_BAD_LENGTH,
  STATUS_BAD_STRING,
  STATUS_BAD_SYMBOL,
  STATUS_BAD_VARINT,
  STATUS_IMPOSSIBLE_VALUE,
  STATUS_INCOMPATIBLE_SCHEMA,
  STATUS_UNKNOWN_FRAMING,
  STATUS_TOO_DEEP,
  STATUS_TRAILING_BYTES,
  STATUS_TRUNCATED,
  STATUS_UNKNOWN_ID,
  STATUS_UNKNOWN_SCHEMA,
} from '../../assembly/layout.ts'
import { fingerprintText } from '../avro/fingerprint.ts'
import { type SchemaId, SCHEMA_ID_HEADER } from '../avro/schema-id.ts'
import { assert } from '../errors.ts'
import type { DeadLetterClass } from '../metrics/counters.ts'
import type { Engine } from '../scorer/engine.ts'
import { isNamedByHeader, schemaIdOf } from '../scorer/schema-ids.ts'

export type DeadLetter = {
  class: DeadLetterClass
  message: string
  /** Which byte of the value is at fault, counted from 0; undefined when none is. */
  byte: number | undefined
}

/** Class of each status the module gives. */
const CLASSES: Readonly<{ [status: number]: DeadLetterClass }> = {
  [STATUS_UNKNOWN_FRAMING]: 'unknown-framing',
  [STATUS_BAD_HEADER]: 'unknown-framing',
  [STATUS_UNKNOWN_SCHEMA]: 'unknown-schema',
  [STATUS_UNKNOWN_ID]: 'unknown-schema',
  [STATUS_TRUNCATED]: 'truncated',
  [STATUS_BAD_VARINT]: 'varint-overflow',
  [STATUS_TRAILING_BYTES]: 'trailing-bytes',
  [STATUS_BAD_BRANCH]: 'bad-union-branch',
  [STATUS_BAD_SYMBOL]: 'bad-enum-symbol',
  [STATUS_IMPOSSIBLE_VALUE]: 'impossible-value',
  [STATUS_BAD_LENGTH]: 'length-out-of-range',
  [STATUS_TOO_DEEP]: 'too-deep',
  [STATUS_BAD_STRING]: 'bad-string',
  [STATUS_INCOMPATIBLE_SCHEMA]: 'incompatible-schema',
}

/**
 * Says why a record of the engine's current batch was not decided.
 *
 * @param record      index in the batch
 * @param valueBytes  bytes of the record's value as it came
 * @param whyUnknown  what the registry says of an id that it has no schema of
 */
export function explainDeadLetter(
  engine: Engine,
  record: number,
  valueBytes: number,
  whyUnknown?: (id: SchemaId) => string,
): DeadLetter {
  const status = engine.u32[(engine.statusesAt >> 2) + record]!
  if (valueBytes === 0) {
    return { class: 'no-value', message: 'the record has no value', byte: undefined }
  }
  if (valueBytes > engine.size.inputBytes) {
    const message = `the value has ${valueBytes} bytes, limit is ${engine.size.inputBytes}`
    return { class: 'too-large', message, byte: undefined }
  }
  const code = status & 0xff
  const isOfHeader = isNamedByHeader(engine, record) && HEADER_FAULTS.has(code)
  const byte = isOfHeader ? undefined : engine.u32[(engine.faultsAt >> 2) + record]!
  if (code === STATUS_UNKNOWN_ID) {
    const id = schemaIdOf(engine, record)
    const message = whyUnknown?.(id) ?? `no schema is known of the registry's id ${id}`
    return { class: classOf(status), message, byte }
  }
  const message = explain(engine, record, status, valueBytes)
  return { class: classOf(status), message, byte }
}

/** Of a record that a header names the schema of, they are no byte's fault. */
const HEADER_FAULTS: ReadonlySet<number> = new Set([
  STATUS_BAD_HEADER,
  STATUS_UNKNOWN_ID,
  STATUS_INCOMPATIBLE_SCHEMA,
])

/** The class of a status that is not STATUS_OK. */
export function classOf(status: number): DeadLetterClass {
  const name = CLASSES[status & 0xff]
  assert(name, `status ${status} is known`)
  return name
}

/** No values of the record are told: they are the applicant's. */
function explain(engine: Engine, record: number, status: number, valueBytes: number): string {
  const code = status & 0xff
  if (code === STATUS_UNKNOWN_FRAMING) {
    return unknownFraming(engine, record, valueBytes)
  }
  if (code === STATUS_BAD_HEADER) {
    return `the header ${SCHEMA_ID_HEADER} is neither 01 and a GUID nor 00 and an id`
  }
  if (code === STATUS_UNKNOWN_SCHEMA) {
    const header = engine.u32[(engine.spansAt >> 2) + record * 2]!
    const view = new DataView(engine.memory.buffer, header + 2, 8)
    const fingerprint = fingerprintText(view.getBigUint64(0, true))
    return `no schema file has the fingerprint ${fingerprint}`
  }
  const writer = engine.writerOf(record)
  const field = writer.fields[status >>> 8] ?? ''
  switch (code) {
    case STATUS_INCOMPATIBLE_SCHEMA:
      return `${writer.name} cannot be read: ${writer.refusal}`
    case STATUS_TRUNCATED:
      return `the value ends after ${valueBytes} bytes, before its last field`
    case STATUS_TRAILING_BYTES:
      return 'bytes are left after the last field'
    case STATUS_BAD_VARINT:
      return `${field}: a varint is longer than its type allows`
    case STATUS_BAD_BRANCH:
      return `${field}: no such branch of the union, or none that can be read`
    case STATUS_BAD_SYMBOL:
      return `${field}: no such symbol of the enum, or none that can be read`
    case STATUS_BAD_LENGTH:
      return `${field}: a length is negative, beyond the record's end, or above a limit (an id has ${ID_BYTES_MAX} bytes, a record's arrays and maps ${ITEMS_MAX} items)`
    case STATUS_TOO_DEEP:
      return `${field}: lies more than ${DEPTH_MAX} arrays, maps and records of unions deep`
    case STATUS_BAD_STRING:
      return `${field}: is not UTF-8`
    default:
      return `${field}: the value is impossible (see the field's bounds in the schema)`
  }
}

function unknownFraming(engine: Engine, record: number, valueBytes: number): string {
  const what = `the value (${valueBytes} bytes) does not start with`
  if (engine.program.framings.registry) {
    return `${what} C3 01 and a schema's fingerprint, nor with 00 and a registry's id`
  }
  const isOfRegistry =
    valueBytes >= 5 && engine.u8[engine.u32[(engine.spansAt >> 2) + record * 2]!] === 0
  const hint = isOfRegistry ? '; as one of a schema registry it needs schema.registry.url' : ''
  return `${what} C3 01 and a schema's fingerprint${hint}`
}

/** Header of a letter that is too large for the broker with its value: the bytes left out. */
export const VALUE_DROPPED_HEADER = 'loanstream.value.dropped.bytes'

/** Headers that go onto the dead letter, behind the record's own. */
export function deadLetterHeaders(
  letter: DeadLetter,
  topic: string,
  partition: number,
  recordOffset: number,
): (readonly [name: string, value: string])[] {
  return [
    ['loanstream.error.class', letter.class],
    ['loanstream.error.message', letter.message],
    ...(letter.byte === undefined ? [] : [['loanstream.error.byte', String(letter.byte)] as const]),
    ['loanstream.topic', topic],
    ['loanstream.partition', String(partition)],
    ['loanstream.offset', String(recordOffset)],
  ]
}
