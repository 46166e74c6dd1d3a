// Resolution of a writer's schema against the reader's into a decode plan: a list of steps over the
// writer's fields that WebAssembly runs once a record. Source: Avro 1.12 specification, "Schema
// Resolution". Fields that the reader does not have are skipped; those that it has are read, even
// when no column wants them: a record is good here exactly when it is for any other reader.

import {
  DECODE_ARRAY,
  DECODE_CALL,
  DECODE_CALL_RECORD,
  DECODE_CONSTANT,
  DECODE_DIVIDE,
  DECODE_END,
  DECODE_ID,
  DECODE_ID_UUID,
  DECODE_ITEM_COUNT,
  DECODE_ITEM_FIRST,
  DECODE_ITEM_MAXIMUM,
  DECODE_MAP,
  DECODE_MULTIPLY,
  DECODE_NULLABLE,
  DECODE_RETURN,
  DECODE_SKIP_ARRAY,
  DECODE_SKIP_MAP,
  DECODE_SKIP_NOTHING,
  DECODE_UNION,
  DECODE_UNREADABLE,
} from '../../assembly/layout.ts'
import { type Columns, type Wanted, columnsOf, nothingWanted, wantedOf } from './columns.ts'
import { constantsOf } from './constants.ts'
import { type Step, encodeSteps } from './decode-steps.ts'
import { checkStep, isPlain, nullableStep, numberStep, skipStep } from './leaf-steps.ts'
import { plainStep } from './plain-plan.ts'
import { Resolution, checkEnd, incompatible, isRecursive, matchFields } from './resolution.ts'
import {
  type Field,
  type RecordSchema,
  type Schema,
  type Union,
  isNull,
  isNullable,
  typeName,
} from './schema.ts'

export type DecodePlan = {
  /** STEP_BYTES a step, ready to lie in WebAssembly memory. */
  bytes: Uint8Array
  /** The names that STEP_FIELD counts: what a status' field index means. */
  fields: string[]
}

/** A column made of another, once all of a record is read; columns by their number. */
export type Scaling = {
  from: number
  to: number
  operation: 'multiply' | 'divide'
  factor: number
}

/**
 * Makes the plan that reads the writer's records into the reader's columns.
 *
 * @param columns  paths that lead to numbers of the reader (see columns.ts)
 * @param idField  the reader's field that identifies the record
 * @param scalings columns that are made of others
 * @throws OperatingError kind 'usage', code 'schema_incompatible', with the path
 */
export function makeDecodePlan(
  writer: RecordSchema,
  reader: RecordSchema,
  columns: Columns,
  idField: string,
  scalings: readonly Scaling[] = [],
): DecodePlan {
  return new Planner().plan(writer, reader, wantedOf(columns, idField), scalings)
}

/** Records within records that a plan flattens. */
const NESTING_MAX = 16
/** Steps of a plan: more than a record of a thousand fields needs. */
const STEPS_MAX = 2048

const NOTHING = nothingWanted()

const ITEM_CODES = {
  count: DECODE_ITEM_COUNT,
  first: DECODE_ITEM_FIRST,
  max: DECODE_ITEM_MAXIMUM,
} as const

/** Where a value goes: what is wanted of it, and the bounds of the field that it is in. */
type Target = { wanted: Wanted; minimum: number; maximum: number }

const UNBOUNDED = { minimum: -Number.MAX_VALUE, maximum: Number.MAX_VALUE }

class Planner {
  private readonly fields: string[] = []
  private readonly resolution = new Resolution()
  /** Blocks of the types that contain themselves: skipped ones, and read ones by their reader. */
  private readonly skipped = new Map<Schema, Step[]>()
  private readonly read = new Map<Schema, Map<Schema, Step[]>>()
  private steps = 0

