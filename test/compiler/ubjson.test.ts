// UBJ as XGBoost writes it: each type of value, and bytes that are none of it.

import { describe, expect, test } from 'bun:test'
import { parseUbjson } from '../../src/compiler/ubjson.ts'
import { refusal } from '../support/engine.ts'

/** An int64 with its mark. */
const length = (count: number) => `L\0\0\0\0\0\0\0${String.fromCharCode(count)}`
const text = (value: string) => `${length(value.length)}${value}`
const parse = (bytes: string) => parseUbjson(Buffer.from(bytes, 'latin1'), 'm.ubj')

const READ: [what: string, bytes: string, value: unknown][] = [
  ['null', 'Z', null],
  ['true', 'T', true],
  ['false', 'F', false],
  ['int8', 'i\xff', -1],
  ['uint8', 'U\xff', 255],
  ['int16', 'I\xff\xfe', -2],
  ['int32', 'l\x80\0\0\0', -2147483648],
  ['int64', `L\xff\xff\xff\xff\xff\xff\xff\xff`, -1],
  ['float', 'd\x3f\x80\0\0', 1],
  ['double', 'D\x3f\xf0\0\0\0\0\0\0', 1],
  ['text', `S${text('\xc3\xa9')}`, 'é'],
  ['an empty object', '{}', {}],
  ['an object', `{${text('a')}i\x01${text('__proto__')}T}`, { a: 1, ['__proto__']: true }],
  ['an array with its end', '[i\x01Z]', [1, null]],
  ['an array with its count', `[#${length(2)}TF`, [true, false]],
  ['an array with type and count', `[$l#${length(2)}\0\0\0\x01\0\0\0\x02`, [1, 2]],
  ['an empty array with type', `[$d#${length(0)}`, []],
]
test.each(READ)('%s is read', (_, bytes, value) => {
  expect(parse(bytes)).toEqual(value)
})

describe('is refused with file and offset', () => {
  const CASES: [what: string, bytes: string, message: string][] = [
    ['nothing', '', 'byte 0: ends too early: 1 bytes are due, 0 are left'],
    ['an unknown type', 'Q', 'byte 0: has the unknown type 0x51'],
    ['bytes behind the value', 'TT', 'byte 1: holds more bytes than its one value'],
    ['an object without its end', '{', 'byte 1: ends too early'],
    ['a number cut short', 'l\0\0', 'byte 1: ends too early: 4 bytes are due, 2 are left'],
    ['a length of another type', 'Si\x01a', 'byte 1: has the byte 0x69 where L is due'],
    ['a length below 0', 'SL\xff\xff\xff\xff\xff\xff\xff\xff', 'byte 2: states a length of -1'],
    [
      'a length beyond the file',
      'SL\x7f\xff\xff\xff\xff\xff\xff\xff',
      'byte 2: states a length of',
    ],
    ['a text that is not UTF-8', `S${text('\xff')}`, 'byte 10: holds a text that is not UTF-8'],
    ['a key twice', `{${text('a')}T${text('a')}T}`, 'byte 12: repeats the key "a"'],
    ['more values than bytes', `[#${length(9)}`, 'byte 11: ends too early: 9 bytes are due, 0'],
    ['numbers cut short', `[$L#${length(2)}1234567812345678`.slice(0, -1), 'byte 13: ends too'],
    ['an array of an unknown type', `[$S#${length(1)}a`, 'byte 2: has the unknown type 0x53'],
    ['a type without a count', '[$l]', 'byte 3: has the byte 0x5d where # is due'],
    ['arrays in arrays', '['.repeat(100_000), 'byte 65: is nested more than 64 levels deep'],
  ]
  test.each(CASES)('%s', (_, bytes, message) => {
    const error = refusal(() => parse(bytes))
    expect(error.message).toStartWith(`m.ubj: ${message}`)
    expect([error.kind, error.code]).toEqual(['usage', 'model'])
  })
})
