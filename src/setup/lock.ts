// One set-up at a time in a clone, and one build of a library in the cache. The lock is SQLite's,
// so the kernel's: it goes with the process that holds it, however that ends, and is never left
// behind.

import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf, usageError } from '../errors.ts'

/** Longer than the slowest thing that is done under a lock. */
const WAIT_MS_MAX = 30 * 60_000
const POLL_MS = 200

/**
 * Runs the action while no other process runs one under the same lock.
 *
 * @param onWait  called once when another process is at it
 * @throws OperatingError kind 'usage', code 'lock', when the file cannot be made or the other
 *         process takes too long
 */
export async function withLock<T>(
  path: string,
  onWait: () => void,
  action: () => Promise<T>,
): Promise<T> {
  using _ = await takeLock(path, onWait)
  return await action()
}

async function takeLock(path: string, onWait: () => void): Promise<Disposable> {
  // Loaded here, as most starts have nothing to do and need no lock.
  const { Database } = await import('bun:sqlite')
  try {
    mkdirSync(dirname(path), { recursive: true })
    const database = new Database(path)
    const give = { [Symbol.dispose]: () => database.close() }
    for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += POLL_MS) {
      if (tryTo(() => database.run('BEGIN EXCLUSIVE'))) return give
      if (waitedMs === 0) onWait()
      await Bun.sleep(POLL_MS)
    }
    database.close()
  } catch (error) {
    throw usageError('lock', `cannot lock ${path}: ${messageOf(error)}`, error)
  }
  throw usageError('lock', `another set-up has held ${path} for ${WAIT_MS_MAX / 60_000} minutes`)
}

/** False when another process has it; other errors are thrown. */
function tryTo(begin: () => void): boolean {
  try {
    begin()
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'SQLITE_BUSY') return false
    throw error
  }
}