  plan(
    writer: RecordSchema,
    reader: RecordSchema,
    wanted: Wanted,
    scalings: readonly Scaling[],
  ): DecodePlan {
    const mismatch = this.resolution.mismatch(writer, reader)
    if (mismatch) throw incompatible(mismatch.path, mismatch.why)
    const main: Step[] = []
    this.record(main, writer, reader, wanted, '')
    for (const { from, to, operation, factor } of scalings) {
      const code = operation === 'multiply' ? DECODE_MULTIPLY : DECODE_DIVIDE
      const columns = { column: to * 8, argument: from * 8 }
      this.push(main, { code, field: 0, ...columns, minimum: factor }, '')
    }
    this.push(main, { code: DECODE_END, field: 0 }, '')
    const plain = plainStep(main)
    return { bytes: encodeSteps(plain ? [plain, ...main] : main), fields: this.fields }
  }

  private push(out: Step[], step: Step, path: string): void {
    if (this.steps === STEPS_MAX) {
      throw incompatible(path, `is where the schema exceeds ${STEPS_MAX} values a record`)
    }
    this.steps++
    out.push(step)
  }

  private fieldIndex(path: string): number {
    const known = this.fields.indexOf(path)
    return known >= 0 ? known : this.fields.push(path) - 1
  }

  private record(
    out: Step[],
    writer: RecordSchema,
    reader: RecordSchema,
    wanted: Wanted,
    path: string,
  ): void {
    checkNesting(writer, path)
    const inner = (name: string) => (path === '' ? name : `${path}.${name}`)
    const targets = matchFields(writer, reader)
    for (const field of writer.fields) {
      const target = targets.get(field)
      if (!target) this.skip(out, field.schema, inner(field.name))
      else this.value(out, field.schema, target.schema, within(wanted, target), inner(field.name))
    }
    const read = new Set(targets.values())
    for (const field of reader.fields) {
      if (!read.has(field)) this.useDefault(out, field, wanted.fields.get(field.name), inner)
    }
  }

  private useDefault(
    out: Step[],
    { name, schema, default: value }: Field,
    wanted: Wanted | undefined,
    inner: (name: string) => string,
  ): void {
    if (!wanted || value === undefined) return
    const path = inner(name)
    if (wanted.isId) throw incompatible(path, 'identifies the record')
    for (const [column, number] of constantsOf(schema, value, wanted)) {
      this.constant(out, column, number, path)
    }
  }

  private constant(out: Step[], column: number, minimum: number, path: string): void {
    const field = this.fieldIndex(path)
    this.push(out, { code: DECODE_CONSTANT, column: column * 8, field, minimum }, path)
  }

  /** Reads a value, once it is known to be readable. */
  private value(out: Step[], writer: Schema, reader: Schema, target: Target, path: string): void {
    const { wanted } = target
    if (writer.kind === 'union') {
      this.union(out, writer, reader, target, path)
      return
    }
    if (isNull(writer)) {
      if (wanted.isId) throw incompatible(path, 'identifies the record')
      for (const column of columnsOf(wanted)) this.constant(out, column, Number.NaN, path)
      return
    }
    if (reader.kind === 'union') {
      this.value(out, writer, this.resolution.branchOf(writer, reader)!, target, path)
    } else if (wanted.isId) {
      this.push(out, { code: idCode(reader, path), field: this.fieldIndex(path) }, path)
    } else if (writer.kind === 'record' && reader.kind === 'record') {
      this.innerRecord(out, writer, reader, wanted, path)
    } else if (writer.kind === 'array' && reader.kind === 'array') {
      this.items(out, DECODE_ARRAY, writer.items, reader.items, wanted, `${path}[]`)
    } else if (writer.kind === 'map' && reader.kind === 'map') {
      this.items(out, DECODE_MAP, writer.values, reader.values, wanted, `${path}{}`)
    } else {
      this.leaf(out, writer, reader, target, path)
    }
  }

