// A JSON Schema of loanstream.toml, for editors: our settings as zod describes them, librdkafka's
// properties as the loaded library does. Types are TOML's own, so that a number in quotes, which
// the program takes, is marked.

import { z } from 'zod'
import { RESERVED, SETTINGS } from '../config.ts'
import type { Property } from '../rdkafka/properties.ts'
import { fileKeys } from '../secrets.ts'

export type JsonSchema = { [keyword: string]: unknown }

/** What most editors' TOML extensions know. */
const DIALECT = 'http://json-schema.org/draft-07/schema#'
/** Properties of a program, not of a file. */
const NOT_IN_FILES = 'see dedicated API'
/** librdkafka has them as integers with a name for one of the values. */
const OR_ALL: ReadonlySet<string> = new Set(['acks', 'request.required.acks'])

/** @param properties  librdkafka's, as describeProperties tells */
export function configSchema(properties: ReadonlyMap<string, Property>): JsonSchema {
  const leaves = leavesOf(properties)
  return {
    $schema: DIALECT,
    title: 'loanstream.toml',
    ...objectOf([...leaves.keys()].map((key) => [key, { $ref: pointerOf(key) }])),
    definitions: Object.fromEntries(leaves),
  }
}

function pointerOf(key: string): string {
  return `#/definitions/${key}`
}

/** The schema of each key's value. */
function leavesOf(properties: ReadonlyMap<string, Property>): Map<string, JsonSchema> {
  const leaves = new Map<string, JsonSchema>()
  for (const [name, { type, default: value, unit, doc }] of Object.entries(SETTINGS)) {
    const { $schema: _, ...schema } = z.toJSONSchema(type, { target: 'draft-7' }) as JsonSchema
    const description = unit === '' ? doc : `${doc} [${unit}]`
    leaves.set(name, { ...schema, description, default: value })
  }
  for (const property of properties.values()) {
    const { name, scope } = property
    const schema = propertySchema(property)
    if (RESERVED.has(name) || schema === undefined) continue
    leaves.set(name, schema)
    if (scope !== 'producer') leaves.set(`consumer.${name}`, { $ref: pointerOf(name) })
    if (scope !== 'consumer') leaves.set(`producer.${name}`, { $ref: pointerOf(name) })
  }
  for (const key of fileKeys([...leaves.keys()])) {
    const description = `file that holds ${key.slice(0, key.lastIndexOf('.'))}`
    leaves.set(key, { type: 'string', minLength: 1, description })
  }
  return leaves
}

function propertySchema({ name, range, description }: Property): JsonSchema | undefined {
  const type = /\*Type: ([^*]+)\*/.exec(description)?.[1] ?? 'string'
  if (type === NOT_IN_FILES) return undefined
  const text = description.replace(/\s*<br>.*$/s, '')
  return { ...typeSchema(name, type, range), description: text }
}

function typeSchema(name: string, type: string, range: string): JsonSchema {
  if (type === 'boolean') return { type: 'boolean' }
  if (type === 'integer' || type === 'float') {
    const number = { type: type === 'float' ? 'number' : type, ...boundsOf(range) }
    return OR_ALL.has(name) ? { anyOf: [number, { const: 'all' }] } : number
  }
  if (type === 'enum value' && range !== '') {
    const values = range.split(',').map((value) => value.trim())
    // librdkafka takes them in capitals too; editors offer what is under enum.
    const pattern = `^(${values.map(inAnyCase).join('|')})$`
    return { type: 'string', anyOf: [{ enum: values }, { pattern }] }
  }
  return { type: 'string' }
}

function boundsOf(range: string): JsonSchema {
  const bounds = /^(-?\d+) \.\. (-?\d+)$/.exec(range)
  return bounds ? { minimum: Number(bounds[1]), maximum: Number(bounds[2]) } : {}
}

function inAnyCase(text: string): string {
  return text.replace(/[a-z]/gi, (c) => `[${c.toLowerCase()}${c.toUpperCase()}]`)
}

/**
 * An object with dotted keys as TOML reads them: commit.interval.ms is nested, and whatever is left
 * of a name may be in quotes at any level ("commit.interval.ms", commit."interval.ms"). A key that
 * others start with is a value or a table.
 */
function objectOf(entries: readonly (readonly [key: string, schema: JsonSchema])[]): JsonSchema {
  const properties = new Map<string, JsonSchema>(entries)
  const dotted = entries.filter(([key]) => key.includes('.'))
  const tables = Map.groupBy(dotted, ([key]) => key.slice(0, key.indexOf('.')))
  for (const [prefix, below] of tables) {
    const value = properties.get(prefix)
    const table = objectOf(below.map(([key, schema]) => [key.slice(prefix.length + 1), schema]))
    properties.set(prefix, value ? { anyOf: [value, table] } : table)
  }
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    additionalProperties: false,
  }
}
