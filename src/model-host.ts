// What decides, changed while running: the model, its challenger, the schema files, what a registry
// knows. The new program is made, checked and warmed beside the old one, then every worker goes
// over at its next batch. One that is refused changes nothing.

import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type SchemaVersion, stampOfSchemas } from './avro/schema-files.ts'
import type { SchemaId } from './avro/schema-id.ts'
import { OperatingError, assert, messageOf } from './errors.ts'
import type { Log } from './log.ts'
import { type Artefact, loadArtefact } from './scorer/artefact.ts'
import { withChallenger } from './scorer/challenger.ts'
import {
  type Program,
  type ProgramParts,
  type Registered,
  loadSchemas,
  makeProgram,
} from './scorer/program.ts'
import { checkHistory, checkReadable, isSame } from './scorer/succession.ts'
import { warmUp } from './scorer/warm-up.ts'

/** The machine code is hot from the program before: this finds what cannot run at all. */
const WARM_TURNS = 10

export type ModelVersion = { folder: string; name: string; hash: string; sinceMs: number }

/** What the host gives new programs to; resolves when every partition is decided by it. */
export type ProgramUser = { replaceProgram(program: Program): Promise<void> }

type Loaded = { version: ModelVersion; artefact: Artefact }

export type ModelHostOptions = {
  module: WebAssembly.Module
  /** Schemas, and the policy, which stays. */
  parts: ProgramParts
  artefact: Artefact
  /** The artefact's folder. */
  folder: string
  /** Folder of the schema files. */
  schemas: string
  user: ProgramUser
  log: Log
  /** The id that a registry has of a decision's schema, where decisions are to start with that. */
  decisionIdOf?: ((schema: SchemaVersion) => Promise<number>) | undefined
}

export class ModelHost {
  swaps = 0
  refusals = 0
  schemaChanges = 0
  schemaRefusals = 0
  private readonly options: ModelHostOptions
  private parts: ProgramParts
  private current: Loaded
  private previous: Loaded | undefined
  private rival: Loaded | undefined
  private busy: Promise<unknown> = Promise.resolve()
  private readonly watchers: ReturnType<typeof setInterval>[] = []

  constructor(options: ModelHostOptions) {
    this.options = options
    const { artefact, folder, parts } = options
    this.parts = parts
    this.current = { artefact, version: versionOf(artefact, resolve(folder)) }
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
    return this.inTurn(() =>
      this.change(folder, () => {
        const artefact = loadArtefact(resolve(folder))
        return { artefact, version: versionOf(artefact, resolve(folder)) }
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
        program = this.program({ rival: { artefact } })
        warmUp(module, program, WARM_TURNS)
      } catch (error) {
        log.error({ folder }, `challenger refused, nothing changes: ${messageOf(error)}`)
        throw error
      }
      await user.replaceProgram(program)
      const version = versionOf(artefact, resolve(folder))
      this.rival = { version, artefact }
      log.info({ challenger: version.name, hash: version.hash }, 'challenger on')
      return version
    })
  }

  /** Has the model in use decide alone. */
  endChallenge(): Promise<void> {
    return this.inTurn(async () => {
      if (!this.rival) return
      await this.options.user.replaceProgram(this.program({ rival: undefined }))
      const { name, hash } = this.rival.version
      this.rival = undefined
      this.options.log.info({ challenger: name, hash }, 'challenger off')
    })
  }

  /** Loads the folder again that is in use, as when its artefact was replaced. */
  reload(): Promise<ModelVersion> {
    return this.load(this.model.folder)
  }

  /**
   * Takes the schema files as they are now: new versions can be read, and the newest is what all
   * are read as, when the model and the policy find in it what they rest on.
   *
   * @throws OperatingError when they cannot be used: the old ones go on
   */
  reloadSchemas(): Promise<void> {
    return this.inTurn(async () => {
      const { module, user, log, schemas, decisionIdOf } = this.options
      const before = this.parts
      let parts: ProgramParts
      let program: Program
      try {
        const loaded = loadSchemas(schemas)
        parts = { ...before, ...loaded }
        checkHistory(before, parts)
        if (isSame(before, parts)) return
        if (decisionIdOf && loaded.decisionSchema.version !== before.decisionSchema.version) {
          parts = withDecisionId(parts, await decisionIdOf(loaded.decisionSchema))
        }
        program = this.program({ parts })
        checkReadable(this.program(), program)
        warmUp(module, program, WARM_TURNS)
      } catch (error) {
        this.schemaRefusals++
        log.error({ folder: schemas }, `schemas refused, the old ones go on: ${messageOf(error)}`)
        throw error
      }
      await user.replaceProgram(program)
      this.parts = parts
      this.schemaChanges++
      const reader = program.applicationSchema.version
      log.info({ versions: parts.applications.length, reader }, 'schemas changed')
    })
  }

