// How long is a partition without a decision when its worker goes, or another comes? Two workers, a
// steady stream on every partition; one is stopped in order, comes back, and is killed with -9.
// Expected: a fraction of a second in order, and little more than the session time-out after a kill;
// partitions that stay take no notice.

import { KafkaCluster } from '../../test/support/kafka.ts'
import type { WorkerProcess } from '../../test/support/worker-process.ts'
import { type Bench, check, figure } from '../bench.ts'
import { checkDecisions, startBroker, startWorker } from '../support/broker.ts'
import { Stream } from '../support/stream.ts'

const PARTITIONS = 4
const SESSION_MS = 6000
const EVERY_MS = 10
/** So long after the worker went all its partitions must have decisions again. */
const WATCH_MS = { steady: 6000, stop: 6000, kill: SESSION_MS + 8000 }
/** Between two looks at who serves what. */
const LOOK_MS = 200
const SETTLE_MS_MAX = 60_000

export const bench: Bench = {
  question: 'hand-over: how long a partition has no decision when its worker goes',
  load: 'open loop',
  unavailable: () => KafkaCluster.unavailable(),
  async run(size) {
    await using cluster = await startBroker(PARTITIONS)
    const more = { 'session.timeout.ms': SESSION_MS }
    await using first = startWorker(cluster, 'bench', more)
    await using second = startWorker(cluster, 'bench', more)
    using stream = new Stream(cluster, PARTITIONS, EVERY_MS)
    const rounds = size === 'small' ? 1 : 3
    const joined: Gap[] = []
    const stopped: Gap[] = []
    const { partitions } = await shared(first, second, stream)
    const steady = await gaps(stream, partitions, WATCH_MS.steady)
    first.process.kill('SIGTERM')
    stopped.push(await gaps(stream, partitions, WATCH_MS.stop))
    for (let i = 1; i < rounds; i++) {
      await using going = startWorker(cluster, 'bench', more)
      const share = await shared(going, second, stream)
      joined.push(share.gap)
      going.process.kill('SIGTERM')
      stopped.push(await gaps(stream, share.partitions, WATCH_MS.stop))
    }
    await using killed = startWorker(cluster, 'bench', more)
    const last = await shared(killed, second, stream)
    joined.push(last.gap)
    killed.process.kill('SIGKILL')
    const kill = await gaps(stream, last.partitions, WATCH_MS.kill)
    stream.flush()
    await second.caughtUp(PARTITIONS)
    check((await second.stop()) === 0, 'the worker stops in order')
    const most = (of: Gap[], what: keyof Gap) => Math.max(...of.map((gap) => gap[what]))
    return {
      figures: [
        figure('nothing happens: gap', Math.max(steady.moved, steady.stayed), 'ms'),
        figure('stopped in order: gap', most(stopped, 'moved'), 'ms'),
        figure('stopped in order: gap, partitions that stay', most(stopped, 'stayed'), 'ms'),
        figure('started: gap', most(joined, 'moved'), 'ms'),
        figure('started: gap, partitions that stay', most(joined, 'stayed'), 'ms'),
        figure('kill -9: gap beyond session time-out', kill.moved - SESSION_MS, 'ms'),
        figure('kill -9: gap, partitions that stay', kill.stayed, 'ms'),
      ],
      checksum: String(checkDecisions(cluster, stream.sent, PARTITIONS)),
    }
  },
}

/** Longest times between two decisions of a partition, milliseconds. */
type Gap = { moved: number; stayed: number }

/** Watches for a while from now on. */
async function gaps(stream: Stream, moved: readonly number[], watchMs: number): Promise<Gap> {
  const until = performance.now() + watchMs
  return gapOf(await stream.watch(() => performance.now() >= until), moved)
}

/** @param longest  of each partition */
function gapOf(longest: readonly number[], moved: readonly number[]): Gap {
  const stayed = longest.filter((_, p) => !moved.includes(p))
  return { moved: Math.max(...moved.map((p) => longest[p]!)), stayed: Math.max(...stayed) }
}

/** Watches until both serve some and all are served; tells which are the first's. */
async function shared(going: WorkerProcess, staying: WorkerProcess, stream: Stream) {
  const { longest, result: partitions } = await stream.during(() => settled(going, staying))
  return { partitions, gap: gapOf(longest, partitions) }
}

async function settled(going: WorkerProcess, staying: WorkerProcess): Promise<number[]> {
  const deadline = Date.now() + SETTLE_MS_MAX
  await Promise.all([going.url(), staying.url()])
  while (Date.now() < deadline) {
    const mine = await decided(going)
    const others = await decided(staying)
    const isShared = mine.length > 0 && others.length > 0
    if (isShared && mine.length + others.length === PARTITIONS) return mine
    await Bun.sleep(LOOK_MS)
  }
  throw new Error('the partitions are not shared in time')
}

/** The partitions that a worker has decided applications of. */
async function decided(worker: WorkerProcess): Promise<number[]> {
  const { partitions } = await worker.health()
  return partitions.filter((p) => p.first_decision_ms !== null).map((p) => p.partition)
}
