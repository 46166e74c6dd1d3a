// The decision's schema file as an encode plan: a list of steps that WebAssembly runs once a
// decision. What is the same in every decision of a partition is encoded here, once, and neighbours
// are merged. A field this program does not know is written with its default.

import {
  ENCODE_CONSTANT,
  ENCODE_DECISION,
  ENCODE_END,
  ENCODE_ID,
  ENCODE_MARGIN,
  ENCODE_OFFSET,
  ENCODE_PROBABILITY,
  ENCODE_REASONS,
  ENCODE_SCORE,
  ENCODE_WRITER,
} from '../../assembly/layout.ts'
import { usageError } from '../errors.ts'
import type { Decision, Reason } from '../records.ts'
import { ByteWriter } from './bytes.ts'
import { singleObjectHeader } from './fingerprint.ts'
import type { SchemaVersion } from './schema-files.ts'
import { type Field, type Json, type Schema, matchesDefault, typeName } from './schema.ts'

/** What a partition's decisions have in common. */
export type DecisionConstants = {
  /** SHA-256, 32 bytes. */
  model: Uint8Array
  policy: Uint8Array
  topic: string
  partition: number
}

export type EncodeStep = { code: number; constant?: Uint8Array }

/** In the order of DECISION_… in the layout. */
export const DECISIONS = ['approved', 'rejected', 'referred'] as const satisfies Decision[]

const DYNAMIC: ReadonlyMap<string, { code: number; type: string }> = new Map([
  ['application_id', { code: ENCODE_ID, type: 'string' }],
  ['margin', { code: ENCODE_MARGIN, type: 'double' }],
  ['probability_of_default', { code: ENCODE_PROBABILITY, type: 'double' }],
  ['offset', { code: ENCODE_OFFSET, type: 'long' }],
])

/** What every decision must say, for others to rest on. */
const FIELDS = [
  ...DYNAMIC.keys(),
  'decision',
  'score',
  'reasons',
  'model',
  'policy',
  'schema',
  'topic',
  'partition',
]

/**
 * Checks that a decision says all that it must.
 *
 * @throws OperatingError kind 'usage', code 'decision_schema', with file and field
 */
export function checkDecisionFields(schema: SchemaVersion): void {
  const names = new Set(schema.schema.fields.map((field) => field.name))
  for (const name of FIELDS) {
    if (!names.has(name)) throw usageError('decision_schema', `${schema.path}: has no ${name}`)
  }
}

/**
 * Makes the plan for decisions of one partition.
 *
 * @param header  what each starts with: of single objects, or of a registry's wire format
 * @throws OperatingError kind 'usage', code 'decision_schema', with file and field
 */
export function makeEncodePlan(
  schema: SchemaVersion,
  constants: DecisionConstants,
  header: Uint8Array = singleObjectHeader(schema.fingerprint),
): EncodeStep[] {
  const steps: EncodeStep[] = [{ code: ENCODE_CONSTANT, constant: header }]
  for (const field of schema.schema.fields) {
    const step = stepFor(field, constants, schema.path)
    const last = steps[steps.length - 1]!
    if (last.constant && step.constant) {
      last.constant = new ByteWriter().raw(last.constant).raw(step.constant).take()
    } else {
      steps.push(step)
    }
  }
  steps.push({ code: ENCODE_END })
  return steps
}

