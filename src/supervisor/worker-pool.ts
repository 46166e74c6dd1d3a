// The worker threads of the process: started when needed, kept for its life, lent to partitions.

import { serialize } from 'bun:jsc'
import type { SchemaId } from '../avro/schema-id.ts'
import { messageOf } from '../errors.ts'
import type { Counters } from '../metrics/counters.ts'
import type { SampleRing } from '../metrics/samples.ts'
import type { BatchSpan, WorkerSettings } from '../protocol.ts'
import type { Program } from '../scorer/program.ts'
import { WorkerThread } from '../worker-thread.ts'
import type { EventLog } from './event-log.ts'

export type PoolOptions = {
  module: WebAssembly.Module
  /** Path of librdkafka. */
  library: string
  worker: WorkerSettings
  /** Told of every span that a worker posts. */
  spans?: { add(span: BatchSpan): void } | undefined
}

export class WorkerPool {
  program: Program
  private readonly options: PoolOptions
  private readonly log: EventLog
  private readonly fail: (message: string) => void
  private readonly onSchemas: (thread: WorkerThread, ids: SchemaId[]) => void
  private readonly threads: WorkerThread[] = []
  private readonly idle: WorkerThread[] = []
  /** Threads that were given back and free what they made. */
  private readonly freeing = new Set<Promise<void>>()
  private programNumber = 0
  /** Number of the last program with a challenger. */
  private challengerNumber = 0

  /**
   * @param fail       told when a thread does not start or breaks down
   * @param onSchemas  told of schemas that a thread waits for
   */
  constructor(
    program: Program,
    options: PoolOptions,
    log: EventLog,
    fail: (message: string) => void,
    onSchemas: (thread: WorkerThread, ids: SchemaId[]) => void,
  ) {
    this.program = program
    this.options = options
    this.log = log
    this.fail = fail
    this.onSchemas = onSchemas
  }

  /** Starts so many threads ahead; resolves when they are ready. */
  async prestart(count: number): Promise<void> {
    const threads = Array.from({ length: count }, () => this.start())
    this.idle.push(...threads)
    await Promise.all(threads.map((thread) => thread.ready))
  }

  /** An idle thread, or a new one that may not be ready yet. */
  take(): WorkerThread {
    return this.idle.pop() ?? this.start()
  }

  /** Has it lent again once it is free. */
  giveBack(thread: WorkerThread): void {
    const freeing = thread.free.then(() => {
      this.freeing.delete(freeing)
      thread.counters.stage = 'idle'
      this.idle.push(thread)
    })
    this.freeing.add(freeing)
  }

  /** Resolves when all threads that were given back are free. */
  async allFree(): Promise<void> {
    await Promise.all(this.freeing)
  }

  /** Has every thread use another program from its next batch on; returns the program's number. */
  replaceProgram(program: Program): number {
    this.program = program
    const number = ++this.programNumber
    if (program.challenger) this.challengerNumber = number
    const serialized = serialize(program)
    for (const thread of this.threads) thread.replaceProgram(number, serialized)
    return number
  }

  counters(): readonly Counters[] {
    return this.threads.map((thread) => thread.counters)
  }

  samples(): readonly SampleRing[] {
    return this.threads.map((thread) => thread.samples)
  }

  private start(): WorkerThread {
    const { library, module, worker } = this.options
    const thread = new WorkerThread(
      { library, module, program: this.program, settings: worker },
      ({ level, message, fields }) => this.log.write(level, message, fields),
      (message) => this.fail(`a worker broke down: ${message}`),
      (ids) => this.onSchemas(thread, ids),
      (span) => this.options.spans?.add(span),
    )
    thread.ready.catch((error: unknown) => this.fail(`a worker did not start: ${messageOf(error)}`))
    // It starts with this very program.
    thread.counters.programWanted = this.programNumber
    thread.counters.programUsed = this.programNumber
    thread.counters.startChallenger(this.challengerNumber)
    this.threads.push(thread)
    return thread
  }
}
