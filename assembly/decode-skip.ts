// Values that no column wants and that hold no other.

import { readVarint, varintEnd, zigzagDecode } from './avro'
import { badVarint, fail, truncated } from './decode-fault'
import {
  DECODE_SKIP_BOOLEAN,
  DECODE_SKIP_BYTES,
  DECODE_SKIP_ENUM,
  DECODE_SKIP_FIXED,
  DECODE_SKIP_NOTHING,
  DECODE_SKIP_VARINT,
  LONG_VARINT_BYTES,
  STATUS_BAD_LENGTH,
  STATUS_BAD_SYMBOL,
  STATUS_OK,
  STEP_ARGUMENT,
  STEP_CODE,
} from './layout'

/** Position after what a function of decoding read, when its status is STATUS_OK. */
export let passed: usize = 0

export function passTo(position: usize): void {
  passed = position
}

/** Passes one value; returns a status and sets `passed`. */
export function skip(step: usize, position: usize, end: usize): u32 {
  const code = load<u32>(step, STEP_CODE)
  switch (code) {
    case DECODE_SKIP_NOTHING:
      break
    case DECODE_SKIP_BOOLEAN:
      position += 1
      break
    case DECODE_SKIP_FIXED:
      // Compared before it is added: a size near 2^32 must not wrap around.
      if (<usize>load<u32>(step, STEP_ARGUMENT) > end - position) return truncated(end)
      position += <usize>load<u32>(step, STEP_ARGUMENT)
      break
    case DECODE_SKIP_BYTES:
      return skipBytes(step, position, end)
    case DECODE_SKIP_VARINT:
    case DECODE_SKIP_ENUM: {
      const start = position
      const raw = readVarint(position, LONG_VARINT_BYTES)
      if (varintEnd == 0) return badVarint(position, end, LONG_VARINT_BYTES, step)
      position = varintEnd
      if (position > end) return truncated(end)
      if (
        code == DECODE_SKIP_ENUM &&
        <u64>zigzagDecode(raw) >= <u64>load<u32>(step, STEP_ARGUMENT)
      ) {
        return fail(STATUS_BAD_SYMBOL, step, start)
      }
      break
    }
    default:
      unreachable()
  }
  if (position > end) return truncated(end)
  passed = position
  return STATUS_OK
}

/** Passes a string or bytes: a length and as many bytes. */
export function skipBytes(step: usize, position: usize, end: usize): u32 {
  const raw = readVarint(position, LONG_VARINT_BYTES)
  if (varintEnd == 0) return badVarint(position, end, LONG_VARINT_BYTES, step)
  if (varintEnd > end) return truncated(end)
  const length = <u64>zigzagDecode(raw)
  if (length > <u64>(end - varintEnd)) return fail(STATUS_BAD_LENGTH, step, position)
  passed = varintEnd + <usize>length
  return STATUS_OK
}
