// Avro schemas as typed values: parsed once from JSON, names resolved, every complaint with its
// path. Source: Avro 1.12 specification, "Schema Declaration" and "Names".

import { nextDown, nextUp } from '../doubles.ts'
import { usageError } from '../errors.ts'
import { schemaText } from './schema-json.ts'

const PRIMITIVES = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const

export type PrimitiveName = (typeof PRIMITIVES)[number]
/** What the values of a type mean. Source: specification, "Logical Types". */
type Logical = {
  logicalType?: string
  /** Of a decimal whose attributes are valid: it counts in units of 10^-scale. */
  decimal?: { precision: number; scale: number }
}
type Primitive = { kind: 'primitive'; type: PrimitiveName } & Logical
export type Enum = {
  kind: 'enum'
  name: string
  aliases: string[]
  symbols: string[]
  /** What a reader takes for a symbol it does not know; undefined when it knows no such. */
  default: string | undefined
}
type Fixed = { kind: 'fixed'; name: string; aliases: string[]; size: number } & Logical
type ArrayOf = { kind: 'array'; items: Schema }
type MapOf = { kind: 'map'; values: Schema }
export type Union = { kind: 'union'; branches: Schema[] }
export type RecordSchema = { kind: 'record'; name: string; aliases: string[]; fields: Field[] }
export type Schema = Primitive | Enum | Fixed | ArrayOf | MapOf | Union | RecordSchema

export type Field = {
  name: string
  aliases: string[]
  schema: Schema
  /** The default as JSON; undefined when the field has none (a default of null is null). */
  default: Json | undefined
  doc: string
  unit: string
  /** Bounds of what is possible at all, both inclusive. From minimum, exclusiveMinimum, … */
  minimum: number
  maximum: number
}

/** A bigint where a double does not hold the whole number (see schema-json.ts). */
export type Json = null | boolean | number | bigint | string | Json[] | { [key: string]: Json }
type JsonObject = { [key: string]: Json }

const ORDERS = ['ascending', 'descending', 'ignore'] as const
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
const FLOAT_MAX = 3.4028234663852886e38
const NUMBERS: ReadonlySet<PrimitiveName> = new Set(['int', 'long', 'float', 'double'])
const FULL_NAME = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$/

/**
 * Parses a schema.
 *
 * @param place  how errors name it, such as the file's path
 * @throws OperatingError kind 'usage', code 'schema', with the path of what is wrong
 */
export function parseSchema(json: Json, place: string): Schema {
  return new Parser(place).parse(json, '', '$')
}

/** Like parseSchema, for what must be a record. */
export function parseRecord(json: Json, place: string): RecordSchema {
  const schema = parseSchema(json, place)
  if (schema.kind !== 'record') throw usageError('schema', `${place}: $: is not a record`)
  return schema
}

class Parser {
  private readonly named = new Map<string, Schema>()
  private readonly place: string

  constructor(place: string) {
    this.place = place
  }

  parse(json: Json, namespace: string, path: string): Schema {
    if (typeof json === 'string') return this.reference(json, namespace, path)
    if (Array.isArray(json)) return this.union(json, namespace, path)
    if (json === null || typeof json !== 'object') {
      throw this.error(path, `is no schema: ${schemaText(json)}`)
    }
    const type = json['type']
    switch (type) {
      case 'record':
      // An error is a record of a protocol.
      case 'error':
        return this.record(json, namespace, path)
      case 'enum':
        return this.enum(json, namespace, path)
      case 'fixed':
        return this.fixed(json, namespace, path)
      case 'array':
        return {
          kind: 'array',
          items: this.parse(json['items'] ?? null, namespace, `${path}.items`),
        }
      case 'map':
        return {
          kind: 'map',
          values: this.parse(json['values'] ?? null, namespace, `${path}.values`),
        }
      case undefined:
        throw this.error(path, 'has no type')
      default: {
        const inner = this.parse(type, namespace, `${path}.type`)
        return inner.kind === 'primitive' ? { ...inner, ...logical(json) } : inner
      }
    }
  }

  private reference(name: string, namespace: string, path: string): Schema {
    const primitive = PRIMITIVES.find((p) => p === name)
    if (primitive) return { kind: 'primitive', type: primitive }
    const full = fullName(name, namespace)
    const schema = this.named.get(full) ?? this.named.get(name)
    if (!schema) throw this.error(path, `names the unknown type "${name}"`)
    return schema
  }

  private union(json: Json[], namespace: string, path: string): Schema {
    if (json.length === 0) throw this.error(path, 'is a union of nothing')
    const branches = json.map((branch, i) => this.parse(branch, namespace, `${path}[${i}]`))
    const seen = new Set<string>()
    for (const [i, branch] of branches.entries()) {
      if (branch.kind === 'union') throw this.error(`${path}[${i}]`, 'is a union within a union')
      const name = typeName(branch)
      if (seen.has(name)) throw this.error(`${path}[${i}]`, `repeats ${name} within the union`)
      seen.add(name)
    }
    return { kind: 'union', branches }
  }

