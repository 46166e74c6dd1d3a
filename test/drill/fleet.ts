// The workers of a drill: as many as it wants, in one group, each replaced when it ends.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WorkerProcess } from '../support/worker-process.ts'

const STOP_MS_MAX = 60_000
/** Of a process that has no handler for SIGTERM yet. */
const SIGTERM_CODE = 128 + 15

/** How the group's members are known and assigned. */
export const PROTOCOLS = ['cooperative', 'consumer', 'static'] as const
export type Protocol = (typeof PROTOCOLS)[number]

type Member = {
  name: string
  worker: WorkerProcess
  /** Whether its end is the drill's doing. */
  isLeaving: boolean
}

export class Fleet {
  /** Workers that ended by themselves, each with the end of its log. */
  readonly failures: string[] = []
  private readonly members: Member[] = []
  private readonly ends: Promise<void>[] = []
  private readonly settings: Record<string, string | number>
  private readonly protocol: Protocol
  private readonly logs: string
  /** Names of those that were told to end and have not yet. */
  private readonly leaving = new Set<string>()
  private started = 0
  private isOver = false

  /** @param logs  folder for the workers' logs */
  constructor(settings: Record<string, string | number>, protocol: Protocol, logs: string) {
    this.settings = settings
    this.protocol = protocol
    this.logs = logs
    mkdirSync(logs, { recursive: true })
  }

  get size(): number {
    return this.members.length
  }

  /** Names of those that were started and have not been told to end. */
  get names(): string[] {
    return this.members.map(({ name }) => name)
  }

  /** @param name  of a member that it replaces: with static membership it takes over its place */
  start(name = this.freeName()): void {
    const identity = this.protocol === 'static' ? { 'group.instance.id': name } : {}
    const worker = new WorkerProcess({ ...this.settings, ...identity })
    const member = { name, worker, isLeaving: false }
    this.members.push(member)
    this.ends.push(this.follow(member, ++this.started))
  }

  /** The first that no member has; one that is leaving has its own until it is gone. */
  private freeName(): string {
    const taken = new Set([...this.names, ...this.leaving])
    for (let i = 1; ; i++) if (!taken.has(`member-${i}`)) return `member-${i}`
  }

  /** Waits for the end of a worker; one that ended by itself is a finding, and is replaced. */
  private async follow(member: Member, number: number): Promise<void> {
    const { worker, name } = member
    const code = await worker.process.exited
    // The last lines are still on their way.
    await Bun.sleep(100)
    writeFileSync(join(this.logs, `worker-${number}-${name}.log`), worker.log)
    if (member.isLeaving) {
      this.leaving.delete(name)
      return
    }
    this.members.splice(this.members.indexOf(member), 1)
    const last = worker.log.trimEnd().split('\n').slice(-3).join('\n')
    this.failures.push(`worker ${number} ended by itself with ${code}:\n${last}`)
    if (!this.isOver) this.start(name)
  }

  /** The member that a number from 0 to 1 picks, which is none of the fleet from now on. */
  private remove(pick: number): Member | undefined {
    const index = Math.floor(pick * this.members.length)
    const [member] = this.members.splice(index, 1)
    if (member) {
      member.isLeaving = true
      this.leaving.add(member.name)
    }
    return member
  }

  /** Ends one at once; another takes its place. */
  kill(pick: number): string {
    const member = this.remove(pick)
    if (!member) return 'nobody'
    member.worker.process.kill('SIGKILL')
    this.start(member.name)
    return member.name
  }

  /** Stops one in order; another takes its place unless the fleet shall shrink. */
  stop(pick: number, replace: boolean): string {
    const member = this.remove(pick)
    if (!member) return 'nobody'
    this.ends.push(this.end(member))
    // Two members of one static name would fence each other.
    if (replace)
      void member.worker.process.exited.then(() => this.isOver || this.start(member.name))
    return member.name
  }

  private async end({ worker, name }: Member): Promise<void> {
    worker.process.kill('SIGTERM')
    const code = await worker.exit(STOP_MS_MAX).catch(() => worker.process.kill('SIGKILL'))
    // One that had not even begun knows nothing of an orderly stop.
    if (code === SIGTERM_CODE && !worker.log.includes('listening')) return
    if (code !== 0) this.failures.push(`${name} stopped with ${code ?? 'no exit in time'}`)
  }

  /** Stops one's clock for a while. */
  freeze(pick: number, durationMs: number): string {
    const member = this.members[Math.floor(pick * this.members.length)]
    if (!member) return 'nobody'
    const { process } = member.worker
    process.kill('SIGSTOP')
    setTimeout(() => process.exitCode === null && process.kill('SIGCONT'), durationMs)
    return member.name
  }

  /** Stops all in order. */
  async stopAll(): Promise<void> {
    this.isOver = true
    while (this.members.length > 0) this.stop(0, false)
    await Promise.race([Promise.all(this.ends), Bun.sleep(STOP_MS_MAX)])
  }

  /** Ends all at once, whatever there is. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.isOver = true
    for (const member of this.members) {
      member.isLeaving = true
      member.worker.process.kill('SIGKILL')
    }
    await Promise.race([Promise.all(this.ends), Bun.sleep(STOP_MS_MAX)])
  }
}
