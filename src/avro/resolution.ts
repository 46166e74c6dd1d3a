// Which of the writer's values the reader can read, and as what: the rules that a decode plan and
// the resolver for people share. Source: Avro 1.12 specification, "Schema Resolution"; where it
// leaves a choice, org.apache.avro.Resolver.

import { type OperatingError, usageError } from '../errors.ts'
import { PROMOTIONS } from './promotions.ts'
import {
  type Enum,
  type Field,
  type RecordSchema,
  type Schema,
  type Union,
  typeName,
} from './schema.ts'

/** Why values of the writer cannot be read, and where; paths are the writer's. */
export type Mismatch = { path: string; why: string }

type Named = { name: string; aliases: string[] }

export class Resolution {
  /** What is known of a pair. One that is being judged counts as readable: recursion ends there. */
  private readonly known = new Map<Schema, Map<Schema, Mismatch | undefined>>()

  /** Why the writer's values cannot be read as the reader's type, or undefined when they can. */
  mismatch(writer: Schema, reader: Schema, path = ''): Mismatch | undefined {
    const ofWriter = this.known.get(writer) ?? new Map<Schema, Mismatch | undefined>()
    this.known.set(writer, ofWriter)
    if (ofWriter.has(reader)) {
      const found = ofWriter.get(reader)
      return found && { path: joined(path, found.path), why: found.why }
    }
    ofWriter.set(reader, undefined)
    const found = this.judge(writer, reader)
    ofWriter.set(reader, found)
    return found && { path: joined(path, found.path), why: found.why }
  }

  canRead(writer: Schema, reader: Schema): boolean {
    return this.mismatch(writer, reader) === undefined
  }

  /**
   * The branch of a reader's union that the writer's type is read as: one of the same type, else a
   * record of the same fields, else what the type may be promoted to.
   */
  branchOf(writer: Schema, reader: Union): Schema | undefined {
    const { branches } = reader
    const ranks = [isSameType, isSameShortName, isSameShape, isPromotion]
    for (const isFitting of ranks) {
      const found = branches.find((it) => isFitting(writer, it) && this.canRead(writer, it))
      if (found) return found
    }
    return undefined
  }

  private judge(writer: Schema, reader: Schema): Mismatch | undefined {
    const no = { path: '', why: `${typeName(writer)} cannot be read as ${typeName(reader)}` }
    if (writer.kind === 'union') {
      // Readable if any branch is: a record with another branch is the one that fails.
      return writer.branches.some((branch) => this.canRead(branch, reader)) ? undefined : no
    }
    if (reader.kind === 'union') return this.branchOf(writer, reader) ? undefined : no
    if (writer.kind === 'primitive' && reader.kind === 'primitive') {
      return PROMOTIONS[writer.type].includes(reader.type) ? undefined : no
    }
    if (writer.kind === 'fixed' && reader.kind === 'fixed') {
      return writer.size === reader.size && isNamed(writer, reader) ? undefined : no
    }
    if (writer.kind === 'enum' && reader.kind === 'enum') {
      return isNamed(writer, reader) ? undefined : no
    }
    if (writer.kind === 'array' && reader.kind === 'array') {
      return this.mismatch(writer.items, reader.items, '[]')
    }
    if (writer.kind === 'map' && reader.kind === 'map') {
      return this.mismatch(writer.values, reader.values, '{}')
    }
    // A record's name matters only where a union has several.
    if (writer.kind === 'record' && reader.kind === 'record') return this.fields(writer, reader)
    return no
  }

  private fields(writer: RecordSchema, reader: RecordSchema): Mismatch | undefined {
    const targets = matchFields(writer, reader)
    for (const [source, target] of targets) {
      const found = this.mismatch(source.schema, target.schema, source.name)
      if (found) return found
    }
    const read = new Set(targets.values())
    const lacking = reader.fields.find((it) => !read.has(it) && it.default === undefined)
    return lacking && { path: lacking.name, why: 'is not in the writer and has no default' }
  }
}

