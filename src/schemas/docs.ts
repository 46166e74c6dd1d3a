// The fields of a record as a Markdown table, those of records within it by their path.

import { typeText } from '../avro/compatibility.ts'
import type { SchemaVersion } from '../avro/schema-files.ts'
import { schemaText } from '../avro/schema-json.ts'
import type { Field, RecordSchema, Schema } from '../avro/schema.ts'

const HEADINGS = ['field', 'type', 'unit', 'default', 'least', 'most', 'meaning']

/** A heading, the record's own documentation and the table. */
export function docsOf({ schema, version, json }: SchemaVersion): string {
  const rows = rowsOf(schema, '', new Set())
  const doc = isDocumented(json) ? [json.doc, ''] : []
  return [
    `## ${schema.name}, version ${version}`,
    '',
    ...doc,
    `| ${HEADINGS.join(' | ')} |`,
    `| ${HEADINGS.map(() => '---').join(' | ')} |`,
    ...rows.map((row) => `| ${row.map(cell).join(' | ')} |`),
    '',
  ].join('\n')
}

function isDocumented(json: unknown): json is { doc: string } {
  return typeof (json as { doc?: unknown }).doc === 'string'
}

function rowsOf(record: RecordSchema, prefix: string, around: ReadonlySet<Schema>): string[][] {
  // A record that contains itself is told once.
  if (around.has(record)) return []
  const within = new Set([...around, record])
  return record.fields.flatMap((field) => {
    const path = `${prefix}${field.name}`
    return [rowOf(path, field), ...innerRows(field.schema, path, within)]
  })
}

function innerRows(schema: Schema, path: string, around: ReadonlySet<Schema>): string[][] {
  switch (schema.kind) {
    case 'record':
      return rowsOf(schema, `${path}.`, around)
    case 'array':
      return innerRows(schema.items, `${path}[]`, around)
    case 'map':
      return innerRows(schema.values, `${path}{}`, around)
    case 'union':
      return schema.branches.flatMap((branch) => innerRows(branch, path, around))
    default:
      return []
  }
}

function rowOf(path: string, field: Field): string[] {
  const bound = (value: number) => (Math.abs(value) === Number.MAX_VALUE ? '' : String(value))
  const value = field.default === undefined ? '' : `\`${schemaText(field.default)}\``
  const { schema, unit, minimum, maximum, doc } = field
  return [`\`${path}\``, typeOf(schema), unit, value, bound(minimum), bound(maximum), doc]
}

/** An enum's symbols matter to whoever reads a table. */
function typeOf(schema: Schema): string {
  return schema.kind === 'enum' ? schema.symbols.join(', ') : typeText(schema)
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
