// The worker as a user runs it: a process of its own, seen from outside by its exit code, its log,
// its HTTP interface and what lies on the topics.

import { readFileSync } from 'node:fs'
import { ROOT } from '../../src/paths.ts'

export type Health = {
  status: string
  phase: string
  not_ready: string
  partitions: {
    partition: number
    position: number | null
    committed: number | null
    lag: number | null
    stage: string
    waits_for: string | null
    first_decision_ms: number | null
    healthy: boolean
  }[]
}

export class WorkerProcess implements AsyncDisposable {
  readonly process: Bun.Subprocess<'ignore', 'pipe', 'pipe'>
  /** Everything the process has logged so far. */
  log = ''
  /** Everything it wrote to standard output. */
  output = ''
  private readonly reading: Promise<unknown>

  /** @param settings  as for --set; http.port defaults to any free one */
  constructor(settings: Record<string, string | number>, command = 'worker') {
    const all = { 'http.port': 0, 'log.format': 'json', 'log.level': 'info', ...settings }
    const sets = Object.entries(all).flatMap(([key, value]) => ['--set', `${key}=${value}`])
    this.process = Bun.spawn([process.execPath, 'src/main.ts', command, ...sets], {
      cwd: ROOT,
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
      env: { PATH: process.env['PATH'], ...profilersEnvironment() },
    })
    this.reading = Promise.all([
      this.read(this.process.stderr, (text) => (this.log += text)),
      this.read(this.process.stdout, (text) => (this.output += text)),
    ])
  }

  private async read(stream: ReadableStream<Uint8Array>, take: (text: string) => void) {
    const decoder = new TextDecoder()
    for await (const chunk of stream) take(decoder.decode(chunk, { stream: true }))
  }

  get pid(): number {
    return this.process.pid
  }

  /** Waits until the log holds the text. */
  async logged(text: string | RegExp, timeoutMs = 60_000): Promise<void> {
    await this.until(() => this.log.search(text) >= 0, `the log to hold ${text}`, timeoutMs)
  }

  /** Address of the HTTP server, as the log tells it. */
  async url(): Promise<string> {
    await this.logged('listening')
    return /"url":"([^"]+)"/.exec(this.log)![1]!
  }

  async get(path: string): Promise<Response> {
    return fetch((await this.url()) + path)
  }

  async health(): Promise<Health> {
    return (await (await this.get('/healthz')).json()) as Health
  }

  async ready(timeoutMs = 20_000): Promise<void> {
    await this.until(
      async () => (await this.get('/readyz')).ok,
      'the worker to be ready',
      timeoutMs,
    )
  }

  /** A metric's value, summed over its labels; 0 when there is none. */
  async metric(name: string): Promise<number> {
    return (await this.metrics())(name) || 0
  }

  /**
   * All metrics as they are now.
   *
   * @returns a metric's value by name: with all of its labels that one's, with none the sum; NaN
   *          when there is none
   */
  async metrics(): Promise<(name: string) => number> {
    const lines = (await (await this.get('/metrics')).text()).split('\n')
    return (name) => {
      const own = lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
      const values = own.map((line) => Number(line.slice(line.lastIndexOf(' '))))
      return values.length > 0 ? values.reduce((sum, value) => sum + value) : NaN
    }
  }

  /** Waits until a metric is at least so much. */
  async reaches(name: string, value: number, timeoutMs = 30_000): Promise<void> {
    await this.until(
      async () => (await this.metric(name)) >= value,
      `${name} to reach ${value}`,
      timeoutMs,
    )
  }

  /** Waits until a partition has no lag. */
  async idle(partition: number, timeoutMs = 30_000): Promise<void> {
    const isIdle = async () =>
      (await this.health()).partitions.some((p) => p.partition === partition && p.lag === 0)
    await this.until(isIdle, `partition ${partition} to have no lag`, timeoutMs)
  }

  /** Waits until so many partitions are assigned and none has lag. */
  async caughtUp(partitions: number, timeoutMs = 30_000): Promise<void> {
    const isCaughtUp = async () => {
      const health = await this.health()
      const idle = health.partitions.filter((p) => p.lag === 0 && p.stage === 'fetch')
      return idle.length === partitions
    }
    await this.until(isCaughtUp, 'all partitions to catch up', timeoutMs)
  }

  /** Resident memory now, in megabytes of a million bytes. Linux only. */
  residentMegabytes(): number {
    return this.statusNumber('VmRSS') * 1.024e-3
  }

  /** The most that it was so far. */
  peakMegabytes(): number {
    return this.statusNumber('VmHWM') * 1.024e-3
  }

  /** Threads now. Linux only. */
  threads(): number {
    return this.statusNumber('Threads')
  }

  /** A number of the kernel's status of the process; memory is in KiB. */
  private statusNumber(name: string): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    return Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)![1])
  }

  /** Waits for the process's end and returns its exit code. */
  async exit(timeoutMs = 20_000): Promise<number> {
    const code = await Promise.race([this.process.exited, Bun.sleep(timeoutMs)])
    if (typeof code !== 'number') throw new Error(`no exit within ${timeoutMs} ms\n${this.log}`)
    await this.reading
    return code
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    this.process.kill(signal)
    return this.exit()
  }

  /** @param everyMs  between two looks; what they cost the worker is part of what a bench measures */
  async until(
    holds: () => boolean | Promise<boolean>,
    what: string,
    timeoutMs: number,
    everyMs = 20,
  ): Promise<void> {
    const deadline = Date.now() + timeoutMs
    while (!(await holds())) {
      if (this.process.exitCode !== null) {
        throw new Error(`exited with ${this.process.exitCode}, waiting for ${what}\n${this.log}`)
      }
      if (Date.now() > deadline) throw new Error(`waited in vain for ${what}\n${this.log}`)
      await Bun.sleep(everyMs)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null) this.process.kill('SIGKILL')
    await this.process.exited
  }
}

/** What `bun bench --profile` tells JavaScriptCore, for the workers too. */
function profilersEnvironment() {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => name.startsWith('BUN_JSC_')),
  )
}
