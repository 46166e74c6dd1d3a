// The model in use and its challenger, changed while running: another artefact is loaded, checked
// and warmed beside the old one, then every worker goes over at its next batch. One that is refused
// changes nothing.

import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { OperatingError, messageOf } from './errors.ts'
import type { Log } from './log.ts'
import { type Artefact, loadArtefact } from './scorer/artefact.ts'
import { withChallenger } from './scorer/challenger.ts'
import { type Model, type Program, type ProgramParts, makeProgram } from './scorer/program.ts'
import { warmUp } from './scorer/warm-up.ts'

/** The machine code is hot from the program before: this finds what cannot run at all. */
const WARM_TURNS = 10

export type ModelVersion = { folder: string; name: string; hash: string; sinceMs: number }

/** What the host gives new programs to; resolves when every partition is decided by it. */
export type ProgramUser = { replaceProgram(program: Program): Promise<void> }

/** The program without a challenger. */
type Loaded = { version: ModelVersion; program: Program }
type Rival = { version: ModelVersion; artefact: Artefact }

export type ModelHostOptions = {
  module: WebAssembly.Module
  /** Schemas and policy, which stay. */
  parts: ProgramParts
  program: Program
  folder: string
  user: ProgramUser
  log: Log
}

export class ModelHost {
  swaps = 0
  refusals = 0
  private readonly options: ModelHostOptions
  private current: Loaded
  private previous: Loaded | undefined
  private rival: Rival | undefined
  private busy: Promise<unknown> = Promise.resolve()
  private watcher: ReturnType<typeof setInterval> | undefined

  constructor(options: ModelHostOptions) {
    this.options = options
    const { program } = options
    this.current = { program, version: versionOf(program, resolve(options.folder)) }
  }

  get model(): ModelVersion {
    return this.current.version
  }

  get previousModel(): ModelVersion | undefined {
    return this.previous?.version
  }

  get challenger(): ModelVersion | undefined {
    return this.rival?.version
  }

  /**
   * Changes to the artefact in a folder; the challenger stays.
   *
   * @throws OperatingError kind 'usage' when it cannot be used: the old one goes on
   */
  load(folder: string): Promise<ModelVersion> {
    const { parts } = this.options
    return this.inTurn(() =>
      this.change(folder, () => {
        const program = makeProgram(parts, loadArtefact(resolve(folder)))
        return { program, version: versionOf(program, resolve(folder)) }
      }),
    )
  }

  /**
   * Changes back to the model before, which is still in memory.
   *
   * @throws OperatingError kind 'usage', code 'model' when there is none
   */
  rollBack(): Promise<ModelVersion> {
    return this.inTurn(async () => {
      const { previous } = this
      if (!previous) throw new OperatingError('usage', 'model', 'there is no model before')
      return this.change(previous.version.folder, () => previous)
    })
  }

  /**
   * Has the artefact in a folder decide beside the model in use, instead of the challenger before.
   *
   * @throws OperatingError kind 'usage' when it cannot be used: nothing changes
   */
  challenge(folder: string): Promise<ModelVersion> {
    return this.inTurn(async () => {
      const { module, user, log } = this.options
      let artefact: Artefact
      let program: Program
      try {
        artefact = loadArtefact(resolve(folder))
        program = withChallenger(this.current.program, artefact)
        warmUp(module, program, WARM_TURNS)
      } catch (error) {
        log.error({ folder }, `challenger refused, nothing changes: ${messageOf(error)}`)
        throw error
      }
      await user.replaceProgram(program)
      const version = versionOf(program.challenger!, resolve(folder))
      this.rival = { version, artefact }
      log.info({ challenger: version.name, hash: version.hash }, 'challenger on')
      return version
    })
  }

  /** Has the model in use decide alone. */
  endChallenge(): Promise<void> {
    return this.inTurn(async () => {
      if (!this.rival) return
      await this.options.user.replaceProgram(this.current.program)
      const { name, hash } = this.rival.version
      this.rival = undefined
      this.options.log.info({ challenger: name, hash }, 'challenger off')
    })
  }

  /** Loads the folder again that is in use, as when its artefact was replaced. */
  reload(): Promise<ModelVersion> {
    return this.load(this.model.folder)
  }

  /** Looks at the artefact of the folder in use every so often; changes to it when it is new. */
  watch(intervalMs: number): void {
    let seen = stampOf(this.model.folder)
    this.watcher = setInterval(() => {
      const stamp = stampOf(this.model.folder)
      if (stamp === undefined || stamp === seen) return
      seen = stamp
      // What was wrong is logged and counted.
      this.reload().catch(() => undefined)
    }, intervalMs)
    this.watcher.unref()
  }

  close(): void {
    clearInterval(this.watcher)
  }

  /** Changes to what is loaded, with the challenger there is, unless something is wrong with it. */
  private async change(folder: string, load: () => Loaded): Promise<ModelVersion> {
    const startMs = performance.now()
    const { module, user, log } = this.options
    let loaded: Loaded
    let program: Program
    try {
      loaded = load()
      program = this.rival ? withChallenger(loaded.program, this.rival.artefact) : loaded.program
      warmUp(module, program, WARM_TURNS)
    } catch (error) {
      this.refusals++
      const fields = { folder, model: this.model.name, hash: this.model.hash }
      log.error(fields, `model refused, the old one goes on: ${messageOf(error)}`)
      throw error
    }
    await user.replaceProgram(program)
    const version = { ...loaded.version, sinceMs: Date.now() }
    this.previous = this.current
    this.current = { program: loaded.program, version }
    this.swaps++
    const { name, hash } = version
    const ms = Math.round(performance.now() - startMs)
    log.info({ model: name, hash, before: this.previous.version.hash, ms }, 'model changed')
    return version
  }

  /** One change at a time, in the order they were asked for. */
  private inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.busy.then(action)
    this.busy = result.catch(() => undefined)
    return result
  }
}

function versionOf({ modelName, modelHash }: Model, folder: string): ModelVersion {
  const hash = Buffer.from(modelHash).toString('hex')
  return { folder, name: modelName, hash, sinceMs: Date.now() }
}

/** What tells one state of a folder's artefact from another; undefined while there is none. */
function stampOf(folder: string): string | undefined {
  const stat = statSync(join(folder, 'manifest.json'), { throwIfNoEntry: false })
  return stat && `${stat.ino} ${stat.mtimeMs} ${stat.size}`
}
