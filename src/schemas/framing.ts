// Records as they lie in a file, by framing: each as one line of JSON, as the reader's schema has
// it, or what is wrong with it.

import {
  STATUS_INCOMPATIBLE_SCHEMA,
  STATUS_TRAILING_BYTES,
  STATUS_UNKNOWN_FRAMING,
  STATUS_UNKNOWN_ID,
  STATUS_UNKNOWN_SCHEMA,
} from '../../assembly/layout.ts'
import { Fault } from '../avro/byte-reader.ts'
import type { Resolver } from '../avro/resolver.ts'
import type { Value } from '../avro/value.ts'

/** A record's value, or its fault, whose byte counts from the record's first. */
export type Decoded = { value: Value } | { fault: Fault }

/** What reads the body of a record, by what stands before it. */
export type Framing = {
  headerBytes: number
  /**
   * @throws Fault when nothing reads a record that starts like this
   */
  resolver(bytes: Uint8Array, at: number): Resolver
}

const SINGLE_OBJECT_BYTES = 10
const REGISTRY_BYTES = 5

/** Bodies without anything before them. */
export function rawFraming(resolver: Resolver): Framing {
  return { headerBytes: 0, resolver: () => resolver }
}

/** Confluent's wire format: 0 and four bytes of an id, which is not looked up. */
export function registryFraming(resolver: Resolver): Framing {
  return {
    headerBytes: REGISTRY_BYTES,
    resolver: (bytes, at) => {
      if (bytes.length - at >= REGISTRY_BYTES && bytes[at] === 0) return resolver
      throw new Fault(STATUS_UNKNOWN_FRAMING, at)
    },
  }
}

/** Records name a schema that the caller is to bring before it tries again. */
export class WantedId extends Error {
  readonly id: number

  constructor(id: number) {
    super(`schema ${id} of the registry was not brought`)
    this.id = id
  }
}

/**
 * Confluent's wire format with ids that are looked up.
 *
 * @param resolvers  what reads an id's records: undefined where there is no schema of it, null
 *                   where they cannot be read; of an id that is not in it, WantedId is thrown
 */
export function registryIdFraming(
  resolvers: ReadonlyMap<number, Resolver | null | undefined>,
): Framing {
  return {
    headerBytes: REGISTRY_BYTES,
    resolver: (bytes, at) => {
      if (bytes.length - at < REGISTRY_BYTES || bytes[at] !== 0) {
        throw new Fault(STATUS_UNKNOWN_FRAMING, at)
      }
      const id = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(1)
      const resolver = resolvers.get(id)
      if (resolver) return resolver
      if (!resolvers.has(id)) throw new WantedId(id)
      const status = resolver === null ? STATUS_INCOMPATIBLE_SCHEMA : STATUS_UNKNOWN_ID
      throw new Fault(status, at + 1)
    },
  }
}

/**
 * Avro's single-object encoding: C3 01 and a fingerprint.
 *
 * @param resolverOf  what reads the fingerprint's records: undefined where it is not known, null
 *                    where they cannot be read
 */
export function singleObjectFraming(
  resolverOf: (fingerprint: bigint) => Resolver | null | undefined,
): Framing {
  return {
    headerBytes: SINGLE_OBJECT_BYTES,
    resolver: (bytes, at) => {
      const isFramed = bytes[at] === 0xc3 && bytes[at + 1] === 0x01
      if (bytes.length - at < SINGLE_OBJECT_BYTES || !isFramed) {
        throw new Fault(STATUS_UNKNOWN_FRAMING, at)
      }
      const view = new DataView(bytes.buffer, bytes.byteOffset + at)
      const resolver = resolverOf(view.getBigUint64(2, true))
      if (resolver) return resolver
      const status = resolver === null ? STATUS_INCOMPATIBLE_SCHEMA : STATUS_UNKNOWN_SCHEMA
      throw new Fault(status, at + 2)
    },
  }
}

/** Reads one record that must end where the bytes do. */
export function decodeOne(bytes: Uint8Array, framing: Framing): Decoded {
  const decoded = decodeAt(bytes, 0, framing)
  if ('fault' in decoded || decoded.end === bytes.length) return decoded
  return { fault: new Fault(STATUS_TRAILING_BYTES, decoded.end) }
}

/**
 * Reads records that lie one after the other. Behind a bad one there is no telling where the next
 * starts: it is the last.
 *
 * @param count  how many there are; without it, as many as fill the bytes
 */
export function* decodeAll(
  bytes: Uint8Array,
  framing: Framing,
  count?: number,
): Generator<Decoded, void> {
  let at = 0
  for (let i = 0; count === undefined ? at < bytes.length : i < count; i++) {
    const decoded = decodeAt(bytes, at, framing)
    yield decoded
    if ('fault' in decoded) return
    // Records of no bytes would never fill any.
    if (count === undefined && decoded.end === at) return
    at = decoded.end
  }
  if (at < bytes.length) yield { fault: new Fault(STATUS_TRAILING_BYTES, 0) }
}

function decodeAt(
  bytes: Uint8Array,
  at: number,
  framing: Framing,
): { value: Value; end: number } | { fault: Fault } {
  try {
    return framing.resolver(bytes, at).decode(bytes, at + framing.headerBytes)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return { fault: new Fault(error.status, error.byte - at, error.field) }
  }
}
