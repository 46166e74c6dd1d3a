// How the C library keeps librdkafka's memory. By default glibc makes eight heaps a core, and gives
// nothing back of what lies below a block in use: fetched batches, taken by one thread and freed by
// another, leave what is in use spread thin over all of them, and a worker grows as it works.

import { FFIType, dlopen } from 'bun:ffi'

/** Of malloc.h. */
const M_TRIM_THRESHOLD = -1
const M_MMAP_THRESHOLD = -3
const M_ARENA_MAX = -8

const ARENAS_MIN = 2
/**
 * A block this large is memory of its own, which goes back when it is freed and is paid for page by
 * page when it is had again. So most answers to fetches stay below it, and requests to produce, for
 * which librdkafka takes as much as waits to be sent, while the broker keeps up. More costs memory.
 */
const MMAP_THRESHOLD = 3 << 19
const TRIM_THRESHOLD = 2 << 20

let isBounded = false

/** Bounds it for the process; no-op again, and where the C library is not glibc. */
export function boundNativeHeap(): void {
  if (isBounded || process.platform !== 'linux') return
  isBounded = true
  const symbols = { mallopt: { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 } } as const
  try {
    const { mallopt } = dlopen('libc.so.6', symbols).symbols
    mallopt(M_ARENA_MAX, Math.max(ARENAS_MIN, navigator.hardwareConcurrency))
    mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD)
    mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD)
  } catch {
    // musl and macOS have no such heaps.
  }
}
