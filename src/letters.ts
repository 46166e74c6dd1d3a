// A look at the latest dead letters, from their topic, for the monitor page. A thread of its own
// reads them, as a reader waits for brokers; it is started when somebody first asks, and stays,
// idle, as ending one is not safe under load (oven-sh/bun#41022).

import { OperatingError, assert } from './errors.ts'
import type { Letters, LettersAnswer } from './letters/view.ts'

/** What the thread is to read, and with what. */
export type LettersSource = {
  /** librdkafka's shared library. */
  library: string
  /** Of a consumer. */
  properties: Record<string, string>
  /** Longest wait for the brokers. */
  timeoutMs: number
  topic: string
  /** Folder of the schema files. */
  schemas: string
}

/** Answers are given again for so long. */
const FRESH_MS = 2000
/** Beyond the broker's time-out, the thread hangs. */
const GRACE_MS = 10_000

export class LatestLetters {
  private readonly source: LettersSource
  private worker: Worker | undefined
  private asking: Promise<Letters> | undefined
  private last: { letters: Letters; atMs: number } | undefined

  constructor(source: LettersSource) {
    this.source = source
  }

  /**
   * The latest letters. Whoever asks while they are read gets the same ones.
   *
   * @throws OperatingError kind 'retriable', code 'letters', when they cannot be read
   */
  read(): Promise<Letters> {
    const { last } = this
    if (last && performance.now() - last.atMs < FRESH_MS) return Promise.resolve(last.letters)
    this.asking ??= this.ask()
      .then((letters) => {
        this.last = { letters, atMs: performance.now() }
        return letters
      })
      .finally(() => {
        this.asking = undefined
      })
    return this.asking
  }

  private ask(): Promise<Letters> {
    this.worker ??= new Worker(new URL('./letters/thread.ts', import.meta.url).href)
    const { worker, source } = this
    worker.unref()
    const { promise, resolve, reject } = Promise.withResolvers<Letters>()
    const fail = (why: string) => {
      reject(new OperatingError('retriable', 'letters', `dead letters cannot be read: ${why}`))
    }
    const late = setTimeout(() => fail('no answer in time'), source.timeoutMs + GRACE_MS)
    worker.onmessage = ({ data }: MessageEvent<LettersAnswer>) => {
      if ('letters' in data) resolve(data.letters)
      else fail(data.error)
    }
    worker.onerror = ({ message }) => {
      this.worker = undefined
      fail(message)
    }
    assert(source.topic !== '', 'there is a topic of dead letters')
    worker.postMessage(source)
    return promise.finally(() => clearTimeout(late))
  }
}
