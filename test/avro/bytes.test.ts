// Single values in Avro's binary encoding: the specification's examples, then avsc on random ones.

import { expect, test } from 'bun:test'
import avsc from 'avsc'
import fc from 'fast-check'
import { ByteWriter } from '../../src/avro/bytes.ts'
import { runs } from '../support/engine.ts'

/** Value and hexadecimal bytes. Source: specification, "Binary Encoding", and its extremes. */
const VARINTS: [value: number | bigint, hex: string][] = [
  [0, '00'],
  [-1, '01'],
  [1, '02'],
  [-2, '03'],
  [2, '04'],
  [-64, '7f'],
  [64, '8001'],
  [8192, '808001'],
  [-8193, '818001'],
  [2147483647, 'feffffff0f'],
  [-2147483648, 'ffffffff0f'],
  [9223372036854775807n, 'feffffffffffffffff01'],
  [-9223372036854775808n, 'ffffffffffffffffff01'],
]

function hex(writer: ByteWriter): string {
  return writer.take().toHex()
}

test.each(VARINTS)('the long %p is %s', (value, bytes) => {
  expect(hex(new ByteWriter().long(value))).toBe(bytes)
})

test("the specification's string", () => {
  expect(hex(new ByteWriter().string('foo'))).toBe('06666f6f')
})

test('values come one behind the other', () => {
  const writer = new ByteWriter().long(1).double(1).float(1).string('').raw(Uint8Array.of(9))
  expect(hex(writer)).toBe('02000000000000f03f0000803f0009')
})

test('avsc writes the same', () => {
  const type = avsc.Type.forSchema({
    type: 'record',
    name: 'R',
    fields: [
      { name: 'l', type: 'long' },
      { name: 'd', type: 'double' },
      { name: 'f', type: 'float' },
      { name: 's', type: 'string' },
    ],
  })
  const value = fc.record({
    // avsc writes no long from 2^52 on.
    l: fc.maxSafeInteger().map((x) => Math.trunc(x / 4)),
    d: fc.double({ noNaN: true }),
    f: fc.float({ noNaN: true }),
    s: fc.string({ unit: 'grapheme', maxLength: 100 }),
  })
  fc.assert(
    fc.property(value, ({ l, d, f, s }) => {
      const ours = new ByteWriter().long(l).double(d).float(f).string(s)
      expect(hex(ours)).toBe(type.toBuffer({ l, d, f, s }).toString('hex'))
    }),
    runs(300),
  )
})
