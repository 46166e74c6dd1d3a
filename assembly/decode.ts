// Decode: Avro records to rows of doubles. The decode plan (made by the resolver in src/avro) walks
// the writer's fields in the writer's order; each step reads or skips one value. A record that
// cannot be read gets a status and harms no other.

import { isUtf8, forgetVarint, readVarint, varintEnd, varintStart, zigzagDecode } from './avro'
import { badVarint, fail, faultAt, truncated } from './decode-fault'
import { decodeOther, lastStep, startRecord, useContext } from './decode-other'
import { decodePlain } from './decode-plain'
import { passTo, passed, skip } from './decode-skip'
import { bodyAt, frameByHeader, frameByValue, framedWriter, framingStatus, nameAt } from './framing'
import {
  CONTEXT_FAULTS,
  CONTEXT_HEADERS,
  CONTEXT_IDS,
  CONTEXT_ROWS,
  CONTEXT_ROW_BYTES,
  CONTEXT_SPANS,
  CONTEXT_STATUSES,
  CONTEXT_WRITERS,
  CONTEXT_WRITER_COUNT,
  CONTEXT_WRITER_OF,
  DECODE_BOOLEAN,
  DECODE_CONSTANT,
  DECODE_DOUBLE,
  DECODE_END,
  DECODE_FLOAT,
  DECODE_ID,
  DECODE_INT,
  DECODE_INT_AS_FLOAT,
  DECODE_LONG,
  DECODE_LONG_AS_FLOAT,
  DECODE_NULLABLE,
  DECODE_NULLABLE_DOUBLE,
  DECODE_NULLABLE_INT,
  DECODE_PLAIN,
  DECODE_RETURN,
  DECODE_SKIP_BOOLEAN,
  DECODE_SKIP_BYTES,
  DECODE_SKIP_ENUM,
  DECODE_SKIP_FIXED,
  DECODE_SKIP_NOTHING,
  DECODE_SKIP_VARINT,
  HEADER_BYTES,
  HEADER_KIND,
  HEADER_NONE,
  ID_BYTES_MAX,
  INT_VARINT_BYTES,
  LONG_VARINT_BYTES,
  STATUS_BAD_BRANCH,
  STATUS_BAD_LENGTH,
  STATUS_BAD_STRING,
  STATUS_IMPOSSIBLE_VALUE,
  STATUS_INCOMPATIBLE_SCHEMA,
  STATUS_OK,
  STATUS_TRAILING_BYTES,
  STATUS_UNKNOWN_SCHEMA,
  STEP_ARGUMENT,
  STEP_BYTES,
  STEP_CODE,
  STEP_COLUMN,
  STEP_MAXIMUM,
  STEP_MINIMUM,
  WRITER_BYTES,
  WRITER_FINGERPRINT,
  WRITER_PLAN,
} from './layout'

/** Bytes C3 01 of the single-object encoding, as a little-endian u16. */
const SINGLE_OBJECT_MARKER: u16 = 0x01c3
const SINGLE_OBJECT_HEADER_BYTES: u32 = 10
/** Where the fingerprint starts: the fault of a record whose schema is none that is read. */
const FINGERPRINT_AT: u32 = 2