  private record(json: JsonObject, namespace: string, path: string): Schema {
    const { name, aliases } = this.name(json, namespace, path)
    const record: RecordSchema = { kind: 'record', name, aliases, fields: [] }
    this.define(name, record, path)
    const fields = json['fields']
    if (!Array.isArray(fields)) throw this.error(path, 'has no array of fields')
    const inner = namespaceOf(name)
    const seen = new Set<string>()
    for (const [i, field] of fields.entries()) {
      const parsed = this.field(field, inner, `${path}.fields[${i}]`)
      if (seen.has(parsed.name)) {
        throw this.error(`${path}.fields[${i}]`, `repeats the field "${parsed.name}"`)
      }
      seen.add(parsed.name)
      record.fields.push(parsed)
    }
    this.checkAliases(record.fields, path)
    return record
  }

  /** An alias that two fields share would leave it open which of them is meant. */
  private checkAliases(fields: readonly Field[], path: string): void {
    const owners = new Map<string, string>()
    for (const { name, aliases } of fields) {
      for (const alias of aliases) {
        const owner = owners.get(alias) ?? name
        if (owner !== name) {
          throw this.error(path, `gives the alias "${alias}" to both "${owner}" and "${name}"`)
        }
        owners.set(alias, name)
      }
    }
  }

  private field(json: Json, namespace: string, path: string): Field {
    if (json === null || typeof json !== 'object' || Array.isArray(json)) {
      throw this.error(path, 'is no field')
    }
    const name = json['name']
    if (typeof name !== 'string' || !NAME.test(name)) throw this.error(path, 'has no valid name')
    const at = `${path} (${name})`
    if (json['type'] === undefined) throw this.error(at, 'has no type')
    const schema = this.parse(json['type'], namespace, `${at}.type`)
    const value = json['default']
    if (value !== undefined && !matchesDefault(schema, value)) {
      throw this.error(`${at}.default`, `${schemaText(value)} is no value of ${typeName(schema)}`)
    }
    this.checkOrder(json['order'], at)
    const bounds = this.bounds(json, schema, at)
    const isNumber = typeof value === 'number' || typeof value === 'bigint'
    if (isNumber && (value < bounds.minimum || value > bounds.maximum)) {
      throw this.error(`${at}.default`, `${value} is not within the field's bounds`)
    }
    return {
      name,
      aliases: this.strings(json['aliases'], `${at}.aliases`),
      schema,
      default: value,
      doc: typeof json['doc'] === 'string' ? json['doc'] : '',
      unit: typeof json['unit'] === 'string' ? json['unit'] : '',
      ...bounds,
    }
  }

  /** How Avro sorts records by the field. Nothing here sorts, but a misspelt one is a mistake. */
  private checkOrder(order: Json | undefined, path: string): void {
    if (order === undefined || ORDERS.some((known) => known === order)) return
    throw this.error(`${path}.order`, `is not one of ${ORDERS.join(', ')}`)
  }

  /** The attributes of JSON Schema, as bounds that include their value. */
  private bounds(
    json: JsonObject,
    schema: Schema,
    path: string,
  ): { minimum: number; maximum: number } {
    const kinds = schema.kind === 'union' ? schema.branches : [schema]
    const isNumber = kinds.some((s) => s.kind === 'primitive' && NUMBERS.has(s.type))
    // A writer of floats that states exactly what is allowed sends the float nearest to the bound.
    const isFloat = kinds.some((s) => s.kind === 'primitive' && s.type === 'float')
    const number = (key: string): number | undefined => {
      const stated = json[key]
      if (stated === undefined) return undefined
      const value = typeof stated === 'bigint' ? Number(stated) : stated
      if (typeof value !== 'number') throw this.error(`${path}.${key}`, 'is not a number')
      if (!isNumber) throw this.error(`${path}.${key}`, `bounds ${typeName(schema)}, no number`)
      return isFloat && Math.abs(value) <= FLOAT_MAX ? Math.fround(value) : value
    }
    const above = number('exclusiveMinimum')
    const below = number('exclusiveMaximum')
    const minimum = Math.max(
      number('minimum') ?? -Number.MAX_VALUE,
      above === undefined ? -Number.MAX_VALUE : nextUp(above),
    )
    const maximum = Math.min(
      number('maximum') ?? Number.MAX_VALUE,
      below === undefined ? Number.MAX_VALUE : nextDown(below),
    )
    if (minimum > maximum) throw this.error(path, 'has a minimum above its maximum')
    return { minimum, maximum }
  }

  private enum(json: JsonObject, namespace: string, path: string): Schema {
    const { name, aliases } = this.name(json, namespace, path)
    const symbols = this.strings(json['symbols'], `${path}.symbols`)
    if (symbols.length === 0) throw this.error(path, 'has no symbols')
    if (new Set(symbols).size !== symbols.length) throw this.error(path, 'repeats a symbol')
    for (const symbol of symbols) {
      if (!NAME.test(symbol)) throw this.error(`${path}.symbols`, `"${symbol}" is no valid name`)
    }
    const value = json['default']
    if (value !== undefined && !(typeof value === 'string' && symbols.includes(value))) {
      throw this.error(`${path}.default`, `${schemaText(value)} is none of the symbols`)
    }
    return this.define(name, { kind: 'enum', name, aliases, symbols, default: value }, path)
  }

