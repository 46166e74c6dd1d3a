// TypeScript types of the records, from the newest version of each: the values as this program has
// them, unions without their branch's name, as avsc gives and takes them.

import type { SchemaVersion } from '../avro/schema-files.ts'
import type { Field, RecordSchema, Schema } from '../avro/schema.ts'
import { usageError } from '../errors.ts'

const HEAD = '// Made by `bun run schema types` from the newest schema of each record: do not edit.'
const COLUMNS_MAX = 100

/**
 * The file's text.
 *
 * @throws OperatingError kind 'usage', code 'schema', when two types would have one name
 */
export function typesOf(records: readonly SchemaVersion[]): string {
  const writer = new TypeWriter()
  for (const { schema } of records) writer.define(schema)
  return `${[HEAD, ...writer.definitions].join('\n\n')}\n`
}

class TypeWriter {
  readonly definitions: string[] = []
  /** The Avro name behind each of ours. */
  private readonly names = new Map<string, string>()

  define(schema: RecordSchema | Extract<Schema, { kind: 'enum' }>): string {
    const name = schema.name.slice(schema.name.lastIndexOf('.') + 1)
    const other = this.names.get(name)
    if (other === schema.name) return name
    if (other !== undefined) {
      throw usageError('schema', `both ${other} and ${schema.name} would be the type ${name}`)
    }
    this.names.set(name, schema.name)
    // Its place is before the types of its fields.
    const at = this.definitions.push('') - 1
    this.definitions[at] =
      schema.kind === 'enum' ? enumText(name, schema.symbols) : this.recordText(name, schema)
    return name
  }

  private recordText(name: string, { fields }: RecordSchema): string {
    if (fields.length === 0) return `export type ${name} = { [field: string]: never }`
    const lines = fields.flatMap((field) => [
      ...comment(field),
      `  ${field.name}: ${this.type(field.schema)}`,
    ])
    return [`export type ${name} = {`, ...lines, '}'].join('\n')
  }

  private type(schema: Schema): string {
    switch (schema.kind) {
      case 'primitive':
        return PRIMITIVES[schema.type]
      case 'fixed':
        return 'Uint8Array'
      case 'array': {
        const items = this.type(schema.items)
        return items.includes(' ') ? `(${items})[]` : `${items}[]`
      }
      case 'map':
        return `{ [key: string]: ${this.type(schema.values)} }`
      case 'union': {
        const branches = schema.branches.flatMap((branch) => this.type(branch).split(' | '))
        return [...new Set(branches)].join(' | ')
      }
      default:
        return this.define(schema)
    }
  }
}

/** A long is a number as long as that is exact. */
const PRIMITIVES = {
  null: 'null',
  boolean: 'boolean',
  int: 'number',
  long: 'number | bigint',
  float: 'number',
  double: 'number',
  bytes: 'Uint8Array',
  string: 'string',
} as const

function enumText(name: string, symbols: readonly string[]): string {
  const quoted = symbols.map((symbol) => `'${symbol}'`)
  const line = `export type ${name} = ${quoted.join(' | ')}`
  if (line.length <= COLUMNS_MAX) return line
  return [`export type ${name} =`, ...quoted.map((symbol) => `  | ${symbol}`)].join('\n')
}

/** The field's documentation, with its unit, in lines that fit. */
function comment({ doc, unit }: Field): string[] {
  const parts = [doc, unit === '' ? '' : `Unit: ${unit}.`].filter((part) => part !== '')
  // Nothing in a text may end the comment.
  const text = parts.join(' ').replaceAll('*/', '* /')
  if (text === '') return []
  const whole = `  /** ${text} */`
  if (whole.length <= COLUMNS_MAX) return [whole]
  return ['  /**', ...wrap(text, COLUMNS_MAX - 5).map((line) => `   * ${line}`), '   */']
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
