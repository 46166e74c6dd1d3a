// What people read while the set-up runs.

import { expect, test } from 'bun:test'
import { Report } from '../../src/setup/report.ts'

function reportTo(said: string[], own: { quiet?: boolean; terminal?: boolean }): Report {
  const write = (text: string) => void said.push(text)
  return new Report({ quiet: false, terminal: false, write, ...own })
}

test('without a terminal a counter says each quarter once', () => {
  const said: string[] = []
  const count = reportTo(said, {}).counter('compiled', 90)
  for (let done = 1; done <= 90; done++) count(done)
  expect(said).toEqual([23, 45, 68, 90].map((done) => `setup: compiled: ${done} of 90\n`))
})

test('on a terminal what goes on is overwritten and what is done stays', () => {
  const said: string[] = []
  const report = reportTo(said, { terminal: true })
  const count = report.counter('compiled', 2)
  count(1)
  count(2)
  report.line('built')
  expect(said).toEqual([
    '\r\x1b[Ksetup: compiled: 1 of 2 …',
    '\r\x1b[Ksetup: compiled: 2 of 2 …',
    '\r\x1b[Ksetup: built\n',
  ])
})

test('a quiet report says nothing', () => {
  const said: string[] = []
  const report = reportTo(said, { quiet: true, terminal: true })
  report.line('built')
  report.counter('compiled', 1)(1)
  expect(said).toEqual([])
})
