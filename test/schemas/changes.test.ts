// What is told of two versions of a record, field by field.

import { expect, test } from 'bun:test'
import { type Json, parseRecord } from '../../src/avro/schema.ts'
import { changesOf } from '../../src/schemas/changes.ts'

type Attributes = { [key: string]: Json }

function changes(before: Attributes[], after: Attributes[]): string[] {
  const record = (fields: Attributes[]) => ({ type: 'record', name: 'R', fields })
  const found = changesOf(parseRecord(record(before), 'b'), parseRecord(record(after), 'a'))
  return found.map(({ path, what }) => `${path}: ${what}`)
}

const x = { name: 'x', type: 'int' }

const CASES: [before: Attributes[], after: Attributes[], said: string[]][] = [
  [[x], [x], []],
  [[x], [{ ...x, doc: 'Better.' }], []],
  [[], [x], ['x: added, int, no default']],
  [[], [{ ...x, default: 1 }], ['x: added, int, default 1']],
  [[x], [], ['x: removed, was int']],
  [[x], [{ ...x, type: 'long' }], ['x: type long, was int']],
  [[x], [{ name: 'y', type: 'int', aliases: ['x'] }], ['y: name y, was x']],
  [[x], [{ name: 'y', type: 'int' }], ['y: added, int, no default', 'x: removed, was int']],
  [[x], [{ ...x, default: 0 }], ['x: default 0, was none']],
  [[{ ...x, unit: 'days' }], [{ ...x, unit: 'months' }], ['x: unit months, was days']],
  [[x], [{ ...x, minimum: 0, maximum: 9 }], ['x: least 0, was any', 'x: most 9, was any']],
  [
    [{ name: 'e', type: { type: 'enum', name: 'E', symbols: ['A'] } }],
    [{ name: 'e', type: { type: 'enum', name: 'E', symbols: ['A', 'B'] } }],
    ['e: type enum E of A, B, was enum E of A'],
  ],
]
test.each(CASES)('%j to %j', (before, after, said) => {
  expect(changes(before, after)).toEqual(said)
})

test.each([
  ['alone', (inner: Json): Json => inner],
  ['beside null', (inner: Json): Json => ['null', inner]],
  ['many times', (inner: Json): Json => ({ type: 'array', items: inner })],
  ['by a key', (inner: Json): Json => ({ type: 'map', values: inner })],
])('a record within is looked into: %s', (_, hold) => {
  const inner = (type: string): Attributes => ({
    name: 'home',
    type: hold({ type: 'record', name: 'Home', fields: [{ name: 'zip', type }] }),
  })
  expect(changes([inner('int')], [inner('string')])).toEqual(['home.zip: type string, was int'])
})

test('a record that contains itself ends', () => {
  const next = { name: 'next', type: ['null', 'R'] }
  const said = changes([x, next], [{ ...x, type: 'long' }, next])
  expect(said[0]).toBe('x: type long, was int')
  expect(said.length).toBeLessThan(20)
})
