// What is different in a record from one version to the next, field by field: also what Avro does
// not mind, such as another unit, but a model does.

import { typeText } from '../avro/compatibility.ts'
import { schemaText } from '../avro/schema-json.ts'
import type { Field, RecordSchema, Schema } from '../avro/schema.ts'

export type Change = { path: string; what: string }

/** Records within records that are followed; one may contain itself. */
const DEPTH_MAX = 8

/** The changes from one version of a record to the next, in the order of its fields. */
export function changesOf(before: RecordSchema, after: RecordSchema): Change[] {
  return fieldChanges(before, after, '', 0)
}

function fieldChanges(
  before: RecordSchema,
  after: RecordSchema,
  prefix: string,
  depth: number,
): Change[] {
  const found: Change[] = []
  const kept = new Set<Field>()
  for (const field of after.fields) {
    const path = `${prefix}${field.name}`
    const names = [field.name, ...field.aliases]
    const old = names
      .map((name) => before.fields.find((f) => f.name === name))
      .find((f) => f !== undefined)
    if (!old) {
      const value = field.default === undefined ? 'no default' : `default ${text(field.default)}`
      found.push({ path, what: `added, ${typeText(field.schema)}, ${value}` })
      continue
    }
    kept.add(old)
    found.push(...attributeChanges(old, field).map((what) => ({ path, what })))
    const inner = [withinOf(old.schema), withinOf(field.schema)] as const
    if (inner[0] && inner[1] && depth < DEPTH_MAX) {
      found.push(...fieldChanges(inner[0], inner[1], `${path}.`, depth + 1))
    }
  }
  for (const field of before.fields.filter((it) => !kept.has(it))) {
    const path = `${prefix}${field.name}`
    found.push({ path, what: `removed, was ${typeText(field.schema)}` })
  }
  return found
}

function attributeChanges(before: Field, after: Field): string[] {
  const found: string[] = []
  const compare = (name: string, was: string, is: string) => {
    if (was !== is) found.push(`${name} ${is}, was ${was}`)
  }
  compare('name', before.name, after.name)
  compare('type', definitionText(before.schema), definitionText(after.schema))
  compare('default', text(before.default), text(after.default))
  compare('unit', before.unit || 'none', after.unit || 'none')
  compare('least', bound(before.minimum), bound(after.minimum))
  compare('most', bound(before.maximum), bound(after.maximum))
  return found
}

/** With the symbols of an enum, which its name does not tell. */
function definitionText(schema: Schema): string {
  return schema.kind === 'enum'
    ? `${typeText(schema)} of ${schema.symbols.join(', ')}`
    : typeText(schema)
}

function text(value: Field['default']): string {
  return value === undefined ? 'none' : schemaText(value)
}

function bound(value: number): string {
  return Math.abs(value) === Number.MAX_VALUE ? 'any' : String(value)
}

/** The record that a field holds, alone, beside null, or many times. */
function withinOf(schema: Schema): RecordSchema | undefined {
  switch (schema.kind) {
    case 'record':
      return schema
    case 'array':
      return withinOf(schema.items)
    case 'map':
      return withinOf(schema.values)
    case 'union':
      return schema.branches.map(withinOf).find((record) => record !== undefined)
    default:
      return undefined
  }
}
