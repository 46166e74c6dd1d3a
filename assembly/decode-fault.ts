// What is wrong with a record, and at which of its bytes.

import { STATUS_BAD_VARINT, STATUS_TRUNCATED, STEP_FIELD } from './layout'

/** Address of the byte where the record's fault lies; of no meaning when it has none. */
export let faultAt: usize = 0

/** The status of a value that starts at `position`. */
export function fail(status: u32, step: usize, position: usize): u32 {
  faultAt = position
  return status | (load<u32>(step, STEP_FIELD) << 8)
}

/** The record's next byte is missing. */
export function truncated(end: usize): u32 {
  faultAt = end
  return STATUS_TRUNCATED
}

/** A varint that runs past the record's end is truncation, whatever bytes lie behind it. */
export function badVarint(position: usize, end: usize, bytesMax: u32, step: usize): u32 {
  if (end - position < <usize>bytesMax) return truncated(end)
  return fail(STATUS_BAD_VARINT, step, position)
}
