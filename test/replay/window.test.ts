// Bounds of a window, as they are written.

import { describe, expect, test } from 'bun:test'
import { parseBound } from '../../src/replay/window.ts'
import { refusal } from '../support/engine.ts'

describe('a bound', () => {
  test.each([
    ['2026-11-23T08:00:00Z', { kind: 'time', timeMs: Date.UTC(2026, 10, 23, 8) }],
    ['2026-11-23T08:00:00.250+01:00', { kind: 'time', timeMs: Date.UTC(2026, 10, 23, 7) + 250 }],
    ['2026-11-23', { kind: 'time', timeMs: Date.UTC(2026, 10, 23) }],
    ['0', { kind: 'offset', offset: 0 }],
    ['123456789012', { kind: 'offset', offset: 123_456_789_012 }],
    [
      '0:1,12:345',
      {
        kind: 'offsets',
        offsets: new Map([
          [0, 1],
          [12, 345],
        ]),
      },
    ],
  ])('%s', (text, bound) => {
    expect(parseBound(text, '--from')).toEqual(bound as never)
  })

  test.each(['2026-11-23T08:00:00', 'yesterday', '-1', '1:', '1:2:3', '', '2026-13-01', '1e9'])(
    '%p is refused with the option’s name and the forms there are',
    (text) => {
      const { message, kind } = refusal(() => parseBound(text, '--from'))
      expect([kind, message]).toEqual(['usage', expect.stringContaining(`--from ${text}: must be`)])
    },
  )
})
