// The cache folder: what is slow to get or to make, shared by all clones. Entries are folders that
// appear as a whole, by a rename; what is unfinished lies in a scratch folder of its own.

import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { messageOf, usageError } from '../errors.ts'

/** Nothing takes this long, so whoever made an older scratch folder was killed. */
const SCRATCH_MS_MAX = 24 * 3_600_000

/**
 * Makes the cache folder and checks that it can be written.
 *
 * @throws OperatingError kind 'usage', code 'cache', that says how to have it elsewhere
 */
export function openCache(cacheFolder: string): void {
  try {
    mkdirSync(cacheFolder, { recursive: true })
    accessSync(cacheFolder, constants.W_OK)
  } catch (error) {
    const how = 'LOANSTREAM_CACHE may name another folder'
    throw usageError('cache', `cannot write the cache: ${messageOf(error)}; ${how}`, error)
  }
}

/** A folder in the cache to work in, gone at the end. */
export class Scratch implements Disposable {
  readonly folder: string

  constructor(cacheFolder: string) {
    const parent = join(cacheFolder, 'scratch')
    mkdirSync(parent, { recursive: true })
    removeOld(parent)
    this.folder = mkdtempSync(join(parent, 'setup-'))
    // Also when a signal ends the process.
    process.once('exit', this.remove)
  }

  [Symbol.dispose](): void {
    process.off('exit', this.remove)
    this.remove()
  }

  private readonly remove = () => rmSync(this.folder, { recursive: true, force: true })
}

function removeOld(parent: string): void {
  const oldest = Date.now() - SCRATCH_MS_MAX
  for (const name of readdirSync(parent)) {
    const folder = join(parent, name)
    const stat = statSync(folder, { throwIfNoEntry: false })
    if (stat && stat.mtimeMs < oldest) rmSync(folder, { recursive: true, force: true })
  }
}

/** Moves a finished folder to its place in the cache, instead of what may be there. */
export function publish(folder: string, place: string): void {
  mkdirSync(dirname(place), { recursive: true })
  rmSync(place, { recursive: true, force: true })
  renameSync(folder, place)
}
