// Schemas that records name by a registry's ids, for what decides records outside of a worker: it
// brings them before it decides, as it has nothing else to do.

import type { SchemaId } from '../avro/schema-id.ts'
import type { Program, Registered } from '../scorer/program.ts'

/** Makes the program that knows these schemas. */
export type MakeProgram = (known: ReadonlyMap<SchemaId, Registered>) => Program

/**
 * Asks the registry until it has answered.
 *
 * @returns those that there are
 * @throws OperatingError kind 'retriable' when it does not answer in time
 */
export type Bring = (ids: SchemaId[]) => Promise<ReadonlyMap<SchemaId, Registered>>

export class KnownSchemas {
  private readonly bring: Bring | undefined
  private readonly known = new Map<SchemaId, Registered>()
  private readonly asked = new Set<SchemaId>()

  /** @param bring  undefined where there is no registry: then nothing names an id */
  constructor(bring: Bring | undefined) {
    this.bring = bring
  }

  get hasRegistry(): boolean {
    return this.bring !== undefined
  }

  /** Undefined where there is none, or it was not asked for. */
  get(id: SchemaId): Registered | undefined {
    return this.known.get(id)
  }

  /** Knows those of the ids that there are, from the next call of a source on. */
  async learn(ids: Iterable<SchemaId>): Promise<void> {
    const unasked = [...ids].filter((id) => !this.asked.has(id))
    if (!this.bring || unasked.length === 0) return
    for (const [id, schema] of await this.bring(unasked)) this.known.set(id, schema)
    for (const id of unasked) this.asked.add(id)
  }

  /** The program as it is with all schemas that are known; the same one until there are more. */
  source(make: MakeProgram): () => Program {
    let program: Program | undefined
    let schemas = 0
    return () => {
      if (!program || schemas !== this.known.size) program = make(this.known)
      schemas = this.known.size
      return program
    }
  }
}