/** Decodes records 0 to n - 1 into rows, ids, writers and statuses; returns how many failed. */
export function decode(context: usize, n: i32): i32 {
  const spans = <usize>load<u32>(context, CONTEXT_SPANS)
  const writers = <usize>load<u32>(context, CONTEXT_WRITERS)
  const writersEnd = writers + <usize>load<u32>(context, CONTEXT_WRITER_COUNT) * WRITER_BYTES
  const rowBytes = <usize>load<u32>(context, CONTEXT_ROW_BYTES)
  const ids = <usize>load<u32>(context, CONTEXT_IDS)
  const statuses = <usize>load<u32>(context, CONTEXT_STATUSES)
  const faults = <usize>load<u32>(context, CONTEXT_FAULTS)
  const writerOf = <usize>load<u32>(context, CONTEXT_WRITER_OF)
  const headers = <usize>load<u32>(context, CONTEXT_HEADERS)
  let row = <usize>load<u32>(context, CONTEXT_ROWS)
  // Of the single-object encoding: a batch has few, one behind the other.
  let last = writers
  let failed = 0
  useContext(context)
  for (let i: usize = 0; i < <usize>n; i++) {
    const start = <usize>load<u32>(spans + (i << 3))
    const length = load<u32>(spans + (i << 3), 4)
    let status = <u32>STATUS_OK
    let writer: usize
    let body: usize
    let fault: u32
    if (headers && load<u32>(headers + i * HEADER_BYTES, HEADER_KIND) != HEADER_NONE) {
      frameByHeader(context, headers + i * HEADER_BYTES)
      status = framingStatus
      writer = framedWriter
      body = start + <usize>bodyAt
      fault = nameAt
    } else if (length < SINGLE_OBJECT_HEADER_BYTES || load<u16>(start) != SINGLE_OBJECT_MARKER) {
      frameByValue(context, start, length)
      status = framingStatus
      writer = framedWriter
      body = start + <usize>bodyAt
      fault = nameAt
    } else {
      const fingerprint = load<u64>(start, 2)
      if (last >= writersEnd || load<u64>(last, WRITER_FINGERPRINT) != fingerprint) {
        last = writers
        while (last < writersEnd && load<u64>(last, WRITER_FINGERPRINT) != fingerprint) {
          last += WRITER_BYTES
        }
      }
      if (last >= writersEnd) status = STATUS_UNKNOWN_SCHEMA
      writer = last
      body = start + SINGLE_OBJECT_HEADER_BYTES
      fault = FINGERPRINT_AT
    }
    if (status == STATUS_OK) {
      const plan = <usize>load<u32>(writer, WRITER_PLAN)
      store<u32>(writerOf + (i << 2), <u32>writer)
      if (plan == 0) {
        status = STATUS_INCOMPATIBLE_SCHEMA
      } else {
        const end = start + <usize>length
        const id = ids + (i << 3)
        const isPlain = load<u32>(plan, STEP_CODE) == DECODE_PLAIN
        if (!isPlain || !decodePlain(plan, body, end, row, id)) {
          startRecord()
          forgetVarint()
          const steps = isPlain ? plan + STEP_BYTES : plan
          status = decodeSteps(steps, body, end, row, id)
          if (status != STATUS_OK) fault = <u32>(faultAt - start)
        }
      }
    }
    store<u32>(statuses + (i << 2), status)
    if (status != STATUS_OK) {
      store<u32>(faults + (i << 2), fault)
      failed++
    }
    row += rowBytes
  }
  return failed
}

/**
 * Runs the steps of a plan over a record's body, or those of a block over a part of it; returns a
 * status. A block's end is told by `passed`.
 */
