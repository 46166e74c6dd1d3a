// Avro values as TypeScript has them, what a default is as one, and how they are written as JSON.

import { type Json, type PrimitiveName, type Schema, matchesDefault } from './schema.ts'

/** A union's value is its branch's; an enum's is its symbol; a long's is a bigint. */
export type Value =
  null | boolean | number | bigint | string | Uint8Array | Value[] | Map<string, Value>

/** A default, which fits the type, as a value. */
export function defaultValue(schema: Schema, json: Json): Value {
  switch (schema.kind) {
    case 'union':
      // Of any branch (Avro 1.12): the first that it fits.
      return defaultValue(
        schema.branches.find((it) => matchesDefault(it, json))!,
        json,
      )
    case 'record': {
      const fields = json as { [name: string]: Json }
      const values = schema.fields.map(({ name, schema: type, default: own }): [string, Value] => {
        const stated = Object.hasOwn(fields, name) ? fields[name] : own
        return [name, defaultValue(type, stated!)]
      })
      return new Map(values)
    }
    case 'array':
      return (json as Json[]).map((item) => defaultValue(schema.items, item))
    case 'map': {
      const entries = Object.entries(json as { [key: string]: Json })
      return new Map(entries.map(([key, value]) => [key, defaultValue(schema.values, value)]))
    }
    case 'enum':
      return json as string
    case 'fixed':
      return bytesOf(json as string)
    case 'primitive':
      return primitiveDefault(schema.type, json)
  }
}

function primitiveDefault(type: PrimitiveName, json: Json): Value {
  switch (type) {
    case 'long':
      return BigInt(json as number | bigint)
    case 'float':
      return Math.fround(Number(json))
    case 'double':
      return Number(json)
    case 'bytes':
      return bytesOf(json as string)
    default:
      return json as null | boolean | number | string
  }
}

/** Of bytes a default has a character each. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

/** The float nearest to a long, rounded once. */
export function floatOfLong(value: bigint): number {
  if (BigInt.asIntN(54, value) === value) return Math.fround(Number(value))
  // Too long for a double: what is cut off leaves a bit behind, far below a float's last.
  const cut = (value >> 11n) | BigInt((value & 0x7ffn) !== 0n)
  return Math.fround(Number(cut)) * 2048
}

/**
 * One line of JSON: 64-bit integers exact, bytes and fixed as base64, NaN and infinities as
 * strings.
 */
export function valueText(value: Value): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return `${value}`
  if (typeof value === 'number') return numberText(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (value instanceof Uint8Array) return `"${Buffer.from(value).toString('base64')}"`
  if (Array.isArray(value)) return `[${value.map(valueText).join(',')}]`
  const fields = [...value].map(([name, inner]) => `${JSON.stringify(name)}:${valueText(inner)}`)
  return `{${fields.join(',')}}`
}

function numberText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`
  return Object.is(value, -0) ? '-0' : String(value)
}
