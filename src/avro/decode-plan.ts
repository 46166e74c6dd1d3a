// Resolution of a writer's schema against the reader's into a decode plan: a list of steps over the
// writer's fields that WebAssembly runs once a record. Source: Avro 1.12 specification, "Schema
// Resolution". Covered here: records (nested ones flattened), primitives with their promotions,
// unions with null, unions that are skipped, enums and fixed that are skipped, field aliases and
// defaults. What is not covered is refused with its path, never guessed.

import {
  DECODE_BOOLEAN,
  DECODE_CONSTANT,
  DECODE_DOUBLE,
  DECODE_END,
  DECODE_FLOAT,
  DECODE_ID,
  DECODE_INT,
  DECODE_INT_AS_FLOAT,
  DECODE_LONG,
  DECODE_LONG_AS_FLOAT,
  DECODE_NULLABLE,
  DECODE_NULLABLE_DOUBLE,
  DECODE_NULLABLE_INT,
  DECODE_SKIP_BOOLEAN,
  DECODE_SKIP_BYTES,
  DECODE_SKIP_ENUM,
  DECODE_SKIP_FIXED,
  DECODE_SKIP_NOTHING,
  DECODE_SKIP_UNION,
  DECODE_SKIP_VARINT,
  STEP_ARGUMENT,
  STEP_BYTES,
  STEP_CODE,
  STEP_COLUMN,
  STEP_FIELD,
  STEP_MAXIMUM,
  STEP_MINIMUM,
} from '../../assembly/layout.ts'
import { usageError } from '../errors.ts'
import {
  type Field,
  type Primitive,
  type PrimitiveName,
  type RecordSchema,
  type Schema,
  typeName,
} from './schema.ts'

/** Columns of a row by field of the reader's schema: which number lands where. */
export type Columns = ReadonlyMap<string, number>

export type DecodePlan = {
  /** STEP_BYTES a step, ready to lie in WebAssembly memory. */
  bytes: Uint8Array
  /** The names that STEP_FIELD counts: what a status' field index means. */
  fields: string[]
}

type Step = {
  code: number
  column?: number
  field: number
  argument?: number
  minimum?: number
  maximum?: number
}

/**
 * Makes the plan that reads the writer's records into the reader's columns.
 *
 * @param idField  the reader's string field that identifies the record
 * @throws OperatingError kind 'usage', code 'schema_incompatible', with the path
 */
export function makeDecodePlan(
  writer: RecordSchema,
  reader: RecordSchema,
  columns: Columns,
  idField: string,
): DecodePlan {
  return new Planner(columns, idField).plan(writer, reader)
}

/** Numeric fields of a record, which can be columns. */
export function isNumeric(schema: Schema): boolean {
  const type = withoutNull(schema)
  return type.kind === 'primitive' && NUMERIC.has(type.type)
}

const NUMERIC: ReadonlySet<PrimitiveName> = new Set(['boolean', 'int', 'long', 'float', 'double'])

/** What a writer's type may be read as. Source: specification, "Schema Resolution", promotions. */
const PROMOTIONS: Readonly<{ [type in PrimitiveName]: readonly PrimitiveName[] }> = {
  null: ['null'],
  boolean: ['boolean'],
  int: ['int', 'long', 'float', 'double'],
  long: ['long', 'float', 'double'],
  float: ['float', 'double'],
  double: ['double'],
  bytes: ['bytes', 'string'],
  string: ['string', 'bytes'],
}

/** Records within records that a plan flattens. */
const NESTING_MAX = 16
/** Steps of a plan: more than a record of a thousand fields needs. */
const STEPS_MAX = 2048

class Planner {
  private readonly steps: Step[] = []
  private readonly fields: string[] = []
  private readonly columns: Columns
  private readonly idField: string

  constructor(columns: Columns, idField: string) {
    this.columns = columns
    this.idField = idField
  }

  plan(writer: RecordSchema, reader: RecordSchema): DecodePlan {
    const targets = matchFields(writer, reader)
    for (const field of writer.fields) {
      const target = targets.get(field)
      if (target) this.read(field, target)
      else this.skip(field.schema, field.name)
    }
    const read = new Set(targets.values())
    for (const field of reader.fields) if (!read.has(field)) this.useDefault(field)
    this.push({ code: DECODE_END, field: 0 }, '')
    return { bytes: encodeSteps(this.steps), fields: this.fields }
  }

  private push(step: Step, path: string): void {
    if (this.steps.length === STEPS_MAX) {
      throw incompatible(path, `is where the schema exceeds ${STEPS_MAX} values a record`)
    }
    this.steps.push(step)
  }

