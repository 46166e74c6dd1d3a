// How much of two cores there is to be had. On a shared machine the second core may be another's:
// two busy threads then do no more than one, and each second of CPU time that the system accounts
// is worth half. A budget for what keeps two cores busy is only fair with that taken into account.

const WINDOW_MS = 300

/** An arithmetic loop without memory traffic, counting rounds within the window. */
const KERNEL = `
  const bytes = new Uint8Array(65536).map((_, i) => i * 7)
  function round() {
    let hash = 0x811c9dc5
    for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i], 0x01000193) >>> 0
    return hash
  }
  self.onmessage = () => {
    const end = performance.now() + ${WINDOW_MS}
    let rounds = 0
    while (performance.now() < end) rounds += round() === 0 ? 0 : 1
    postMessage(rounds)
  }
`

/**
 * Work that two threads do at the same time over twice the work of one alone: 1 when both cores are
 * ours, 0.5 when there is but one.
 */
export async function coresShare(): Promise<number> {
  const url = URL.createObjectURL(new Blob([KERNEL]))
  const workers = [new Worker(url), new Worker(url)]
  const rounds = async (some: Worker[]) => {
    const counts = await Promise.all(some.map(countRounds))
    return counts.reduce((sum, count) => sum + count, 0)
  }
  // The first window compiles the kernel.
  await rounds(workers)
  const one = await rounds(workers.slice(0, 1))
  const two = await rounds(workers)
  for (const worker of workers) worker.terminate()
  URL.revokeObjectURL(url)
  return Math.min(1, two / (2 * one))
}

function countRounds(worker: Worker): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>()
  worker.onmessage = ({ data }: MessageEvent<number>) => resolve(data)
  worker.postMessage(0)
  return promise
}
