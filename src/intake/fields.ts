// The fields of an application as a form and an API description show them, all from the newest
// schema file: what they mean, in which unit, what is possible at all, and an example.

import { type ApplicationField, ApplicationChecker } from '../applications/check.ts'
import { Generator } from '../applications/generator.ts'
import type { Application, Value } from '../applications/application.ts'
import type { SchemaVersion } from '../avro/schema-files.ts'

/** Filled in here unless the sender does: which application it is, and when it was sent. */
export const ID_FIELD = 'application_id'
export const TIME_FIELD = 'submitted_at'

export type FormField = ApplicationField & {
  /** The name as words. */
  label: string
  doc: string
  unit: string
  /** Bounds that say something: undefined where the type's own are meant. */
  least: number | undefined
  most: number | undefined
  /** Whether `least` itself is impossible. */
  isAbove: boolean
  example: Value
}

/** Seed of the synthetic application that examples are taken from. */
const EXAMPLE_SEED = 11
const INTEGER_TYPES: ReadonlySet<string> = new Set(['int', 'long'])

export function formFields(schema: SchemaVersion): FormField[] {
  const checker = new ApplicationChecker(schema)
  const example = new Generator(EXAMPLE_SEED).next(Date.UTC(2026, 0, 1) * 1000)
  return checker.fields.map((field, i) => {
    const { doc, unit } = schema.schema.fields[i]!
    const isAbove = field.minimum === Number.MIN_VALUE
    return {
      ...field,
      label: labelOf(field.name),
      doc,
      unit,
      least: isAbove ? 0 : stated(field.minimum),
      most: stated(field.maximum),
      isAbove,
      example: exampleOf(checker, field, example),
    }
  })
}

function stated(bound: number): number | undefined {
  const isTypes = !Number.isFinite(bound) || Math.abs(bound) === Number.MAX_VALUE
  return isTypes ? undefined : bound
}

/** The synthetic application's where it fits, else the least that the schema allows. */
function exampleOf(
  checker: ApplicationChecker,
  field: ApplicationField,
  example: Application,
): Value {
  const given = example[field.name]
  const fits = (value: Value) => {
    const checked = checker.check({ [field.name]: value })
    return 'application' in checked || !checked.problems.some((p) => p.field === field.name)
  }
  if (given !== undefined && fits(given)) return given
  if (field.default !== undefined) return field.default
  if (field.type === 'enum') return field.symbols[0]!
  if (field.type === 'boolean') return false
  if (field.type === 'string') return 'example'
  return Math.max(field.minimum, 0)
}

function labelOf(name: string): string {
  const text = name.replaceAll('_', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** The range in words, such as `300 to 850`; '' where the schema states none. */
export function rangeText({ least, most, isAbove }: FormField): string {
  const number = (value: number) => value.toLocaleString('en-US')
  if (least !== undefined && most !== undefined) {
    return `${isAbove ? 'above ' : ''}${number(least)} to ${number(most)}`
  }
  if (least !== undefined) return `${isAbove ? 'above' : 'at least'} ${number(least)}`
  return most === undefined ? '' : `at most ${number(most)}`
}

export function isWhole({ type }: FormField): boolean {
  return INTEGER_TYPES.has(type)
}