function stepFor(field: Field, constants: DecisionConstants, place: string): EncodeStep {
  const refuse = (wanted: string) =>
    usageError(
      'decision_schema',
      `${place}: ${field.name}: must be ${wanted}, is ${typeName(field.schema)}`,
    )
  const { schema } = field
  const dynamic = DYNAMIC.get(field.name)
  if (dynamic) {
    if (typeName(schema) !== dynamic.type) throw refuse(dynamic.type)
    return { code: dynamic.code }
  }
  switch (field.name) {
    case 'decision':
      if (schema.kind !== 'enum' || schema.symbols.join() !== DECISIONS.join()) {
        throw refuse(`an enum of ${DECISIONS.join(', ')}`)
      }
      return { code: ENCODE_DECISION }
    case 'score':
      if (typeName(schema) !== 'int' && typeName(schema) !== 'long') throw refuse('int or long')
      return { code: ENCODE_SCORE }
    case 'reasons':
      reasonSchema(schema, place)
      return { code: ENCODE_REASONS }
    case 'schema':
      if (schema.kind !== 'fixed' || schema.size !== 8) throw refuse('a fixed of 8 bytes')
      return { code: ENCODE_WRITER }
    case 'model':
    case 'policy':
      if (schema.kind !== 'fixed' || schema.size !== 32) throw refuse('a fixed of 32 bytes')
      return { code: ENCODE_CONSTANT, constant: constants[field.name] }
    case 'topic':
      if (typeName(schema) !== 'string') throw refuse('string')
      return { code: ENCODE_CONSTANT, constant: new ByteWriter().string(constants.topic).take() }
    case 'partition':
      if (typeName(schema) !== 'int' && typeName(schema) !== 'long') throw refuse('int or long')
      return { code: ENCODE_CONSTANT, constant: new ByteWriter().long(constants.partition).take() }
    default: {
      const writer = new ByteWriter()
      if (field.default === undefined || !writeDefault(schema, field.default, writer)) {
        throw usageError(
          'decision_schema',
          `${place}: ${field.name}: is no field this version fills, and has no default that can be written`,
        )
      }
      return { code: ENCODE_CONSTANT, constant: writer.take() }
    }
  }
}

/** Writes a default; false when its type is not covered (records and filled collections). */
function writeDefault(schema: Schema, value: Json, writer: ByteWriter): boolean {
  switch (schema.kind) {
    case 'primitive':
      if (value === null) return true
      if (typeof value === 'boolean') writer.raw(Uint8Array.of(value ? 1 : 0))
      else if (schema.type === 'string' && typeof value === 'string') writer.string(value)
      else if (schema.type === 'double') writer.double(Number(value))
      else if (schema.type === 'float') writer.float(Number(value))
      else if (schema.type === 'int' || schema.type === 'long')
        writer.long(value as number | bigint)
      else return false
      return true
    case 'enum':
      writer.long(schema.symbols.indexOf(value as string))
      return true
    case 'union': {
      const index = schema.branches.findIndex((branch) => matchesDefault(branch, value))
      writer.long(index)
      return writeDefault(schema.branches[index]!, value, writer)
    }
    case 'array':
    case 'map':
      writer.long(0)
      return Object.keys(value as object).length === 0
    default:
      return false
  }
}

/** One reason as it stands in the array, in the order of the schema's fields. */
export function encodeReason(schema: SchemaVersion, reason: Reason): Uint8Array {
  const field = schema.schema.fields.find((f) => f.name === 'reasons')
  const writer = new ByteWriter()
  if (!field) return writer.take()
  for (const name of reasonSchema(field.schema, schema.path)) {
    if (name === 'code') {
      writer.string(reason.code)
      continue
    }
    if (reason.fields.length > 0) writer.long(reason.fields.length)
    for (const path of reason.fields) writer.string(path)
    writer.long(0)
  }
  return writer.take()
}

/** Checks that reasons are an array of records of code and fields; returns the fields' order. */
function reasonSchema(schema: Schema, place: string): string[] {
  const item = schema.kind === 'array' ? schema.items : undefined
  if (item?.kind === 'record' && item.fields.length === 2) {
    const types = new Map(item.fields.map((f) => [f.name, f.schema]))
    const code = types.get('code')
    const fields = types.get('fields')
    const ok =
      code !== undefined &&
      typeName(code) === 'string' &&
      fields?.kind === 'array' &&
      typeName(fields.items) === 'string'
    if (ok) return item.fields.map((f) => f.name)
  }
  throw usageError(
    'decision_schema',
    `${place}: reasons: must be an array of records of code (string) and fields (array of string)`,
  )
}
