// The program: everything that decides, made from files once and then unchanging: model tables,
// decode plans for every known writer schema, policy, the decision's schema. Plain data, so that it
// can be posted to the workers.

import { type Columns, columnType, isColumn, numericPaths } from '../avro/columns.ts'
import { type Scaling, isId, makeDecodePlan } from '../avro/decode-plan.ts'
import { singleObjectHeader } from '../avro/fingerprint.ts'
import { checkDecisionFields, encodeReason } from '../avro/encode-plan.ts'
import { type SchemaId, registryHeader } from '../avro/schema-id.ts'
import { type SchemaVersion, loadSchemaVersions, newest } from '../avro/schema-files.ts'
import { type RecordSchema, typeName, withoutNull } from '../avro/schema.ts'
import { OperatingError, assert, usageError } from '../errors.ts'
import type { PolicyColumns } from '../policy/clauses.ts'
import { compilePolicy } from '../policy/compile.ts'
import { type Policy, fieldsOf, loadPolicy, placeOfCode } from '../policy/policy.ts'
import type { TrainingRange } from '../policy/training.ts'
import type { Reason } from '../records.ts'
import { type Artefact, loadArtefact } from './artefact.ts'
import { type ScoreReasons, scoreReasonsOf, sharedCode } from './score-reasons.ts'
import { columnName, isScaled, unscaledRange } from './unit-scale.ts'
import { wrongInUnit } from './units.ts'

/** The reader's field that identifies an application. */
const ID_FIELD = 'application_id'

const NO_PLAN = new Uint8Array(0)

type Writer = {
  fingerprint: bigint
  version: number
  /** Which schema it is, for people. */
  name: string
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
  /** What explains its scores, where its artefact has it. */
  scoreReasons?: ScoreReasons | undefined
}

/** How records say which writer's they are. */
export type Framings = {
  /** The first so many writers are found by their fingerprint, which single objects start with. */
  fingerprints: number
  /** Whether records may start with 0 and a registry's id, and whether a header may name one. */
  registry: boolean
  headers: boolean
  /** By a registry's id or GUID the number of the writer. */
  known: ReadonlyMap<SchemaId, number>
  /** The writer of records without any framing. */
  raw: number | undefined
}

export type Program = Model & {
  policyName: string
  policyHash: Uint8Array
  /** Field of the application in each column of a row; the model's features come first. */
  columns: string[]
  /** Columns of features that are in another unit than their field, made of the field's. */
  scalings: Scaling[]
  writers: Writer[]
  framings: Framings
  policyTable: Uint8Array
  reasons: Reason[]
  /** Where each is counted; the process gives a code one slot for its life. */
  reasonSlots: number[]
  /** The reasons, Avro-encoded. */
  reasonTexts: Uint8Array[]
  decisionSchema: SchemaVersion
  /** What every decision starts with. */
  decisionHeader: Uint8Array
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
  /** The schema of records without framing. */
  raw?: SchemaVersion | undefined
  registry?: RegistryParts | undefined
}

/** What is known of a schema registry. */
export type RegistryParts = {
  /** Whether a header may name a record's schema. */
  headers: boolean
  /** Schemas that records name, as far as they were brought. */
  known: ReadonlyMap<SchemaId, Registered>
  /** The id of the decision's schema, where decisions are to start with that. */
  decisionId: number | undefined
}

/** A schema of the registry; without one, why it is none of a record. */
export type Registered = {
  /** For people; `place` goes before what is wrong with it, where the name does not say it all. */
  name: string
  place: string
  fingerprint: bigint
  schema: RecordSchema | undefined
  refusal: string
}

export function loadParts(files: Omit<ProgramFiles, 'model'>): ProgramParts {
  return { ...loadSchemas(files.schemas), policy: loadPolicy(files.policy) }
}

/** @param folder  with a folder a record */
export function loadSchemas(folder: string): Pick<ProgramParts, 'applications' | 'decisionSchema'> {
  return {
    applications: loadSchemaVersions(`${folder}/loan_application`),
    decisionSchema: newest(loadSchemaVersions(`${folder}/loan_decision`)),
  }
}

