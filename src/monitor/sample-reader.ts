// Samples of decisions, made readable: the decision by its schema, and the application's region by
// the schema that it was written with.

import { type Resolver, Type } from 'avsc'
import type { SchemaVersion } from '../avro/schema-files.ts'
import { newest } from '../avro/schema-files.ts'
import { DecisionDecoder, type DecisionRecord } from '../decisions.ts'
import { OUTCOMES } from '../metrics/counters.ts'
import type { Sample } from '../metrics/samples.ts'
import type { DecisionView } from './frame.ts'

/** The field whose values decisions are told apart by, where applications have one. */
const REGION_FIELD = 'region'
const HEADER_BYTES = 10
const FINGERPRINT_AT = 2

export type ReadSample = {
  weight: number
  /** Index of OUTCOMES. */
  outcome: number
  margin: number
  row: Float64Array
  view: DecisionView
  decided: DecisionRecord
  /** The application as it came; empty when it was too long to be kept. */
  value: Uint8Array
}

type Writer = { type: Type; resolver: Resolver | undefined }

export class SampleReader {
  private readonly decisions: DecisionDecoder
  private readonly reader: Type | undefined
  private readonly writers = new Map<bigint, Writer>()

  constructor(applications: readonly SchemaVersion[], decision: SchemaVersion) {
    this.decisions = new DecisionDecoder(decision)
    const last = newest(applications)
    if (!last.schema.fields.some(({ name }) => name === REGION_FIELD)) return
    this.reader = typeOf(last)
    for (const version of applications) {
      const type = typeOf(version)
      try {
        const resolver = version === last ? undefined : this.reader.createResolver(type)
        this.writers.set(version.fingerprint, { type, resolver })
      } catch {
        // Its records are dead letters, so that no sample is of them.
      }
    }
  }

  read(sample: Sample): ReadSample {
    const decided = this.decisions.decode(sample.decision)
    const view = {
      atMs: sample.decidedAtMs,
      id: decided.application_id,
      decision: decided.decision,
      score: decided.score,
      probability: decided.probability_of_default,
      region: this.region(sample.value),
      reasons: decided.reasons,
      partition: decided.partition,
      offset: decided.offset,
      model: decided.model,
    }
    const outcome = OUTCOMES.indexOf(decided.decision)
    const { weight, row, value } = sample
    return { weight, outcome, margin: decided.margin, row, view, decided, value }
  }

  private region(value: Uint8Array): string | null {
    if (!this.reader || value.length < HEADER_BYTES) return null
    const view = new DataView(value.buffer, value.byteOffset)
    const writer = this.writers.get(view.getBigUint64(FINGERPRINT_AT, true))
    if (!writer) return null
    try {
      const body = Buffer.from(value.buffer, value.byteOffset + HEADER_BYTES)
      const record = this.reader.fromBuffer(body, writer.resolver) as Record<string, unknown>
      const region = record[REGION_FIELD]
      return typeof region === 'string' ? region : null
    } catch {
      // avsc refuses numbers that no double holds; WebAssembly does not.
      return null
    }
  }
}

function typeOf({ json }: SchemaVersion): Type {
  return Type.forSchema(json as Parameters<typeof Type.forSchema>[0])
}

/** The end of an identifier: enough to tell two apart, too little to find somebody. */
export function masked(view: DecisionView): DecisionView {
  return { ...view, id: `…${view.id.slice(-4)}`, offset: -1 }
}