  /** Takes what a registry has of schemas that records name; resolves when all workers know it. */
  learn(found: ReadonlyMap<SchemaId, Registered>): Promise<void> {
    return this.inTurn(async () => {
      const { registry } = this.parts
      assert(registry, 'only a registry names schemas by ids')
      const known = new Map([...registry.known, ...found])
      const isNew = known.size > registry.known.size
      const parts = { ...this.parts, registry: { ...registry, known } }
      if (isNew) await this.options.user.replaceProgram(this.program({ parts }))
      this.parts = parts
    })
  }

  /** From now on decisions start with the registry's id of their schema. */
  useDecisionId(id: number): Promise<void> {
    return this.inTurn(async () => {
      this.parts = withDecisionId(this.parts, id)
      await this.options.user.replaceProgram(this.program())
    })
  }

  get decisionSchema(): SchemaVersion {
    return this.parts.decisionSchema
  }

  /** Looks at the artefact of the folder in use every so often; changes to it when it is new. */
  watch(intervalMs: number): void {
    this.watchFor(
      intervalMs,
      () => stampOf(this.model.folder),
      () => this.reload(),
    )
  }

  /** Looks at the schema files every so often; takes them when there is anything new. */
  watchSchemas(intervalMs: number): void {
    this.watchFor(
      intervalMs,
      () => stampOfSchemas(this.options.schemas),
      () => this.reloadSchemas(),
    )
  }

  private watchFor(
    intervalMs: number,
    stampNow: () => string | undefined,
    reload: () => Promise<unknown>,
  ): void {
    let seen = stampNow()
    const watcher = setInterval(() => {
      const stamp = stampNow()
      if (stamp === undefined || stamp === seen) return
      seen = stamp
      // What was wrong is logged and counted.
      reload().catch((error: unknown) => {
        const isTransient = error instanceof OperatingError && error.kind === 'retriable'
        if (isTransient) seen = undefined
      })
    }, intervalMs)
    watcher.unref()
    this.watchers.push(watcher)
  }

  close(): void {
    for (const watcher of this.watchers) clearInterval(watcher)
  }

  /** The program of all there is, but for what is given. */
  private program(
    given: {
      parts?: ProgramParts
      artefact?: Artefact
      rival?: { artefact: Artefact } | undefined
    } = {},
  ): Program {
    const { parts = this.parts, artefact = this.current.artefact } = given
    const rival = 'rival' in given ? given.rival : this.rival
    const program = makeProgram(parts, artefact)
    return rival ? withChallenger(program, rival.artefact) : program
  }

  /** Changes to what is loaded, with the challenger there is, unless something is wrong with it. */
  private async change(folder: string, load: () => Loaded): Promise<ModelVersion> {
    const startMs = performance.now()
    const { module, user, log } = this.options
    let loaded: Loaded
    let program: Program
    try {
      loaded = load()
      program = this.program(loaded)
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
    this.current = { artefact: loaded.artefact, version }
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

function versionOf({ manifest, modelHash }: Artefact, folder: string): ModelVersion {
  const hash = Buffer.from(modelHash).toString('hex')
  return { folder, name: manifest.name, hash, sinceMs: Date.now() }
}

function withDecisionId(parts: ProgramParts, decisionId: number): ProgramParts {
  const { registry } = parts
  assert(registry, 'a registry gives the id')
  return { ...parts, registry: { ...registry, decisionId } }
}

/** What tells one state of a folder's artefact from another; undefined while there is none. */
function stampOf(folder: string): string | undefined {
  const stat = statSync(join(folder, 'manifest.json'), { throwIfNoEntry: false })
  return stat && `${stat.ino} ${stat.mtimeMs} ${stat.size}`
}
