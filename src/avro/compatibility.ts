// Whether what one schema wrote can be read as another, judged as Apache Avro judges it, with every
// reason why not. Source: org.apache.avro.SchemaCompatibility, Avro 1.12.1, whose verdicts over a
// large generated set are a fixture of the tests.

import { PROMOTIONS } from './promotions.ts'
import type { Field, RecordSchema, Schema } from './schema.ts'

/** The names are Apache Avro's; AMBIGUOUS_FIELD is where it throws instead of judging. */
type Rule =
  | 'NAME_MISMATCH'
  | 'FIXED_SIZE_MISMATCH'
  | 'MISSING_ENUM_SYMBOLS'
  | 'READER_FIELD_MISSING_DEFAULT_VALUE'
  | 'TYPE_MISMATCH'
  | 'MISSING_UNION_BRANCH'
  | 'AMBIGUOUS_FIELD'

export type Incompatibility = {
  /** Fields of the reader joined by dots, [] for items, {} for values; '' is the schema itself. */
  path: string
  /** The place as a JSON pointer, as Apache Avro has it; '' is the schema itself. */
  location: string
  rule: Rule
  /** Both types, for people. */
  reader: string
  writer: string
  message: string
}

/**
 * Every reason why records of the writer cannot, or may not, be read by the reader. Empty when all
 * of them can.
 */
export function incompatibilities(reader: Schema, writer: Schema): Incompatibility[] {
  return new Checker().judge(reader, writer)
}

type Kind<K extends Schema['kind']> = Extract<Schema, { kind: K }>

class Checker {
  /**
   * What is known of a reader's and a writer's type, with places below them. A pair that is being
   * judged counts as compatible, which ends the recursion of types that contain themselves.
   */
  private readonly known = new Map<Schema, Map<Schema, Incompatibility[]>>()

  judge(reader: Schema, writer: Schema): Incompatibility[] {
    const ofReader = this.known.get(reader) ?? new Map<Schema, Incompatibility[]>()
    this.known.set(reader, ofReader)
    const known = ofReader.get(writer)
    if (known) return known
    ofReader.set(writer, [])
    const found = this.compare(reader, writer)
    ofReader.set(writer, found)
    return found
  }

  private compare(reader: Schema, writer: Schema): Incompatibility[] {
    if (writer.kind === 'union') return this.writerUnion(reader, writer)
    if (reader.kind === 'union') return this.readerUnion(reader, writer)
    if (reader.kind === 'primitive' && writer.kind === 'primitive') {
      if (PROMOTIONS[writer.type].includes(reader.type)) return []
    } else if (reader.kind === 'array' && writer.kind === 'array') {
      return at('[]', '/items', this.judge(reader.items, writer.items))
    } else if (reader.kind === 'map' && writer.kind === 'map') {
      return at('{}', '/values', this.judge(reader.values, writer.values))
    } else if (reader.kind === 'fixed' && writer.kind === 'fixed') {
      return [...checkName(reader, writer), ...checkSize(reader, writer)]
    } else if (reader.kind === 'enum' && writer.kind === 'enum') {
      return [...checkName(reader, writer), ...checkSymbols(reader, writer)]
    } else if (reader.kind === 'record' && writer.kind === 'record') {
      return [...checkName(reader, writer), ...this.fields(reader, writer)]
    }
    const message = `${typeText(writer)} cannot be read as ${typeText(reader)}`
    return [incompatibility('TYPE_MISMATCH', reader, writer, message)]
  }

  /** Each branch that may have been written must be readable. */
  private writerUnion(reader: Schema, writer: Kind<'union'>): Incompatibility[] {
    return writer.branches.flatMap((branch, i) => {
      const found = this.judge(reader, branch)
      if (reader.kind !== 'union') return at('', `/${i}`, found)
      const ambiguous = found.filter(isAmbiguous)
      if (ambiguous.length === found.length) return at('', `/${i}`, found)
      return at('', `/${i}`, [missingBranch(reader, writer, branch), ...ambiguous])
    })
  }

  /** One branch must be able to read it. */
  private readerUnion(reader: Kind<'union'>, writer: Schema): Incompatibility[] {
    const ambiguous: Incompatibility[] = []
    for (const branch of reader.branches) {
      const found = this.judge(branch, writer)
      if (found.length === 0) return ambiguous
      ambiguous.push(...found.filter(isAmbiguous))
    }
    return [missingBranch(reader, writer, writer), ...ambiguous]
  }