export function decodeSteps(steps: usize, position: usize, end: usize, row: usize, id: usize): u32 {
  for (let step = steps; ; step += STEP_BYTES) {
    const code = load<u32>(step, STEP_CODE)
    let value: f64
    switch (code) {
      case DECODE_END:
        return position == end ? STATUS_OK : fail(STATUS_TRAILING_BYTES, step, position)

      case DECODE_RETURN:
        passTo(position)
        return STATUS_OK

      case DECODE_NULLABLE_DOUBLE: {
        const branch = <u32>load<u8>(position++)
        if (branch == load<u32>(step, STEP_ARGUMENT)) {
          if (position > end) return truncated(end)
          store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), NaN)
          continue
        }
        if (branch != 2 - load<u32>(step, STEP_ARGUMENT)) {
          const status = readBranch(step, position - 1, end)
          if (status != STATUS_OK) return status
          position = passed
          if (longBranch == load<u32>(step, STEP_ARGUMENT)) {
            store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), NaN)
            continue
          }
        }
        if (position > end) return truncated(end)
      }
      // falls through
      case DECODE_DOUBLE:
        value = load<f64>(position)
        position += 8
        break

      case DECODE_NULLABLE_INT: {
        const branch = <u32>load<u8>(position++)
        if (branch == load<u32>(step, STEP_ARGUMENT)) {
          if (position > end) return truncated(end)
          store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), NaN)
          continue
        }
        if (branch != 2 - load<u32>(step, STEP_ARGUMENT)) {
          const status = readBranch(step, position - 1, end)
          if (status != STATUS_OK) return status
          position = passed
          if (longBranch == load<u32>(step, STEP_ARGUMENT)) {
            store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), NaN)
            continue
          }
        }
        if (position > end) return truncated(end)
      }
      // falls through
      case DECODE_INT: {
        let raw = <u64>load<u8>(position++)
        if (raw >= 0x80) {
          raw = readVarint(position - 1, INT_VARINT_BYTES)
          if (varintEnd == 0 || raw > <u64>u32.MAX_VALUE) {
            return badVarint(position - 1, end, INT_VARINT_BYTES, step)
          }
          position = varintEnd
        }
        value = <f64>zigzagDecode(raw)
        break
      }

      case DECODE_LONG: {
        const raw = readVarint(position, LONG_VARINT_BYTES)
        if (varintEnd == 0) return badVarint(position, end, LONG_VARINT_BYTES, step)
        position = varintEnd
        value = <f64>zigzagDecode(raw)
        break
      }

      case DECODE_INT_AS_FLOAT: {
        const raw = readVarint(position, INT_VARINT_BYTES)
        if (varintEnd == 0 || raw > <u64>u32.MAX_VALUE) {
          return badVarint(position, end, INT_VARINT_BYTES, step)
        }
        position = varintEnd
        value = <f64>(<f32>zigzagDecode(raw))
        break
      }

      case DECODE_LONG_AS_FLOAT: {
        const raw = readVarint(position, LONG_VARINT_BYTES)
        if (varintEnd == 0) return badVarint(position, end, LONG_VARINT_BYTES, step)
        position = varintEnd
        value = <f64>(<f32>zigzagDecode(raw))
        break
      }

      case DECODE_FLOAT:
        value = <f64>load<f32>(position)
        position += 4
        break

      case DECODE_BOOLEAN: {
        const byte = load<u8>(position++)
        if (byte > 1 && position <= end) {
          return fail(STATUS_IMPOSSIBLE_VALUE, step, position - 1)
        }
        value = <f64>byte
        break
      }

      case DECODE_NULLABLE: {
        const branchAt = position
        let raw = <u32>load<u8>(position++)
        if (position > end) return truncated(end)
        const nullBranch = load<u32>(step, STEP_ARGUMENT)
        if (raw == 2 - nullBranch) continue
        if (raw >= 0x80) {
          const status = readBranch(step, branchAt, end)
          if (status != STATUS_OK) return status
          position = passed
          raw = longBranch
          if (raw == 2 - nullBranch) continue
        }
        // STEP_MAXIMUM of 1 says that the reader takes no null here.
        if (raw != nullBranch || load<f64>(step, STEP_MAXIMUM) != 0) {
          return fail(STATUS_BAD_BRANCH, step, branchAt)
        }
        step += STEP_BYTES
        store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), NaN)
        continue
      }

      case DECODE_ID: {
        const raw = readVarint(position, LONG_VARINT_BYTES)
        if (varintEnd == 0) return badVarint(position, end, LONG_VARINT_BYTES, step)
        position = varintEnd
        if (position > end) return truncated(end)
        const length = <u64>zigzagDecode(raw)
        if (length > min(<u64>(end - position), <u64>ID_BYTES_MAX)) {
          return fail(STATUS_BAD_LENGTH, step, varintStart)
        }
        if (length == 0) return fail(STATUS_IMPOSSIBLE_VALUE, step, varintStart)
        if (!isUtf8(position, <usize>length)) return fail(STATUS_BAD_STRING, step, varintStart)
        store<u32>(id, <u32>position)
        store<u32>(id, <u32>length, 4)
        position += <usize>length
        continue
      }

      case DECODE_CONSTANT:
        store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), load<f64>(step, STEP_MINIMUM))
        continue

      case DECODE_SKIP_NOTHING:
      case DECODE_SKIP_BOOLEAN:
      case DECODE_SKIP_VARINT:
      case DECODE_SKIP_FIXED:
      case DECODE_SKIP_ENUM:
      case DECODE_SKIP_BYTES: {
        const status = skip(step, position, end)
        if (status != STATUS_OK) return status
        position = passed
        continue
      }

      default: {
        const status = decodeOther(step, position, end, row, id)
        if (status != STATUS_OK) return status
        position = passed
        step = lastStep
        continue
      }
    }
    if (position > end) return truncated(end)
    // Written so that NaN fails too.
    if (!(value >= load<f64>(step, STEP_MINIMUM) && value <= load<f64>(step, STEP_MAXIMUM))) {
      return fail(STATUS_IMPOSSIBLE_VALUE, step, startOf(code, position))
    }
    store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), value)
  }
  return unreachable()
}

/** The branch that `readBranch` read, as it would stand in a varint of one byte: 0 or 2. */
let longBranch: u32 = 0

/** Reads the branch of a nullable value whose varint may be longer than it need be. */
function readBranch(step: usize, position: usize, end: usize): u32 {
  const raw = readVarint(position, LONG_VARINT_BYTES)
  if (varintEnd == 0) return badVarint(position, end, LONG_VARINT_BYTES, step)
  if (varintEnd > end) return truncated(end)
  if (raw > 2 || raw == 1) return fail(STATUS_BAD_BRANCH, step, position)
  passTo(varintEnd)
  longBranch = <u32>raw
  return STATUS_OK
}

/** Where the number starts that ends at `position`; a branch before it is no part of it. */
function startOf(code: u32, position: usize): usize {
  switch (code) {
    case DECODE_NULLABLE_DOUBLE:
    case DECODE_DOUBLE:
      return position - 8
    case DECODE_FLOAT:
      return position - 4
    case DECODE_BOOLEAN:
      return position - 1
    default:
      // An int of one byte is read without readVarint.
      return varintEnd == position ? varintStart : position - 1
  }
}
