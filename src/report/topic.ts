// Decisions from their topic, and the applications that they name from theirs. No group is joined
// and no offset committed.

import { type Resolver, Type } from 'avsc'
import type { Application } from '../applications/application.ts'
import { DECISIONS } from '../avro/encode-plan.ts'
import { type SchemaVersion, newest } from '../avro/schema-files.ts'
import { withoutWideDefaults } from '../avro/schema-json.ts'
import { DecisionDecoder } from '../decisions.ts'
import type { AssignedReader } from '../rdkafka/assigned-reader.ts'
import { nextTurn } from '../replay/turn.ts'
import type { Window } from '../replay/window.ts'
import type { Decided } from './decision-file.ts'
import type { DecidedTable } from './decided-table.ts'

const HEADER_BYTES = 10
const FINGERPRINT_AT = 2
/** Confluent's wire format starts with a 0 in place of a fingerprint. */
const REGISTRY_MAGIC = 0

type Size = { records: number; inputBytes: number }
export type TopicInput = {
  reader: AssignedReader
  topic: string
  windows: readonly Window[]
  size: Size
}

type Place = { partition: number; recordOffset: number }

/** Values of the windows, one partition after the other. */
async function* values(
  { reader, topic, windows, size }: TopicInput,
  isWanted: (place: Place) => boolean,
): AsyncGenerator<Place & { value: Uint8Array | null }> {
  for (const { partition, from, until } of windows) {
    const stream = reader.open(topic, partition, from, until, size)
    while (stream.next() > 0) {
      for (let i = 0; i < stream.count; i++) {
        const place = { partition, recordOffset: stream.recordOffset(i) }
        if (isWanted(place)) yield { ...place, value: stream.record(i).value }
      }
      await nextTurn()
    }
  }
}

/** Each decision, or null for a record that is none of a known schema. */
export async function* topicDecisions(
  input: TopicInput,
  schemas: readonly SchemaVersion[],
): AsyncGenerator<Decided | null> {
  const last = new DecisionDecoder(newest(schemas))
  const decoders = new Map(
    schemas.map((version) => [version.fingerprint, new DecisionDecoder(version)]),
  )
  for await (const { value } of values(input, () => true)) {
    const decoder = value?.[0] === REGISTRY_MAGIC ? last : decoders.get(fingerprintOf(value) ?? 0n)
    yield decoder ? decisionOf(decoder, value!) : null
  }
}

function decisionOf(decoder: DecisionDecoder, value: Uint8Array): Decided | null {
  try {
    const decision = decoder.decode(value)
    return DECISIONS.includes(decision.decision) ? decision : null
  } catch {
    return null
  }
}

function fingerprintOf(value: Uint8Array | null): bigint | undefined {
  if (!value || value.length < HEADER_BYTES) return undefined
  return new DataView(value.buffer, value.byteOffset).getBigUint64(FINGERPRINT_AT, true)
}

export type Joined = { row: number; application: Application; place: string }

/** The applications that the table's decisions name, as far as they are still there. */
export async function* topicApplications(
  input: Omit<TopicInput, 'windows'>,
  schemas: readonly SchemaVersion[],
  table: DecidedTable,
): AsyncGenerator<Joined> {
  const { reader, topic } = input
  const decoder = new ApplicationDecoder(schemas)
  const partitions = reader.metadata(topic)?.partitions ?? 0
  const windows = [...table.lanes(topic)].flatMap(({ partition, first, last }) => {
    if (partition >= partitions) return []
    const { low, high } = reader.bounds(topic, partition)
    const [from, until] = [Math.max(low, first), Math.min(high, last + 1)]
    return from < until ? [{ partition, from, until }] : []
  })
  const rowAt = ({ partition, recordOffset }: Place) => table.at(topic, partition, recordOffset)
  const isWanted = (place: Place) => rowAt(place) !== undefined
  for await (const { value, ...place } of values({ ...input, windows }, isWanted)) {
    const application = value && decoder.decode(value)
    const where = `${topic} partition ${place.partition} offset ${place.recordOffset}`
    if (application) yield { row: rowAt(place)!, application, place: where }
  }
}

/** Applications of any version as the newest has them. */
class ApplicationDecoder {
  private readonly type: Type
  private readonly resolvers = new Map<bigint, Resolver>()

  constructor(schemas: readonly SchemaVersion[]) {
    this.type = typeOf(newest(schemas))
    for (const version of schemas) {
      try {
        this.resolvers.set(version.fingerprint, this.type.createResolver(typeOf(version)))
      } catch {
        // Its records are dead letters: no decision is on one.
      }
    }
  }

  /** Undefined for one of another framing, or with a number that no double holds. */
  decode(value: Uint8Array): Application | undefined {
    const resolver = this.resolvers.get(fingerprintOf(value) ?? 0n)
    if (!resolver) return undefined
    try {
      const body = Buffer.from(value.buffer, value.byteOffset, value.length).subarray(HEADER_BYTES)
      return this.type.fromBuffer(body, resolver) as Application
    } catch {
      return undefined
    }
  }
}

function typeOf({ json }: SchemaVersion): Type {
  return Type.forSchema(withoutWideDefaults(json) as Parameters<typeof Type.forSchema>[0])
}
