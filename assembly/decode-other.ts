// Steps of a plan that most records do without: unions of any branches, arrays and maps, types that
// contain themselves, enums, times, decimals and UUIDs. Each sets `passed` and `lastStep`.

import { readVarint, varintEnd, zigzagDecode } from './avro'
import { decodeSteps } from './decode'
import { decimalNumber } from './decimal'
import { badVarint, fail, truncated } from './decode-fault'
import { decodeItems, isItemStep } from './decode-items'
import { passTo, passed, skip } from './decode-skip'
import {
  CONTEXT_IDS,
  CONTEXT_UUIDS,
  DECIMAL_BYTES_MAX,
  DECODE_ARRAY,
  DECODE_CALL,
  DECODE_CALL_RECORD,
  DECODE_CHECK_BOOLEAN,
  DECODE_CHECK_INT,
  DECODE_DECIMAL_BYTES,
  DECODE_DECIMAL_FIXED,
  DECODE_DIVIDE,
  DECODE_ENUM,
  DECODE_ID_UUID,
  DECODE_MAP,
  DECODE_MULTIPLY,
  DECODE_SKIP_ARRAY,
  DECODE_SKIP_MAP,
  DECODE_TIME,
  DECODE_UNION,
  DECODE_UNREADABLE,
  DEPTH_MAX,
  INT_VARINT_BYTES,
  LONG_VARINT_BYTES,
  NO_COLUMN,
  NO_SYMBOL,
  STATUS_BAD_BRANCH,
  STATUS_BAD_LENGTH,
  STATUS_BAD_SYMBOL,
  STATUS_IMPOSSIBLE_VALUE,
  STATUS_OK,
  STATUS_TOO_DEEP,
  STEP_ARGUMENT,
  STEP_BYTES,
  STEP_CODE,
  STEP_COLUMN,
  STEP_MAXIMUM,
  STEP_MINIMUM,
  TIME_DIVISOR,
  TIME_MULTIPLIER,
  TIME_VARINT_BYTES,
} from './layout'

/** The last step that `decodeOther` took: those of a union's branches are behind it. */
export let lastStep: usize = 0

/** Containers around the value, and items of the record so far. */
let depth: u32 = 0
let items: u32 = 0

let ids: usize = 0
let uuids: usize = 0

const UUID_BYTES: usize = 16
const UUID_TEXT_BYTES: usize = 36
/** Of an entry of the ids. */
const ID_SPAN_BYTES: usize = 8

export function useContext(context: usize): void {
  ids = <usize>load<u32>(context, CONTEXT_IDS)
  uuids = <usize>load<u32>(context, CONTEXT_UUIDS)
}

export function startRecord(): void {
  depth = 0
  items = 0
}

/** Enters a container; false when it lies too deep. */
function enter(): bool {
  if (depth == DEPTH_MAX) return false
  depth++
  return true
}

function leave(): void {
  depth--
}

/** Counts a block's items; false when the record has more than it may. */
export function countItems(count: u64, max: u32): bool {
  if (count > <u64>(max - items)) return false
  items += <u32>count
  return true
}

/** Runs one step, as `decodeSteps` runs those that it does not know itself. */
export function decodeOther(step: usize, position: usize, end: usize, row: usize, id: usize): u32 {
  lastStep = step
  switch (load<u32>(step, STEP_CODE)) {
    case DECODE_UNION:
      return decodeUnion(step, position, end, row, id)
    case DECODE_CALL:
      return call(step, position, end, row, id)
    case DECODE_CALL_RECORD: {
      if (!enter()) return fail(STATUS_TOO_DEEP, step, position)
      const status = call(step, position, end, row, id)
      leave()
      return status
    }
    case DECODE_ARRAY:
    case DECODE_MAP:
    case DECODE_SKIP_ARRAY:
    case DECODE_SKIP_MAP: {
      if (!enter()) return fail(STATUS_TOO_DEEP, step, position)
      const status = decodeItems(step, position, end, row, id)
      leave()
      lastStep = behindItems(step)
      return status
    }
    case DECODE_CHECK_INT: {
      const raw = readVarint(position, INT_VARINT_BYTES)
      if (varintEnd == 0 || raw > <u64>u32.MAX_VALUE) {
        return badVarint(position, end, INT_VARINT_BYTES, step)
      }
      return passWithin(varintEnd, end)
    }
    case DECODE_CHECK_BOOLEAN:
      if (position < end && load<u8>(position) > 1) {
        return fail(STATUS_IMPOSSIBLE_VALUE, step, position)
      }
      return passWithin(position + 1, end)
    case DECODE_ENUM:
      return decodeEnum(step, position, end, row)
    case DECODE_TIME:
      return decodeTime(step, position, end, row)
    case DECODE_DECIMAL_BYTES:
    case DECODE_DECIMAL_FIXED:
      return decodeDecimal(step, position, end, row)
    case DECODE_ID_UUID:
      return decodeUuid(position, end, id)
    case DECODE_MULTIPLY:
    case DECODE_DIVIDE:
      return scale(step, position, row)
    default:
      return skip(step, position, end)
  }
}

/** The last of the steps that belong to an array or map. */
function behindItems(step: usize): usize {
  while (isItemStep(step + STEP_BYTES)) step += STEP_BYTES
  return step
}

function call(step: usize, position: usize, end: usize, row: usize, id: usize): u32 {
  const block = step + <usize>load<u32>(step, STEP_ARGUMENT)
  const status = decodeSteps(block, position, end, row, id)
  lastStep = step
  return status
}

function passWithin(position: usize, end: usize): u32 {
  if (position > end) return truncated(end)
  passTo(position)
  return STATUS_OK
}

