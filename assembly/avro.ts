// Avro's binary primitives over linear memory (Avro 1.12 specification, "Binary Encoding").
// Reads trust nothing: a varint has a bound, a length is checked by the caller against the record's
// end. They may look at up to INPUT_PADDING bytes past it, and the caller discards what they saw.

import { OUTPUT_PADDING } from './layout'

/** Position after the varint that `readVarint` read; 0 when it was longer than allowed. */
export let varintEnd: usize = 0
/** Where that varint starts. */
export let varintStart: usize = 0

/** Forgets the varint that was read last. */
export function forgetVarint(): void {
  varintEnd = 0
}

/** Reads an unsigned varint of at most `bytesMax` bytes and 64 bits, and sets `varintEnd`. */
export function readVarint(position: usize, bytesMax: u32): u64 {
  varintStart = position
  let value: u64 = 0
  let shift: u64 = 0
  for (let i: u32 = 0; i < bytesMax; i++) {
    const byte = <u64>load<u8>(position++)
    value |= (byte & 0x7f) << shift
    if (byte < 0x80) {
      // The tenth byte holds bit 63 alone.
      varintEnd = i == 9 && byte > 1 ? 0 : position
      return value
    }
    shift += 7
  }
  varintEnd = 0
  return 0
}

export function zigzagDecode(value: u64): i64 {
  return (<i64>(value >> 1)) ^ -(<i64>(value & 1))
}

/** Writes a long as a zig-zag varint and returns the position after it. */
export function writeLong(position: usize, value: i64): usize {
  let rest = ((<u64>value) << 1) ^ (<u64>(value >> 63))
  while (rest >= 0x80) {
    store<u8>(position++, (<u8>rest) | 0x80)
    rest >>= 7
  }
  store<u8>(position++, <u8>rest)
  return position
}

/**
 * Copies bytes that are few, in place of a call of the engine's, which takes longer than they do.
 * Up to OUTPUT_PADDING - 1 more are read and written.
 */
export function copyShort(target: usize, source: usize, length: usize): void {
  for (let i: usize = 0; i < length; i += OUTPUT_PADDING) {
    v128.store(target + i, v128.load(source + i))
  }
}

/** Whether the bytes are UTF-8 (RFC 3629: no overlong form, surrogate or > U+10FFFF). */
export function isUtf8(position: usize, length: usize): bool {
  const end = position + length
  while (position + 16 <= end && !i8x16.bitmask(v128.load(position))) position += 16
  while (position < end) {
    const lead = <u32>load<u8>(position)
    if (lead < 0x80) {
      position++
      continue
    }
    let following: usize = 1
    let lowest: u32 = 0x80
    let code: u32 = lead & 0x1f
    if (lead >= 0xf0) {
      following = 3
      lowest = 0x10000
      code = lead & 0x07
    } else if (lead >= 0xe0) {
      following = 2
      lowest = 0x800
      code = lead & 0x0f
    }
    if (lead < 0xc2 || lead > 0xf4 || position + following >= end) return false
    for (let i: usize = 1; i <= following; i++) {
      const byte = <u32>load<u8>(position + i)
      if ((byte & 0xc0) != 0x80) return false
      code = (code << 6) | (byte & 0x3f)
    }
    if (code < lowest || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false
    position += following + 1
  }
  return true
}