  private fieldIndex(path: string): number {
    const known = this.fields.indexOf(path)
    return known >= 0 ? known : this.fields.push(path) - 1
  }

  private read(writer: Field, reader: Field): void {
    const path = writer.name
    const mismatch = whyNotReadable(writer.schema, reader.schema)
    if (mismatch) throw incompatible(path, mismatch)
    if (reader.name === this.idField) {
      if (writer.schema.kind !== 'primitive') throw incompatible(path, 'identifies the record')
      this.push({ code: DECODE_ID, field: this.fieldIndex(path) }, path)
      return
    }
    const column = this.columns.get(reader.name)
    if (column === undefined) {
      this.skip(writer.schema, path)
      return
    }
    this.number(writer.schema, reader, column * 8, path)
  }

  private number(writer: Schema, reader: Field, column: number, path: string): void {
    const field = this.fieldIndex(path)
    const bounds = { minimum: reader.minimum, maximum: reader.maximum }
    if (isNull(writer)) {
      this.push({ code: DECODE_CONSTANT, column, field, minimum: Number.NaN }, path)
      return
    }
    if (writer.kind === 'primitive') {
      const code = numberCode(writer.type, reader.schema)
      this.push({ code, column, field, ...bounds }, path)
      return
    }
    if (writer.kind !== 'union' || writer.branches.length !== 2) {
      throw incompatible(path, `${typeName(writer)} is not read as a number`)
    }
    const nullIndex = writer.branches.findIndex(isNull)
    const value = writer.branches[1 - nullIndex]
    if (nullIndex < 0 || value?.kind !== 'primitive') {
      throw incompatible(path, `${typeName(writer)} is not read as a number`)
    }
    const mismatch = whyNotReadable(value, reader.schema)
    if (mismatch) throw incompatible(path, mismatch)
    // The branch's index as it stands on the wire: a zig-zag varint.
    const argument = nullIndex * 2
    const code = numberCode(value.type, reader.schema)
    const nullAllowed = isNullable(reader.schema)
    if (nullAllowed && (code === DECODE_DOUBLE || code === DECODE_INT)) {
      const both = code === DECODE_DOUBLE ? DECODE_NULLABLE_DOUBLE : DECODE_NULLABLE_INT
      this.push({ code: both, column, field, argument, ...bounds }, path)
      return
    }
    this.push({ code: DECODE_NULLABLE, field, argument, maximum: nullAllowed ? 0 : 1 }, path)
    this.push({ code, column, field, ...bounds }, path)
  }

  private skip(schema: Schema, path: string): void {
    if (schema.kind === 'record') {
      // A record that contains itself would never end.
      if (path.split('.').length > NESTING_MAX) throw incompatible(path, 'is nested too deeply')
      for (const field of schema.fields) this.skip(field.schema, `${path}.${field.name}`)
      return
    }
    const field = this.fieldIndex(path)
    if (schema.kind !== 'union') {
      this.push({ ...skipStep(schema, path), field }, path)
      return
    }
    this.push({ code: DECODE_SKIP_UNION, field, argument: schema.branches.length }, path)
    for (const branch of schema.branches) this.push({ ...skipStep(branch, path), field }, path)
  }

  private useDefault(field: Field): void {
    if (field.default === undefined) {
      throw incompatible(field.name, 'is not in the writer and has no default')
    }
    if (field.name === this.idField) throw incompatible(field.name, 'identifies the record')
    const column = this.columns.get(field.name)
    if (column === undefined) return
    const number = field.default === null ? Number.NaN : Number(field.default)
    const value = isFloat(field.schema) ? Math.fround(number) : number
    const at = { field: this.fieldIndex(field.name), column: column * 8 }
    this.push({ code: DECODE_CONSTANT, ...at, minimum: value }, field.name)
  }
}

/** The reader's field of each of the writer's; names outweigh aliases. */
function matchFields(writer: RecordSchema, reader: RecordSchema): Map<Field, Field> {
  const matches = new Map<Field, Field>()
  const names = new Set(reader.fields.map((field) => field.name))
  const written = new Map(writer.fields.map((field) => [field.name, field]))
  for (const field of reader.fields) {
    const alias = field.aliases.find((name) => written.has(name) && !names.has(name))
    const source = written.get(field.name) ?? (alias === undefined ? undefined : written.get(alias))
    if (source) matches.set(source, field)
  }
  return matches
}

