// Which library this machine needs, in the words of the archives' names.

import { closeSync, openSync, readSync } from 'node:fs'

export type Platform = {
  platform: string
  arch: string
  /** 'unknown' where there is only one, as detect-libc says it. */
  libc: 'glibc' | 'musl' | 'unknown'
}

/** An executable names its loader close to its start. */
const LOADER_BYTES = 65_536

export function thisPlatform(): Platform {
  const libc = process.platform === 'linux' ? libcOf(process.execPath) : 'unknown'
  return { platform: process.platform, arch: process.arch, libc }
}

/**
 * The C library that a Linux program runs on. This process's own program is asked, as a machine may
 * have both and the library is loaded into this one.
 */
export function libcOf(executable: string): 'glibc' | 'musl' {
  const bytes = Buffer.alloc(LOADER_BYTES)
  const file = openSync(executable, 'r')
  try {
    const count = readSync(file, bytes)
    return bytes.subarray(0, count).includes('ld-musl-') ? 'musl' : 'glibc'
  } finally {
    closeSync(file)
  }
}

export function platformName({ platform, arch, libc }: Platform): string {
  return libc === 'unknown' ? `${platform}-${arch}` : `${platform}-${arch}-${libc}`
}
