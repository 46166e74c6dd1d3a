// WebAssembly's binary format, as far as it takes to give a finished module data: its sections, and
// the numbers in them. binaryen could do the same; it is 13 MB of JavaScript that takes half a
// second to load, for two changes. Source: WebAssembly Core Specification 2.0, chapter 5.

import { assert } from '../errors.ts'

const HEADER_BYTES = 8
const CUSTOM = 0
const MEMORY = 5
const DATA = 11
const DATA_COUNT = 12
const PAGE_BYTES = 65536

type Section = { id: number; content: Uint8Array }

/**
 * The module with bytes at an address of its memory from the start on, which is made larger where
 * they need it, and with a custom section at its end.
 *
 * @param module  has a memory of its own without a maximum, and no passive data
 */
export function withData(
  module: Uint8Array,
  address: number,
  data: Uint8Array,
  custom: { name: string; content: Uint8Array },
): Uint8Array {
  const sections = readSections(module)
  assert(!sections.some(({ id }) => id === DATA_COUNT), 'the module has no passive data')
  const memory = sections.find(({ id }) => id === MEMORY)
  assert(memory && memory.content[0] === 1, 'the module has a memory of its own')
  assert(memory.content[1] === 0, 'the memory has no maximum')
  const pages = readUnsigned(memory.content, 2).value
  assert(pages * PAGE_BYTES <= address, "the module's own data ends before the address")
  const pagesDue = Math.ceil((address + data.length) / PAGE_BYTES)
  memory.content = concat([Uint8Array.of(1, 0), unsigned(pagesDue)])
  // An active segment of memory 0 at i32.const address.
  const offset = [Uint8Array.of(0, 0x41), signed(address), Uint8Array.of(0x0b)]
  const segment = concat([...offset, unsigned(data.length), data])
  const before = sections.find(({ id }) => id === DATA)
  if (before) {
    const { value: count, end } = readUnsigned(before.content, 0)
    before.content = concat([unsigned(count + 1), before.content.subarray(end), segment])
  } else {
    const firstAfter = sections.findLastIndex(({ id }) => id !== CUSTOM) + 1
    sections.splice(firstAfter, 0, { id: DATA, content: concat([unsigned(1), segment]) })
  }
  const name = new TextEncoder().encode(custom.name)
  sections.push({ id: CUSTOM, content: concat([unsigned(name.length), name, custom.content]) })
  return concat([
    module.subarray(0, HEADER_BYTES),
    ...sections.flatMap(({ id, content }) => [
      Uint8Array.of(id),
      unsigned(content.length),
      content,
    ]),
  ])
}

function readSections(module: Uint8Array): Section[] {
  const sections: Section[] = []
  let at = HEADER_BYTES
  while (at < module.length) {
    const id = module[at]!
    const { value: length, end } = readUnsigned(module, at + 1)
    sections.push({ id, content: module.subarray(end, end + length) })
    at = end + length
  }
  return sections
}

/** LEB128, at most 32 bits. */
function readUnsigned(bytes: Uint8Array, from: number): { value: number; end: number } {
  let value = 0
  for (let i = 0; i < 5; i++) {
    const byte = bytes[from + i]!
    value += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return { value, end: from + i + 1 }
  }
  throw new Error('assertion failed: a number of the module has at most 32 bits')
}

function unsigned(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return Uint8Array.from([...bytes, rest])
}

/** Of a number from 0 on: as unsigned, but bit 6 of the last byte is the sign. */
function signed(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x40; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return Uint8Array.from([...bytes, rest])
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
