// One broker of a test's cluster: a Java process, broker and controller in one, on loopback only,
// with its data in a temporary folder.

import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Outcome, reasonOf, runCommand } from '../../src/setup/command.ts'
import { type ClusterView, askBroker } from './kafka-wire.ts'

const FORMAT_MS_MAX = 60_000
const ASK_MS_MAX = 2_000
const POLL_MS = 50
const LOG_LINES = 15
/** USER_HZ, by which Linux counts in /proc/<pid>/stat; 100 on every platform Bun runs on. */
const TICKS_PER_SECOND = 100

/** How to run Java on Kafka's jars. */
export type JavaRuntime = {
  java: string
  classpath: string
  /** For every program: where the classes' archive is, how eagerly to compile. */
  flags: readonly string[]
}

export type NodeSettings = {
  id: number
  /** Where clients connect. */
  port: number
  controllerPort: number
  folder: string
  heapMb: number
  /** Flags of the broker alone. */
  flags: readonly string[]
  /** server.properties */
  properties: Readonly<Record<string, string>>
}

/** Runs a program of Kafka's to its end, without its log: it goes to standard output otherwise. */
export function runJava(
  { java, classpath, flags }: JavaRuntime,
  program: readonly string[],
  folder: string,
  timeoutMs: number,
): Promise<Outcome> {
  const command = [java, ...flags, '-Dlog4j2.level=OFF', '-cp', classpath, ...program]
  return runCommand(command, { folder, environment: process.env, timeoutMs })
}

export class KafkaNode {
  readonly settings: NodeSettings
  private readonly runtime: JavaRuntime
  private child: Bun.Subprocess | undefined

  constructor(runtime: JavaRuntime, settings: NodeSettings) {
    this.runtime = runtime
    this.settings = settings
  }

  /** Of the process, undefined while it does not run. */
  get pid(): number | undefined {
    return this.isRunning ? this.child?.pid : undefined
  }

  private get isRunning(): boolean {
    return (
      this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null
    )
  }

  private get propertiesPath(): string {
    return join(this.settings.folder, 'server.properties')
  }

  private get logPath(): string {
    return join(this.settings.folder, 'broker.log')
  }

  /** Writes server.properties and formats the data folder. */
  async format(clusterId: string, more: readonly string[]): Promise<void> {
    const { folder, properties, id } = this.settings
    mkdirSync(folder, { recursive: true })
    const lines = Object.entries(properties).map(([name, value]) => `${name}=${value}\n`)
    writeFileSync(this.propertiesPath, lines.join(''))
    const format = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', this.propertiesPath]
    const outcome = await runJava(this.runtime, [...format, ...more], folder, FORMAT_MS_MAX)
    if (outcome.exitCode !== 0) {
      throw new Error(`Kafka node ${id} cannot format its folder: ${reasonOf(outcome)}`)
    }
  }

  /**
   * Starts the process; `waitUntil` tells when it serves.
   *
   * @param onExit  called when it has ended, for whatever reason
   */
  start(onExit: () => void): void {
    const { java, classpath, flags } = this.runtime
    const { folder, heapMb } = this.settings
    const log = openSync(this.logPath, 'a')
    const own = [`-Xmx${heapMb}m`, '-Dlog4j2.level=WARN', ...this.settings.flags]
    this.child = Bun.spawn(
      [java, ...flags, ...own, '-cp', classpath, 'kafka.Kafka', this.propertiesPath],
      { cwd: folder, stdin: 'ignore', stdout: log, stderr: log, onExit },
    )
    closeSync(log)
    // A script that forgets to stop the cluster can end; the watchdog stops it then.
    this.child.unref()
  }

  /**
   * Asks the broker until it says what is waited for.
   *
   * @param until  time of `performance.now()` at which to give up
   * @throws Error with the end of the broker's log when it ended or took too long
   */
  async waitUntil(isSo: (view: ClusterView) => boolean, until: number): Promise<void> {
    const { id, port } = this.settings
    while (performance.now() < until) {
      if (!this.isRunning) throw new Error(`Kafka node ${id} ended:\n${this.endOfLog()}`)
      const view = await askBroker(port, ASK_MS_MAX).catch(() => undefined)
      if (view && isSo(view)) return
      await Bun.sleep(POLL_MS)
    }
    throw new Error(`Kafka node ${id} is not ready in time:\n${this.endOfLog()}`)
  }

  private endOfLog(): string {
    return readFileSync(this.logPath, 'utf8').trimEnd().split('\n').slice(-LOG_LINES).join('\n')
  }

  /** Processor time, user and system; 0 when it does not run. Linux only. */
  cpuSeconds(): number {
    if (this.pid === undefined) return 0
    // The second field, the program's name, may hold spaces and parentheses: count from its end.
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // utime and stime, fields 14 and 15 of proc_pid_stat(5).
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.child?.kill(signal)
  }

  /** Ends the process: at once, or in good order within the time, and then at once. */
  async end(graceMs = 0): Promise<void> {
    if (!this.child) return
    // A paused process would not see the request.
    this.signal('SIGCONT')
    this.signal(graceMs > 0 ? 'SIGTERM' : 'SIGKILL')
    const timer = setTimeout(() => this.signal('SIGKILL'), graceMs)
    await this.child.exited
    clearTimeout(timer)
  }
}
