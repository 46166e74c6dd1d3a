// Schemas that records name, brought from the registry: whatever keeps it from saying yes or no is
// waited for, as a record must not become a dead letter because of it.

import { fingerprintOf } from '../avro/fingerprint.ts'
import { type Json, parseRecord } from '../avro/schema.ts'
import type { SchemaId } from '../avro/schema-id.ts'
import { OperatingError, messageOf } from '../errors.ts'
import type { UnknownId } from '../pipeline/wanted-schemas.ts'
import type { Registered } from '../scorer/program.ts'
import type { RegistryClient } from './client.ts'

/** Who waits for an answer. */
export type Waiting = {
  /** Whether the answer is still of use. */
  isWanted(): boolean
  /** Told why it takes longer, each time that the registry was asked in vain. */
  onDelay(why: string): void
}

export type Brought = { found: Map<SchemaId, Registered>; unknown: UnknownId[] }

const PAUSE_FIRST_MS = 100
const PAUSE_MAX_MS = 5000
/** Ids that are asked for at a time. */
const AT_ONCE = 8

export class SchemaLookup {
  private readonly client: RegistryClient
  private readonly unknownMs: number

  /** @param unknownMs  for how long an id that is not known is not asked for again */
  constructor(client: RegistryClient, unknownMs: number) {
    this.client = client
    this.unknownMs = unknownMs
  }

  /** Asks until the registry has answered for each of the ids, or the answer is of no more use. */
  async bring(ids: readonly SchemaId[], waiting: Waiting): Promise<Brought> {
    const brought: Brought = { found: new Map(), unknown: [] }
    const left = [...ids]
    const askNext = async () => {
      for (let id = left.pop(); id !== undefined; id = left.pop()) {
        await this.bringOne(id, waiting, brought)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, askNext))
    return brought
  }

  private async bringOne(id: SchemaId, waiting: Waiting, brought: Brought): Promise<void> {
    for (let pauseMs = PAUSE_FIRST_MS; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS)) {
      try {
        const found = await this.client.schema(id)
        if ('json' in found) brought.found.set(id, registered(id, found.json))
        else brought.unknown.push({ id, why: found.unknown, forMs: this.unknownMs })
        return
      } catch (error) {
        if (!(error instanceof OperatingError)) throw error
        if (waiting.isWanted()) waiting.onDelay(messageOf(error))
      }
      await Bun.sleep(pauseMs)
      if (!waiting.isWanted()) return
    }
  }
}

/** A schema that cannot be a record's is known all the same: its records cannot be read. */
function registered(id: SchemaId, json: Json): Registered {
  const name = `schema ${id} of the registry`
  const place = ''
  try {
    const schema = parseRecord(json, name)
    return { name, place, fingerprint: fingerprintOf(schema), schema, refusal: '' }
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    return { name, place, fingerprint: 0n, schema: undefined, refusal: error.message }
  }
}
