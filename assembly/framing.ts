// Framing: which schema a record was written with, when it does not start with the marker of the
// single-object encoding: the header's GUID or id, Confluent's wire format (0 and four bytes of an
// id, most significant first), or the one schema of records with nothing before the body.

import {
  CONTEXT_GUIDS,
  CONTEXT_GUID_COUNT,
  CONTEXT_RAW_WRITER,
  CONTEXT_REGISTRY_IDS,
  CONTEXT_REGISTRY_ID_COUNT,
  CONTEXT_USES_REGISTRY,
  HEADER_GUID,
  HEADER_ID,
  HEADER_KIND,
  NAMED_BYTES,
  NAMED_HIGH,
  NAMED_LOW,
  NAMED_WRITER,
  STATUS_BAD_HEADER,
  STATUS_OK,
  STATUS_UNKNOWN_FRAMING,
  STATUS_UNKNOWN_ID,
} from './layout'

const REGISTRY_HEADER_BYTES: u32 = 5
/** Where the id starts: the fault of a record whose schema is none that is read. */
const ID_AT: u32 = 1

/** What the functions here found: a status, the writer's entry, where its name and the body are. */
export let framingStatus: u32 = 0
export let framedWriter: usize = 0
export let nameAt: u32 = 0
export let bodyAt: u32 = 0

/** By the header that lies at `header`; all of the value is the body. */
export function frameByHeader(context: usize, header: usize): void {
  const kind = load<u32>(header, HEADER_KIND)
  const high = load<u64>(header, NAMED_HIGH)
  nameAt = 0
  bodyAt = 0
  if (kind == HEADER_GUID) found(findGuid(context, high, load<u64>(header, NAMED_LOW)))
  else if (kind == HEADER_ID) found(findId(context, high))
  else framingStatus = STATUS_BAD_HEADER
}

/** By the value's first bytes, which are not the marker. */
export function frameByValue(context: usize, start: usize, length: u32): void {
  const usesRegistry = load<u32>(context, CONTEXT_USES_REGISTRY) != 0
  if (usesRegistry && length >= REGISTRY_HEADER_BYTES && load<u8>(start) == 0) {
    nameAt = ID_AT
    bodyAt = REGISTRY_HEADER_BYTES
    found(findId(context, <u64>bswap(load<u32>(start, ID_AT))))
    return
  }
  nameAt = 0
  bodyAt = 0
  framedWriter = <usize>load<u32>(context, CONTEXT_RAW_WRITER)
  framingStatus = framedWriter && length ? STATUS_OK : STATUS_UNKNOWN_FRAMING
}

function found(writer: usize): void {
  framedWriter = writer
  framingStatus = writer ? STATUS_OK : STATUS_UNKNOWN_ID
}

function findId(context: usize, id: u64): usize {
  const ids = <usize>load<u32>(context, CONTEXT_REGISTRY_IDS)
  return find(ids, load<u32>(context, CONTEXT_REGISTRY_ID_COUNT), id, 0)
}

function findGuid(context: usize, high: u64, low: u64): usize {
  const guids = <usize>load<u32>(context, CONTEXT_GUIDS)
  return find(guids, load<u32>(context, CONTEXT_GUID_COUNT), high, low)
}

/** The writer of a name in an ascending table, or 0. */
function find(table: usize, count: u32, high: u64, low: u64): usize {
  let from: u32 = 0
  while (from < count) {
    const middle = (from + count) >> 1
    const entry = table + <usize>middle * NAMED_BYTES
    const entryHigh = load<u64>(entry, NAMED_HIGH)
    const entryLow = load<u64>(entry, NAMED_LOW)
    if (entryHigh == high && entryLow == low) return <usize>load<u32>(entry, NAMED_WRITER)
    if (entryHigh < high || (entryHigh == high && entryLow < low)) from = middle + 1
    else count = middle
  }
  return 0
}
