// The region of each decision: it stands in the application, whose place the decision names. Both
// topics are read side by side, the applications' from the first place that was named.

import { Type } from 'avsc'
import type { SchemaVersion } from '../avro/schema-files.ts'
import { RecordReader } from '../rdkafka/record-reader.ts'
import type { SeenDecision } from './decision-table.ts'

const HEADER_BYTES = 10
const FINGERPRINT_AT = 2

/** Of one partition: where it is read, what was read and not asked for yet, and who waits. */
type Lane = {
  reader: RecordReader
  regions: Map<number, string | null>
  next: number
  waiting: SeenDecision[]
}

export class RegionJoin implements Disposable {
  private readonly properties: Readonly<Record<string, string>>
  private readonly topic: string
  private readonly types: Map<bigint, Type>
  private readonly lanes = new Map<number, Lane>()

  /** @param applications  every version that records may be of */
  constructor(
    properties: Readonly<Record<string, string>>,
    topic: string,
    applications: readonly SchemaVersion[],
  ) {
    this.properties = properties
    this.topic = topic
    this.types = new Map(
      applications.map(({ fingerprint, json }) => [
        fingerprint,
        Type.forSchema(json as Parameters<typeof Type.forSchema>[0]),
      ]),
    )
  }

  /** Whether every decision that was given has been given back. */
  get isEmpty(): boolean {
    return [...this.lanes.values()].every(({ waiting }) => waiting.length === 0)
  }

  /** Takes decisions, gives back those whose region is known by now, in order by partition. */
  add(decisions: readonly SeenDecision[]): SeenDecision[] {
    for (const seen of decisions) {
      const { partition, offset } = seen.decision
      const lane = this.lanes.get(partition) ?? this.open(partition, offset)
      lane.waiting.push(seen)
    }
    return [...this.lanes.values()].flatMap((lane) => this.advance(lane))
  }

  private open(partition: number, offset: number): Lane {
    const reader = new RecordReader(this.properties, this.topic, [partition], { offset })
    const lane = { reader, regions: new Map(), next: offset, waiting: [] }
    this.lanes.set(partition, lane)
    return lane
  }

  private advance(lane: Lane): SeenDecision[] {
    const { waiting, regions } = lane
    const last = waiting.at(-1)?.decision.offset ?? -1
    while (lane.next <= last) {
      const records = lane.reader.read(0)
      if (records.length === 0) break
      for (const { recordOffset, value } of records) {
        regions.set(recordOffset, value && this.regionOf(value))
        lane.next = recordOffset + 1
      }
    }
    const known = waiting.findIndex(({ decision }) => decision.offset >= lane.next)
    const told = waiting.splice(0, known < 0 ? waiting.length : known)
    for (const seen of told) seen.region = regions.get(seen.decision.offset) ?? null
    const done = told.at(-1)?.decision.offset ?? -1
    for (const offset of regions.keys()) if (offset <= done) regions.delete(offset)
    return told
  }

  private regionOf(value: Uint8Array): string | null {
    if (value.length < HEADER_BYTES) return null
    const view = new DataView(value.buffer, value.byteOffset)
    const type = this.types.get(view.getBigUint64(FINGERPRINT_AT, true))
    try {
      const body = Buffer.from(value.buffer, value.byteOffset, value.length).subarray(HEADER_BYTES)
      const record = type?.fromBuffer(body) as { region?: unknown } | undefined
      return typeof record?.region === 'string' ? record.region : null
    } catch {
      // What avsc cannot read is a dead letter, or holds a number that no double does.
      return null
    }
  }

  [Symbol.dispose](): void {
    for (const { reader } of this.lanes.values()) reader[Symbol.dispose]()
  }
}
