// The program: everything that decides, made from files once and then unchanging: model tables,
// decode plans for every known writer schema, policy, the decision's schema. Plain data, so that it
// can be posted to the workers.

import { type Columns, isColumn, numericPaths } from '../avro/columns.ts'
import { isId, makeDecodePlan } from '../avro/decode-plan.ts'
import { checkDecisionFields, encodeReason } from '../avro/encode-plan.ts'
import { type SchemaVersion, loadSchemaVersions, newest } from '../avro/schema-files.ts'
import { type RecordSchema, typeName, withoutNull } from '../avro/schema.ts'
import { OperatingError, usageError } from '../errors.ts'
import { compilePolicy } from '../policy/compile.ts'
import { type Policy, loadPolicy } from '../policy/policy.ts'
import type { Reason } from '../records.ts'
import { type Artefact, loadArtefact } from './artefact.ts'

/** The reader's field that identifies an application. */
const ID_FIELD = 'application_id'

const NO_PLAN = new Uint8Array(0)

type Writer = {
  fingerprint: bigint
  version: number
  /** Decode plan, or undefined with the reason why its records cannot be read. */
  plan: Uint8Array | undefined
  refusal: string
  /** What a status' field index means. */
  fields: string[]
}

/** A model's tables, and what its decisions name it by. */
export type Model = {
  modelName: string
  /** SHA-256, 32 bytes. */
  modelHash: Uint8Array
  tables: Uint8Array
}

export type Program = Model & {
  policyName: string
  policyHash: Uint8Array
  /** Field of the application in each column of a row; the model's features come first. */
  columns: string[]
  writers: Writer[]
  policyTable: Uint8Array
  reasons: Reason[]
  /** The reasons, Avro-encoded. */
  reasonTexts: Uint8Array[]
  decisionSchema: SchemaVersion
  /** The newest schema of applications: what all writers are read as. */
  applicationSchema: SchemaVersion
  /** A second model, whose tables look for its features in this program's columns. */
  challenger?: Model | undefined
}

export type ProgramFiles = {
  /** Folder with a folder a record. */
  schemas: string
  /** Folder of the model's artefact. */
  model: string
  /** Policy file. */
  policy: string
}

/**
 * Loads everything that decides.
 *
 * @throws OperatingError kind 'usage' with file and place when any part is wrong
 */
export function loadProgram(files: ProgramFiles): Program {
  return makeProgram(loadParts(files), loadArtefact(files.model))
}

/** What decides beside the model. */
export type ProgramParts = {
  /** Oldest first. */
  applications: readonly SchemaVersion[]
  decisionSchema: SchemaVersion
  policy: Policy
}

export function loadParts(files: Omit<ProgramFiles, 'model'>): ProgramParts {
  return {
    applications: loadSchemaVersions(`${files.schemas}/loan_application`),
    decisionSchema: newest(loadSchemaVersions(`${files.schemas}/loan_decision`)),
    policy: loadPolicy(files.policy),
  }
}

/** @throws OperatingError kind 'usage' when the parts do not go together */
export function makeProgram(parts: ProgramParts, artefact: Artefact): Program {
  const { applications, decisionSchema, policy } = parts
  const reader = newest(applications)
  checkId(reader)
  checkDecisionFields(decisionSchema)
  const columns = layOutColumns(reader, artefact, policy)
  const byField: Columns = new Map(columns.map((field, column) => [field, column]))
  const compiled = compilePolicy(policy, byField)
  const writers = applications.map((version) => makeWriter(version, reader.schema, byField))
  checkFingerprints(applications, writers)
  const own = writers[applications.indexOf(reader)]!
  if (!own.plan) throw usageError('schema', own.refusal)
  return {
    modelName: artefact.manifest.name,
    modelHash: artefact.modelHash,
    policyName: policy.file.name,
    policyHash: policy.hash,
    tables: artefact.tables,
    columns,
    writers,
    policyTable: compiled.table,
    reasons: compiled.reasons,
    reasonTexts: compiled.reasons.map((reason) => encodeReason(decisionSchema, reason)),
    decisionSchema,
    applicationSchema: reader,
  }
}

/** A program that also reads records of one more writer, as a container file brings its own. */
export function withWriter(program: Program, version: SchemaVersion): Program {
  const { writers, columns, applicationSchema } = program
  if (writers.some((writer) => writer.fingerprint === version.fingerprint)) return program
  const byField: Columns = new Map(columns.map((field, column) => [field, column]))
  return {
    ...program,
    writers: [...writers, makeWriter(version, applicationSchema.schema, byField)],
  }
}

function checkId(reader: SchemaVersion): void {
  const id = reader.schema.fields.find((field) => field.name === ID_FIELD)
  if (id && isId(withoutNull(id.schema))) return
  const what = id ? `is ${typeName(id.schema)}` : 'is missing'
  const due = 'must be string, bytes or a UUID of 16 bytes'
  throw usageError('schema', `${reader.path}: ${ID_FIELD}: ${due}, ${what}`)
}

/** Logical types are no part of a fingerprint, and units of time are converted by them. */
function checkFingerprints(versions: readonly SchemaVersion[], writers: readonly Writer[]): void {
  for (const [i, { fingerprint, plan }] of writers.entries()) {
    const other = writers.findIndex((writer) => writer.fingerprint === fingerprint)
    const isSame = Buffer.compare(plan ?? NO_PLAN, writers[other]!.plan ?? NO_PLAN) === 0
    if (isSame) continue
    const both = `${versions[other]!.path} and ${versions[i]!.path}`
    const why = 'their logical types differ, and records do not say which was meant'
    throw usageError('schema', `${both} have one fingerprint and are read differently: ${why}`)
  }
}

/**
 * The model's features in its order, then the other numeric fields, which are checked for bounds,
 * and what else the policy asks for.
 */
function layOutColumns(reader: SchemaVersion, artefact: Artefact, policy: Policy): string[] {
  const features = featureFields(reader, artefact)
  const asked = policy.file.rules.flatMap((rule) => [rule.field, rule.divided_by ?? rule.field])
  const ofPolicy = asked.filter((field) => isColumn(reader.schema, field))
  return [...new Set([...features, ...numericPaths(reader.schema), ...ofPolicy])]
}

/**
 * The field that each of the model's features rests on.
 *
 * @throws OperatingError kind 'usage', code 'artefact', when there is no such number, or two
 *         features rest on one
 */
export function featureFields(reader: SchemaVersion, artefact: Artefact): string[] {
  const features = artefact.manifest.features.map(({ name, field }) => {
    if (!isColumn(reader.schema, field)) {
      const what = `feature "${name}" rests on "${field}"`
      const why = `which is no numeric field of ${reader.path}`
      throw usageError('artefact', `model ${artefact.manifest.name}: ${what}, ${why}`)
    }
    return field
  })
  if (new Set(features).size !== features.length) {
    throw usageError('artefact', `model ${artefact.manifest.name}: two features rest on one field`)
  }
  return features
}

/** Makes the writer entry of one schema; a schema that cannot be read keeps the reason. */
function makeWriter(version: SchemaVersion, reader: RecordSchema, columns: Columns): Writer {
  const { fingerprint, schema } = version
  try {
    const plan = makeDecodePlan(schema, reader, columns, ID_FIELD)
    return {
      fingerprint,
      version: version.version,
      plan: plan.bytes,
      refusal: '',
      fields: plan.fields,
    }
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    const refusal = `${version.path}: ${error.message}`
    return { fingerprint, version: version.version, plan: undefined, refusal, fields: [] }
  }
}
