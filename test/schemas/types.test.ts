// TypeScript types and documentation of records of every kind.

import { expect, test } from 'bun:test'
import type { Json } from '../../src/avro/schema.ts'
import { docsOf } from '../../src/schemas/docs.ts'
import { typesOf } from '../../src/schemas/types.ts'
import { refusal, schemaVersion } from '../support/engine.ts'

function record(name: string, fields: { [name: string]: Json }): { [key: string]: Json } {
  const list = Object.entries(fields).map(([field, type]) => ({ name: field, type }))
  return { type: 'record', name, fields: list }
}

function types(...records: Json[]): string {
  return typesOf(records.map((json) => schemaVersion(json)))
    .split('\n\n')
    .slice(1)
    .join('\n\n')
}

test('every kind of type has one of TypeScript', () => {
  const json = record('a.R', {
    nothing: 'null',
    yes: 'boolean',
    int: 'int',
    long: 'long',
    double: 'double',
    bytes: 'bytes',
    text: 'string',
    hash: { type: 'fixed', name: 'Hash', size: 4 },
    list: { type: 'array', items: 'string' },
    lists: { type: 'array', items: ['null', 'int', 'long'] },
    map: { type: 'map', values: { type: 'array', items: 'int' } },
    kind: { type: 'enum', name: 'Kind', symbols: ['A', 'B'] },
    inner: record('Inner', { again: ['null', 'a.R'] }),
  })
  expect(types(json)).toBe(`export type R = {
  nothing: null
  yes: boolean
  int: number
  long: number | bigint
  double: number
  bytes: Uint8Array
  text: string
  hash: Uint8Array
  list: string[]
  lists: (null | number | bigint)[]
  map: { [key: string]: number[] }
  kind: Kind
  inner: Inner
}

export type Kind = 'A' | 'B'

export type Inner = {
  again: null | R
}
`)
})

test('what is made is TypeScript', () => {
  const symbols = Array.from({ length: 40 }, (_, i) => `SYMBOL_${i}`)
  const json = {
    ...record('R', {}),
    fields: [
      { name: 'e', type: { type: 'enum', name: 'E', symbols }, doc: 'Ends */ here? '.repeat(20) },
      { name: 'r', type: record('Empty', {}) },
    ],
  }
  const text = types(json)
  expect(() => new Bun.Transpiler({ loader: 'ts' }).transformSync(text)).not.toThrow()
  expect(text.split('\n').filter((line) => line.length > 100)).toEqual([])
  expect(text).toContain("  | 'SYMBOL_39'")
})

test('two types of one name are refused', () => {
  const error = refusal(() => types(record('a.R', {}), record('b.R', {})))
  expect(error.message).toBe('both a.R and b.R would be the type R')
})

test('documentation has a row for every field, those of inner records by their path', () => {
  const json = {
    ...record('R', {
      home: ['null', record('Address', { zip: 'string' })],
      work: { type: 'array', items: 'Address' },
      next: ['null', 'R'],
    }),
    doc: 'About R.',
  }
  const lines = docsOf(schemaVersion(json)).split('\n')
  expect(lines.slice(0, 3)).toEqual(['## R, version 1', '', 'About R.'])
  const paths = lines.filter((line) => line.startsWith('| `')).map((line) => line.split('`')[1])
  expect(paths).toEqual(['home', 'home.zip', 'work', 'work[].zip', 'next'])
})

test('documentation states unit, default and bounds, and no cell breaks the table', () => {
  const field = {
    name: 'x',
    type: ['null', 'int'],
    default: null,
    unit: 'a|b',
    minimum: 1,
    doc: 'One\ntwo',
  }
  const text = docsOf(schemaVersion({ type: 'record', name: 'R', fields: [field] }))
  expect(text).toContain('| `x` | union of null, int | a\\|b | `null` | 1 |  | One two |')
})
