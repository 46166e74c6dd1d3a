// What librdkafka and the workers have to say, without its repeats, in the process's log.

import { type Log, RepeatFilter } from '../log.ts'
import type { LogLevel } from '../protocol.ts'
import type { Refusals } from '../refusals.ts'

export class EventLog {
  private readonly log: Log
  private readonly refusals: Refusals
  private readonly repeats = new RepeatFilter()

  constructor(log: Log, refusals: Refusals) {
    this.log = log
    this.refusals = refusals
  }

  /** What a broker refuses is told by `refusals`, once. */
  write(level: LogLevel, message: string, fields: Record<string, unknown>): void {
    if (this.isRefusal(fields['code'], message)) return
    const repeated = this.repeats.check(message)
    if (repeated === undefined) return
    this.log[level](repeated > 0 ? { ...fields, repeated } : fields, message)
  }

  /** Whether a broker refuses something, which is told elsewhere then. */
  isRefusal(code: unknown, message: string): boolean {
    return this.refusals.take(code, message)
  }
}
