// Parsing canonical form and CRC-64-AVRO fingerprint: what identifies a writer's schema on the
// wire. Source: Avro 1.12 specification, "Parsing Canonical Form for Schemas" and "Schema
// Fingerprints".

import type { Schema } from './schema.ts'

/** The schema as canonical text: attributes that do not affect reading removed, order fixed. */
export function canonicalForm(schema: Schema): string {
  return write(schema, new Set())
}

function write(schema: Schema, seen: Set<string>): string {
  const quote = JSON.stringify
  switch (schema.kind) {
    case 'primitive':
      return quote(schema.type)
    case 'union':
      return `[${schema.branches.map((branch) => write(branch, seen)).join(',')}]`
    case 'array':
      return `{"type":"array","items":${write(schema.items, seen)}}`
    case 'map':
      return `{"type":"map","values":${write(schema.values, seen)}}`
    default:
  }
  if (seen.has(schema.name)) return quote(schema.name)
  seen.add(schema.name)
  const head = `{"name":${quote(schema.name)},"type":"${schema.kind}"`
  switch (schema.kind) {
    case 'record': {
      const fields = schema.fields.map(
        (field) => `{"name":${quote(field.name)},"type":${write(field.schema, seen)}}`,
      )
      return `${head},"fields":[${fields.join(',')}]}`
    }
    case 'enum':
      return `${head},"symbols":[${schema.symbols.map((s) => quote(s)).join(',')}]}`
    case 'fixed':
      return `${head},"size":${schema.size}}`
  }
}

/** The polynomial, which is also the fingerprint of no bytes at all. */
const EMPTY = 0xc15d213aa4d7a795n

const TABLE = Array.from({ length: 256 }, (_, i) => {
  let fingerprint = BigInt(i)
  for (let bit = 0; bit < 8; bit++) {
    fingerprint = (fingerprint >> 1n) ^ (fingerprint & 1n ? EMPTY : 0n)
  }
  return fingerprint
})

/** CRC-64-AVRO of the bytes, unsigned. */
export function crc64Avro(bytes: Uint8Array): bigint {
  let fingerprint = EMPTY
  for (const byte of bytes) {
    fingerprint = (fingerprint >> 8n) ^ TABLE[Number((fingerprint ^ BigInt(byte)) & 0xffn)]!
  }
  return fingerprint
}

export function fingerprintOf(schema: Schema): bigint {
  return crc64Avro(new TextEncoder().encode(canonicalForm(schema)))
}

/** As people write it: 16 hexadecimal digits, most significant first. */
export function fingerprintText(fingerprint: bigint): string {
  return fingerprint.toString(16).padStart(16, '0')
}

/** The eight bytes as they lie in a record, least significant first, as hexadecimal text. */
export function fingerprintHex(fingerprint: bigint): string {
  return Buffer.from(singleObjectHeader(fingerprint)).toString('hex', 2)
}

/** Marker C3 01 and the fingerprint, least significant byte first: what a record starts with. */
export function singleObjectHeader(fingerprint: bigint): Uint8Array {
  const header = new Uint8Array(10)
  const view = new DataView(header.buffer)
  view.setUint16(0, 0xc301)
  view.setBigUint64(2, fingerprint, true)
  return header
}