function joined(outer: string, inner: string): string {
  if (outer === '' || inner === '') return outer + inner
  return /^[[{]/.test(inner) ? `${outer}${inner}` : `${outer}.${inner}`
}

/**
 * The reader's field of each of the writer's. A field's own name outweighs its aliases; an alias
 * outweighs the name of another field, which has come to be since the first was renamed.
 */
export function matchFields(writer: RecordSchema, reader: RecordSchema): Map<Field, Field> {
  const matches = new Map<Field, Field>()
  const written = new Map(writer.fields.map((field) => [field.name, field]))
  for (const field of reader.fields) {
    const alias = written.has(field.name) ? undefined : field.aliases.find((it) => written.has(it))
    if (alias !== undefined) matches.set(written.get(alias)!, field)
  }
  for (const field of reader.fields) {
    const source = written.get(field.name)
    if (source && !matches.has(source)) matches.set(source, field)
  }
  return matches
}

/** Names without namespace decide; of the reader's aliases, the full name. */
function isNamed(writer: Named, reader: Named): boolean {
  return shortName(writer) === shortName(reader) || reader.aliases.includes(writer.name)
}

function shortName({ name }: Named): string {
  return name.slice(name.lastIndexOf('.') + 1)
}

/** The same type, of named ones the same full name, which an alias may be. */
function isSameType(writer: Schema, reader: Schema): boolean {
  if (writer.kind === 'primitive') return reader.kind === 'primitive' && writer.type === reader.type
  if (writer.kind !== reader.kind) return false
  if (!('name' in writer) || !('name' in reader)) return true
  return writer.name === reader.name || reader.aliases.includes(writer.name)
}

function isSameShortName(writer: Schema, reader: Schema): boolean {
  if (writer.kind !== reader.kind || !('name' in writer) || !('name' in reader)) return false
  return shortName(writer) === shortName(reader)
}

function isSameShape(writer: Schema, reader: Schema): boolean {
  return writer.kind === 'record' && reader.kind === 'record'
}

function isPromotion(writer: Schema, reader: Schema): boolean {
  return writer.kind === 'primitive' && reader.kind === 'primitive'
}

/** The reader's symbol of each of the writer's, by index; undefined where it has none. */
export function matchSymbols(writer: Enum, reader: Enum): (number | undefined)[] {
  const other = reader.default === undefined ? -1 : reader.symbols.indexOf(reader.default)
  return writer.symbols.map((symbol) => {
    const index = reader.symbols.indexOf(symbol)
    const found = index < 0 ? other : index
    return found < 0 ? undefined : found
  })
}

/** What a record holds beside itself: its types, and theirs. */
function partsOf(schema: Schema): readonly Schema[] {
  switch (schema.kind) {
    case 'record':
      return schema.fields.map((field) => field.schema)
    case 'array':
      return [schema.items]
    case 'map':
      return [schema.values]
    case 'union':
      return schema.branches
    default:
      return []
  }
}

/** Whether the type can contain values of itself. */
export function isRecursive(schema: Schema): boolean {
  return reaches(schema, schema, partsOf, new Set())
}

/** @throws OperatingError code 'schema_incompatible' when no record would ever end */
export function checkEnd(record: RecordSchema, path: string): void {
  if (isEndless(record)) throw incompatible(path, `${record.name} contains itself without an end`)
}

/** Why records of a writer cannot be read; '' is the path of the record itself. */
export function incompatible(path: string, why: string): OperatingError {
  return usageError('schema_incompatible', path === '' ? why : `${path}: ${why}`)
}

/** Whether each of the type's values must contain another, so that none ever ends. */
function isEndless(schema: Schema): boolean {
  const required = (it: Schema) => (it.kind === 'record' ? partsOf(it) : [])
  return reaches(schema, schema, required, new Set())
}

function reaches(
  from: Schema,
  to: Schema,
  next: (schema: Schema) => readonly Schema[],
  seen: Set<Schema>,
): boolean {
  return next(from).some((it) => {
    if (it === to) return true
    if (seen.has(it)) return false
    seen.add(it)
    return reaches(it, to, next, seen)
  })
}
