// `bun run soak`: a worker under steady load for as long as one likes. Resident memory must level
// off, file handles and threads must stay as they are, and a read_committed reader must find
// exactly one outcome for each application. Exit code 1 when one of them does not hold, 3 when there
// is no Kafka to run it on.

import { readdirSync } from 'node:fs'
import { Command } from 'commander'
import { linearRegression, linearRegressionLine, mean } from 'simple-statistics'
import { positive, wholeNumber } from '../../src/cli/numbers.ts'
import { KafkaCluster } from '../../test/support/kafka.ts'
import type { WorkerProcess } from '../../test/support/worker-process.ts'
import { startBroker, startWorker } from '../support/broker.ts'
import { Load } from './load.ts'

/** The disk holds the last so many bytes of each partition; what is older was read long ago. */
const RETENTION = { 'retention.bytes': '100000000', 'segment.bytes': '25000000' }
const TURN_MS = 10
const SAMPLE_MS = 1000
/** Share of the time after which memory counts: before, code is compiled and heaps grow. */
const WARM_UP_SHARE = 0.3
/** Growth below it is noise, however steep it looks over a few minutes. */
const NOISE_MEGABYTES = 8
const FINISH_MS_MAX = 60_000

type Sample = { hours: number; megabytes: number; handles: number; threads: number }

type Options = {
  minutes: number
  rate: number
  partitions: number
  slope: number
  json: boolean
}

const options = new Command('soak')
  .description('a worker under steady load: memory, handles, threads, and one outcome each')
  .option('--minutes <number>', 'how long', positive, 60)
  .option('--rate <number>', 'applications a second', wholeNumber(1), 20_000)
  .option('--partitions <number>', 'of the topics', wholeNumber(1, 64), 4)
  .option('--slope <number>', 'most that memory may grow, MB in an hour', positive, 20)
  .option('--json', 'print the summary as one JSON object', false)
  .parse()
  .opts<Options>()

const unavailable = KafkaCluster.unavailable()
if (unavailable) {
  process.stderr.write(`error: ${unavailable}\n`)
  process.exit(3)
}
process.exit(await soak())

async function soak(): Promise<number> {
  const { partitions, rate, minutes } = options
  await using cluster = await startBroker(partitions, RETENTION)
  await using worker = startWorker(cluster, 'soak')
  await worker.caughtUp(partitions)
  const load = new Load(cluster.bootstrapServers, partitions, rate)
  const samples: Sample[] = []
  const startedMs = performance.now()
  const forMs = minutes * 60_000
  let toldMs = 0
  for (let passedMs = 0; passedMs < forMs; passedMs = performance.now() - startedMs) {
    load.turn()
    if (worker.process.exitCode !== null) throw new Error(`the worker ended\n${worker.log}`)
    if (passedMs >= samples.length * SAMPLE_MS) samples.push(sample(worker, passedMs))
    if (passedMs >= toldMs) {
      tell(samples.at(-1)!, load)
      toldMs += 60_000
    }
    await Bun.sleep(TURN_MS)
  }
  const outcomes = await load.finish(FINISH_MS_MAX)
  load.close()
  const code = await worker.stop()
  return report(samples, { sent: load.sent, ...outcomes, exit_code: code })
}

function sample(worker: WorkerProcess, passedMs: number): Sample {
  return {
    hours: passedMs / 3_600_000,
    megabytes: worker.residentMegabytes(),
    threads: worker.threads(),
    handles: readdirSync(`/proc/${worker.pid}/fd`).length,
  }
}

function tell({ hours, megabytes, handles, threads }: Sample, load: Load): void {
  const minutes = (hours * 60).toFixed(1).padStart(6)
  const counts = `${load.sent} sent, ${load.found} decided`
  process.stderr.write(
    `${minutes} min  ${counts}, ${megabytes.toFixed(1)} MB, ${handles} handles, ${threads} threads\n`,
  )
}

type Outcomes = { sent: number; lost: number; duplicated: number; exit_code: number }

/** @returns the exit code */
function report(samples: readonly Sample[], outcomes: Outcomes): number {
  const warm = samples.slice(Math.floor(samples.length * WARM_UP_SHARE))
  const points = warm.map(({ hours, megabytes }) => [hours, megabytes])
  const { m: slope, b } = linearRegression(points)
  const grown = slope * (warm.at(-1)!.hours - warm[0]!.hours)
  const third = Math.ceil(warm.length / 3)
  const growth = (of: 'handles' | 'threads') =>
    mean(warm.slice(-third).map((s) => s[of])) - mean(warm.slice(0, third).map((s) => s[of]))
  const summary = {
    ...outcomes,
    minutes: options.minutes,
    memory_mb: {
      start: round(linearRegressionLine({ m: slope, b })(warm[0]!.hours)),
      end: round(linearRegressionLine({ m: slope, b })(warm.at(-1)!.hours)),
      peak: round(Math.max(...samples.map(({ megabytes }) => megabytes))),
      slope_per_hour: round(slope),
    },
    handles: { last: warm.at(-1)!.handles, growth: round(growth('handles')) },
    threads: { last: warm.at(-1)!.threads, growth: round(growth('threads')) },
  }
  const broken = [
    [outcomes.lost > 0, `${outcomes.lost} lost`],
    [outcomes.duplicated > 0, `${outcomes.duplicated} doubled or out of order`],
    [outcomes.exit_code !== 0, `the worker ended with ${outcomes.exit_code}`],
    [
      grown > NOISE_MEGABYTES && slope > options.slope,
      `memory grows by ${slope.toFixed(1)} MB in an hour`,
    ],
    [growth('handles') > 1, 'handles grow'],
    [growth('threads') > 1, 'threads grow'],
  ].flatMap(([isBroken, text]) => (isBroken ? [text as string] : []))
  const ok = broken.length === 0
  process.stdout.write(
    `${JSON.stringify({ ok, broken, ...summary }, null, options.json ? 0 : 2)}\n`,
  )
  return ok ? 0 : 1
}

function round(value: number): number {
  return Number(value.toFixed(2))
}