/** @throws OperatingError kind 'usage' when the parts do not go together */
export function makeProgram(parts: ProgramParts, artefact: Artefact): Program {
  const { applications, decisionSchema, policy, registry } = parts
  const reader = newest(applications)
  checkId(reader)
  checkDecisionFields(decisionSchema)
  const columns = layOutColumns(reader, artefact, policy)
  const scalings = scalingsOf(artefact, columns)
  const byField = columnsOfFields({ columns, scalings })
  const policyColumns = policyColumnsOf(reader, columns)
  const compiled = compilePolicy(policy, policyColumns, trainingRanges(artefact))
  const scoreReasons = scoreReasonsOf(artefact, decisionSchema)
  const shared = sharedCode(scoreReasons, compiled.reasons)
  if (shared !== undefined) {
    // A decision would state it twice, and counts of it would be of two things.
    const what = `is a reason of the model ${artefact.manifest.name} too`
    throw usageError('policy', `${placeOfCode(policy, shared)}: "${shared}" ${what}`)
  }
  const writerOf = (writer: Registered) => makeWriter(writer, reader.schema, byField, scalings)
  const writers = applications.map((it) => ({ ...writerOf(fromFile(it)), version: it.version }))
  checkFingerprints(applications, writers)
  const raw = parts.raw && writers.push(writerOf(fromFile(parts.raw))) - 1
  const known = new Map<SchemaId, number>()
  for (const [id, schema] of registry?.known ?? []) {
    known.set(id, writers.push(writerOf(schema)) - 1)
  }
  const own = writers[applications.indexOf(reader)]!
  if (!own.plan) throw usageError('schema', own.refusal)
  if (raw !== undefined && !writers[raw]!.plan) throw usageError('schema', writers[raw]!.refusal)
  return {
    modelName: artefact.manifest.name,
    modelHash: artefact.modelHash,
    policyName: policy.file.name,
    policyHash: policy.hash,
    tables: artefact.tables,
    scoreReasons,
    columns,
    scalings,
    writers,
    framings: {
      fingerprints: applications.length,
      registry: registry !== undefined,
      headers: registry?.headers ?? false,
      known,
      raw,
    },
    policyTable: compiled.table,
    reasons: compiled.reasons,
    reasonSlots: compiled.reasons.map((_, i) => i),
    reasonTexts: compiled.reasons.map((reason) => encodeReason(decisionSchema, reason)),
    decisionSchema,
    decisionHeader:
      registry?.decisionId === undefined
        ? singleObjectHeader(decisionSchema.fingerprint)
        : registryHeader(registry.decisionId),
    applicationSchema: reader,
  }
}

/** A program that also reads records of one more writer, as a container file brings its own. */
export function withWriter(program: Program, version: SchemaVersion): Program {
  const { writers, scalings, applicationSchema, framings } = program
  assert(writers.length === framings.fingerprints, 'all writers are found by their fingerprint')
  if (writers.some((writer) => writer.fingerprint === version.fingerprint)) return program
  const byField = columnsOfFields(program)
  const writer = makeWriter(fromFile(version), applicationSchema.schema, byField, scalings)
  return {
    ...program,
    writers: [...writers, { ...writer, version: version.version }],
    framings: { ...framings, fingerprints: writers.length + 1 },
  }
}

function fromFile({ path, version, fingerprint, schema }: SchemaVersion): Registered {
  const name = version > 0 ? `schema version ${version}` : path
  return { name, place: `${path}: `, fingerprint, schema, refusal: '' }
}

/** The columns that are fields as they are. */
function columnsOfFields({ columns, scalings }: Pick<Program, 'columns' | 'scalings'>): Columns {
  const made = new Set(scalings.map(({ to }) => to))
  const fields = columns.map((field, column): [string, number] => [field, column])
  return new Map(fields.filter(([, column]) => !made.has(column)))
}

