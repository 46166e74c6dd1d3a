// Decode: Avro records to rows of doubles. The decode plan (made by the resolver in src/avro) walks
// the writer's fields in the writer's order; each step reads or skips one value. A record that
// cannot be read gets a status and harms no other.

import { isUtf8, readVarint, varintEnd, zigzagDecode } from './avro'
import {
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
  DECODE_SKIP_BOOLEAN,
  DECODE_SKIP_BYTES,
  DECODE_SKIP_ENUM,
  DECODE_SKIP_FIXED,
  DECODE_SKIP_NOTHING,
  DECODE_SKIP_UNION,
  DECODE_SKIP_VARINT,
  ID_BYTES_MAX,
  STATUS_BAD_BRANCH,
  STATUS_BAD_LENGTH,
  STATUS_BAD_STRING,
  STATUS_BAD_VARINT,
  STATUS_IMPOSSIBLE_VALUE,
  STATUS_INCOMPATIBLE_SCHEMA,
  STATUS_NOT_SINGLE_OBJECT,
  STATUS_OK,
  STATUS_TRAILING_BYTES,
  STATUS_TRUNCATED,
  STATUS_UNKNOWN_SCHEMA,
  STEP_ARGUMENT,
  STEP_BYTES,
  STEP_CODE,
  STEP_COLUMN,
  STEP_FIELD,
  STEP_MAXIMUM,
  STEP_MINIMUM,
  WRITER_BYTES,
  WRITER_FINGERPRINT,
  WRITER_PLAN,
} from './layout'

/** Bytes C3 01 of the single-object encoding, as a little-endian u16. */
const SINGLE_OBJECT_MARKER: u16 = 0x01c3
const SINGLE_OBJECT_HEADER_BYTES: u32 = 10
const INT_VARINT_BYTES: u32 = 5
const LONG_VARINT_BYTES: u32 = 10

/** Decodes records 0 to n - 1 into rows, ids, writers and statuses; returns how many failed. */
export function decode(context: usize, n: i32): i32 {
  const spans = <usize>load<u32>(context, CONTEXT_SPANS)
  const writers = <usize>load<u32>(context, CONTEXT_WRITERS)
  const writersEnd = writers + <usize>load<u32>(context, CONTEXT_WRITER_COUNT) * WRITER_BYTES
  const rowBytes = <usize>load<u32>(context, CONTEXT_ROW_BYTES)
  const ids = <usize>load<u32>(context, CONTEXT_IDS)
  const statuses = <usize>load<u32>(context, CONTEXT_STATUSES)
  const writerOf = <usize>load<u32>(context, CONTEXT_WRITER_OF)
  let row = <usize>load<u32>(context, CONTEXT_ROWS)
  let writer = writers
  let failed = 0
  for (let i: usize = 0; i < <usize>n; i++) {
    const start = <usize>load<u32>(spans + (i << 3))
    const length = load<u32>(spans + (i << 3), 4)
    let status = <u32>STATUS_OK
    if (length < SINGLE_OBJECT_HEADER_BYTES || load<u16>(start) != SINGLE_OBJECT_MARKER) {
      status = STATUS_NOT_SINGLE_OBJECT
    } else {
      const fingerprint = load<u64>(start, 2)
      if (writer >= writersEnd || load<u64>(writer, WRITER_FINGERPRINT) != fingerprint) {
        writer = writers
        while (writer < writersEnd && load<u64>(writer, WRITER_FINGERPRINT) != fingerprint) {
          writer += WRITER_BYTES
        }
      }
      if (writer >= writersEnd) {
        status = STATUS_UNKNOWN_SCHEMA
      } else {
        const plan = <usize>load<u32>(writer, WRITER_PLAN)
        store<u32>(writerOf + (i << 2), <u32>writer)
        status =
          plan == 0
            ? STATUS_INCOMPATIBLE_SCHEMA
            : decodeRecord(
                plan,
                start + SINGLE_OBJECT_HEADER_BYTES,
                start + <usize>length,
                row,
                ids + (i << 3),
              )
      }
    }
    store<u32>(statuses + (i << 2), status)
    failed += i32(status != STATUS_OK)
    row += rowBytes
  }
  return failed
}

