// What decides, changed while running: the model, its challenger, the policy, the schema files,
// what a registry knows. The new program is made, checked and warmed beside the old one, then every
// worker goes over at its next batch. One that is refused changes nothing.

import { statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type SchemaVersion, stampOfSchemas } from './avro/schema-files.ts'
import type { SchemaId } from './avro/schema-id.ts'
import { OperatingError, assert, messageOf } from './errors.ts'
import type { Log } from './log.ts'
import { type Policy, loadPolicy } from './policy/policy.ts'
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
import { HOT, warmUp } from './scorer/warm-up.ts'
import { type Loaded, Swappable, type Version } from './swappable.ts'

/** What the host gives new programs to; resolves when every partition is decided by it. */
export type ProgramUser = { replaceProgram(program: Program): Promise<void> }

/** What a program is made of; of what is not given, what is in use. */
type Given = {
  parts?: ProgramParts
  artefact?: Artefact
  policy?: Policy
  rival?: Loaded<Artefact> | undefined
}

export type ModelHostOptions = {
  module: WebAssembly.Module
  /** Schemas and policy to start with. */
  parts: ProgramParts
  /** The model to start with, and its folder. */
  artefact: Artefact
  folder: string
  /** Folder of the schema files. */
  schemas: string
  user: ProgramUser
  log: Log
  /** The id that a registry has of a decision's schema, where decisions are to start with that. */
  decisionIdOf?: ((schema: SchemaVersion) => Promise<number>) | undefined
}

export class ModelHost {
  readonly model: Swappable<Artefact>
  readonly policy: Swappable<Policy>
  schemaChanges = 0
  schemaRefusals = 0
  private readonly options: ModelHostOptions
  /** Schemas in use; the policy in use is its swappable's. */
  private parts: ProgramParts
  private rival: Loaded<Artefact> | undefined
  /** State of its folder when it was last read, or refused. */
  private rivalSeen: string | undefined
  private busy: Promise<unknown> = Promise.resolve()
  private readonly watchers: ReturnType<typeof setInterval>[] = []

  constructor(options: ModelHostOptions) {
    this.options = options
    const { artefact, folder, parts, log } = options
    this.parts = parts
    const inTurn = <T>(action: () => Promise<T>) => this.inTurn(action)
    this.model = new Swappable('model', modelLoaded(artefact, folder), {
      load: (path) => modelLoaded(loadArtefact(path), path),
      stampOf: stampOfArtefact,
      use: (next) => this.use({ artefact: next }),
      inTurn,
      log,
    })
    this.policy = new Swappable('policy', policyLoaded(parts.policy), {
      load: (path) => policyLoaded(loadPolicy(path)),
      stampOf,
      use: (next) => this.use({ policy: next }),
      inTurn,
      log,
    })
  }

  get challenger(): Version | undefined {
    return this.rival?.version
  }

  /**
   * Has the artefact in a folder decide beside the model in use, instead of the challenger before.
   *
   * @throws OperatingError kind 'usage' when it cannot be used: nothing changes
   */
  challenge(folder: string): Promise<Version> {
    return this.inTurn(() => this.takeRival(resolve(folder)))
  }

  /** Loads the challenger again from where it came, if there is one, and cause, by its turn. */
  private reloadChallenger(isDue = () => true): Promise<void> {
    return this.inTurn(async () => {
      if (this.rival && isDue()) await this.takeRival(this.rival.version.path)
    })
  }

  private async takeRival(path: string): Promise<Version> {
    const { module, user, log } = this.options
    const stamp = stampOfArtefact(path)
    // What is refused is not tried again until it is another.
    if (path === this.rival?.version.path) this.rivalSeen = stamp
    let rival: Loaded<Artefact>
    let program: Program
    try {
      rival = modelLoaded(loadArtefact(path), path)
      program = this.program({ rival })
      warmUp(module, program, HOT)
    } catch (error) {
      log.error({ folder: path }, `challenger refused, nothing changes: ${messageOf(error)}`)
      throw error
    }
    await user.replaceProgram(program)
    this.rival = rival
    this.rivalSeen = stamp
    const { name, hash } = rival.version
    log.info({ challenger: name, hash }, 'challenger on')
    return rival.version
  }