function decodeUnion(step: usize, position: usize, end: usize, row: usize, id: usize): u32 {
  const branches = load<u32>(step, STEP_ARGUMENT)
  const raw = readVarint(position, LONG_VARINT_BYTES)
  if (varintEnd == 0) return badVarint(position, end, LONG_VARINT_BYTES, step)
  const value = varintEnd
  if (value > end) return truncated(end)
  const branch = <u64>zigzagDecode(raw)
  if (branch >= <u64>branches) return fail(STATUS_BAD_BRANCH, step, position)
  const chosen = step + (<usize>branch + 1) * STEP_BYTES
  if (load<u32>(chosen, STEP_CODE) == DECODE_UNREADABLE) {
    return fail(STATUS_BAD_BRANCH, step, position)
  }
  const status = decodeOther(chosen, value, end, row, id)
  lastStep = step + <usize>branches * STEP_BYTES
  return status
}

/** Stores a column's value; it started at `position`. */
function storeNumber(step: usize, position: usize, value: f64, row: usize): u32 {
  const column = load<u32>(step, STEP_COLUMN)
  if (column == NO_COLUMN) return STATUS_OK
  // Written so that NaN fails too.
  if (!(value >= load<f64>(step, STEP_MINIMUM) && value <= load<f64>(step, STEP_MAXIMUM))) {
    return fail(STATUS_IMPOSSIBLE_VALUE, step, position)
  }
  store<f64>(row + <usize>column, value)
  return STATUS_OK
}

function decodeEnum(step: usize, position: usize, end: usize, row: usize): u32 {
  const table = step + <usize>load<u32>(step, STEP_ARGUMENT)
  const raw = readVarint(position, LONG_VARINT_BYTES)
  if (varintEnd == 0) return badVarint(position, end, LONG_VARINT_BYTES, step)
  if (varintEnd > end) return truncated(end)
  const index = <u64>zigzagDecode(raw)
  if (index >= <u64>load<u32>(table)) return fail(STATUS_BAD_SYMBOL, step, position)
  const symbol = load<u32>(table + ((<usize>index + 1) << 2))
  if (symbol == NO_SYMBOL) return fail(STATUS_BAD_SYMBOL, step, position)
  passTo(varintEnd)
  return storeNumber(step, position, <f64>symbol, row)
}

function decodeTime(step: usize, position: usize, end: usize, row: usize): u32 {
  const table = step + <usize>load<u32>(step, STEP_ARGUMENT)
  const bytesMax = load<u32>(table, TIME_VARINT_BYTES)
  const raw = readVarint(position, bytesMax)
  if (varintEnd == 0 || (bytesMax == INT_VARINT_BYTES && raw > <u64>u32.MAX_VALUE)) {
    return badVarint(position, end, bytesMax, step)
  }
  if (varintEnd > end) return truncated(end)
  const multiplier = load<i64>(table, TIME_MULTIPLIER)
  const divisor = load<i64>(table, TIME_DIVISOR)
  const value = zigzagDecode(raw)
  if (value > i64.MAX_VALUE / multiplier || value < i64.MIN_VALUE / multiplier) {
    return fail(STATUS_IMPOSSIBLE_VALUE, step, position)
  }
  const product = value * multiplier
  let quotient = product / divisor
  if (quotient * divisor > product) quotient--
  passTo(varintEnd)
  return storeNumber(step, position, <f64>quotient, row)
}

function decodeDecimal(step: usize, position: usize, end: usize, row: usize): u32 {
  const argument = load<u32>(step, STEP_ARGUMENT)
  let start = position
  let size = <u64>(argument >> 8)
  if (load<u32>(step, STEP_CODE) == DECODE_DECIMAL_BYTES) {
    const raw = readVarint(position, LONG_VARINT_BYTES)
    if (varintEnd == 0) return badVarint(position, end, LONG_VARINT_BYTES, step)
    if (varintEnd > end) return truncated(end)
    start = varintEnd
    size = <u64>zigzagDecode(raw)
    if (size > <u64>(end - start)) return fail(STATUS_BAD_LENGTH, step, position)
    // No number has no bytes, and one of more digits than a database holds is none either.
    if (size == 0 || size > <u64>DECIMAL_BYTES_MAX) return fail(STATUS_BAD_LENGTH, step, position)
  }
  if (size > <u64>(end - start)) return truncated(end)
  passTo(start + <usize>size)
  return storeNumber(step, position, decimalNumber(start, <u32>size, argument & 0xff), row)
}

/** Tells a UUID as text: it becomes the decision's key, which people search for. */
function decodeUuid(position: usize, end: usize, id: usize): u32 {
  if (end - position < UUID_BYTES) return truncated(end)
  const text = uuids + ((id - ids) / ID_SPAN_BYTES) * UUID_TEXT_BYTES
  let at = text
  for (let i: usize = 0; i < UUID_BYTES; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) store<u8>(at++, 0x2d)
    const byte = <u32>load<u8>(position + i)
    store<u8>(at++, hexDigit(byte >> 4))
    store<u8>(at++, hexDigit(byte & 0xf))
  }
  store<u32>(id, <u32>text)
  store<u32>(id, <u32>UUID_TEXT_BYTES, 4)
  passTo(position + UUID_BYTES)
  return STATUS_OK
}

/** Fills the column of a feature that is in another unit than its field. */
export function scale(step: usize, position: usize, row: usize): u32 {
  const value = load<f64>(row + <usize>load<u32>(step, STEP_ARGUMENT))
  const factor = load<f64>(step, STEP_MINIMUM)
  const isDivided = load<u32>(step, STEP_CODE) == DECODE_DIVIDE
  const scaled = isDivided ? value / factor : value * factor
  store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), scaled)
  passTo(position)
  return STATUS_OK
}

function hexDigit(value: u32): u32 {
  return value < 10 ? 0x30 + value : 0x57 + value
}
