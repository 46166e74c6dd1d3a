// Native addresses of JavaScript memory, and copies from native memory.

import { FFIType, type Pointer, dlopen, ptr } from 'bun:ffi'
import { messageOf, usageError } from '../errors.ts'

/** The C library by platform: glibc, musl, macOS. */
const LIBC_NAMES = ['libc.so.6', `libc.musl-${machine()}.so.1`, 'libSystem.B.dylib']

function machine(): string {
  return process.arch === 'arm64' ? 'aarch64' : 'x86_64'
}

function openLibc() {
  const symbols = {
    memcpy: { args: [FFIType.ptr, FFIType.ptr, FFIType.u64], returns: FFIType.ptr },
    open_memstream: { args: [FFIType.ptr, FFIType.ptr], returns: FFIType.ptr },
    fclose: { args: [FFIType.ptr], returns: FFIType.i32 },
    free: { args: [FFIType.ptr], returns: FFIType.void },
  } as const
  let reason: unknown
  for (const name of LIBC_NAMES) {
    try {
      return dlopen(name, symbols).symbols
    } catch (error) {
      reason = error
    }
  }
  throw usageError('libc', `cannot open the C library: ${messageOf(reason)}`)
}

const libc = openLibc()

/**
 * Native address of an array's first byte. The garbage collector does not see addresses: whoever
 * keeps one keeps the array referenced for as long. Within one call into C nothing is collected, as
 * the collector waits for the thread to come back; so what C only reads or fills during the call
 * needs no more than to be its argument. What C keeps beyond the call it is given as a copy.
 */
export function addressOf(array: NodeJS.TypedArray): number {
  return ptr(array)
}

/** Copies native bytes to a native address. */
export function copyBytes(target: number, source: number, bytes: number): void {
  libc.memcpy(target as Pointer, source as Pointer, bytes)
}

/** A copy of native bytes; null stays null. */
export function copyOut(source: number, bytes: number): Uint8Array | null {
  if (source === 0) return null
  const copy = new Uint8Array(bytes)
  if (bytes > 0) copyBytes(ptr(copy), source, bytes)
  return copy
}

/** What a native function prints to the `FILE *` it is given. */
export function captureOutput(print: (stream: Pointer) => void): string {
  const text = new BigUint64Array(1)
  const size = new BigUint64Array(1)
  const stream = libc.open_memstream(ptr(text), ptr(size))
  if (!stream) throw usageError('libc', 'cannot open a stream in memory')
  print(stream as Pointer)
  libc.fclose(stream)
  const bytes = copyOut(Number(text[0]), Number(size[0]))
  libc.free(Number(text[0]) as Pointer)
  return new TextDecoder().decode(bytes ?? new Uint8Array(0))
}