function scalingsOf({ manifest }: Artefact, columns: readonly string[]): Scaling[] {
  return manifest.features.filter(isScaled).map((feature): Scaling => {
    const places = {
      from: columns.indexOf(feature.field),
      to: columns.indexOf(columnName(feature)),
    }
    const { multiplied_by, divided_by } = feature
    return multiplied_by === undefined
      ? { ...places, operation: 'divide', factor: divided_by! }
      : { ...places, operation: 'multiply', factor: multiplied_by }
  })
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

/** What a policy may rest on: the fields, not what is made of them for the model. */
export function policyColumnsOf(reader: SchemaVersion, columns: readonly string[]): PolicyColumns {
  return new Map(
    columns.flatMap((field, column) => {
      const type = columnType(reader.schema, field)
      return type ? [[field, { column, type }]] : []
    }),
  )
}

/**
 * What the features were in the training data, where the manifest says so, in the unit of the field
 * that each rests on. Where two rest on one field, both ranges hold.
 */
export function trainingRanges(artefact: Artefact): TrainingRange[] {
  const ranges = artefact.manifest.features.flatMap((feature): TrainingRange[] => {
    const { field, training } = feature
    return training ? [{ field, ...training, ...unscaledRange(training, feature) }] : []
  })
  const byField = Map.groupBy(ranges, ({ field }) => field)
  return [...byField].map(([field, same]) => ({
    field,
    minimum: Math.max(...same.map(({ minimum }) => minimum)),
    maximum: Math.min(...same.map(({ maximum }) => maximum)),
    missing: Math.min(...same.map(({ missing }) => missing)),
  }))
}

/**
 * The model's features in its order, then the other numeric fields, which are checked for bounds,
 * and what else the policy asks for.
 */
function layOutColumns(reader: SchemaVersion, artefact: Artefact, policy: Policy): string[] {
  const features = featureFields(reader, artefact)
  const sources = artefact.manifest.features.map(({ field }) => field)
  const asked = policy.file.rules.flatMap(fieldsOf)
  const ofPolicy = asked.filter((field) => isColumn(reader.schema, field))
  return [...new Set([...features, ...numericPaths(reader.schema), ...sources, ...ofPolicy])]
}

/**
 * The column of each of the model's features: the field that it rests on, or what is made of it.
 *
 * @throws OperatingError kind 'usage', code 'artefact', when there is no such number, or two
 *         features rest on one
 */
export function featureFields(reader: SchemaVersion, artefact: Artefact): string[] {
  const features = artefact.manifest.features.map((feature) => {
    const { name, field } = feature
    if (!isColumn(reader.schema, field)) {
      const what = `feature "${name}" rests on "${field}"`
      const why = `which is no numeric field of ${reader.path}`
      throw usageError('artefact', `model ${artefact.manifest.name}: ${what}, ${why}`)
    }
    const wrong = wrongInUnit(reader.schema, feature)
    if (wrong) {
      const what = `model ${artefact.manifest.name}: feature "${name}" ${wrong}`
      throw usageError('artefact', `${what} (${reader.path})`)
    }
    return columnName(feature)
  })
  if (new Set(features).size !== features.length) {
    throw usageError('artefact', `model ${artefact.manifest.name}: two features rest on one field`)
  }
  return features
}

/** Makes the writer entry of one schema; a schema that cannot be read keeps the reason. */
function makeWriter(
  writer: Registered,
  reader: RecordSchema,
  columns: Columns,
  scalings: readonly Scaling[],
): Writer {
  const { fingerprint, name, schema } = writer
  const refused = (refusal: string): Writer => {
    return { fingerprint, version: 0, name, plan: undefined, refusal, fields: [] }
  }
  if (!schema) return refused(writer.refusal)
  try {
    const { bytes, fields } = makeDecodePlan(schema, reader, columns, ID_FIELD, scalings)
    return { fingerprint, version: 0, name, plan: bytes, refusal: '', fields }
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    return refused(writer.place + error.message)
  }
}
