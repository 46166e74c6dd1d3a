// Whether values make an application: field by field, with a sentence for whoever sent them. What
// passes here, WebAssembly decodes without a complaint.

import type { SchemaVersion } from '../avro/schema-files.ts'
import { type Field, type Schema, typeName } from '../avro/schema.ts'
import { usageError } from '../errors.ts'
import type { Application, Value } from './application.ts'

/** What is wrong with a field, to be read after the field's name: `credit_score: must be …`. */
export type Problem = { field: string; message: string }

export type Checked = { application: Application } | { problems: Problem[] }

/** The types that a field of an application may have, null aside. */
type FieldType = 'string' | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'enum'

export type ApplicationField = {
  name: string
  type: FieldType
  nullable: boolean
  /** What an absent field becomes; undefined when it must not be absent. */
  default: Value | undefined
  /** Both inclusive. */
  minimum: number
  maximum: number
  /** Of an enum. */
  symbols: readonly string[]
}

const TYPES: ReadonlySet<string> = new Set(['string', 'boolean', 'int', 'long', 'float', 'double'])

/**
 * Whole numbers by type. Those of a long are what avsc encodes exactly: it zig-zags in doubles, so
 * that below -2^52 the last bit is lost, and refuses what is not below 2^53 - 1.
 */
const WHOLE: Readonly<{ [type: string]: readonly [number, number] }> = {
  int: [-(2 ** 31), 2 ** 31 - 1],
  long: [-(2 ** 52), 2 ** 53 - 2],
}

export class ApplicationChecker {
  readonly fields: readonly ApplicationField[]
  readonly names: ReadonlySet<string>
  private readonly idField: string

  /**
   * @param idField  the string field that must not be empty
   * @throws OperatingError kind 'usage', code 'schema', for a field that is neither text nor number
   */
  constructor(schema: SchemaVersion, idField = 'application_id') {
    this.fields = schema.schema.fields.map((field) => applicationField(field, schema.path))
    this.names = new Set(this.fields.map((field) => field.name))
    this.idField = idField
  }

  /** The application of the values, or all that is wrong with them. Other values are ignored. */
  check(values: Readonly<Record<string, unknown>>): Checked {
    const application: Application = {}
    const problems: Problem[] = []
    for (const field of this.fields) {
      const given = values[field.name]
      const value = given === undefined ? field.default : given
      const message = problemOf(field, value, field.name === this.idField)
      if (message === undefined) application[field.name] = value as Value
      else problems.push({ field: field.name, message })
    }
    return problems.length === 0 ? { application } : { problems }
  }
}

function applicationField(field: Field, place: string): ApplicationField {
  const nullable = field.schema.kind === 'union'
  const value = valueSchema(field.schema)
  const type = value?.kind === 'enum' ? 'enum' : value && typeName(value)
  if (!value || !type || (type !== 'enum' && !TYPES.has(type))) {
    const what = `is ${typeName(field.schema)}; applications hold text, numbers, enums and null`
    throw usageError('schema', `${place}: ${field.name}: ${what}`)
  }
  return {
    name: field.name,
    type: type as FieldType,
    nullable,
    default: (field.default as Value | undefined) ?? (nullable ? null : undefined),
    minimum: field.minimum,
    maximum: field.maximum,
    symbols: value.kind === 'enum' ? value.symbols : [],
  }
}

/** The type beside null; undefined when there is none, or more than one. */
function valueSchema(schema: Schema): Schema | undefined {
  if (schema.kind !== 'union') return schema
  const others = schema.branches.filter((branch) => typeName(branch) !== 'null')
  return others.length === 1 && schema.branches.length === 2 ? others[0] : undefined
}

function problemOf(field: ApplicationField, value: unknown, isId: boolean): string | undefined {
  if (value === undefined || value === null) {
    return value === null && field.nullable ? undefined : 'is missing'
  }
  switch (field.type) {
    case 'string':
      return stringProblem(value, isId)
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `must be true or false, is ${shown(value)}`
    case 'enum':
      if (typeof value === 'string' && field.symbols.includes(value)) return undefined
      return `must be one of ${field.symbols.join(', ')}, is ${shown(value)}`
    default:
      return numberProblem(field, value)
  }
}

function stringProblem(value: unknown, isId: boolean): string | undefined {
  if (typeof value !== 'string') return `must be text, is ${shown(value)}`
  if (isId && value === '') return 'is empty'
  // Half a surrogate pair has no UTF-8: encoding would put another text in its place.
  if (!value.isWellFormed()) return `is not valid Unicode: ${shown(value)}`
  return undefined
}

function numberProblem(field: ApplicationField, value: unknown): string | undefined {
  if (typeof value !== 'number') return `must be a number, is ${shown(value)}`
  if (!Number.isFinite(value)) return `must be a finite number, is ${value}`
  const whole = WHOLE[field.type]
  if (whole && !Number.isInteger(value)) return `must be a whole number, is ${value}`
  // A float is judged as what is left of it once it is written.
  const written = field.type === 'float' ? Math.fround(value) : value
  if (!Number.isFinite(written)) return `is beyond what a float holds: ${value}`
  const minimum = whole ? Math.max(whole[0], field.minimum) : field.minimum
  const maximum = whole ? Math.min(whole[1], field.maximum) : field.maximum
  if (written < minimum) return `must be ${lowerBound(minimum)}, is ${value}`
  if (written > maximum) return `must be at most ${maximum}, is ${value}`
  return undefined
}

/** The parser keeps `exclusiveMinimum: 0` as the smallest number above zero. */
function lowerBound(minimum: number): string {
  return minimum === Number.MIN_VALUE ? 'above 0' : `at least ${minimum}`
}

const SHOWN_LENGTH_MAX = 40

/** A value as it stands in a message: as JSON, and short. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX)}…`
}
