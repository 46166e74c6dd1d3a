// A part of what decides that can be swapped while running, the model or the policy: which one is
// in use, which was before, and how often that changed or was refused.

import { resolve } from 'node:path'
import { OperatingError, messageOf } from './errors.ts'
import type { Log } from './log.ts'

/** Where it came from (folder or file), and what decisions name it by. */
export type Version = { path: string; name: string; hash: string; sinceMs: number }

export type Loaded<T> = { version: Version; content: T }

export type SwapHooks<T> = {
  /** Reads what lies at an absolute path. */
  load(path: string): Loaded<T>
  /**
   * Has every partition decided by it.
   *
   * @throws when it cannot be used, before anything has changed
   */
  use(content: T): Promise<void>
  /** What tells one state of what lies at a path from another; undefined while there is nothing. */
  stampOf(path: string): string | undefined
  /** Runs one change after the other. */
  inTurn<R>(action: () => Promise<R>): Promise<R>
  log: Log
}

export class Swappable<T> {
  swaps = 0
  refusals = 0
  current: Loaded<T>
  private before: Loaded<T> | undefined
  /** State of its path when it was last read, or refused. */
  private seen: string | undefined
  private readonly kind: 'model' | 'policy'
  private readonly hooks: SwapHooks<T>

  constructor(kind: 'model' | 'policy', first: Loaded<T>, hooks: SwapHooks<T>) {
    this.kind = kind
    this.current = first
    this.hooks = hooks
    this.seen = hooks.stampOf(first.version.path)
  }

  get version(): Version {
    return this.current.version
  }

  get previous(): Version | undefined {
    return this.before?.version
  }

  /** What decisions name by a hash: in use, or the one before. */
  named(hash: string): Loaded<T> | undefined {
    return [this.current, this.before].find((loaded) => loaded?.version.hash === hash)
  }

  /**
   * Changes to what lies at a path.
   *
   * @throws OperatingError kind 'usage' when it cannot be used: the old one goes on
   */
  load(path: string): Promise<Version> {
    const absolute = resolve(path)
    return this.hooks.inTurn(() => this.change(absolute, () => this.hooks.load(absolute)))
  }

  /** Whether something else lies where it came from than was read. */
  get isStale(): boolean {
    const stamp = this.hooks.stampOf(this.version.path)
    return stamp !== undefined && stamp !== this.seen
  }

  /** Loads what is in use again, as when it was replaced where it lies. */
  reload(): Promise<Version> {
    return this.load(this.version.path)
  }

  /** Takes what is new where it came from, if it still is when its turn comes. */
  refresh(): Promise<Version> {
    const { hooks } = this
    return hooks.inTurn(async () => {
      const { path } = this.version
      return this.isStale ? this.change(path, () => hooks.load(path)) : this.version
    })
  }

  /**
   * Changes back to the one before, which is still in memory.
   *
   * @throws OperatingError kind 'usage', code 'model' or 'policy', when there is none
   */
  rollBack(): Promise<Version> {
    return this.hooks.inTurn(async () => {
      const { before } = this
      if (!before) throw new OperatingError('usage', this.kind, `there is no ${this.kind} before`)
      return this.change(before.version.path, () => before)
    })
  }

  private async change(path: string, load: () => Loaded<T>): Promise<Version> {
    const startMs = performance.now()
    const { kind, hooks, current } = this
    const stamp = hooks.stampOf(path)
    // What is refused is not tried again until it is another.
    if (path === current.version.path) this.seen = stamp
    let loaded: Loaded<T>
    try {
      loaded = load()
      await hooks.use(loaded.content)
    } catch (error) {
      this.refusals++
      const fields = { path, [kind]: current.version.name, hash: current.version.hash }
      hooks.log.error(fields, `${kind} refused, the old one goes on: ${messageOf(error)}`)
      throw error
    }
    const version = { ...loaded.version, sinceMs: Date.now() }
    this.before = current
    this.current = { content: loaded.content, version }
    this.seen = stamp
    this.swaps++
    const { name, hash } = version
    const ms = Math.round(performance.now() - startMs)
    hooks.log.info({ [kind]: name, hash, before: current.version.hash, ms }, `${kind} changed`)
    return version
  }
}
