// `bun bench account`: where the CPU of one decision goes, stage by stage, in a run at full speed on
// a real broker. The worker's own clocks time its stages; from that the time is left out in which its
// threads were ready and had no core, as the kernel counts it. What is one call into WebAssembly is
// split as its stages are when they are timed alone. Threads of librdkafka and Bun are what the
// kernel says of them. The sum is held against the CPU of the whole process.

import { join } from 'node:path'
import { BUILD } from '../src/paths.ts'
import { KafkaCluster } from '../test/support/kafka.ts'
import type { WorkerProcess } from '../test/support/worker-process.ts'
import { type Size, leastInTurns } from './bench.ts'
import { plainTable } from './report.ts'
import {
  NumberedApplications,
  checkDecisions,
  preload,
  startBroker,
  startWorker,
} from './support/broker.ts'
import { cpuOf } from './support/cpu.ts'
import { BATCH_RECORDS, callsFor, filledEngine } from './support/engine.ts'
import { atFullLoad } from './support/full-load.ts'
import { type Thread, byName, spentBetween, threadsOf } from './support/threads.ts'

const PARTITIONS = 2
/** Runs the loop of a partition. */
const WORKER_THREAD = 'Worker'
/** The sum must explain the total within it. */
const UNEXPLAINED_MAX = 0.1
const STAGES = ['fetch', 'gather', 'decide', 'produce', 'batch'] as const

type Row = { stage: string; nanoseconds: number; bytesCopied: number; ffiCalls: number }

/** @returns the exit code: 1 when the sum does not explain the total */
export async function account({ size, json }: { size: Size; json: boolean }): Promise<number> {
  const unavailable = KafkaCluster.unavailable()
  if (unavailable) throw new Error(unavailable)
  const count = size === 'small' ? 40_000 : 2_000_000
  await using cluster = await startBroker(PARTITIONS)
  preload(cluster, count, PARTITIONS)
  await using worker = startWorker(cluster, 'account')
  const { before, after } = await atFullLoad(worker, count, () => look(worker))
  await worker.stop()
  const checksum = checkDecisions(cluster, count, PARTITIONS)
  const rows = rowsOf(before, after, { size, outputBytes: checksum / count })
  const explained = rows.reduce((sum, { nanoseconds }) => sum + nanoseconds, 0)
  const decisions = after.records - before.records
  const total = ((after.cpu - before.cpu) / decisions) * 1e9
  const unexplained = 1 - explained / total
  const ok = size === 'small' || Math.abs(unexplained) <= UNEXPLAINED_MAX
  const summary = { rows, explained, total, unexplained, decisions, checksum, ok }
  const path = join(BUILD, 'bench/account.json')
  await Bun.write(path, `${JSON.stringify(summary, null, 2)}\n`)
  process.stdout.write(json ? `${JSON.stringify(summary)}\n` : print(summary, path))
  return ok ? 0 : 1
}

type Look = {
  records: number
  batches: number
  cpu: number
  threads: Thread[]
  /** Seconds by the worker's clocks. */
  stages: Record<(typeof STAGES)[number], number>
}

async function look(worker: WorkerProcess): Promise<Look> {
  const value = await worker.metrics()
  const { user, system } = cpuOf(worker.pid)
  const stage = (name: string) => value(`loan_stage_duration_seconds_sum{stage="${name}"}`)
  return {
    records: value('loan_records_total'),
    batches: value('loan_batches_total'),
    cpu: user + system,
    threads: threadsOf(worker.pid),
    stages: {
      fetch: stage('fetch'),
      gather: stage('gather'),
      decide: stage('decide'),
      produce: stage('produce'),
      batch: value('loan_batch_duration_seconds_sum'),
    },
  }
}

function rowsOf(
  before: Look,
  after: Look,
  { size, outputBytes }: { size: Size; outputBytes: number },
): Row[] {
  const decisions = after.records - before.records
  const aBatch = (after.batches - before.batches) / decisions
  const threads = byName(spentBetween(before.threads, after.threads))
  const worker = threads.get(WORKER_THREAD)
  if (!worker) throw new Error(`no thread is called ${WORKER_THREAD}`)
  // A stage's clock runs on while its thread waits for a core.
  const onCore = worker.running / (worker.running + worker.waiting)
  const each = (stage: keyof Look['stages']) =>
    ((after.stages[stage] - before.stages[stage]) * onCore * 1e9) / decisions
  const row = (stage: string, nanoseconds: number, bytesCopied = 0, ffiCalls = 0): Row => ({
    stage,
    nanoseconds,
    bytesCopied,
    ffiCalls,
  })
  const rest = each('batch') - each('fetch') - each('gather') - each('decide') - each('produce')
  const others = [...threads].filter(([name]) => name !== WORKER_THREAD)
  return [
    // Calls as src/rdkafka/partition-source.ts and producer.ts make them.
    row('fetch (FFI in)', each('fetch'), 0, aBatch),
    row('gather (FFI in)', each('gather'), applicationBytes(), 1),
    ...decideRows(size, each('decide')),
    row('produce (FFI out)', each('produce'), outputBytes + 36, 2 * aBatch),
    row('release, counters', rest, 0, 1 + 2 * aBatch),
    ...others
      .map(([name, { running }]) => row(`thread ${name}`, (running * 1e9) / decisions))
      .toSorted((a, b) => b.nanoseconds - a.nanoseconds),
  ]
}

/** The call into WebAssembly, as its stages share it when each is timed alone. */
function decideRows(size: Size, nanoseconds: number): Row[] {
  const { stages } = filledEngine()
  const names = ['decode', 'score', 'decide', 'reason', 'encode'] as const
  const turns = names.map((name) => ({
    calls: callsFor(BATCH_RECORDS),
    call: () => stages[name](BATCH_RECORDS),
  }))
  const least = leastInTurns(size, turns)
  const sum = least.reduce((total, ns) => total + ns, 0)
  const labels = ['decode, features', 'score', 'policy', 'reasons', 'encode']
  return labels.map((stage, i) => ({
    stage,
    nanoseconds: (nanoseconds * least[i]!) / sum,
    bytesCopied: 0,
    ffiCalls: 0,
  }))
}

/** Of an application, on average. */
function applicationBytes(): number {
  const applications = new NumberedApplications()
  const lengths = Array.from({ length: 1000 }, (_, i) => applications.value(i).length)
  return lengths.reduce((sum, length) => sum + length, 0) / lengths.length
}

function print(
  summary: {
    rows: Row[]
    explained: number
    total: number
    unexplained: number
    decisions: number
    checksum: number
    ok: boolean
  },
  path: string,
): string {
  const { rows, explained, total, unexplained, decisions, checksum, ok } = summary
  const cells = rows.map(({ stage, nanoseconds, bytesCopied, ffiCalls }) => [
    stage,
    nanoseconds.toFixed(0),
    bytesCopied.toFixed(0),
    ffiCalls.toFixed(4),
  ])
  const share = `${(100 * unexplained).toFixed(1)} %`
  return [
    plainTable(
      ['of a decision', 'ns of CPU', 'bytes copied', 'FFI calls'],
      [
        ...cells,
        ['sum', explained.toFixed(0), '', ''],
        ['CPU of the process', total.toFixed(0), '', ''],
        ['not explained', share, '', ok ? 'within 10 %' : 'MORE THAN 10 %'],
      ],
    ),
    `  ${decisions} decisions, exactly-once, closed loop, checksum ${checksum}; ${path}`,
    '',
  ].join('\n')
}
