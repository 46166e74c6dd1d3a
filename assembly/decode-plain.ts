// Decoding of records that are good and whose plan holds plain values only, which is nearly all of
// them. It looks at less and says less: what it does not take, decodeSteps reads again and judges.
// A record's end is looked at behind a string and behind the last value: between them no more than
// INPUT_PADDING bytes can be read (plainBounds in src/avro), and what lay past the end is not used.

import { isUtf8, zigzagDecode } from './avro'
import { scale } from './decode-other'
import {
  BOUNDS_BYTES,
  BOUNDS_MAXIMA,
  DECODE_CONSTANT,
  DECODE_DOUBLE,
  DECODE_END,
  DECODE_FLOAT,
  DECODE_ID,
  DECODE_INT,
  DECODE_LONG,
  DECODE_NULLABLE_DOUBLE,
  DECODE_NULLABLE_INT,
  DECODE_SKIP_BYTES,
  DECODE_SKIP_FIXED,
  DECODE_SKIP_VARINT,
  STEP_ARGUMENT,
  STEP_BYTES,
  STEP_CODE,
  STEP_COLUMN,
  STEP_MINIMUM,
} from './layout'

/** The bits of eight bytes of a varint that say that another one follows. */
const CONTINUATION: u64 = 0x8080808080808080
const CONTINUATION_INT: u64 = 0x8080808080
/** Of a length in one byte: neither another one follows, nor is it negative. */
const NO_SHORT_LENGTH: u32 = 0x81
const PAIR_BYTES: usize = 16

/**
 * Reads a record's body by a plan whose first step is DECODE_PLAIN.
 *
 * @returns whether it is good; else row and id are of no meaning
 */
export function decodePlain(plan: usize, position: usize, end: usize, row: usize, id: usize): bool {
  // By a chain of comparisons, which are foreseen, as a jump by a table takes longer; and numbers
  // that may be null have their own copies of the code, for the same reason.
  for (let step = plan + STEP_BYTES; ; step += STEP_BYTES) {
    const code = load<u32>(step, STEP_CODE)
    if (code == DECODE_INT) {
      let raw = <u32>load<u8>(position++)
      if (raw >= 0x80) {
        const second = <u32>load<u8>(position++)
        if (second < 0x80) {
          raw = (raw & 0x7f) | (second << 7)
        } else {
          const wide = wideInt(position - 2)
          if (!wide) return false
          raw = <u32>wide
          position += <usize>(wide >> 32)
        }
      }
      const value = (<i32>(raw >> 1)) ^ -(<i32>(raw & 1))
      store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), <f64>value)
    } else if (code == DECODE_DOUBLE) {
      const value = load<f64>(position)
      if (value != value) return false
      position += 8
      store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), value)
    } else if (code == DECODE_NULLABLE_INT) {
      const branch = <u32>load<u8>(position++)
      if (branch == load<u32>(step, STEP_ARGUMENT)) {
        store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), NaN)
        continue
      }
      if (branch != 2 - load<u32>(step, STEP_ARGUMENT)) return false
      let raw = <u32>load<u8>(position++)
      if (raw >= 0x80) {
        const second = <u32>load<u8>(position++)
        if (second < 0x80) {
          raw = (raw & 0x7f) | (second << 7)
        } else {
          const wide = wideInt(position - 2)
          if (!wide) return false
          raw = <u32>wide
          position += <usize>(wide >> 32)
        }
      }
      const value = (<i32>(raw >> 1)) ^ -(<i32>(raw & 1))
      store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), <f64>value)
    } else if (code == DECODE_NULLABLE_DOUBLE) {
      const branch = <u32>load<u8>(position++)
      if (branch == load<u32>(step, STEP_ARGUMENT)) {
        store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), NaN)
        continue
      }
      if (branch != 2 - load<u32>(step, STEP_ARGUMENT)) return false
      const value = load<f64>(position)
      if (value != value) return false
      position += 8
      store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), value)
    } else if (code == DECODE_LONG) {
      const word = load<u64>(position)
      const stop = ~word & CONTINUATION
      if (!stop) return false
      position += <usize>(ctz(stop) >> 3) + 1
      const value = <f64>zigzagDecode(varintOf(word, stop))
      store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), value)
    } else if (code == DECODE_FLOAT) {
      const value = load<f32>(position)
      if (value != value) return false
      position += 4
      store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), <f64>value)
    } else if (code == DECODE_CONSTANT) {
      store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), load<f64>(step, STEP_MINIMUM))
    } else if (code == DECODE_ID) {
      const length = <u32>load<u8>(position++)
      const start = position
      position += <usize>(length >> 1)
      if (length & NO_SHORT_LENGTH || !length || position > end) return false
      if (!isUtf8(start, <usize>(length >> 1))) return false
      store<u32>(id, <u32>start)
      store<u32>(id, length >> 1, 4)
    } else if (code == DECODE_SKIP_BYTES) {
      const length = <u32>load<u8>(position++)
      position += <usize>(length >> 1)
      if (length & NO_SHORT_LENGTH || position > end) return false
    } else if (code == DECODE_END) {
      return position == end && isWithin(plan, row)
    } else if (code == DECODE_SKIP_FIXED) {
      position += <usize>load<u32>(step, STEP_ARGUMENT)
    } else if (code == DECODE_SKIP_VARINT) {
      const stop = ~load<u64>(position) & CONTINUATION
      if (!stop) return false
      position += <usize>(ctz(stop) >> 3) + 1
    } else {
      // DECODE_MULTIPLY or DECODE_DIVIDE.
      scale(step, position, row)
    }
  }
  return unreachable()
}

/** The varint at a word's start, whose last byte the lowest bit of `stop` marks. */
function varintOf(word: u64, stop: u64): u64 {
  // Seven bits of each byte, then moved together: by twos, by fours, by eights.
  const bits = word & (stop ^ (stop - 1)) & ~CONTINUATION
  const twos = (bits & 0x007f007f007f007f) | ((bits & 0x7f007f007f007f00) >> 1)
  const fours = (twos & 0x00003fff00003fff) | ((twos & 0x3fff00003fff0000) >> 2)
  return (fours & 0x000000000fffffff) | ((fours & 0x0fffffff00000000) >> 4)
}

/** Whether all columns are within their bounds, two at a time; what is missing is. */
function isWithin(plan: usize, row: usize): bool {
  let bounds = plan + <usize>load<u32>(plan, STEP_ARGUMENT)
  const last = row + <usize>load<u32>(plan, STEP_COLUMN)
  let outside = i64x2.splat(0)
  for (let at = row; at < last; at += PAIR_BYTES) {
    const pair = v128.load(at)
    const below = f64x2.lt(pair, v128.load(bounds))
    const above = f64x2.gt(pair, v128.load(bounds, BOUNDS_MAXIMA))
    outside = v128.or(outside, v128.or(below, above))
    bounds += BOUNDS_BYTES
  }
  return !v128.any_true(outside)
}

/**
 * An int of three to five bytes.
 *
 * @returns the varint, and in the upper half how many bytes there are more than two; 0 for none
 */
function wideInt(position: usize): u64 {
  const word = load<u64>(position)
  const stop = ~word & CONTINUATION_INT
  const value = varintOf(word, stop)
  if (!stop || value > <u64>u32.MAX_VALUE) return 0
  return value | (((ctz(stop) >> 3) - 1) << 32)
}
