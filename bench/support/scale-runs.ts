// Runs of the worker that differ in one thing: partitions, processes, settings, model or records.
// Each has topics and a group of its own on one broker, and its decisions are checked.

import { WorkerProcess } from '../../test/support/worker-process.ts'
import type { KafkaCluster } from '../../test/support/kafka.ts'
import { check } from '../bench.ts'
import { NumberedApplications, checkDecisions, preload, startWorker } from './broker.ts'
import { type Cost, atFullLoad, costOf, lookAt } from './full-load.ts'

/** All decisions are counted, one of so many compared byte by byte; odd, so that all kinds are met. */
const COMPARED_EVERY = 53
const BALANCED_MS_MAX = 60_000
const EXIT_MS_MAX = 120_000

export type Way = {
  partitions: number
  /** Partitions with records, the first ones; all when not given. */
  filled?: number
  processes: number
  settings?: Readonly<Record<string, string | number>>
  /** With the program that decides them. */
  applications?: NumberedApplications
}

export class ScaleRuns {
  /** Of all runs so far: the bytes of their decisions. */
  checksum = 0
  private readonly cluster: KafkaCluster
  private readonly count: number
  private readonly applications = new NumberedApplications()
  private runs = 0

  /** @param count  applications of each run */
  constructor(cluster: KafkaCluster, count: number) {
    this.cluster = cluster
    this.count = count
  }

  /**
   * Decides `count` applications.
   *
   * @throws Error when a decision is missing or wrong
   */
  async measure({ partitions, processes, settings = {}, ...way }: Way): Promise<Cost> {
    const { cluster, count } = this
    const { applications = this.applications, filled = partitions } = way
    const name = `run-${++this.runs}`
    const [input, topic] = [`${name}.applications`, `${name}.decisions`]
    for (const made of [input, topic]) await cluster.createTopic(made, { partitions })
    const fill = () => preload(cluster, count, filled, { topic: input, applications })
    const all = {
      'topic.applications': input,
      'topic.decisions': topic,
      'shutdown.timeout.ms': EXIT_MS_MAX,
      ...settings,
    }
    if (processes === 1) fill()
    await using workers = new AsyncDisposableStack()
    const started = Array.from({ length: processes }, () =>
      workers.use(startWorker(cluster, name, all)),
    )
    if (processes > 1) {
      await sharesOf(started, partitions)
      whileStopped(started, fill)
    }
    const looks = await atFullLoad(started[0]!, count, () => lookAt(started))
    for (const worker of started) worker.process.kill('SIGTERM')
    for (const worker of started) {
      check((await worker.exit(EXIT_MS_MAX)) === 0, 'the worker stops in order')
    }
    const decided = { applications, input, topic, every: COMPARED_EVERY }
    this.checksum += checkDecisions(cluster, count, filled, decided)
    return costOf(looks)
  }
}

/** Waits until each process has partitions, and together they have all. */
async function sharesOf(workers: readonly WorkerProcess[], partitions: number): Promise<void> {
  const isBalanced = async () => {
    const healths = await Promise.all(workers.map((worker) => worker.health()))
    const shares = healths.map((health) => health.partitions.length)
    const sum = shares.reduce((total, share) => total + share, 0)
    return sum === partitions && shares.every((share) => share > 0)
  }
  await workers[0]!.until(isBalanced, 'all processes to have partitions', BALANCED_MS_MAX)
}

/** What is sent meanwhile is not measured, and none of them is ahead of the others. */
function whileStopped(workers: readonly WorkerProcess[], work: () => void): void {
  for (const worker of workers) worker.process.kill('SIGSTOP')
  try {
    work()
  } finally {
    for (const worker of workers) worker.process.kill('SIGCONT')
  }
}
