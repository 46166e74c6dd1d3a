// What a record of a schema registry names its schema by: a number in Confluent's wire format, or
// a GUID in a header. Source: Confluent Schema Registry, "Wire format", and its clients' SchemaId.

/** The registry's number, or a GUID as lower-case text. */
export type SchemaId = number | string

/** The header whose last occurrence names the value's schema; all of the value is the body. */
export const SCHEMA_ID_HEADER = '__value_schema_id'

/** What the header or the value starts with, and what follows: 4 bytes of an id, 16 of a GUID. */
export const MAGIC_ID = 0
export const MAGIC_GUID = 1

/** Confluent's wire format: 0 and the id, most significant byte first. */
export function registryHeader(id: number): Uint8Array {
  const header = new Uint8Array(5)
  new DataView(header.buffer).setUint32(1, id)
  return header
}

/** The GUID of 16 bytes, most significant first, given as two numbers. */
export function guidText(high: bigint, low: bigint): string {
  const hex = high.toString(16).padStart(16, '0') + low.toString(16).padStart(16, '0')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** The two numbers of a GUID; of a registry's id itself and 0. */
export function idNumbers(id: SchemaId): [high: bigint, low: bigint] {
  if (typeof id === 'number') return [BigInt(id), 0n]
  const hex = id.replaceAll('-', '')
  return [BigInt(`0x${hex.slice(0, 16)}`), BigInt(`0x${hex.slice(16)}`)]
}

/** What a record's header names its schema by: null where that is no id, undefined without one. */
export type SchemaHeader = SchemaId | null | undefined

const ID_BYTES = 5
const GUID_BYTES = 17

/** Finds it among a record's headers: the last of its name counts. */
export function schemaHeaderOf(
  headers: readonly (readonly [name: string, value: Uint8Array | null])[],
): SchemaHeader {
  const last = headers.findLast(([name]) => name === SCHEMA_ID_HEADER)
  if (!last) return undefined
  const bytes = last[1]
  if (!bytes) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes[0] === MAGIC_ID && bytes.length === ID_BYTES) return view.getUint32(1)
  if (bytes[0] !== MAGIC_GUID || bytes.length !== GUID_BYTES) return null
  return guidText(view.getBigUint64(1), view.getBigUint64(9))
}

/** The id or GUID that a record names its schema by; undefined where it names none. */
export function schemaIdOf(value: Uint8Array, header: SchemaHeader): SchemaId | undefined {
  if (header !== undefined) return header ?? undefined
  if (value.length < ID_BYTES || value[0] !== MAGIC_ID) return undefined
  return new DataView(value.buffer, value.byteOffset).getUint32(1)
}
