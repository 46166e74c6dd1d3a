// Random pairs of schemas with records of the writer, whole and damaged, and what Apache Avro made
// of each as the reader: committed as gzipped JSON lines, so that it is compared without Java too.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../../src/applications/random.ts'
import { type Json, parseSchema } from '../../src/avro/schema.ts'
import type { Value } from '../../src/avro/value.ts'
import { ROOT } from '../../src/paths.ts'
import { damaged } from '../assembly/damage.ts'
import type { Written } from './apache-avro.ts'
import { randomPairs } from './random-pairs.ts'
import { RandomValues } from './random-values.ts'

export type ResolvedRecords = Written & { texts: string[] }

const PATH = join(ROOT, 'test/fixtures/avro-records.jsonl.gz')
const RECORDS = 5
const HEADER_BYTES = 10

/** Pairs with a few records of each; pairs whose values have no end are left out. */
export function randomRecords(seed: number, count: number): Written[] {
  return written(seed, count, (records) => records)
}

/** So many damaged records of each writer, which is the reader, too: all that is damaged is bytes. */
export function damagedRecords(seed: number, count: number, perPair: number): Written[] {
  const random = new Random(seed)
  const header = new Uint8Array(HEADER_BYTES)
  const pairs = written(seed, count, (records) => {
    const whole = records.map((record) => Buffer.concat([header, record]))
    return Array.from({ length: perPair }, () => damaged(random, whole).subarray(HEADER_BYTES))
  })
  return pairs.map(({ writer, records }) => ({ writer, reader: writer, records }))
}

function written(
  seed: number,
  count: number,
  change: (records: Uint8Array[]) => Uint8Array[],
): Written[] {
  const random = new Random(seed)
  return randomPairs(seed, count).flatMap((pair) => {
    const schema = parseSchema(pair.writer, 'random')
    const values = new RandomValues(random, true)
    const records = Array.from({ length: RECORDS }, () => values.encode(schema)).filter(
      (bytes) => bytes !== undefined,
    )
    if (records.length === 0) return []
    return [{ ...pair, records: change(records).map((it) => it.toHex()) }]
  })
}

type Line = [Json, Json, string[], string[]]

export function readResolved(): ResolvedRecords[] {
  const text = new TextDecoder().decode(Bun.gunzipSync(readFileSync(PATH)))
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [reader, writer, records, texts] = JSON.parse(line) as Line
      return { reader, writer, records, texts }
    })
}

export function writeResolved(resolved: readonly ResolvedRecords[]): void {
  const lines = resolved.map(({ reader, writer, records, texts }) => {
    const line: Line = [reader, writer, records, texts]
    return `${JSON.stringify(line)}\n`
  })
  writeFileSync(PATH, Bun.gzipSync(Buffer.from(lines.join('')), { level: 9 }))
}

/** A value as Resolve.java writes it. */
export function textOf(value: Value): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'bigint') return `${value}L`
  if (typeof value === 'number') return bitsText(value)
  if (typeof value === 'string') return stringText(value)
  if (value instanceof Uint8Array) return `b${Buffer.from(value).toString('base64')}`
  if (Array.isArray(value)) return `[${value.map(textOf).join(',')}]`
  const sorted = [...value].sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${sorted.map(([key, it]) => `${stringText(key)}:${textOf(it)}`).join(',')}}`
}

/** Java's digits of an escaped character are capitals. */
function stringText(value: string): string {
  return JSON.stringify(value).replaceAll(
    /\\u[0-9a-f]{4}/g,
    (it) => `\\u${it.slice(2).toUpperCase()}`,
  )
}

function bitsText(value: number): string {
  const view = new DataView(new ArrayBuffer(8))
  // One NaN for all, as Java has it.
  view.setFloat64(0, value)
  return Number.isNaN(value) ? '7ff8000000000000' : view.getBigUint64(0).toString(16)
}
