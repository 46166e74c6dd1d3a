// How fast this machine is at the moment, in this process: what one calibration kernel takes alone,
// and what it takes when both cores are busy with it. On a shared machine the second core may be
// another's: two busy threads then do no more than one, and each second of CPU time that the system
// accounts is worth half. What keeps two cores busy is held against the latter.

import { makeKernel } from './kernel.ts'

/** A sample takes some 50 µs: short enough that many find the core undisturbed. */
const TIMES = 50
const SAMPLES = 400
const WINDOW_MS = 300

const kernel = makeKernel()
let least = Number.POSITIVE_INFINITY

/** Times the kernel once more; benches do so between the rounds of what they time. */
export function calibrate(): void {
  const started = Bun.nanoseconds()
  kernel(TIMES)
  least = Math.min(least, (Bun.nanoseconds() - started) / TIMES)
}

/** Microseconds of one kernel, the least of all samples of this process. */
export function kernelMicroseconds(): number {
  for (let i = 0; i < SAMPLES; i++) calibrate()
  return least / 1000
}

const WORKER = `
  const kernel = (${makeKernel.toString()})()
  self.onmessage = () => {
    const end = performance.now() + ${WINDOW_MS}
    let times = 0
    for (; performance.now() < end; times += ${TIMES}) kernel(${TIMES})
    postMessage(times)
  }
`

/** Microseconds of one kernel while two threads run it at once. */
export async function busyKernelMicroseconds(): Promise<number> {
  const url = URL.createObjectURL(new Blob([WORKER]))
  const workers = [new Worker(url), new Worker(url)]
  // The first window compiles the kernel.
  await Promise.all(workers.map(countTimes))
  const counts = await Promise.all(workers.map(countTimes))
  for (const worker of workers) worker.terminate()
  URL.revokeObjectURL(url)
  return (workers.length * WINDOW_MS * 1000) / counts.reduce((sum, count) => sum + count, 0)
}

function countTimes(worker: Worker): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  worker.onmessage = ({ data }: MessageEvent<number>) => resolve(data)
  worker.postMessage(0)
  return promise
}
