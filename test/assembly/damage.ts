// The ways in which a record comes out wrong: cut, changed, spliced, with the counts and lengths
// that decoders fall over, or no record at all.

import { ITEMS_MAX } from '../../assembly/layout.ts'
import { ByteWriter } from '../../src/avro/bytes.ts'

/** Where whole numbers from 0 below a bound come from. */
export type Draw = { below(bound: number): number }

const HEADER_BYTES = 10
const SPECIALS = [0, 1, 2, 3, 4, 0x7f, 0x80, 0x81, 0xfe, 0xff]
/** Counts, lengths and branches at the limits of what reads them. */
const SIZES = [-1, -2, 63, 64, 1000, ITEMS_MAX - 1, ITEMS_MAX, ITEMS_MAX + 1, -ITEMS_MAX]
const WORDS = [2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1]
const WIDE_EDGES = [1n << 33n, 1n << 53n, 1n << 62n, (1n << 63n) - 1n, -(1n << 63n), -(1n << 62n)]
const VARINTS = [...SIZES, ...WORDS, ...WIDE_EDGES].map((edge) =>
  new ByteWriter().long(edge).take(),
)

function pick<T>(draw: Draw, items: readonly T[]): T {
  return items[draw.below(items.length)]!
}

function bytes(draw: Draw, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, () => draw.below(256))
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts)
}

/**
 * One of the records, with something wrong about it most of the time.
 *
 * @param records  whole ones, with their headers
 */
export function damaged(draw: Draw, records: readonly Uint8Array[]): Uint8Array {
  const record = pick(draw, records)
  const changes = draw.below(8) === 0 ? 1 + draw.below(4) : 1
  let result = record
  for (let i = 0; i < changes; i++) result = damagedOnce(draw, result, records)
  return result
}

function damagedOnce(draw: Draw, record: Uint8Array, records: readonly Uint8Array[]): Uint8Array {
  // Most of what is wrong lies behind the header, or few records would be looked at further.
  const first = record.length > HEADER_BYTES && draw.below(16) > 0 ? HEADER_BYTES : 0
  const at = first + draw.below(Math.max(1, record.length - first))
  const [before, after] = [record.subarray(0, at), record.subarray(at + 1)]
  const rest = record.subarray(at)
  switch (draw.below(13)) {
    case 0:
      return before
    case 1:
      return joined(before, bytes(draw, 1), after)
    case 2:
      return joined(before, Uint8Array.of(pick(draw, SPECIALS)), after)
    case 3:
      return joined(before, bytes(draw, 1), rest)
    case 4:
      return joined(before, after)
    case 5:
      // The body of one schema under the header of another.
      return joined(
        pick(draw, records).subarray(0, HEADER_BYTES),
        record.subarray(Math.min(HEADER_BYTES, record.length)),
      )
    case 6:
      return joined(before, pick(draw, records).subarray(at))
    case 7:
      return joined(before, new Uint8Array(draw.below(12)).fill(pick(draw, [0x80, 0xff])), rest)
    case 8:
      return joined(before, pick(draw, VARINTS), rest)
    case 9:
      return joined(before, pick(draw, VARINTS), after)
    case 10:
      return joined(record.subarray(0, HEADER_BYTES), bytes(draw, draw.below(80)))
    case 11:
      return draw.below(4) === 0 ? bytes(draw, draw.below(80)) : record
    default:
      return record
  }
}
