// How long is a partition without a decision when its worker goes? Two workers, a steady stream on
// every partition; one is stopped in order, comes back, and is killed with -9. Expected: a fraction
// of a second in order, and little more than the session time-out after a kill.

import { KafkaCluster } from '../../test/support/kafka.ts'
import type { WorkerProcess } from '../../test/support/worker-process.ts'
import { type Bench, check, figure } from '../bench.ts'
import { checkDecisions, startBroker, startWorker } from '../support/broker.ts'
import { Stream } from '../support/stream.ts'

const PARTITIONS = 4
const SESSION_MS = 6000
const EVERY_MS = 10
/** So long after the worker went all its partitions must have decisions again. */
const WATCH_MS = { stop: 6000, kill: SESSION_MS + 8000 }
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
    const stopped: Gap[] = []
    for (let i = 0; i < rounds; i++) {
      await using going = i === 0 ? first : startWorker(cluster, 'bench', more)
      const moved = await settled(going, second, stream)
      going.process.kill('SIGTERM')
      stopped.push(await gaps(stream, moved, WATCH_MS.stop))
    }
    await using killed = startWorker(cluster, 'bench', more)
    const moved = await settled(killed, second, stream)
    killed.process.kill('SIGKILL')
    const kill = await gaps(stream, moved, WATCH_MS.kill)
    stream.flush()
    await second.caughtUp(PARTITIONS)
    check((await second.stop()) === 0, 'the worker stops in order')
    const most = (read: (gap: Gap) => number) => Math.max(...stopped.map(read))
    return {
      figures: [
        figure(
          'stopped in order: gap',
          most((gap) => gap.moved),
          'ms',
        ),
        figure(
          'the same, partitions that stay',
          most((gap) => gap.stayed),
          'ms',
        ),
        figure('kill -9: gap beyond session time-out', kill.moved - SESSION_MS, 'ms'),
        figure('the same, partitions that stay', kill.stayed, 'ms'),
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
  const longest = await stream.watch(() => performance.now() >= until)
  const stayed = longest.filter((_, p) => !moved.includes(p))
  return { moved: Math.max(...moved.map((p) => longest[p]!)), stayed: Math.max(...stayed) }
}

/** Waits until both serve some and all are served; returns those of the first. */
async function settled(
  going: WorkerProcess,
  staying: WorkerProcess,
  stream: Stream,
): Promise<number[]> {
  const deadline = Date.now() + SETTLE_MS_MAX
  await Promise.all([going.url(), staying.url()])
  while (Date.now() < deadline) {
    const until = performance.now() + 500
    while (performance.now() < until) {
      stream.turn()
      await Bun.sleep(0)
    }
    const mine = await decided(going)
    const others = await decided(staying)
    const isShared = mine.length > 0 && others.length > 0
    if (isShared && mine.length + others.length === PARTITIONS) return mine
  }
  throw new Error('the partitions are not shared in time')
}

/** The partitions that a worker has decided applications of. */
async function decided(worker: WorkerProcess): Promise<number[]> {
  const { partitions } = await worker.health()
  return partitions.filter((p) => p.first_decision_ms !== null).map((p) => p.partition)
}
