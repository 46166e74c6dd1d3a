// What a worker costs while it is busy: from the first tenth of a full topic, so that start-up and
// compilation are apart, to the last look before the topic's end, so that no idle time is in it.

import type { WorkerProcess } from '../../test/support/worker-process.ts'
import { check } from '../bench.ts'
import { cpuOf } from './cpu.ts'

/** A look is an answer on HTTP, which the worker's main thread writes: every 20 ms cost 5 to 10 %. */
const LOOK_MS = 250
const WAIT_MS_MAX = 240_000
const START_SHARE = 0.1
/** What the part that is measured has at least of all records. */
const SHARE_MIN = 0.4

export type Looks<Look> = { before: Look; after: Look }

/**
 * Looks until all records are decided.
 *
 * @param worker  one of those that decide
 * @param count   applications that are to be decided
 */
export async function atFullLoad<Look extends { records: number }>(
  worker: WorkerProcess,
  count: number,
  look: () => Promise<Look>,
): Promise<Looks<Look>> {
  let first: Look | undefined
  let before: Look | undefined
  let busy: Look | undefined
  let last: Look | undefined
  const isDone = async () => {
    last = await look()
    first ??= last
    if (last.records >= count) return true
    if (last.records >= START_SHARE * count) {
      before ??= last
      busy = last
    }
    return false
  }
  await worker.until(isDone, `${count} decisions`, WAIT_MS_MAX, LOOK_MS)
  const isLong = before && busy && busy.records - before.records >= SHARE_MIN * count
  return isLong ? { before: before!, after: busy! } : { before: before ?? first!, after: last! }
}

export type WorkersLook = {
  atMs: number
  records: number
  /** Seconds of all threads, user and system. */
  cpu: number
  /** The most that the processes had resident, one by one, as a sum. */
  megabytes: number
}

export async function lookAt(workers: readonly WorkerProcess[]): Promise<WorkersLook> {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
  const records = await Promise.all(workers.map((worker) => worker.metric('loan_records_total')))
  return {
    atMs: performance.now(),
    records: sum(records),
    cpu: sum(workers.map(({ pid }) => cpuOf(pid)).map(({ user, system }) => user + system)),
    megabytes: sum(workers.map((worker) => worker.peakMegabytes())),
  }
}

export type Cost = {
  /** Decisions a second. */
  rate: number
  /** Microseconds of CPU a decision. */
  cpu: number
  /** Resident at their peak, all processes together. */
  megabytes: number
}

export function costOf({ before, after }: Looks<WorkersLook>): Cost {
  // A small run may be through before its first look.
  const decisions = Math.max(1, after.records - before.records)
  const ms = Math.max(1, after.atMs - before.atMs)
  check(after.records > 0, 'records were decided')
  return {
    rate: (decisions * 1000) / ms,
    cpu: ((after.cpu - before.cpu) / decisions) * 1e6,
    megabytes: after.megabytes,
  }
}
