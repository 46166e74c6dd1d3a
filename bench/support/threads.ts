// What each thread of a process costs, as the kernel accounts it. Linux only.

import { readFileSync, readdirSync } from 'node:fs'

export type Thread = {
  tid: number
  name: string
  /** Seconds on a core, user and system. */
  running: number
  /** Seconds it was ready to run and had no core. */
  waiting: number
}

/** So far; threads that have ended are not among them. */
export function threadsOf(pid: number): Thread[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((tid) => {
    const folder = `/proc/${pid}/task/${tid}`
    try {
      const [running = 0, waiting = 0] = readFileSync(`${folder}/schedstat`, 'utf8')
        .split(' ')
        .map((nanoseconds) => Number(nanoseconds) / 1e9)
      return [
        { tid: Number(tid), name: readFileSync(`${folder}/comm`, 'utf8').trim(), running, waiting },
      ]
    } catch {
      // It ended since the folder was listed.
      return []
    }
  })
}

/** What each thread has cost between two looks; one that is new had cost nothing. */
export function spentBetween(before: readonly Thread[], after: readonly Thread[]): Thread[] {
  const earlier = new Map(before.map((thread) => [thread.tid, thread]))
  return after.map((thread) => {
    const { running = 0, waiting = 0 } = earlier.get(thread.tid) ?? {}
    return { ...thread, running: thread.running - running, waiting: thread.waiting - waiting }
  })
}

/** Seconds on a core by name: threads of one kind, such as `rdk:broker1`, are one. */
export function byName(
  threads: readonly Thread[],
): Map<string, { running: number; waiting: number }> {
  const sums = new Map<string, { running: number; waiting: number }>()
  for (const { name, running, waiting } of threads) {
    const kind = name.replace(/[-\d]+$/, '')
    const sum = sums.get(kind) ?? { running: 0, waiting: 0 }
    sums.set(kind, { running: sum.running + running, waiting: sum.waiting + waiting })
  }
  return sums
}