  private leaf(out: Step[], writer: Schema, reader: Schema, target: Target, path: string): void {
    const { wanted, minimum, maximum } = target
    if (wanted.column === undefined) {
      const step = checkStep(writer, reader)
      this.push(out, { ...step, field: this.fieldIndex(path) }, path)
      return
    }
    const step = numberStep(writer, reader)
    if (typeof step === 'string') throw incompatible(path, step)
    const column = wanted.column * 8
    this.push(out, { minimum, maximum, ...step, column, field: this.fieldIndex(path) }, path)
  }

  private innerRecord(
    out: Step[],
    writer: RecordSchema,
    reader: RecordSchema,
    wanted: Wanted,
    path: string,
  ): void {
    if (!isRecursive(writer) || columnsOf(wanted).length > 0) {
      this.record(out, writer, reader, wanted, path)
      return
    }
    const ofWriter = this.read.get(writer) ?? new Map<Schema, Step[]>()
    this.read.set(writer, ofWriter)
    let block = ofWriter.get(reader)
    if (!block) {
      block = []
      ofWriter.set(reader, block)
      this.record(block, writer, reader, wanted, path)
      this.push(block, { code: DECODE_RETURN, field: 0 }, path)
    }
    this.push(out, { code: DECODE_CALL, field: this.fieldIndex(path), block }, path)
  }

  private items(
    out: Step[],
    code: number,
    writer: Schema,
    reader: Schema,
    wanted: Wanted,
    path: string,
  ): void {
    const field = this.fieldIndex(path)
    const block: Step[] = []
    this.push(out, { code, field, block }, path)
    for (const { kind, column, scratch } of wanted.reductions) {
      const at = { column: column * 8, argument: scratch * 8 }
      this.push(out, { code: ITEM_CODES[kind], field, ...at }, path)
    }
    const target = { wanted: wanted.item ?? NOTHING, ...UNBOUNDED }
    this.value(block, writer, reader, target, path)
    this.push(block, { code: DECODE_RETURN, field: 0 }, path)
  }

  private union(out: Step[], writer: Union, reader: Schema, target: Target, path: string): void {
    if (this.nullable(out, writer, reader, target, path)) return
    const { wanted } = target
    const field = this.fieldIndex(path)
    this.push(out, { code: DECODE_UNION, field, argument: writer.branches.length }, path)
    for (const branch of writer.branches) {
      const isReadable = this.resolution.canRead(branch, reader) && !(wanted.isId && isNull(branch))
      if (!isReadable) this.push(out, { code: DECODE_UNREADABLE, field }, path)
      else {
        this.branch(out, branch, path, (block) => this.value(block, branch, reader, target, path))
      }
    }
  }

  /** The step of one branch: the value's own where it is one alone, or what runs its block. */
  private branch(out: Step[], branch: Schema, path: string, fill: (block: Step[]) => void): void {
    const block: Step[] = []
    const before = this.steps
    fill(block)
    const [only] = block
    const field = this.fieldIndex(path)
    const isRecord = branch.kind === 'record'
    if (block.length === 0 && !isRecord) {
      this.push(out, { code: DECODE_SKIP_NOTHING, field }, path)
    } else if (only && block.length === 1 && isPlain(only) && !isRecord) {
      this.steps = before
      this.push(out, only, path)
    } else {
      this.push(block, { code: DECODE_RETURN, field: 0 }, path)
      this.push(out, { code: isRecord ? DECODE_CALL_RECORD : DECODE_CALL, field, block }, path)
    }
  }

