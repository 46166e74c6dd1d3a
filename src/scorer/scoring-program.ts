// A program that only scores.

import type { SchemaVersion } from '../avro/schema-files.ts'
import type { Program } from './program.ts'

const NO_SCHEMA: SchemaVersion = {
  path: '',
  version: 0,
  fingerprint: 0n,
  schema: { kind: 'record', name: '', aliases: [], fields: [] },
  json: null,
}
const NO_HASH = new Uint8Array(32)

/** Rows of these columns to raw scores: no schemas, no policy, and nothing to name the model by. */
export function scoringProgram(tables: Uint8Array, columns: string[]): Program {
  return {
    modelName: '',
    modelHash: NO_HASH,
    policyName: '',
    policyHash: NO_HASH,
    tables,
    columns,
    scalings: [],
    writers: [],
    framings: {
      fingerprints: 0,
      registry: false,
      headers: false,
      known: new Map(),
      raw: undefined,
    },
    policyTable: new Uint8Array(128),
    reasons: [],
    reasonSlots: [],
    reasonTexts: [],
    decisionSchema: NO_SCHEMA,
    decisionHeader: new Uint8Array(0),
    applicationSchema: NO_SCHEMA,
  }
}