  private fixed(json: JsonObject, namespace: string, path: string): Schema {
    const { name, aliases } = this.name(json, namespace, path)
    const size = json['size']
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0 || size > 0x7fffffff) {
      throw this.error(path, 'has no valid size')
    }
    return this.define(name, { kind: 'fixed', name, aliases, size, ...logical(json) }, path)
  }

  private name(json: JsonObject, enclosing: string, path: string) {
    const own = json['name']
    if (typeof own !== 'string' || !FULL_NAME.test(own)) {
      throw this.error(path, 'has no valid name')
    }
    const namespace = json['namespace'] ?? enclosing
    if (typeof namespace !== 'string' || (namespace !== '' && !FULL_NAME.test(namespace))) {
      throw this.error(path, `has no valid namespace: ${schemaText(namespace)}`)
    }
    const name = fullName(own, namespace)
    if (isPrimitive(name.slice(name.lastIndexOf('.') + 1))) {
      throw this.error(path, `has the name of a primitive type: ${name}`)
    }
    const aliases = this.strings(json['aliases'], `${path}.aliases`).map((alias) =>
      fullName(alias, namespaceOf(name)),
    )
    return { name, aliases }
  }

  private define<T extends Schema>(name: string, schema: T, path: string): T {
    if (this.named.has(name)) throw this.error(path, `defines ${name} a second time`)
    this.named.set(name, schema)
    return schema
  }

  private strings(json: Json | undefined, path: string): string[] {
    if (json === undefined) return []
    if (!Array.isArray(json)) throw this.error(path, 'is not an array')
    return json.map((item, i) => {
      if (typeof item !== 'string') throw this.error(`${path}[${i}]`, 'is not a string')
      return item
    })
  }

  private error(path: string, what: string) {
    return usageError('schema', `${this.place}: ${path}: ${what}`)
  }
}

/** A logical type whose attributes are wrong counts as none, as the specification has it. */
function logical(json: JsonObject): Logical {
  const { logicalType, precision, scale = 0 } = json
  if (typeof logicalType !== 'string') return {}
  if (logicalType !== 'decimal') return { logicalType }
  const isWhole = (n: Json | undefined): n is number => typeof n === 'number' && Number.isInteger(n)
  if (!isWhole(precision) || !isWhole(scale) || precision < 1) return {}
  return scale < 0 || scale > precision ? {} : { logicalType, decimal: { precision, scale } }
}

export function isPrimitive(name: string): boolean {
  return PRIMITIVES.some((primitive) => primitive === name)
}

export function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`
}

export function namespaceOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('.')))
}

/** The type beside null, where a union has no other. */
export function withoutNull(schema: Schema): Schema {
  if (schema.kind !== 'union' || schema.branches.length !== 2 || !isNullable(schema)) return schema
  return schema.branches.find((branch) => !isNull(branch)) ?? schema
}

export function isNullable(schema: Schema): boolean {
  return schema.kind === 'union' && schema.branches.some(isNull)
}

export function isNull(schema: Schema): boolean {
  return schema.kind === 'primitive' && schema.type === 'null'
}

/** How a type is called in messages and told apart within a union. */
export function typeName(schema: Schema): string {
  switch (schema.kind) {
    case 'primitive':
      return schema.type
    case 'record':
    case 'enum':
    case 'fixed':
      return schema.name
    case 'union':
      return `union of ${schema.branches.map(typeName).join(', ')}`
    default:
      return schema.kind
  }
}

/** Whether the JSON is a default of the type; of a union, of any branch (Avro 1.12). */
export function matchesDefault(schema: Schema, value: Json): boolean {
  switch (schema.kind) {
    case 'primitive':
      return matchesPrimitive(schema.type, value)
    case 'enum':
      return typeof value === 'string' && schema.symbols.includes(value)
    case 'fixed':
      return typeof value === 'string' && value.length === schema.size
    case 'array':
      return Array.isArray(value) && value.every((item) => matchesDefault(schema.items, item))
    case 'map':
      return isObject(value) && Object.values(value).every((v) => matchesDefault(schema.values, v))
    case 'record':
      return (
        isObject(value) &&
        schema.fields.every((f) => {
          const inner = Object.hasOwn(value, f.name) ? value[f.name] : f.default
          return inner !== undefined && matchesDefault(f.schema, inner)
        })
      )
    case 'union':
      return schema.branches.some((branch) => matchesDefault(branch, value))
  }
}

function matchesPrimitive(type: PrimitiveName, value: Json): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'boolean':
      return typeof value === 'boolean'
    case 'int':
      return Number.isInteger(value) && value === (value as number) << 0
    case 'long':
      return isWhole(value) && BigInt(value) === BigInt.asIntN(64, BigInt(value))
    case 'float':
    case 'double':
      return typeof value === 'number' || typeof value === 'bigint'
    case 'bytes':
    case 'string':
      return typeof value === 'string'
  }
}

function isWhole(value: Json): value is number | bigint {
  return typeof value === 'bigint' || Number.isInteger(value)
}

function isObject(value: Json): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}
