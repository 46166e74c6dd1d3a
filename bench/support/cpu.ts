// What processes and threads cost, as the kernel accounts it. Linux only.

import { readFileSync } from 'node:fs'
import { type Figure, figure } from '../bench.ts'

/** Of /proc/PID/stat: USER_HZ, which is 100 on every architecture that Bun runs on. */
const TICKS_A_SECOND = 100

/** CPU seconds. */
export type Cpu = { user: number; system: number }

/** CPU seconds of a process so far, all its threads, those that have ended too. */
export function cpuOf(pid: number): Cpu {
  return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

/** What a decision cost between two looks, which belongs beside every throughput. */
export function cpuFigures(before: Cpu, after: Cpu, decisions: number): Figure[] {
  const user = ((after.user - before.user) / decisions) * 1e6
  const system = ((after.system - before.system) / decisions) * 1e6
  return [
    figure('CPU a decision', user + system, 'µs'),
    figure('CPU a decision, user', user, 'µs'),
    figure('CPU a decision, system', system, 'µs'),
  ]
}

/** The name in parentheses may hold anything; utime and stime are the 12th and 13th field after. */
function parseStat(stat: string): Cpu {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { user: Number(fields[11]) / TICKS_A_SECOND, system: Number(fields[12]) / TICKS_A_SECOND }
}
