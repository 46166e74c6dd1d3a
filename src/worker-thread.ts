// A worker as the main thread sees it: started, initialised, given a partition, told to let go.

import type { SchemaId } from './avro/schema-id.ts'
import { assert } from './errors.ts'
import { Counters } from './metrics/counters.ts'
import { SampleRing } from './metrics/samples.ts'
import type { LoopEnd } from './pipeline/loop.ts'
import type { UnknownId } from './pipeline/wanted-schemas.ts'
import type { BatchSpan, FromWorker, NewProgram, ToWorker, UnknownSchemas } from './protocol.ts'

export type InitMessage = Omit<
  Extract<ToWorker, { type: 'init' }>,
  'type' | 'counters' | 'samples' | 'programs'
>
export type AssignMessage = Omit<Extract<ToWorker, { type: 'assign' }>, 'type'>

/** How serving a partition ended. */
export type ServeEnd =
  { end: LoopEnd } | { end: 'failed'; fatal: boolean; code: string; message: string }

export class WorkerThread {
  readonly counters = new Counters()
  readonly samples = new SampleRing()
  /** Resolves once the worker can be assigned a partition; rejects when it cannot be made ready. */
  readonly ready: Promise<void>
  private readonly worker: Worker
  private readonly programs = new MessageChannel()
  private serving: ((end: ServeEnd) => void) | undefined
  /** Settles once nothing of the last partition is left: no producer, nobody who counts. */
  free: Promise<void> = Promise.resolve()
  /** One for each time that it has served and was not free yet, in order. */
  private readonly frees: (() => void)[] = []

  /**
   * @param onCrash    told when the thread breaks down while it serves no partition
   * @param onSchemas  told of schemas that it waits for until `tellUnknown` or a program
   */
  constructor(
    init: InitMessage,
    onLog: (message: Extract<FromWorker, { type: 'log' }>) => void,
    onCrash: (message: string) => void,
    onSchemas: (ids: SchemaId[]) => void,
    onSpan?: (span: BatchSpan) => void,
  ) {
    this.worker = new Worker(new URL('./worker.ts', import.meta.url).href)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.ready = promise
    this.worker.onerror = (event) => {
      const end: ServeEnd = { end: 'failed', fatal: true, code: 'worker', message: event.message }
      if (this.serving) {
        this.finish(end)
        return
      }
      reject(new Error(event.message))
      onCrash(event.message)
    }
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      switch (data.type) {
        case 'loaded':
          this.send({ type: 'init', ...init, ...this.shared() }, [this.programs.port2])
          break
        case 'ready':
          resolve()
          break
        case 'log':
          onLog(data)
          break
        case 'schemas':
          onSchemas(data.ids)
          break
        case 'released':
          this.finish({ end: data.end })
          break
        case 'span':
          onSpan?.(data.span)
          break
        case 'free':
          this.frees.shift()?.()
          break
        case 'failed':
          if (this.serving) {
            const { fatal, code, message } = data
            this.finish({ end: 'failed', fatal, code, message })
          } else {
            reject(new Error(data.message))
          }
      }
    }
  }

  /** Serves a partition until a command in the counters ends it; one at a time. */
  serve(assignment: AssignMessage): Promise<ServeEnd> {
    assert(!this.serving, 'a worker serves one partition at a time')
    const { promise, resolve } = Promise.withResolvers<ServeEnd>()
    this.serving = resolve
    this.free = new Promise((free) => this.frees.push(free))
    this.send({ type: 'assign', ...assignment })
    return promise
  }

  /** Has the worker use another program from its next batch on. */
  replaceProgram(number: number, program: NewProgram['program']): void {
    const message: NewProgram = { type: 'program', number, program }
    this.programs.port1.postMessage(message)
    this.counters.programWanted = number
  }

  /** Tells of schemas that it asked for and that there are not. */
  tellUnknown(unknown: UnknownId[]): void {
    const message: UnknownSchemas = { type: 'unknown-schemas', unknown }
    this.programs.port1.postMessage(message)
  }

  private shared() {
    const { counters, samples, programs } = this
    return { counters: counters.buffer, samples: samples.buffer, programs: programs.port2 }
  }

  private finish(end: ServeEnd): void {
    const resolve = this.serving
    this.serving = undefined
    resolve?.(end)
  }

  private send(message: ToWorker, transfer: MessagePort[] = []): void {
    this.worker.postMessage(message, transfer)
  }
}
