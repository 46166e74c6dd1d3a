// Structured logs on standard error: JSON lines, or pretty on a terminal. Standard output belongs
// to the commands' results.

import pino from 'pino'
import pretty from 'pino-pretty'
import type { Settings } from './config.ts'
import { redacted } from './secrets.ts'

export type Log = pino.Logger

export function makeLog(level: Settings['log.level'], format: Settings['log.format']): Log {
  const isPretty = format === 'pretty' || (format === 'auto' && process.stderr.isTTY)
  const stream = isPretty
    ? pretty({
        // Knows of NO_COLOR, and of terminals that have none.
        colorize: process.stderr.isTTY && process.stderr.hasColors(),
        destination: 2,
        sync: true,
        ignore: 'pid,hostname',
        translateTime: 'SYS:HH:MM:ss.l',
        singleLine: true,
      })
    : pino.destination({ dest: 2, sync: true })
  const formatters = { level: (label: string) => ({ level: label }) }
  const hooks = { streamWrite: redacted }
  const options = { level, base: null, hooks, timestamp: pino.stdTimeFunctions.isoTime }
  return isPretty ? pino(options, stream) : pino({ ...options, formatters }, stream)
}

/** librdkafka's log levels are syslog's; what it calls an error it mostly mends by itself. */
export function levelOf(syslog: number): 'error' | 'warn' | 'info' | 'debug' {
  if (syslog <= 2) return 'error'
  if (syslog <= 4) return 'warn'
  return syslog <= 6 ? 'info' : 'debug'
}

/** A message is logged at once, and then at most once in so many milliseconds. */
const REPEAT_MS = 10_000
/** Messages remembered; beyond it the oldest are forgotten. */
const REPEATS_MAX = 500

/** Holds back repeats: librdkafka tells of a missing broker several times a second. */
export class RepeatFilter {
  private readonly seen = new Map<string, { atMs: number; held: number }>()

  /**
   * @returns undefined when the message is to be held back, else how many like it were since the
   *          last that was let through
   */
  check(message: string): number | undefined {
    // Numbers differ from one repeat to the next: times, ports, attempts.
    const key = message.replace(/\d+/g, '#')
    const nowMs = Date.now()
    const last = this.seen.get(key)
    if (last && nowMs - last.atMs < REPEAT_MS) {
      last.held++
      return undefined
    }
    this.seen.delete(key)
    this.seen.set(key, { atMs: nowMs, held: 0 })
    if (this.seen.size > REPEATS_MAX) {
      for (const oldest of this.seen.keys()) {
        this.seen.delete(oldest)
        break
      }
    }
    return last?.held ?? 0
  }
}