  /** Null and a number, which most unions are, in one step or two. */
  private nullable(
    out: Step[],
    writer: Union,
    reader: Schema,
    { wanted, ...bounds }: Target,
    path: string,
  ): boolean {
    const nullIndex = writer.branches.findIndex(isNull)
    const value = writer.branches[1 - nullIndex]
    if (wanted.column === undefined || nullIndex < 0 || writer.branches.length !== 2) return false
    if (!value || !this.resolution.canRead(value, reader)) return false
    const type = reader.kind === 'union' ? this.resolution.branchOf(value, reader)! : reader
    const step = numberStep(value, type)
    if (typeof step === 'string') throw incompatible(path, step)
    const both = nullableStep(step.code)
    if (both === undefined) return false
    const at = { column: wanted.column * 8, field: this.fieldIndex(path) }
    // The branch's index as it stands on the wire: a zig-zag varint.
    const argument = nullIndex * 2
    const isNullAllowed = isNullable(reader)
    if (isNullAllowed && both !== DECODE_NULLABLE) {
      this.push(out, { code: both, ...at, argument, ...bounds }, path)
      return true
    }
    const maximum = isNullAllowed ? 0 : 1
    this.push(out, { code: DECODE_NULLABLE, field: at.field, argument, maximum }, path)
    this.push(out, { ...step, ...at, ...bounds }, path)
    return true
  }

  private skip(out: Step[], schema: Schema, path: string): void {
    switch (schema.kind) {
      case 'record':
        this.skipRecord(out, schema, path)
        return
      case 'array':
        this.skipItems(out, DECODE_SKIP_ARRAY, schema.items, `${path}[]`)
        return
      case 'map':
        this.skipItems(out, DECODE_SKIP_MAP, schema.values, `${path}{}`)
        return
      case 'union':
        this.skipUnion(out, schema, path)
        return
      default:
        this.push(out, { ...skipStep(schema), field: this.fieldIndex(path) }, path)
    }
  }

  private skipUnion(out: Step[], { branches }: Union, path: string): void {
    const field = this.fieldIndex(path)
    this.push(out, { code: DECODE_UNION, field, argument: branches.length }, path)
    for (const branch of branches) {
      this.branch(out, branch, path, (block) => this.skip(block, branch, path))
    }
  }

  private skipRecord(out: Step[], record: RecordSchema, path: string): void {
    checkNesting(record, path)
    const fields = (block: Step[]) => {
      for (const { name, schema } of record.fields) this.skip(block, schema, `${path}.${name}`)
    }
    if (!isRecursive(record)) {
      fields(out)
      return
    }
    let block = this.skipped.get(record)
    if (!block) {
      block = []
      this.skipped.set(record, block)
      fields(block)
      this.push(block, { code: DECODE_RETURN, field: 0 }, path)
    }
    this.push(out, { code: DECODE_CALL, field: this.fieldIndex(path), block }, path)
  }

  private skipItems(out: Step[], code: number, items: Schema, path: string): void {
    const block: Step[] = []
    this.push(out, { code, field: this.fieldIndex(path), block }, path)
    this.skip(block, items, path)
    this.push(block, { code: DECODE_RETURN, field: 0 }, path)
  }
}

function within(wanted: Wanted, field: Field): Target {
  const { minimum, maximum } = field
  return { wanted: wanted.fields.get(field.name) ?? NOTHING, minimum, maximum }
}

function checkNesting(record: RecordSchema, path: string): void {
  checkEnd(record, path)
  if (path.split('.').length > NESTING_MAX) throw incompatible(path, 'is nested too deeply')
}

/** The id is text, or a UUID that becomes text. */
function idCode(reader: Schema, path: string): number {
  if (isUuid(reader)) return DECODE_ID_UUID
  if (isText(reader)) return DECODE_ID
  throw incompatible(path, `identifies the record and is ${typeName(reader)}`)
}

/** Whether values of the type can identify a record. */
export function isId(schema: Schema): boolean {
  return isUuid(schema) || isText(schema)
}

function isText(schema: Schema): boolean {
  return schema.kind === 'primitive' && (schema.type === 'string' || schema.type === 'bytes')
}

function isUuid(schema: Schema): boolean {
  return schema.kind === 'fixed' && schema.size === 16 && schema.logicalType === 'uuid'
}
