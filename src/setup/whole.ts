// Whether a file that was made is still as it was made: a copy that was cut off has its name too.

import { readFileSync, statSync } from 'node:fs'

export type FileFacts = {
  bytes: number
  /** When it was last changed, ms since 1970. */
  modifiedMs: number
  sha256: string
}

export function fileFactsOf(path: string): FileFacts {
  const { size, mtimeMs } = statSync(path)
  return { bytes: size, modifiedMs: mtimeMs, sha256: hashOfFile(path) }
}

/** Looks at size and time, and at the content only where the time differs: it is large. */
export function isWhole(path: string, facts: FileFacts | undefined): boolean {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!facts || !stat?.isFile() || stat.size !== facts.bytes) return false
  return stat.mtimeMs === facts.modifiedMs || hashOfFile(path) === facts.sha256
}

function hashOfFile(path: string): string {
  return new Bun.CryptoHasher('sha256').update(readFileSync(path)).digest('hex')
}
