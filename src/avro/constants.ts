// What a field's default puts into the columns, of every type: the defaults of records, arrays,
// maps and what lies within them included.

import { type Wanted, columnsOf } from './columns.ts'
import { decimalNumber } from './decimal.ts'
import { type Json, type Schema, isNull, matchesDefault } from './schema.ts'
import { bytesOf } from './value.ts'

export type Constant = [column: number, value: number]

/** The columns' values when the field is not written; the JSON fits the type. */
export function constantsOf(schema: Schema, value: Json, wanted: Wanted): Constant[] {
  if (schema.kind === 'union') {
    // Of any branch (Avro 1.12): the first that it fits.
    const branch = schema.branches.find((it) => matchesDefault(it, value))!
    return constantsOf(branch, value, wanted)
  }
  if (isNull(schema)) return columnsOf(wanted).map((column) => [column, Number.NaN])
  if (schema.kind === 'record') {
    return schema.fields.flatMap((field) => {
      const inner = wanted.fields.get(field.name)
      if (!inner) return []
      const fields = value as { [name: string]: Json }
      const isStated = Object.hasOwn(fields, field.name)
      return constantsOf(field.schema, isStated ? fields[field.name]! : field.default!, inner)
    })
  }
  if (schema.kind === 'array') return reduced(schema.items, value as Json[], wanted)
  if (schema.kind === 'map') return reduced(schema.values, Object.values(value as object), wanted)
  return wanted.column === undefined ? [] : [[wanted.column, numberOf(schema, value)]]
}

function reduced(items: Schema, values: readonly Json[], { item, reductions }: Wanted): Constant[] {
  const rows = values.map((value) => new Map(item ? constantsOf(items, value, item) : []))
  return reductions.map(({ kind, column, scratch }) => {
    const numbers = rows.map((row) => row.get(scratch) ?? Number.NaN)
    if (kind === 'count') return [column, values.length]
    if (kind === 'first') return [column, numbers[0] ?? Number.NaN]
    const known = numbers.filter((number) => !Number.isNaN(number))
    return [column, known.length === 0 ? Number.NaN : Math.max(...known)]
  })
}

function numberOf(schema: Schema, value: Json): number {
  if (schema.kind === 'enum') return schema.symbols.indexOf(value as string)
  if (schema.kind === 'primitive' && typeof value !== 'string') {
    return schema.type === 'float' ? Math.fround(Number(value)) : Number(value)
  }
  const isDecimal = schema.kind === 'primitive' || schema.kind === 'fixed'
  return decimalNumber(bytesOf(value as string), (isDecimal ? schema.decimal?.scale : 0) ?? 0)
}
