// Stamps: the hash of everything that something was made from, kept beside it, so that it is made
// again when and only when one of them changed. By content, as a checkout changes every file's
// time.

import { mkdirSync, readFileSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

/**
 * Hash of files: their names below `root`, and their bytes. A folder stands for the files in it, at
 * any depth; a path where nothing is counts as that.
 *
 * @param also  whatever else decides, such as versions and flags
 */
export function hashOf(
  root: string,
  paths: readonly string[],
  also: readonly string[] = [],
): string {
  const hasher = new Bun.CryptoHasher('sha256')
  for (const text of also) hasher.update(`${text.length}:${text}\n`)
  for (const path of paths.flatMap(filesAt).sort()) {
    const bytes = readIfThere(path)
    hasher.update(`${relative(root, path)} ${bytes?.length ?? 'missing'}\n`)
    if (bytes) hasher.update(bytes)
  }
  return hasher.digest('hex')
}

function filesAt(path: string): string[] {
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return [path]
  return readdirSync(path).flatMap((name) => filesAt(join(path, name)))
}

function readIfThere(path: string): Uint8Array | undefined {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path) : undefined
}

export function hasStamp(path: string, stamp: string): boolean {
  return readTextIfThere(path) === stamp
}

export function readTextIfThere(path: string): string | undefined {
  const bytes = readIfThere(path)
  return bytes && new TextDecoder().decode(bytes)
}

/** What a file of ours says; undefined when it is not there, or damaged. */
export function readJsonIfThere(path: string): unknown {
  try {
    return JSON.parse(readTextIfThere(path) ?? '')
  } catch {
    return undefined
  }
}

/** Writes a file as a whole: whoever reads it meanwhile sees the old one or the new one. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, content)
  renameSync(temporary, path)
}
