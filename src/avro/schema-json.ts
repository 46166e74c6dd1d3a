// Schemas as JSON text, with every whole number exact: a default of a long may have 64 bits, which
// no double holds. What is beyond a double's 53 bits is a bigint; all else is as JSON.parse has it.

import { usageError } from '../errors.ts'
import { parseJson, readText } from '../json.ts'
import type { Json } from './schema.ts'

/** Objects and arrays within each other: a record within a record is three. */
const NESTING_MAX = 500
const WHOLE = /^-?\d+$/

/** ECMAScript's own, of which the types know nothing yet. */
const EXACT = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: Json, context: { source?: string }) => Json,
  ): Json
  rawJSON(text: string): object
}

/**
 * Reads a schema file as JSON.
 *
 * @throws OperatingError kind 'usage', code 'file' or 'json', with file, line and column
 */
export function readSchemaJson(path: string): Json {
  return parseSchemaJson(readText(path), path)
}

/** Parses a schema's text; `place` is how errors name it. */
export function parseSchemaJson(text: string, place: string): Json {
  checkNesting(text, place)
  // Says where a mistake is, which JSON.parse does not.
  parseJson(text, place)
  return EXACT.parse(text, (_key, value, context) => {
    const source = typeof value === 'number' ? context.source : undefined
    const isWide = source !== undefined && WHOLE.test(source) && !Number.isSafeInteger(value)
    return isWide ? BigInt(source) : value
  })
}

/** Container files and registries bring schemas of others: one may not use up the stack. */
function checkNesting(text: string, place: string): void {
  let depth = 0
  let isText = false
  for (let i = 0; i < text.length && depth <= NESTING_MAX; i++) {
    const character = text[i]!
    if (character === '"') isText = !isText
    else if (isText) i += Number(character === '\\')
    else if (character === '[' || character === '{') depth++
    else if (character === ']' || character === '}') depth--
  }
  if (depth <= NESTING_MAX) return
  throw usageError('schema', `${place}: is nested deeper than ${NESTING_MAX} levels`)
}

/** The JSON as text, whole numbers with all their digits. */
export function schemaText(json: Json): string {
  return JSON.stringify(json, (_key, value: Json) =>
    typeof value === 'bigint' ? EXACT.rawJSON(String(value)) : value,
  )
}

/** The schema for libraries that know no bigint: without the defaults that hold one. */
export function withoutWideDefaults(json: Json): Json {
  if (Array.isArray(json)) return json.map(withoutWideDefaults)
  if (json === null || typeof json !== 'object') return json
  const kept = Object.entries(json).filter(([key, value]) => key !== 'default' || !isWide(value))
  return Object.fromEntries(kept.map(([key, value]) => [key, withoutWideDefaults(value)]))
}

function isWide(json: Json): boolean {
  if (json === null || typeof json !== 'object') return typeof json === 'bigint'
  return Object.values(json).some(isWide)
}
