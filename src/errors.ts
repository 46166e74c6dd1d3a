// Errors. A programmer's error is an assertion and ends the worker; what the outside does wrong is
// an OperatingError, whose kind says what may be done about it. Nothing else may be asked of it.

/**
 * - `usage`: a setting, file or option that a person must mend; commands exit with code 2.
 * - `retriable`: the same call may succeed later.
 * - `abort`: the current transaction must be aborted and the batch read again.
 * - `fatal`: the client (or the process) must be made anew.
 */
export type ErrorKind = 'usage' | 'retriable' | 'abort' | 'fatal'

export class OperatingError extends Error {
  readonly code: string
  readonly kind: ErrorKind

  /** @param code  stable identifier in lower case with underscores, for logs and tests */
  constructor(kind: ErrorKind, code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'OperatingError'
    this.kind = kind
    this.code = code
  }
}

/** What a person must mend: names the file or setting, and the place in it. */
export function usageError(code: string, message: string, cause?: unknown): OperatingError {
  return new OperatingError('usage', code, message, cause)
}

/** Ends the worker when something that must hold does not. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`)
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
