// Standard output, which belongs to the commands' results: one that is lost is a failure, and a
// reader that has seen enough (`bun run demo | head -1`) is none.
//
// Written with the system call, as process.stdout tells of errors late or never. Bun puts /dev/null
// in the place of a standard output that is closed (`>&-`), so that cannot be told from one that
// was sent there.

import { writeSync } from 'node:fs'
import { OperatingError, messageOf } from '../errors.ts'

const STANDARD_OUTPUT = 1
/** Pause while a pipe is full that was set not to block. */
const FULL_WAIT_MS = 5

export class Output {
  /** Why something was lost; undefined when nothing was, or when the reader had seen enough. */
  failure: OperatingError | undefined
  /** Resolves when nothing more can be printed, by failure or as nobody reads. */
  readonly ended: Promise<void>
  private readonly end: () => void
  /** Whether nothing more can be printed. */
  isEnded = false
  private readonly descriptor: number

  constructor(descriptor = STANDARD_OUTPUT) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.ended = promise
    this.end = resolve
    this.descriptor = descriptor
  }

  /** Writes text, all of it before it returns; nothing once it has ended. */
  print(text: string): void {
    if (this.isEnded) return
    try {
      this.write(Buffer.from(text))
    } catch (error) {
      this.isEnded = true
      if (!hasCode(error, 'EPIPE')) {
        const message = `cannot write to standard output: ${messageOf(error)}`
        this.failure = new OperatingError('fatal', 'output', message, error)
      }
      this.end()
    }
  }

  private write(bytes: Buffer): void {
    let written = 0
    while (written < bytes.length) {
      try {
        written += writeSync(this.descriptor, bytes, written)
      } catch (error) {
        if (!hasCode(error, 'EAGAIN')) throw error
        Bun.sleepSync(FULL_WAIT_MS)
      }
    }
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
