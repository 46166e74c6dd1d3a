// What does the monitor page cost a busy worker with ten viewers? A worker decides a preloaded
// backlog, exactly-once; ten streams of events are open in every other slice of the run. Frames are
// made and sent on the main thread, the pipeline has threads of its own: what the main thread takes
// more with viewers than without, over what the whole process takes, is the page's share.

import { median } from 'simple-statistics'
import { KafkaCluster } from '../../test/support/kafka.ts'
import type { WorkerProcess } from '../../test/support/worker-process.ts'
import { type Bench, check, figure } from '../bench.ts'
import { checkDecisions, preload, startBroker, startWorker } from '../support/broker.ts'
import { type Thread, threadsOf } from '../support/threads.ts'

const PARTITIONS = 2
const VIEWERS = 10
/** Opening streams is not what is measured: a page stays open. */
const SETTLE_MS = 500

type Cpu = { atMs: number; main: number; all: number }
/** CPU a second of the main thread, and of all. */
type Slice = { main: number; all: number }

export const bench: Bench = {
  question: "monitor-page: CPU of ten viewers' frames over that of a busy worker process",
  unavailable: () => KafkaCluster.unavailable(),
  async run(size) {
    const [count, sliceMs] = size === 'small' ? [20_000, 1500] : [6_000_000, 2000]
    await using cluster = await startBroker(PARTITIONS)
    preload(cluster, count, PARTITIONS)
    await using worker = startWorker(cluster, 'bench')
    await worker.reaches('loan_records_total', count / 20, 120_000)
    const [without, watched]: [Slice[], Slice[]] = [[], []]
    let frames = 0
    // A slice after the backlog would be of an idle worker.
    for (;;) {
      const alone = await measure(worker, sliceMs)
      const viewers = await watch(worker)
      await Bun.sleep(SETTLE_MS)
      const seen = await measure(worker, sliceMs)
      frames += await viewers.leave()
      if (size !== 'small' && (await worker.metric('loan_records_total')) >= count) break
      without.push(alone)
      watched.push(seen)
      if (size === 'small') break
    }
    await worker.reaches('loan_records_total', count, 120_000)
    check((await worker.metric('loan_monitor_frames_dropped_total')) === 0, 'no frame is dropped')
    check((await worker.stop()) === 0, 'the worker stops in order')
    check(without.length > 0 && frames > 0, 'there were slices, and frames in them')
    const checksum =
      size === 'small' ? String(checkDecisions(cluster, count, PARTITIONS)) : `${count}`
    const pipeline = median(without.map(({ all }) => all))
    const [quiet, busy] = [without, watched].map((slices) => median(slices.map(({ main }) => main)))
    const extra = Math.max(0, busy! - quiet!)
    return {
      figures: [
        figure('share of the CPU', (100 * extra) / pipeline, '%'),
        figure('frames of ten viewers', extra * 1000, 'ms/s'),
        figure('main thread without viewers', quiet! * 1000, 'ms/s'),
        figure('process without viewers', pipeline * 1000, 'ms/s'),
        figure('slices of each', without.length, ''),
      ],
      checksum,
    }
  },
}

/** CPU seconds of a process, of its main thread and of all. */
function cpuOf(pid: number): Cpu {
  const threads = threadsOf(pid)
  const sum = (some: readonly Thread[]) => some.reduce((total, { running }) => total + running, 0)
  const main = sum(threads.filter(({ tid }) => tid === pid))
  return { atMs: performance.now(), main, all: sum(threads) }
}

async function measure(worker: WorkerProcess, sliceMs: number): Promise<Slice> {
  const before = cpuOf(worker.pid)
  await Bun.sleep(sliceMs)
  const after = cpuOf(worker.pid)
  const seconds = (after.atMs - before.atMs) / 1000
  return { main: (after.main - before.main) / seconds, all: (after.all - before.all) / seconds }
}

/** Opens the streams; `leave` closes them and tells how many frames came. */
async function watch(worker: WorkerProcess) {
  const url = `${await worker.url()}/events`
  const end = new AbortController()
  let frames = 0
  const readers = Array.from({ length: VIEWERS }, async () => {
    const { body } = await fetch(url, { signal: end.signal })
    const decoder = new TextDecoder()
    for await (const chunk of body!) {
      if (decoder.decode(chunk).startsWith('event: frame')) frames++
    }
  })
  const done = Promise.allSettled(readers)
  const leave = async () => {
    end.abort()
    await done
    return frames
  }
  return { leave }
}
