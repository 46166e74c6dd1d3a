// Columns of a row by their path in the reader's schema: `annual_income`, a field of records within
// (`applicant.income.annual`, null on the way allowed), and what an array or map is reduced to:
//
//   accounts[count]            how many items it has
//   accounts[first].balance    a number of the first item
//   accounts[max].balance      the largest number of all items, null ones left out
//   limits[max]                the same where the items are numbers themselves
//
// Null on the way, or no item, is a missing value; [count] of no item is 0. A path holds one
// reduction. What may be a column: boolean, int, long, float and double; an enum, as its symbol's
// index in the reader's schema; and a decimal, as the double nearest to it.

import { ITEMS_MAX, SCRATCH_COLUMNS_MAX } from '../../assembly/layout.ts'
import { assert } from '../errors.ts'
import { isRecursive } from './resolution.ts'
import {
  type Field,
  type PrimitiveName,
  type RecordSchema,
  type Schema,
  typeName,
  withoutNull,
} from './schema.ts'

/** Columns of a row by path: which number lands where. */
export type Columns = ReadonlyMap<string, number>

type ReductionKind = 'count' | 'first' | 'max'

/** What of a value lands in the row. */
export type Wanted = {
  /** Column of the value itself. */
  column: number | undefined
  isId: boolean
  fields: Map<string, Wanted>
  /** Of an array or map: columns of what its items are reduced to. */
  reductions: { kind: ReductionKind; column: number; scratch: number }[]
  /** What of an item lands in the scratch row; its columns are those of the scratch row. */
  item: Wanted | undefined
}

const NUMERIC: ReadonlySet<PrimitiveName> = new Set(['boolean', 'int', 'long', 'float', 'double'])
const NAME = '[A-Za-z_][A-Za-z0-9_]*'
const PATH = new RegExp(`^(${NAME}(?:\\.${NAME})*)(?:\\[(count|first|max)\\](?:\\.(.+))?)?$`)
const FIELDS = new RegExp(`^${NAME}(\\.${NAME})*$`)

type Path = { fields: string[]; reduction?: ReductionKind; inner: string[] }

function parsePath(path: string): Path | undefined {
  const [, fields, reduction, inner] = PATH.exec(path) ?? []
  if (fields === undefined) return undefined
  if (inner !== undefined && (reduction === 'count' || !FIELDS.test(inner))) return undefined
  const parsed = { fields: fields.split('.'), inner: inner?.split('.') ?? [] }
  return reduction === undefined ? parsed : { ...parsed, reduction: reduction as ReductionKind }
}

/** Numbers, with or without null, which are columns wherever a record has them. */
export function isNumeric(schema: Schema): boolean {
  const type = withoutNull(schema)
  return type.kind === 'primitive' && NUMERIC.has(type.type)
}

/** Paths of all numbers of the record and of those within it that do not contain themselves. */
export function numericPaths(record: RecordSchema, prefix = ''): string[] {
  return record.fields.flatMap(({ name, schema }) => {
    if (isNumeric(schema)) return [`${prefix}${name}`]
    const type = withoutNull(schema)
    if (type.kind !== 'record' || isRecursive(type)) return []
    return numericPaths(type, `${prefix}${name}.`)
  })
}

/** Whether the path leads to what may be a column. */
export function isColumn(schema: Schema, path: string): boolean {
  const parsed = parsePath(path)
  if (!parsed) return false
  const outer = typeAt(schema, parsed.fields)
  if (!outer) return false
  if (parsed.reduction === undefined) return isCountable(outer)
  const items = itemsOf(withoutNull(outer))
  if (!items || parsed.reduction === 'count') return items !== undefined
  const inner = typeAt(items, parsed.inner)
  return inner !== undefined && isCountable(inner)
}

/**
 * The field whose number a column is, and whether that is an amount: no index of a symbol, yes or
 * no, count of items or point in time. Undefined for items that are numbers themselves.
 */
export function sourceOf(schema: Schema, path: string): { field?: Field; isAmount: boolean } {
  const { fields, reduction, inner } = parsePath(path)!
  if (reduction === 'count') return { isAmount: false }
  const outer = fieldAt(schema, fields)
  const items = reduction && outer ? itemsOf(withoutNull(outer.schema)) : undefined
  const field = items ? fieldAt(items, inner) : outer
  const type = withoutNull(field?.schema ?? items!)
  const isTime = type.kind === 'primitive' && /^date$|timestamp/.test(type.logicalType ?? '')
  const isAmount = type.kind !== 'enum' && typeName(type) !== 'boolean' && !isTime
  return field ? { field, isAmount } : { isAmount }
}

function fieldAt(schema: Schema, names: readonly string[]): Field | undefined {
  const record = typeAt(schema, names.slice(0, -1))
  const type = record && withoutNull(record)
  if (type?.kind !== 'record') return undefined
  return type.fields.find((field) => field.name === names.at(-1))
}

/** Which numbers a column can hold, by its schema: decode lets no others pass. */
export type ColumnType = {
  minimum: number
  maximum: number
  /** Whole numbers only. */
  whole: boolean
  /** Whether it can be missing. */
  nullable: boolean
  /** What the numbers stand for, where they are an enum's or a boolean's. */
  symbols: string[] | undefined
}