  /** Each of the reader's fields must be written, or have a default. */
  private fields(reader: RecordSchema, writer: RecordSchema): Incompatibility[] {
    return reader.fields.flatMap((field, i) => {
      const sources = writtenAs(field, writer)
      const [source] = sources
      const place = `/fields/${i}`
      if (!source) return at(field.name, place, checkDefault(field, writer))
      const found = at('', '/type', this.judge(field.schema, source.schema))
      return at(field.name, place, [...checkSources(field, writer, sources), ...found])
    })
  }
}

/** The same incompatibilities, seen from further out. */
function at(name: string, location: string, found: readonly Incompatibility[]): Incompatibility[] {
  return found.map((it) => {
    const isNext = name === '' || it.path === '' || /^[[{]/.test(it.path)
    const path = isNext ? `${name}${it.path}` : `${name}.${it.path}`
    return { ...it, path, location: `${location}${it.location}` }
  })
}

/** Apache Avro gives up at such a field: no other branch of a union can make up for it. */
function isAmbiguous({ rule }: Incompatibility): boolean {
  return rule === 'AMBIGUOUS_FIELD'
}

/** The writer's fields that the reader's name and aliases fit. */
function writtenAs(field: Field, writer: RecordSchema): Field[] {
  const named = (name: string) => writer.fields.find((f) => f.name === name)
  const aliases = [...new Set(field.aliases)]
  return [named(field.name), ...aliases.map(named)].filter((found) => found !== undefined)
}

function checkSources(field: Field, writer: RecordSchema, sources: readonly Field[]) {
  if (sources.length === 1) return []
  const names = sources.map(({ name }) => name).join(' and ')
  const message = `may be ${names} of ${writer.name}: its name and aliases fit both`
  return [incompatibility('AMBIGUOUS_FIELD', field.schema, writer, message)]
}

function checkDefault(field: Field, writer: RecordSchema): Incompatibility[] {
  if (field.default !== undefined) return []
  const message = `is not in the writer's ${writer.name} and has no default`
  const rule = 'READER_FIELD_MISSING_DEFAULT_VALUE'
  return [{ ...incompatibility(rule, field.schema, writer, message), writer: 'absent' }]
}

type Named = RecordSchema | Kind<'enum'> | Kind<'fixed'>

/** Names without namespace decide; of the reader's aliases, the full name. */
function checkName(reader: Named, writer: Named): Incompatibility[] {
  const short = (name: string) => name.slice(name.lastIndexOf('.') + 1)
  if (short(reader.name) === short(writer.name) || reader.aliases.includes(writer.name)) return []
  const message = `${writer.name} is neither the name nor an alias of ${reader.name}`
  return at('', '/name', [incompatibility('NAME_MISMATCH', reader, writer, message)])
}

function checkSize(reader: Kind<'fixed'>, writer: Kind<'fixed'>): Incompatibility[] {
  if (reader.size === writer.size) return []
  const message = `${writer.size} bytes cannot be read as ${reader.size}`
  return at('', '/size', [incompatibility('FIXED_SIZE_MISMATCH', reader, writer, message)])
}

function checkSymbols(reader: Kind<'enum'>, writer: Kind<'enum'>): Incompatibility[] {
  const missing = writer.symbols.filter((symbol) => !reader.symbols.includes(symbol))
  if (missing.length === 0 || reader.default !== undefined) return []
  const message = `${missing.join(', ')} may be written, and the reader has no default symbol`
  return at('', '/symbols', [incompatibility('MISSING_ENUM_SYMBOLS', reader, writer, message)])
}

function missingBranch(reader: Schema, writer: Schema, branch: Schema): Incompatibility {
  const message = `no branch reads ${typeText(branch)}`
  return incompatibility('MISSING_UNION_BRANCH', reader, writer, message)
}

function incompatibility(
  rule: Rule,
  reader: Schema,
  writer: Schema,
  message: string,
): Incompatibility {
  const types = { reader: typeText(reader), writer: typeText(writer) }
  return { path: '', location: '', rule, ...types, message }
}

/** A type for people: what it is and what it is called. */
export function typeText(schema: Schema): string {
  switch (schema.kind) {
    case 'primitive':
      return schema.logicalType ? `${schema.type} (${schema.logicalType})` : schema.type
    case 'array':
      return `array of ${typeText(schema.items)}`
    case 'map':
      return `map of ${typeText(schema.values)}`
    case 'union':
      return `union of ${schema.branches.map(typeText).join(', ')}`
    case 'fixed':
      return `fixed ${schema.name} of ${schema.size} bytes`
    case 'enum':
      return `enum ${schema.name}`
    case 'record':
      return `record ${schema.name}`
  }
}
