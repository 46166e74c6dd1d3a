// Arrays and maps: blocks of items, each block a count (negative when its size in bytes follows),
// the last one of no items. Source: Avro 1.12 specification, "Binary Encoding", arrays and maps.

import { readVarint, varintEnd, zigzagDecode } from './avro'
import { decodeSteps } from './decode'
import { badVarint, fail, truncated } from './decode-fault'
import { countItems } from './decode-other'
import { passTo, passed, skipBytes } from './decode-skip'
import {
  DECODE_ITEM_COUNT,
  DECODE_ITEM_FIRST,
  DECODE_ITEM_MAXIMUM,
  DECODE_MAP,
  DECODE_SKIP_ARRAY,
  DECODE_SKIP_MAP,
  ITEMS_MAX,
  LONG_VARINT_BYTES,
  SCRATCH_COLUMNS_MAX,
  STATUS_BAD_LENGTH,
  STATUS_OK,
  STEP_ARGUMENT,
  STEP_BYTES,
  STEP_CODE,
  STEP_COLUMN,
} from './layout'

/** Numbers of one item: only one array or map at a time is reduced. */
const scratch = memory.data(SCRATCH_COLUMNS_MAX * 8, 8)

/** Whether the step is one of those behind an array or map, a column each. */
export function isItemStep(step: usize): bool {
  const code = load<u32>(step, STEP_CODE)
  return code >= <u32>DECODE_ITEM_COUNT && code <= <u32>DECODE_ITEM_MAXIMUM
}

/** Reads or skips an array or map; returns a status and sets `passed`. */
export function decodeItems(step: usize, position: usize, end: usize, row: usize, id: usize): u32 {
  const code = load<u32>(step, STEP_CODE)
  const isMap = code == DECODE_MAP || code == DECODE_SKIP_MAP
  const isSkipped = code == DECODE_SKIP_ARRAY || code == DECODE_SKIP_MAP
  const block = step + <usize>load<u32>(step, STEP_ARGUMENT)
  startItems(step, row)
  let seen: u64 = 0
  // A block takes a byte at least, so the record's end is reached.
  for (;;) {
    const raw = readVarint(position, LONG_VARINT_BYTES)
    if (varintEnd == 0) return badVarint(position, end, LONG_VARINT_BYTES, step)
    if (varintEnd > end) return truncated(end)
    const stated = zigzagDecode(raw)
    // The smallest long has no positive counterpart; as unsigned it is beyond every limit.
    const count = <u64>(stated < 0 ? -stated : stated)
    if (!countItems(count, ITEMS_MAX)) return fail(STATUS_BAD_LENGTH, step, position)
    position = varintEnd
    if (count == 0) break
    if (stated < 0) {
      const size = readVarint(position, LONG_VARINT_BYTES)
      if (varintEnd == 0) return badVarint(position, end, LONG_VARINT_BYTES, step)
      if (varintEnd > end) return truncated(end)
      const bytes = <u64>zigzagDecode(size)
      if (isSkipped && bytes > <u64>(end - varintEnd)) {
        return fail(STATUS_BAD_LENGTH, step, position)
      }
      position = varintEnd
      if (isSkipped) {
        position += <usize>bytes
        continue
      }
    }
    for (let i: u64 = 0; i < count; i++) {
      if (isMap) {
        const status = skipBytes(step, position, end)
        if (status != STATUS_OK) return status
        position = passed
      }
      const status = decodeSteps(block, position, end, scratch, id)
      if (status != STATUS_OK) return status
      position = passed
      if (!isSkipped) addItem(step, seen == 0, row)
      seen++
    }
  }
  passTo(position)
  return STATUS_OK
}

/** What the columns hold of no item. */
function startItems(step: usize, row: usize): void {
  for (let at = step + STEP_BYTES; isItemStep(at); at += STEP_BYTES) {
    const isCount = load<u32>(at, STEP_CODE) == DECODE_ITEM_COUNT
    store<f64>(row + <usize>load<u32>(at, STEP_COLUMN), isCount ? 0 : NaN)
  }
}

function addItem(step: usize, isFirst: bool, row: usize): void {
  for (let at = step + STEP_BYTES; isItemStep(at); at += STEP_BYTES) {
    const column = row + <usize>load<u32>(at, STEP_COLUMN)
    const value = load<f64>(scratch + <usize>load<u32>(at, STEP_ARGUMENT))
    switch (load<u32>(at, STEP_CODE)) {
      case DECODE_ITEM_COUNT:
        store<f64>(column, load<f64>(column) + 1)
        break
      case DECODE_ITEM_FIRST:
        if (isFirst) store<f64>(column, value)
        break
      default: {
        // NaN is null, which is left out, or what stands there before the first number.
        const most = load<f64>(column)
        if (value == value) store<f64>(column, most == most ? max(most, value) : value)
      }
    }
  }
}
