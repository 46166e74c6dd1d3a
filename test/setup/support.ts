// For the tests of the set-up: a small project in a folder of its own, and what a step says.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { messageOf } from '../../src/errors.ts'
import type { Context } from '../../src/setup/context.ts'
import { Report } from '../../src/setup/report.ts'

export const PROJECT = resolve(import.meta.dir, '../..')

/** A folder that goes at the end of the test. */
export class TemporaryFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'loanstream-setup-'))

  /** Writes files by their paths within the folder. */
  write(files: Readonly<Record<string, string | Uint8Array>>): void {
    for (const [name, content] of Object.entries(files)) {
      const path = join(this.path, name)
      mkdirSync(dirname(path), { recursive: true })
      writeFileSync(path, content)
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** A context for the folder, and the lines that its report was told. */
export function contextOf(folder: string, own: Partial<Context> = {}) {
  const said: string[] = []
  const write = (text: string) => void said.push(text.trimEnd())
  const context: Context = {
    projectFolder: folder,
    buildFolder: join(folder, 'build'),
    cacheFolder: join(folder, 'cache'),
    environment: process.env,
    prebuiltHost: '',
    forceBuild: false,
    report: new Report({ quiet: false, terminal: false, write }),
    ...own,
  }
  return { context, said }
}

/** The message of the error that a promise ends with. */
export async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
  } catch (error) {
    return messageOf(error)
  }
  throw new Error('it did not fail')
}

/** The said lines without their times, which differ. */
export function withoutTimes(said: readonly string[]): string[] {
  return said.map((line) => line.replace(/, \d+\.\d s$/, ''))
}