/** Runs the plan over one record's body; returns its status. */
function decodeRecord(plan: usize, position: usize, end: usize, row: usize, id: usize): u32 {
  for (let step = plan; ; step += STEP_BYTES) {
    const code = load<u32>(step, STEP_CODE)
    let value: f64
    switch (code) {
      case DECODE_END:
        return position == end ? STATUS_OK : STATUS_TRAILING_BYTES

      case DECODE_NULLABLE_DOUBLE: {
        const branch = <u32>load<u8>(position++)
        if (branch == load<u32>(step, STEP_ARGUMENT)) {
          if (position > end) return STATUS_TRUNCATED
          store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), NaN)
          continue
        }
        if (position > end) return STATUS_TRUNCATED
        if (branch != 2 - load<u32>(step, STEP_ARGUMENT)) {
          return STATUS_BAD_BRANCH | (load<u32>(step, STEP_FIELD) << 8)
        }
      }
      // falls through
      case DECODE_DOUBLE:
        value = load<f64>(position)
        position += 8
        break

      case DECODE_NULLABLE_INT: {
        const branch = <u32>load<u8>(position++)
        if (branch == load<u32>(step, STEP_ARGUMENT)) {
          if (position > end) return STATUS_TRUNCATED
          store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), NaN)
          continue
        }
        if (position > end) return STATUS_TRUNCATED
        if (branch != 2 - load<u32>(step, STEP_ARGUMENT)) {
          return STATUS_BAD_BRANCH | (load<u32>(step, STEP_FIELD) << 8)
        }
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
          return STATUS_IMPOSSIBLE_VALUE | (load<u32>(step, STEP_FIELD) << 8)
        }
        value = <f64>byte
        break
      }

      case DECODE_NULLABLE: {
        const raw = <u32>load<u8>(position++)
        if (position > end) return STATUS_TRUNCATED
        const nullBranch = load<u32>(step, STEP_ARGUMENT)
        if (raw == 2 - nullBranch) continue
        // STEP_MAXIMUM of 1 says that the reader takes no null here.
        if (raw != nullBranch || load<f64>(step, STEP_MAXIMUM) != 0) {
          return STATUS_BAD_BRANCH | (load<u32>(step, STEP_FIELD) << 8)
        }
        step += STEP_BYTES
        store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), NaN)
        continue
      }

      case DECODE_ID: {
        const raw = readVarint(position, LONG_VARINT_BYTES)
        if (varintEnd == 0) return badVarint(position, end, LONG_VARINT_BYTES, step)
        position = varintEnd
        if (position > end) return STATUS_TRUNCATED
        const length = <u64>zigzagDecode(raw)
        if (length > min(<u64>(end - position), <u64>ID_BYTES_MAX)) {
          return STATUS_BAD_LENGTH | (load<u32>(step, STEP_FIELD) << 8)
        }
        if (length == 0) return STATUS_IMPOSSIBLE_VALUE | (load<u32>(step, STEP_FIELD) << 8)
        if (!isUtf8(position, <usize>length)) {
          return STATUS_BAD_STRING | (load<u32>(step, STEP_FIELD) << 8)
        }
        store<u32>(id, <u32>position)
        store<u32>(id, <u32>length, 4)
        position += <usize>length
        continue
      }

      case DECODE_CONSTANT:
        store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), load<f64>(step, STEP_MINIMUM))
        continue

      case DECODE_SKIP_UNION: {
        const branches = load<u32>(step, STEP_ARGUMENT)
        const raw = readVarint(position, LONG_VARINT_BYTES)
        if (varintEnd == 0) return badVarint(position, end, LONG_VARINT_BYTES, step)
        position = varintEnd
        if (position > end) return STATUS_TRUNCATED
        const branch = <u64>zigzagDecode(raw)
        if (branch >= <u64>branches) {
          return STATUS_BAD_BRANCH | (load<u32>(step, STEP_FIELD) << 8)
        }
        const status = skip(step + (<usize>branch + 1) * STEP_BYTES, position, end)
        if (status != STATUS_OK) return status
        position = skipped
        step += <usize>branches * STEP_BYTES
        continue
      }

      default: {
        const status = skip(step, position, end)
        if (status != STATUS_OK) return status
        position = skipped
        continue
      }
    }
    if (position > end) return STATUS_TRUNCATED
    // Written so that NaN fails too.
    if (!(value >= load<f64>(step, STEP_MINIMUM) && value <= load<f64>(step, STEP_MAXIMUM))) {
      return STATUS_IMPOSSIBLE_VALUE | (load<u32>(step, STEP_FIELD) << 8)
    }
    store<f64>(row + <usize>load<u32>(step, STEP_COLUMN), value)
  }
  return unreachable()
}

/** Position after the value that `skip` passed. */
let skipped: usize = 0

/** Passes one value that no column wants; returns a status and sets `skipped`. */
function skip(step: usize, position: usize, end: usize): u32 {
  switch (load<u32>(step, STEP_CODE)) {
    case DECODE_SKIP_NOTHING:
      break
    case DECODE_SKIP_BOOLEAN:
      position += 1
      break
    case DECODE_SKIP_FIXED:
      // Compared before it is added: a size near 2^32 must not wrap around.
      if (<usize>load<u32>(step, STEP_ARGUMENT) > end - position) return STATUS_TRUNCATED
      position += <usize>load<u32>(step, STEP_ARGUMENT)
      break
    case DECODE_SKIP_VARINT:
    case DECODE_SKIP_ENUM:
    case DECODE_SKIP_BYTES: {
      const code = load<u32>(step, STEP_CODE)
      const raw = readVarint(position, LONG_VARINT_BYTES)
      if (varintEnd == 0) return badVarint(position, end, LONG_VARINT_BYTES, step)
      position = varintEnd
      if (position > end) return STATUS_TRUNCATED
      const value = <u64>zigzagDecode(raw)
      if (code == DECODE_SKIP_BYTES) {
        if (value > <u64>(end - position)) {
          return STATUS_BAD_LENGTH | (load<u32>(step, STEP_FIELD) << 8)
        }
        position += <usize>value
      } else if (code == DECODE_SKIP_ENUM && value >= <u64>load<u32>(step, STEP_ARGUMENT)) {
        return STATUS_BAD_BRANCH | (load<u32>(step, STEP_FIELD) << 8)
      }
      break
    }
    default:
      unreachable()
  }
  if (position > end) return STATUS_TRUNCATED
  skipped = position
  return STATUS_OK
}

/** A varint that runs past the record's end is truncation, whatever bytes lie behind it. */
function badVarint(position: usize, end: usize, bytesMax: u32, step: usize): u32 {
  if (end - position < <usize>bytesMax) return STATUS_TRUNCATED
  return STATUS_BAD_VARINT | (load<u32>(step, STEP_FIELD) << 8)
}
