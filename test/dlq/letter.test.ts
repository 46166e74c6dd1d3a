// A letter taken apart, and what chooses letters.

import { describe, expect, test } from 'bun:test'
import { hexDump } from '../../src/dlq/hex-dump.ts'
import { identityOf, readLetter } from '../../src/dlq/letter.ts'
import { isSelected, parseRanges } from '../../src/dlq/selection.ts'
import { deadLetterHeaders } from '../../src/pipeline/dead-letter.ts'
import type { RawHeader, RawRecord } from '../../src/rdkafka/record.ts'
import { refusal } from '../support/engine.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

/** As a worker writes it. */
function record(own: readonly RawHeader[], offset: number): RawRecord {
  const letter = { class: 'truncated', message: 'too short', byte: 17 } as const
  const added = deadLetterHeaders(letter, 'in', 2, offset)
  const headers = [...own, ...added.map(([name, text]): RawHeader => [name, bytes(text)])]
  return { partition: 0, recordOffset: 5, timestampMs: 1, key: bytes('k'), value: null, headers }
}

describe('a letter', () => {
  test('has the record’s headers and the worker’s, also where both bear the same names', () => {
    const first = record([['a', bytes('1')]], 7)
    const second = record([...first.headers, ['loanstream.replayed.record', bytes('in/2/7')]], 9)
    const letter = readLetter('dead', second)
    expect(letter.origin).toEqual({ topic: 'in', partition: 2, offset: 9 })
    expect([letter.class, letter.message, letter.byte]).toEqual(['truncated', 'too short', 17])
    expect(letter.headers).toEqual(second.headers.slice(0, first.headers.length + 1))
  })

  test('of no worker is foreign, and has all its headers', () => {
    const headers: RawHeader[] = [['loanstream.error.class', bytes('truncated')]]
    const letter = readLetter('dead', { ...record([], 0), headers: [...headers, ['x', null]] })
    expect([letter.class, letter.origin]).toEqual(['foreign', undefined])
  })

  test('is the same as another of the same record, wherever that lies', () => {
    const one = readLetter('dead', record([], 7))
    const again = readLetter('dead', { ...record([], 7), recordOffset: 6, timestampMs: 2 })
    expect(identityOf(again)).toBe(identityOf(one))
    expect(identityOf(readLetter('dead', record([], 8)))).not.toBe(identityOf(one))
    const other = readLetter('dead', { ...record([], 7), key: bytes('other') })
    expect(identityOf(other)).not.toBe(identityOf(one))
  })
})

describe('ranges of offsets', () => {
  test('take both ends, in one partition or in all', () => {
    const ranges = parseRanges('5-7,1:20')
    const at = (partition: number, offset: number) => {
      const letter = readLetter('dead', record([], offset))
      const selection = { classes: [], partitions: [], ranges }
      return isSelected(selection, { ...letter, origin: { topic: 'in', partition, offset } })
    }
    expect([4, 5, 7, 8].map((offset) => at(0, offset))).toEqual([false, true, true, false])
    expect([at(1, 20), at(0, 20)]).toEqual([true, false])
  })

  test.each(['', 'a', '7-5', '1:2:3', '-5', '5-', '1,,2'])('%p is refused', (text) => {
    expect(refusal(() => parseRanges(text)).message).toContain('must be an offset, a range')
  })
})

test('a dump shows sixteen bytes a line, marks one, and leaves out what is far from it', () => {
  const value = Uint8Array.from({ length: 100 }, (_, i) => i)
  expect(hexDump(value, 81, 20)).toEqual([
    `00000000 ${value.slice(0, 16).reduce((text, byte) => `${text} 0${byte.toString(16)} `, '')} ${'.'.repeat(16)}`,
    `00000010 ${value.slice(16, 32).reduce((text, byte) => `${text} ${byte.toString(16)} `, '')} ${'.'.repeat(16)}`,
    '…',
    '00000050  50 [51] 52  53  54  55  56  57  58  59  5a  5b  5c  5d  5e  5f  PQRSTUVWXYZ[\\]^_',
    '…',
  ])
  expect(hexDump(value.slice(0, 3), 3, 20).at(-1)).toBe('00000003 [  ]')
  expect(hexDump(new Uint8Array(0), undefined, 20)).toEqual([])
})
