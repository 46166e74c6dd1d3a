// The decisions on applications that were taken here, as they appear on the decisions' topic: only
// there is an answer final, whichever process made it. The topic is read, committed records alone,
// while somebody waits and a little longer.

import type { Config } from '../config.ts'
import { type DecisionDecoder, type DecisionRecord } from '../decisions.ts'
import type { Log } from '../log.ts'
import { RecordReader } from '../rdkafka/record-reader.ts'

const TURN_MS = 10
/** Reads of one turn at most, so that the thread gets to other things. */
const READS_PER_TURN = 4
/** Without anybody waiting for so long the reader is let go. */
const IDLE_MS = 30_000
/** An answer that nobody has seen in this time is no longer waited for. */
const WAIT_MS_MAX = 10 * 60_000
const OPEN_MS_MAX = 10_000

type Waiter = {
  decided: Promise<DecisionRecord>
  resolve: (decision: DecisionRecord) => void
  untilMs: number
}

export class Answers {
  private readonly config: Config
  private readonly decoder: DecisionDecoder
  private readonly log: Log
  private readonly waiters = new Map<string, Waiter>()
  private reader: RecordReader | undefined
  private opening: Promise<void> | undefined
  private timer: ReturnType<typeof setInterval> | undefined
  private busyAtMs = 0

  constructor(config: Config, decoder: DecisionDecoder, log: Log) {
    this.config = config
    this.decoder = decoder
    this.log = log
  }

  /**
   * Sees to it that everything decided from now on is read. To be awaited before an application is
   * sent.
   *
   * @param partitions  of the decisions' topic
   */
  async listen(partitions: number): Promise<void> {
    this.busyAtMs = Date.now()
    this.opening ??= this.open(partitions)
    try {
      await this.opening
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** The decision on an application, once it is there; never rejects. */
  answer(id: string): Promise<DecisionRecord> {
    const known = this.waiters.get(id)
    if (known) return known.decided
    const { promise: decided, resolve } = Promise.withResolvers<DecisionRecord>()
    this.waiters.set(id, { decided, resolve, untilMs: Date.now() + WAIT_MS_MAX })
    return decided
  }

  private async open(partitions: number): Promise<void> {
    const numbers = Array.from({ length: partitions }, (_, i) => i)
    const reader = new RecordReader(
      readerProperties(this.config),
      this.config.settings['topic.decisions'],
      numbers,
      'latest',
    )
    this.reader = reader
    this.timer = setInterval(() => this.turn(), TURN_MS)
    const deadline = Date.now() + OPEN_MS_MAX
    // From each partition's end on nothing is missed.
    while (
      this.reader === reader &&
      numbers.some((partition) => !reader.positioned.has(partition))
    ) {
      if (Date.now() > deadline) throw new Error('the decisions cannot be read')
      await Bun.sleep(TURN_MS)
    }
  }

  private turn(): void {
    const { reader, waiters } = this
    if (!reader) return
    try {
      for (let reads = 0; reads < READS_PER_TURN; reads++) {
        const records = reader.read(0)
        for (const { key, value } of records) if (waiters.size > 0) this.take(key, value)
        if (records.length === 0) break
      }
    } catch (error) {
      this.log.warn(`the intake does not read decisions for now: ${String(error)}`)
      this.close()
      return
    }
    const nowMs = Date.now()
    for (const [id, { untilMs }] of waiters) if (untilMs < nowMs) waiters.delete(id)
    if (waiters.size > 0) this.busyAtMs = nowMs
    else if (nowMs - this.busyAtMs > IDLE_MS) this.close()
  }

  private take(key: Uint8Array | null, value: Uint8Array | null): void {
    if (!key || !value) return
    const id = new TextDecoder().decode(key)
    const waiter = this.waiters.get(id)
    if (!waiter) return
    this.waiters.delete(id)
    waiter.resolve(this.decoder.decode(value))
  }

  close(): void {
    clearInterval(this.timer)
    this.reader?.[Symbol.dispose]()
    this.reader = undefined
    this.opening = undefined
  }
}

/** The consumer's as configured, without what makes it a member of the group. */
function readerProperties(config: Config): Record<string, string> {
  const ofMembers = ['group.id', 'group.instance.id', 'group.protocol', 'group.remote.assignor']
  const given = Object.entries(config.consumer).filter(([name]) => !ofMembers.includes(name))
  return {
    'fetch.wait.max.ms': '10',
    'queued.max.messages.kbytes': '4096',
    ...Object.fromEntries(given),
    'isolation.level': 'read_committed',
  }
}
