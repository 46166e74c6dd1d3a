// The names of machine code, from dumps laid out as the jitdump specification of Linux has them.

import { expect, test } from 'bun:test'
import { JitCode } from '../../bench/jit-code.ts'

const PID = 4711
const NOW = 1_000n

/** magic, version, total_size, elf_mach, pad1, pid, timestamp, flags */
function header(): Buffer {
  const bytes = Buffer.alloc(40)
  bytes.writeUInt32LE(0x4a695444, 0)
  bytes.writeUInt32LE(1, 4)
  bytes.writeUInt32LE(40, 8)
  bytes.writeUInt32LE(PID, 20)
  return bytes
}

/** id, total_size, timestamp, then what a record of its kind holds */
function record(id: number, content: Buffer, time = 1n): Buffer {
  const prefix = Buffer.alloc(16)
  prefix.writeUInt32LE(id, 0)
  prefix.writeUInt32LE(16 + content.length, 4)
  prefix.writeBigUInt64LE(time, 8)
  return Buffer.concat([prefix, content])
}

/** JIT_CODE_LOAD: pid, tid, vma, code_addr, code_size, code_index, name, code */
function load(name: string, address: bigint, size: number, time = 1n): Buffer {
  const fields = Buffer.alloc(40)
  fields.writeUInt32LE(PID, 0)
  fields.writeUInt32LE(PID + 1, 4)
  fields.writeBigUInt64LE(address, 8)
  fields.writeBigUInt64LE(address, 16)
  fields.writeBigUInt64LE(BigInt(size), 24)
  const content = [fields, Buffer.from(`${name}\0`), Buffer.alloc(size, 0x90)]
  return record(0, Buffer.concat(content), time)
}

const DEBUG_INFO = record(2, Buffer.alloc(32, 7))

function codeOf(...parts: Buffer[]): JitCode {
  const code = new JitCode()
  code.read(Buffer.concat([header(), ...parts]))
  return code
}

test('an address has the name of the code it lies in', () => {
  const code = codeOf(load('later', 0x7000n, 64), DEBUG_INFO, load('decide', 0x5000n, 32))
  expect([PID, PID + 1].map((pid) => code.has(pid))).toEqual([true, false])
  expect(code.nameAt(PID, 0x5000n, NOW)).toBe('decide')
  expect(code.nameAt(PID, 0x501fn, NOW)).toBe('decide')
  expect(code.nameAt(PID, 0x5020n, NOW)).toBeUndefined()
  expect(code.nameAt(PID, 0x4fffn, NOW)).toBeUndefined()
  expect(code.nameAt(PID, 0x703fn, NOW)).toBe('later')
  expect(code.nameAt(PID + 1, 0x5000n, NOW)).toBeUndefined()
})

test('where memory was used again, what was there at the time counts', () => {
  const code = codeOf(
    // Several threads take the times, so the dump is not quite in order.
    load('after', 0x5000n, 32, 20n),
    load('before', 0x5000n, 32, 10n),
    // Larger than what was there, and of another beginning.
    load('last', 0x4f00n, 0x2000, 30n),
    load('elsewhere', 0x9000n, 8, 40n),
  )
  const at = (time: bigint) => code.nameAt(PID, 0x5010n, time)
  expect([9n, 10n, 19n, 20n, 29n, 30n, 50n].map(at)).toEqual([
    undefined,
    'before',
    'before',
    'after',
    'after',
    'last',
    'last',
  ])
})

test('code of several pages is found in each of them', () => {
  const code = codeOf(load('long', 0x5ff0n, 0x2020))
  expect(code.nameAt(PID, 0x5fefn, NOW)).toBeUndefined()
  for (const address of [0x5ff0n, 0x6000n, 0x7fffn, 0x800fn]) {
    expect(code.nameAt(PID, address, NOW)).toBe('long')
  }
  expect(code.nameAt(PID, 0x8010n, NOW)).toBeUndefined()
})

test('of a dump that was cut off, what is whole counts', () => {
  const whole = Buffer.concat([header(), load('first', 0x5000n, 8), load('last', 0x6000n, 8)])
  const code = new JitCode()
  code.read(whole.subarray(0, whole.length - 1))
  expect(code.nameAt(PID, 0x5000n, NOW)).toBe('first')
  expect(code.nameAt(PID, 0x6000n, NOW)).toBeUndefined()
})

test('what is no dump adds nothing', () => {
  const code = new JitCode()
  code.read(Buffer.from('#!/bin/sh, and then some more text'))
  expect(code.has(PID)).toBe(false)
})
