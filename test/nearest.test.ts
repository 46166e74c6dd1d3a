// Suggestions: near names only.

import { expect, test } from 'bun:test'
import { nearest } from '../src/nearest.ts'

const NAMES = ['acks', 'http.port', 'http.host', 'commit.interval.ms', 'commit.records']

test.each([
  ['http.prot', 'http.port'],
  ['http.hosts', 'http.host'],
  ['commitinterval', 'commit.interval.ms'],
  ['commit.record', 'commit.records'],
  ['ack', 'acks'],
  ['acsk', 'acks'],
  ['acks', 'acks'],
])('%s probably means %s', (name, meant) => {
  expect(nearest(name, NAMES)).toBe(meant)
})

test.each(['x', '', 'http', 'completely.different', 'interval'])(
  '%j means none of them',
  (name) => {
    expect(nearest(name, NAMES)).toBeUndefined()
  },
)

test('of two as near the first is taken', () => {
  expect(nearest('http.pot', ['http.port', 'http.post'])).toBe('http.port')
})
