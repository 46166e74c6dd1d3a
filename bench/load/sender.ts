// Sends applications on a fixed schedule, come what may: a turn every millisecond or so sends what
// is due and sleeps again. Prints what it cost and how late it was.
//
// bun bench/load/sender.ts SCHEDULE    (see schedule.ts; started by run.ts)

import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import { check } from '../bench.ts'
import { APPLICATIONS } from '../support/broker.ts'
import { openConnection } from './connection.ts'
import { BatchSender } from './batch-sender.ts'
import { Latencies, type Percentiles } from './latencies.ts'
import { clockMs, cpuMicrosecondsEach, scheduleOfArguments, startMs } from './schedule.ts'

export type SenderResult = {
  /** From the time a turn's first application was due until it was handed over. */
  late: Percentiles
  cpuMicrosecondsEach: number
}

/** Above this rate applications are sent together for a millisecond, else each at once. */
const LINGER_FROM_RATE = 2000
const TURN_MS = 1
const FLUSH_MS = 60_000

const { bootstrapServers, partitions, rate, first, count } = scheduleOfArguments()
openLibrary(libraryPath(BUILD))
const producer = new Producer({
  'bootstrap.servers': bootstrapServers,
  'socket.nagle.disable': 'true',
  'linger.ms': rate >= LINGER_FROM_RATE ? '1' : '0',
  'queue.buffering.max.messages': '1000000',
})
producer.metadata(APPLICATIONS, 10_000)
openConnection(producer)
const sender = new BatchSender(producer, partitions)
const late = new Latencies()

const startedMs = await startMs()
const before = process.cpuUsage()
for (let sent = 0; sent < count;) {
  const nowMs = clockMs()
  const dueMs = startedMs + (sent * 1000) / rate
  const due = Math.min(count, Math.floor(((nowMs - startedMs) * rate) / 1000) + 1)
  if (due > sent) {
    sender.send(first + sent, first + due)
    late.add(nowMs - dueMs)
    sent = due
  }
  for (;;) {
    const event = producer.poll(0)
    if (!event) break
    check(event.type !== 'undelivered', 'every application is delivered')
  }
  Bun.sleepSync(TURN_MS)
}
check(producer.flush(FLUSH_MS), 'all applications are delivered')
const result: SenderResult = {
  late: late.percentiles(),
  cpuMicrosecondsEach: cpuMicrosecondsEach(before, count),
}
process.stdout.write(`${JSON.stringify(result)}\n`)
process.exit(0)
