// Schemas that records name by a registry's id and that the program does not know. A worker asks
// the main thread, which asks the registry: a schema that there is comes with a new program, and of
// the others it says why there is none. That is remembered for a while, so that a stream of bad
// records is no stream of questions.

import type { SchemaId } from '../avro/schema-id.ts'

/** The registry's word that an id is of no schema that a record can have. */
export type UnknownId = {
  id: SchemaId
  why: string
  /** For how long it is not asked for again. */
  forMs: number
}

/** Ids that are remembered; beyond it the oldest are forgotten. */
const UNKNOWN_MAX = 10_000

export class WantedSchemas {
  private readonly send: (ids: SchemaId[]) => void
  private readonly unknown = new Map<SchemaId, { why: string; untilMs: number }>()
  private readonly asked = new Set<SchemaId>()

  /** @param send  how the main thread is asked */
  constructor(send: (ids: SchemaId[]) => void) {
    this.send = send
  }

  /** Those that are to be asked for: the registry has not said no to them, or long ago. */
  due(ids: readonly SchemaId[]): SchemaId[] {
    const nowMs = performance.now()
    return ids.filter((id) => (this.unknown.get(id)?.untilMs ?? 0) <= nowMs)
  }

  ask(ids: SchemaId[]): void {
    for (const id of ids) this.asked.add(id)
    this.send(ids)
  }

  /** Whether there is no answer yet to some of what was asked for last. */
  isWaiting(known: ReadonlyMap<SchemaId, unknown>): boolean {
    for (const id of this.asked) if (known.has(id)) this.asked.delete(id)
    return this.asked.size > 0
  }

  /** Takes the main thread's answer of ids that are none. */
  learn(answers: readonly UnknownId[]): void {
    for (const { id, why, forMs } of answers) {
      this.asked.delete(id)
      this.unknown.delete(id)
      const [oldest] = this.unknown.keys()
      if (oldest !== undefined && this.unknown.size >= UNKNOWN_MAX) this.unknown.delete(oldest)
      this.unknown.set(id, { why, untilMs: performance.now() + forMs })
    }
  }

  /** Forgets what was asked for: the partition is another's. */
  giveUp(): void {
    this.asked.clear()
  }

  whyUnknown(id: SchemaId): string {
    return this.unknown.get(id)?.why ?? `no schema is known of the registry's id ${id}`
  }
}