const NOTHING_KNOWN = { minimum: -Number.MAX_VALUE, maximum: Number.MAX_VALUE }
const INT = { minimum: -(2 ** 31), maximum: 2 ** 31 - 1 }
const LONG = { minimum: -(2 ** 63), maximum: 2 ** 63 }

/** The type of a path's column; undefined where the path leads to none. */
export function columnType(schema: RecordSchema, path: string): ColumnType | undefined {
  const parsed = isColumn(schema, path) ? parsePath(path) : undefined
  if (!parsed) return undefined
  const outer = valueAt(schema, parsed.fields)
  if (parsed.reduction === undefined) return typeOf(outer.schema, outer.bounds, outer.nullable)
  if (parsed.reduction === 'count') {
    const bounds = { minimum: 0, maximum: ITEMS_MAX }
    return { ...bounds, whole: true, nullable: outer.nullable, symbols: undefined }
  }
  const items = itemsOf(withoutNull(outer.schema))!
  const inner = valueAt(items, parsed.inner)
  // There may be no item.
  return typeOf(inner.schema, inner.bounds, true)
}

type Bounds = { minimum: number; maximum: number }

/** What lies at a path that leads somewhere, and whether null may be on the way. */
function valueAt(
  schema: Schema,
  names: readonly string[],
): { schema: Schema; bounds: Bounds; nullable: boolean } {
  let at = { schema, bounds: NOTHING_KNOWN as Bounds, nullable: withoutNull(schema) !== schema }
  for (const name of names) {
    const record = withoutNull(at.schema) as RecordSchema
    const field = record.fields.find((candidate) => candidate.name === name)!
    const nullable = at.nullable || withoutNull(field.schema) !== field.schema
    at = { schema: field.schema, bounds: field, nullable }
  }
  return at
}

function typeOf(schema: Schema, { minimum, maximum }: Bounds, nullable: boolean): ColumnType {
  const type = withoutNull(schema)
  const indices = (symbols: string[]) => {
    return { minimum: 0, maximum: symbols.length - 1, whole: true, nullable, symbols }
  }
  if (type.kind === 'enum') return indices(type.symbols)
  const name = type.kind === 'primitive' ? type.type : undefined
  if (name === 'boolean') return indices(['false', 'true'])
  const own = name === 'int' ? INT : name === 'long' ? LONG : NOTHING_KNOWN
  return {
    minimum: Math.max(minimum, own.minimum),
    maximum: Math.min(maximum, own.maximum),
    whole: own !== NOTHING_KNOWN,
    nullable,
    symbols: undefined,
  }
}

function isCountable(schema: Schema): boolean {
  const type = withoutNull(schema)
  const isDecimal = (type.kind === 'primitive' || type.kind === 'fixed') && type.decimal
  return isNumeric(type) || type.kind === 'enum' || isDecimal !== undefined
}

function typeAt(schema: Schema, names: readonly string[]): Schema | undefined {
  return names.reduce<Schema | undefined>((outer, name) => {
    const type = outer && withoutNull(outer)
    if (type?.kind !== 'record') return undefined
    return type.fields.find((field) => field.name === name)?.schema
  }, schema)
}

function itemsOf(schema: Schema): Schema | undefined {
  if (schema.kind === 'array') return schema.items
  return schema.kind === 'map' ? schema.values : undefined
}

export function nothingWanted(): Wanted {
  return { column: undefined, isId: false, fields: new Map(), reductions: [], item: undefined }
}

/** The columns as a tree over the reader's schema. */
export function wantedOf(columns: Columns, idField: string): Wanted {
  const root = nothingWanted()
  at(root, [idField]).isId = true
  for (const [path, column] of columns) {
    const parsed = parsePath(path)
    assert(parsed, `${path} is the path of a column`)
    const outer = at(root, parsed.fields)
    if (parsed.reduction === undefined) outer.column = column
    else reduce(outer, parsed.reduction, column, parsed.inner)
  }
  return root
}

function at(from: Wanted, names: readonly string[]): Wanted {
  return names.reduce((outer, name) => {
    const inner = outer.fields.get(name) ?? nothingWanted()
    outer.fields.set(name, inner)
    return inner
  }, from)
}

function reduce(outer: Wanted, kind: ReductionKind, column: number, inner: string[]): void {
  let scratch = 0
  outer.item ??= nothingWanted()
  if (kind !== 'count') {
    const item = at(outer.item, inner)
    item.column ??= columnsOf(outer.item).length
    scratch = item.column
    assert(scratch < SCRATCH_COLUMNS_MAX, `an item gives at most ${SCRATCH_COLUMNS_MAX} numbers`)
  }
  outer.reductions.push({ kind, column, scratch })
}

/** All columns that the value and what lies within it fill. */
export function columnsOf(wanted: Wanted): number[] {
  return [
    ...(wanted.column === undefined ? [] : [wanted.column]),
    ...wanted.reductions.map(({ column }) => column),
    ...[...wanted.fields.values()].flatMap(columnsOf),
  ]
}
