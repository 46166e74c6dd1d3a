// What the counters of all workers say of the challenger, together.

import { type Counters, OUTCOMES } from './counters.ts'

export type ChallengerCounts = {
  /** Decisions by outcome. */
  outcomes: number[]
  /** Records by the champion's outcome and the challenger's: champion * OUTCOMES.length + own. */
  pairs: number[]
  errors: number
  dropped: number
  /** Workers that have given it up. */
  workersOff: number
}

/**
 * Sums over the workers. Outcomes and pairs are those of the two models that are in use, or were
 * last: a worker that has not yet come to them, or sits idle since before, counts for nothing.
 */
export function challengerCounts(workers: readonly Counters[]): ChallengerCounts {
  const since = Math.max(0, ...workers.map((worker) => worker.get('challengerSince')))
  const current = workers.filter((worker) => worker.get('challengerSince') === since)
  const sum = (of: readonly Counters[], read: (worker: Counters) => number) =>
    of.reduce((total, worker) => total + read(worker), 0)
  return {
    outcomes: OUTCOMES.map((_, i) => sum(current, (worker) => worker.challengerOutcome(i))),
    pairs: Array.from({ length: OUTCOMES.length ** 2 }, (_, i) =>
      sum(current, (worker) => worker.pair(i)),
    ),
    errors: sum(workers, (worker) => worker.get('challengerErrors')),
    dropped: sum(workers, (worker) => worker.get('challengerDropped')),
    workersOff: sum(
      workers.filter((worker) => worker.programUsed === worker.programWanted),
      (worker) => worker.get('challengerOff'),
    ),
  }
}
