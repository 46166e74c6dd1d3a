// What librdkafka and the workers have to say, without its repeats, in the process's log.

import { type Log, RepeatFilter } from '../log.ts'
import type { LogLevel } from '../protocol.ts'

export class EventLog {
  private readonly log: Log
  private readonly repeats = new RepeatFilter()

  constructor(log: Log) {
    this.log = log
  }

  write(level: LogLevel, message: string, fields: Record<string, unknown>): void {
    const repeated = this.repeats.check(message)
    if (repeated === undefined) return
    this.log[level](repeated > 0 ? { ...fields, repeated } : fields, message)
  }
}

/** librdkafka's log levels are syslog's; what it calls an error it mostly mends by itself. */
export function levelOf(syslog: number): LogLevel {
  if (syslog <= 2) return 'error'
  if (syslog <= 4) return 'warn'
  return syslog <= 6 ? 'info' : 'debug'
}
