// Reads the decisions as a read_committed consumer and takes the latency of each from the time its
// application was due. It sleeps in librdkafka until there is something.
//
// bun bench/load/reader.ts SCHEDULE    (see schedule.ts; started by run.ts)

import { type Pointer, read } from 'bun:ffi'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MESSAGE_KEY, MESSAGE_LEN, pointerAt, u32At } from '../../src/rdkafka/structs.ts'
import { DECISIONS } from '../support/broker.ts'
import { Latencies, type Percentiles } from './latencies.ts'
import { Messages } from './messages.ts'
import { clockMs, cpuMicrosecondsEach, scheduleOfArguments, startMs } from './schedule.ts'

export type ReaderResult = {
  /** Of all, the first second included. */
  all: Percentiles
  /** Of those that were due after the warm-up. */
  warm: Percentiles
  missing: number
  doubled: number
  /** Of all values together. */
  bytes: number
  cpuMicrosecondsEach: number
  /** From the first application's time until the last decision was there. */
  seconds: number
}

/** How long after the last application's time its decision is waited for. */
const PATIENCE_MS = 30_000
const WAIT_MS = 100

const { bootstrapServers, partitions, rate, first, count, warmUpMs } = scheduleOfArguments()
openLibrary(libraryPath(BUILD))
using messages = new Messages(
  {
    'bootstrap.servers': bootstrapServers,
    'isolation.level': 'read_committed',
    'socket.nagle.disable': 'true',
    'fetch.queue.backoff.ms': '5',
  },
  DECISIONS,
  partitions,
)
messages.settle()
const seen = new Uint8Array(count)
const all = new Latencies()
const warm = new Latencies()
let [found, doubled, bytes, nowMs] = [0, 0, 0, 0]

const startedMs = await startMs()
const before = process.cpuUsage()
const lastMs = startedMs + (count * 1000) / rate + PATIENCE_MS
while (found < count && clockMs() < lastMs) {
  messages.take(WAIT_MS, take, () => (nowMs = clockMs()))
}
const result: ReaderResult = {
  all: all.percentiles(),
  warm: warm.percentiles(),
  missing: count - found,
  doubled,
  bytes,
  cpuMicrosecondsEach: cpuMicrosecondsEach(before, count),
  seconds: (nowMs - startedMs) / 1000,
}
process.stdout.write(`${JSON.stringify(result)}\n`)
process.exit(0)

function take(message: number): void {
  const i = numberOf(pointerAt(message, MESSAGE_KEY)) - first
  // What an earlier run left behind is none of ours.
  if (i < 0 || i >= count) return
  if (seen[i] === 1) {
    doubled++
    return
  }
  seen[i] = 1
  found++
  bytes += u32At(message, MESSAGE_LEN)
  const afterMs = (i * 1000) / rate
  const latencyMs = nowMs - startedMs - afterMs
  all.add(latencyMs)
  if (afterMs >= warmUpMs) warm.add(latencyMs)
}

/** The number is in the id's first eight digits, 0 to 9 and a to f. */
function numberOf(key: number): number {
  let number = 0
  for (let i = 0; i < 8; i++) {
    const code = read.u8(key as Pointer, i)
    number = number * 16 + (code < 58 ? code - 48 : code - 87)
  }
  return number
}