/** Why the writer's values cannot be read as the reader's type, or undefined when they can. */
function whyNotReadable(writer: Schema, reader: Schema): string | undefined {
  const no = `${typeName(writer)} cannot be read as ${typeName(reader)}`
  if (writer.kind === 'union') {
    // Readable if any branch is: the record with another branch is the one that fails.
    return writer.branches.some((branch) => !whyNotReadable(branch, reader)) ? undefined : no
  }
  if (reader.kind === 'union') {
    return reader.branches.some((branch) => !whyNotReadable(writer, branch)) ? undefined : no
  }
  if (writer.kind === 'primitive' && reader.kind === 'primitive') {
    return PROMOTIONS[writer.type].includes(reader.type) ? undefined : no
  }
  if (writer.kind === 'fixed' && reader.kind === 'fixed') {
    return writer.size === reader.size && sameName(writer, reader) ? undefined : no
  }
  if (writer.kind === 'enum' && reader.kind === 'enum') {
    return sameName(writer, reader) ? undefined : no
  }
  return `${typeName(writer)} is not read yet`
}

/** Unqualified names decide, aliases of the reader included. */
function sameName(writer: { name: string }, reader: { name: string; aliases: string[] }): boolean {
  const short = (name: string) => name.slice(name.lastIndexOf('.') + 1)
  return [reader.name, ...reader.aliases].some((name) => short(name) === short(writer.name))
}

function numberCode(type: PrimitiveName, reader: Schema): number {
  switch (type) {
    case 'double':
      return DECODE_DOUBLE
    case 'float':
      return DECODE_FLOAT
    case 'int':
      return isFloat(reader) ? DECODE_INT_AS_FLOAT : DECODE_INT
    case 'long':
      return isFloat(reader) ? DECODE_LONG_AS_FLOAT : DECODE_LONG
    case 'boolean':
      return DECODE_BOOLEAN
    default:
      throw new Error(`assertion failed: ${type} is no number`)
  }
}

function skipStep(schema: Schema, path: string): { code: number; argument?: number } {
  switch (schema.kind) {
    case 'primitive':
      return skipPrimitive(schema)
    case 'enum':
      return { code: DECODE_SKIP_ENUM, argument: schema.symbols.length }
    case 'fixed':
      return { code: DECODE_SKIP_FIXED, argument: schema.size }
    default:
      throw incompatible(path, `${typeName(schema)} is not read yet`)
  }
}

function skipPrimitive(schema: Primitive): { code: number; argument?: number } {
  switch (schema.type) {
    case 'null':
      return { code: DECODE_SKIP_NOTHING }
    case 'boolean':
      return { code: DECODE_SKIP_BOOLEAN }
    case 'int':
    case 'long':
      return { code: DECODE_SKIP_VARINT }
    case 'float':
      return { code: DECODE_SKIP_FIXED, argument: 4 }
    case 'double':
      return { code: DECODE_SKIP_FIXED, argument: 8 }
    case 'bytes':
    case 'string':
      return { code: DECODE_SKIP_BYTES }
  }
}

function isNull(schema: Schema): boolean {
  return schema.kind === 'primitive' && schema.type === 'null'
}

function isFloat(schema: Schema): boolean {
  const type = withoutNull(schema)
  return type.kind === 'primitive' && type.type === 'float'
}

export function isNullable(schema: Schema): boolean {
  return schema.kind === 'union' && schema.branches.some(isNull)
}

function withoutNull(schema: Schema): Schema {
  if (schema.kind !== 'union' || schema.branches.length !== 2) return schema
  return schema.branches.find((branch) => !isNull(branch)) ?? schema
}

function encodeSteps(steps: readonly Step[]): Uint8Array {
  const bytes = new Uint8Array(steps.length * STEP_BYTES)
  const view = new DataView(bytes.buffer)
  for (const [i, step] of steps.entries()) {
    const at = i * STEP_BYTES
    view.setUint32(at + STEP_CODE, step.code, true)
    view.setUint32(at + STEP_COLUMN, step.column ?? 0, true)
    view.setUint32(at + STEP_FIELD, step.field, true)
    view.setUint32(at + STEP_ARGUMENT, step.argument ?? 0, true)
    view.setFloat64(at + STEP_MINIMUM, step.minimum ?? 0, true)
    view.setFloat64(at + STEP_MAXIMUM, step.maximum ?? 0, true)
  }
  return bytes
}

function incompatible(path: string, why: string) {
  return usageError('schema_incompatible', `${path}: ${why}`)
}