  /** Whether something else lies where the challenger came from than was read. */
  private get isRivalStale(): boolean {
    const stamp = this.rival && stampOfArtefact(this.rival.version.path)
    return stamp !== undefined && stamp !== this.rivalSeen
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

  /**
   * Loads model, policy and challenger again from where they came, each on its own: what is wrong
   * with one is logged and does not keep the others.
   */
  async reload(): Promise<void> {
    const parts = [this.model.reload(), this.policy.reload(), this.reloadChallenger()]
    await Promise.allSettled(parts)
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
        warmUp(module, program, HOT)
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

  /**
   * Looks every so often at the artefacts of the folders in use, the challenger's too, and at the
   * policy's file; changes to what is new.
   */
  watch(intervalMs: number): void {
    this.every(intervalMs, () => {
      for (const part of [this.model, this.policy]) {
        // What was wrong is logged and counted.
        if (part.isStale) part.refresh().catch(() => undefined)
      }
      if (this.isRivalStale) this.reloadChallenger(() => this.isRivalStale).catch(() => undefined)
    })
  }

  /** Looks at the schema files every so often; takes them when there is anything new. */
  watchSchemas(intervalMs: number): void {
    let seen = stampOfSchemas(this.options.schemas)
    this.every(intervalMs, () => {
      const stamp = stampOfSchemas(this.options.schemas)
      if (stamp === undefined || stamp === seen) return
      seen = stamp
      // What was wrong is logged and counted.
      this.reloadSchemas().catch((error: unknown) => {
        const isTransient = error instanceof OperatingError && error.kind === 'retriable'
        if (isTransient) seen = undefined
      })
    })
  }

  private every(intervalMs: number, look: () => void): void {
    const watcher = setInterval(look, intervalMs)
    watcher.unref()
    this.watchers.push(watcher)
  }

  close(): void {
    for (const watcher of this.watchers) clearInterval(watcher)
  }

  /** The program of all there is, but for what is given. */
  private program(given: Given = {}): Program {
    const { parts = this.parts, artefact = this.model.current.content } = given
    const { policy = this.policy.current.content } = given
    const rival = 'rival' in given ? given.rival : this.rival
    const program = makeProgram({ ...parts, policy }, artefact)
    return rival ? withChallenger(program, rival.content) : program
  }

  /** Changes to a model or a policy, with all else there is. */
  private async use(next: Given): Promise<void> {
    const { module, user } = this.options
    const program = this.program(next)
    warmUp(module, program, HOT)
    await user.replaceProgram(program)
  }

  /**
   * What made a decision, by the hashes in it: undefined once model or policy are neither in use
   * nor the ones before.
   */
  programOf(model: string, policy: string): { program: Program; artefact: Artefact } | undefined {
    const artefact = this.model.named(model)?.content
    const rules = this.policy.named(policy)?.content
    if (!artefact || !rules) return undefined
    return { program: makeProgram({ ...this.parts, policy: rules }, artefact), artefact }
  }

  /** One change at a time, in the order they were asked for. */
  private inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.busy.then(action)
    this.busy = result.catch(() => undefined)
    return result
  }
}

function modelLoaded(artefact: Artefact, folder: string): Loaded<Artefact> {
  const { manifest, modelHash } = artefact
  const version = { name: manifest.name, hash: modelHash.toHex(), sinceMs: Date.now() }
  return { content: artefact, version: { ...version, path: resolve(folder) } }
}

function policyLoaded(policy: Policy): Loaded<Policy> {
  const { file, hash, path } = policy
  const version = { name: file.name, hash: hash.toHex(), sinceMs: Date.now() }
  return { content: policy, version: { ...version, path: resolve(path) } }
}

function withDecisionId(parts: ProgramParts, decisionId: number): ProgramParts {
  const { registry } = parts
  assert(registry, 'a registry gives the id')
  return { ...parts, registry: { ...registry, decisionId } }
}

/** The manifest is written last. */
function stampOfArtefact(folder: string): string | undefined {
  return stampOf(join(folder, 'manifest.json'))
}

function stampOf(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  return stat && `${stat.ino} ${stat.mtimeMs} ${stat.size}`
}
