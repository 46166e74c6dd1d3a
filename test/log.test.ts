import { expect, test } from 'bun:test'
import { RepeatFilter } from '../src/log.ts'

test('a repeated message is held back, whatever numbers are in it, and counted', () => {
  const filter = new RepeatFilter()
  expect(filter.check('connect to 127.0.0.1:9092 failed after 1 ms')).toBe(0)
  expect(filter.check('connect to 127.0.0.1:9093 failed after 22 ms')).toBeUndefined()
  expect(filter.check('another message')).toBe(0)
})

test('the filter remembers a bounded number of messages', () => {
  const filter = new RepeatFilter()
  const message = (i: number) => `message ${String.fromCharCode(0x4e00 + i)}`
  for (let i = 0; i < 600; i++) expect(filter.check(message(i))).toBe(0)
  expect(filter.check(message(599))).toBeUndefined()
  expect(filter.check(message(0))).toBe(0)
})
