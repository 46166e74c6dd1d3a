// The tables by which the module finds the schema of a record that names it by a registry's id or
// GUID, and the other way: what a record named that is in none.

import {
  HEADER_BAD,
  HEADER_BYTES,
  HEADER_GUID,
  HEADER_ID,
  HEADER_KIND,
  HEADER_NONE,
  NAMED_BYTES,
  NAMED_HIGH,
  NAMED_LOW,
  NAMED_WRITER,
  STATUS_UNKNOWN_ID,
} from '../../assembly/layout.ts'
import {
  MAGIC_ID,
  type SchemaHeader,
  type SchemaId,
  guidText,
  idNumbers,
} from '../avro/schema-id.ts'
import type { Arena } from './arena.ts'
import type { Engine } from './engine.ts'
import type { Framings } from './program.ts'

/** Bytes before the body in Confluent's wire format. */
const REGISTRY_HEADER_BYTES = 5

type Named = { high: bigint; low: bigint; writer: number }

/** Where the tables are: see CONTEXT_… in assembly/layout.ts. */
export type SchemaIdTables = { idsAt: number; ids: Named[]; guidsAt: number; guids: Named[] }

export function takeSchemaIds(arena: Arena, { known }: Framings): SchemaIdTables {
  const of = (type: 'number' | 'string') => {
    const named = [...known].filter(([id]) => typeof id === type)
    return named.map(([id, writer]) => toNamed(id, writer)).sort(ascending)
  }
  const ids = of('number')
  const guids = of('string')
  const idsAt = arena.take(ids.length * NAMED_BYTES)
  return { idsAt, ids, guidsAt: arena.take(guids.length * NAMED_BYTES), guids }
}

/** @param writerAt  address of a writer's entry, by its number in the program */
export function putSchemaIds(
  view: DataView,
  { idsAt, ids, guidsAt, guids }: SchemaIdTables,
  writerAt: (writer: number) => number,
): void {
  const put = (at: number, table: readonly Named[]) => {
    for (const [i, { high, low, writer }] of table.entries()) {
      view.setBigUint64(at + i * NAMED_BYTES + NAMED_HIGH, high, true)
      view.setBigUint64(at + i * NAMED_BYTES + NAMED_LOW, low, true)
      view.setUint32(at + i * NAMED_BYTES + NAMED_WRITER, writerAt(writer), true)
    }
  }
  put(idsAt, ids)
  put(guidsAt, guids)
}

function toNamed(id: SchemaId, writer: number): Named {
  const [high, low] = idNumbers(id)
  return { high, low, writer }
}

function ascending(a: Named, b: Named): number {
  if (a.high !== b.high) return a.high < b.high ? -1 : 1
  return a.low < b.low ? -1 : Number(a.low > b.low)
}

/** Records as they lie in memory, an engine's or what a batch was read into. */
export type RecordBatch = { headersAt: number; spansAt: number; u8: Uint8Array; u32: Uint32Array }

/** Whether a record's header names its schema, well or badly. */
export function isNamedByHeader({ headersAt, u32 }: RecordBatch, record: number): boolean {
  return headersAt !== 0 && u32[(headersAt + record * HEADER_BYTES + HEADER_KIND) >> 2] !== 0
}

/** The id or GUID that a record of status STATUS_UNKNOWN_ID names. */
export function schemaIdOf(batch: RecordBatch, record: number): SchemaId {
  const { headersAt, spansAt, u8, u32 } = batch
  const view = new DataView(u8.buffer)
  if (!isNamedByHeader(batch, record)) return view.getUint32(u32[(spansAt >> 2) + record * 2]! + 1)
  const at = headersAt + record * HEADER_BYTES
  const high = view.getBigUint64(at + NAMED_HIGH, true)
  if (view.getUint32(at + HEADER_KIND, true) === HEADER_ID) return Number(high)
  return guidText(high, view.getBigUint64(at + NAMED_LOW, true))
}

/** The ids and GUIDs that records 0 to n - 1 of the batch name and the program does not know. */
export function unknownIds(engine: Engine, n: number): SchemaId[] {
  const ids = new Set<SchemaId>()
  const { statusesAt, spansAt, u32 } = engine
  for (let i = 0; i < n; i++) {
    if (u32[(statusesAt >> 2) + i] !== STATUS_UNKNOWN_ID) continue
    // What has no value is a dead letter, whatever its header says.
    if (u32[(spansAt >> 2) + i * 2 + 1] !== 0) ids.add(schemaIdOf(engine, i))
  }
  return [...ids]
}

/** The ids and GUIDs that records 0 to n - 1 name, of a batch that lies outside of any engine. */
export function namedIds(batch: RecordBatch, n: number): Set<SchemaId> {
  const ids = new Set<SchemaId>()
  const { headersAt, spansAt, u8, u32 } = batch
  for (let i = 0; i < n; i++) {
    const at = u32[(spansAt >> 2) + i * 2]!
    const length = u32[(spansAt >> 2) + i * 2 + 1]!
    if (length === 0) continue
    const isWireFormat = length >= REGISTRY_HEADER_BYTES && u8[at] === MAGIC_ID
    const kind = headersAt && u32[(headersAt + i * HEADER_BYTES + HEADER_KIND) >> 2]!
    if (kind === HEADER_NONE ? isWireFormat : kind !== HEADER_BAD) ids.add(schemaIdOf(batch, i))
  }
  return ids
}

/** Puts down what a record's header names its schema by, where the engine looks at headers. */
export function putSchemaHeader(engine: Engine, record: number, header: SchemaHeader): void {
  const { headersAt, memory } = engine
  if (headersAt === 0) return
  const view = new DataView(memory.buffer)
  const at = headersAt + record * HEADER_BYTES
  const isNone = header === undefined || header === null
  const kind = isNone ? HEADER_NONE : typeof header === 'number' ? HEADER_ID : HEADER_GUID
  view.setUint32(at + HEADER_KIND, header === null ? HEADER_BAD : kind, true)
  if (isNone) return
  const [high, low] = idNumbers(header)
  view.setBigUint64(at + NAMED_HIGH, high, true)
  view.setBigUint64(at + NAMED_LOW, low, true)
}
