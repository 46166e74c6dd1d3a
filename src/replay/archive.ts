// The models and policies at hand, by the hashes that decisions name them by, and the programs they
// make together.

import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { SchemaVersion } from '../avro/schema-files.ts'
import { messageOf, usageError } from '../errors.ts'
import { sha256Hex } from '../hash.ts'
import { readJson } from '../json.ts'
import type { Program } from '../scorer/program.ts'
import type { RecordedReader } from './recorded-fields.ts'

const manifest = z.object({ artefact: z.number(), model: z.string() })

/**
 * Makes programs of a model and a policy.
 *
 * @param decision  version of the decision's schema
 * @param id        the registry's, which decisions start with in place of its fingerprint
 */
export type ProgramSources = (
  files: { model: string; policy: string },
  decision: SchemaVersion,
  id: number | undefined,
) => () => Program

export class Archive {
  private readonly sources: ProgramSources
  private readonly places: readonly string[]
  /** Folder of each artefact and file of each policy, by hash. */
  private readonly models = new Map<string, string>()
  private readonly policies = new Map<string, string>()

  /**
   * @param sources  makes programs of them
   * @param places   artefacts, policy files, and folders of them to any depth below
   * @throws OperatingError kind 'usage', code 'file', for a place that cannot be read
   */
  constructor(sources: ProgramSources, places: readonly string[]) {
    this.sources = sources
    this.places = [...new Set(places)]
    for (const place of this.places) this.look(place)
  }

  private look(place: string): void {
    try {
      if (statSync(place).isDirectory()) {
        this.lookAtManifest(place)
        for (const name of readdirSync(place)) {
          const path = join(place, name)
          if (statSync(path).isDirectory() || name.endsWith('.toml')) this.look(path)
        }
        return
      }
      const hash = sha256Hex(readFileSync(place))
      if (!this.policies.has(hash)) this.policies.set(hash, place)
    } catch (error) {
      throw usageError('file', `cannot look for models in ${place}: ${messageOf(error)}`, error)
    }
  }

  private lookAtManifest(folder: string): void {
    const path = join(folder, 'manifest.json')
    if (!existsSync(path)) return
    // A trainer's manifest lies under the same name; what is no artefact is not looked at.
    const parsed = manifest.safeParse(readJson(path))
    if (!parsed.success || this.models.has(parsed.data.model)) return
    this.models.set(parsed.data.model, folder)
  }

  /**
   * The program that made a decision.
   *
   * @param model, policy  SHA-256 as hexadecimal text
   * @param reader         the decision's own schema, and what it starts with
   * @param where          the decision, for the error
   * @throws OperatingError kind 'usage', code 'archive', when model or policy is not here
   */
  program(
    model: string,
    policy: string,
    { version, id }: RecordedReader,
    where: string,
  ): () => Program {
    const folder = this.find('model', this.models, model, where)
    const file = this.find('policy', this.policies, policy, where)
    return this.sources({ model: folder, policy: file }, version, id)
  }

  private find(
    what: 'model' | 'policy',
    known: ReadonlyMap<string, string>,
    hash: string,
    where: string,
  ): string {
    const path = known.get(hash)
    if (path !== undefined) return path
    const places = this.places.join(', ')
    const message = `${where} names ${what} ${hash}, and none of ${known.size} found has that hash`
    throw usageError('archive', `${message} (looked in ${places}; --models names more places)`)
  }
}
