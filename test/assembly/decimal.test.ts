// Decimals as doubles: the nearest one, by a division of whole numbers without any rounding.

import { describe, expect, test } from 'bun:test'
import { DECIMAL_SCALE_MAX, STATUS_BAD_LENGTH, STATUS_OK } from '../../assembly/layout.ts'
import { Random } from '../../src/applications/random.ts'
import { ByteWriter } from '../../src/avro/bytes.ts'
import { decimalNumber } from '../../src/avro/decimal.ts'
import type { Json } from '../../src/avro/schema.ts'
import {
  decode,
  engineOf,
  programOf,
  rowOf,
  schemaVersion,
  statusOf,
  withHeader,
} from '../support/engine.ts'

const RECORDS = 256

function engineFor(type: Json) {
  const version = schemaVersion({
    type: 'record',
    name: 'LoanApplication',
    fields: [
      { name: 'application_id', type: 'string' },
      { name: 'x', type },
    ],
  })
  const forest = { features: ['x'], trees: [], sigmoid: 1 }
  return { version, engine: engineOf(programOf({ applications: [version], forest }), RECORDS) }
}

function decimalBytes(scale: number): Json {
  return { type: 'bytes', logicalType: 'decimal', precision: 38, scale }
}

/** Two's complement in so many bytes, most significant first. */
function complement(value: bigint, size: number): Uint8Array {
  const hex = BigInt.asUintN(8 * size, value).toString(16)
  return Uint8Array.from(Buffer.from(hex.padStart(2 * size, '0'), 'hex'))
}

/** The double nearest to value / 10^scale, from the bits of the quotient. */
function nearest(value: bigint, scale: number): number {
  const power = 10n ** BigInt(scale)
  const size = value < 0n ? -value : value
  if (size === 0n) return 0
  // 55 bits at least, and one for all that is left.
  const shift = BigInt(Math.max(0, 56 + power.toString(2).length - size.toString(2).length))
  const quotient = (size << shift) / power
  const rest = (size << shift) % power
  const excess = BigInt(quotient.toString(2).length - 55)
  const cut = quotient >> excess
  const isInexact = rest !== 0n || cut << excess !== quotient
  // 55 bits: Number() rounds the two that a double has no room for, and the last is sticky.
  const double = Number(cut | BigInt(isInexact)) * 2 ** Number(excess - shift)
  return value < 0n ? -double : double
}

describe('a decimal becomes the nearest double', () => {
  const random = new Random(7)
  const EDGES = [
    0n,
    1n,
    -1n,
    5n,
    2n ** 53n,
    2n ** 53n + 1n,
    -(2n ** 53n) - 1n,
    2n ** 63n,
    2n ** 64n,
  ]
  const MORE = [2n ** 127n - 1n, -(2n ** 127n), 10n ** 38n - 1n, 2n ** 54n + 2n, 2n ** 54n + 6n]

  function values(): bigint[] {
    const drawn = Array.from({ length: RECORDS - EDGES.length - MORE.length }, () => {
      let value = 0n
      for (let i = 0; i < 4; i++) value = (value << 32n) | BigInt(random.below(2 ** 32))
      return BigInt.asIntN(128, value) >> BigInt(random.below(128))
    })
    return [...EDGES, ...MORE, ...drawn]
  }

  test.each([0, 1, 2, 9, 15, 22, 23, 27, 30, DECIMAL_SCALE_MAX])('at scale %p', (scale) => {
    const { version, engine } = engineFor(decimalBytes(scale))
    const numbers = values()
    const records = numbers.map((value) => {
      const body = new ByteWriter().string('a').long(16).raw(complement(value, 16)).take()
      return withHeader(version, body)
    })
    decode(engine, records)
    for (const [i, value] of numbers.entries()) {
      const due = nearest(value, scale)
      expect(decimalNumber(complement(value, 16), scale)).toBe(due)
      expect([statusOf(engine, i).code, rowOf(engine, i)['x']]).toEqual([STATUS_OK, due])
    }
  })

  test('in as many bytes as it needs, and in a fixed', () => {
    const { version, engine } = engineFor(decimalBytes(2))
    const fixed = engineFor({
      type: 'fixed',
      name: 'F',
      size: 5,
      logicalType: 'decimal',
      precision: 11,
      scale: 2,
    })
    for (const value of [0n, 127n, -128n, 12_345_678n, -99n]) {
      for (let size = 4; size <= 16; size++) {
        const body = new ByteWriter().string('a').long(size).raw(complement(value, size)).take()
        decode(engine, [withHeader(version, body)])
        expect(rowOf(engine, 0)['x']).toBe(Number(value) / 100)
      }
      const body = new ByteWriter().string('a').raw(complement(value, 5)).take()
      decode(fixed.engine, [withHeader(fixed.version, body)])
      expect(rowOf(fixed.engine, 0)['x']).toBe(Number(value) / 100)
    }
  })

  test.each([0, 17, 100])('and one of %p bytes is no number', (size) => {
    const { version, engine } = engineFor(decimalBytes(2))
    const body = new ByteWriter().string('a').long(size).raw(new Uint8Array(size)).take()
    expect(decode(engine, [withHeader(version, body)])[0]!.code).toBe(STATUS_BAD_LENGTH)
  })
})
