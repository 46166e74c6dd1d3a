// Progress of long work, on a terminal only: a bar where the end is known, else a running count.

import { SingleBar } from 'cli-progress'

export type Progress = {
  /** Shows that so much is done. */
  update: (done: number) => void
  stop: () => void
}

/** @param total  how much there is to do, or 0 when that is not known */
export function startProgress(what: string, total: number): Progress {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} }
  const known = total > 0
  const format = known
    ? `${what} {bar} {percentage} % | {value} of {total} | {eta_formatted} left`
    : `${what} {value}`
  const bar = new SingleBar({
    format,
    stream: process.stderr,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    clearOnComplete: true,
    fps: 10,
  })
  bar.start(total, 0)
  return {
    update: (done) => bar.update(done),
    stop: () => bar.stop(),
  }
}
