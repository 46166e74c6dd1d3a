// Changes to a schema, at a place that chance chooses. One may make the schema invalid: whoever
// makes the change looks, and tries another.

import type { Random } from '../../src/applications/random.ts'
import type { Json } from '../../src/avro/schema.ts'
import { Builder, defaultOf } from './random-pairs.ts'

type JsonObject = { [key: string]: Json }
type Change = (root: JsonObject, random: Random) => void

/** A type at its place, which a change may replace. */
type Site = { type: Json; put: (type: Json) => void }

export const CHANGES: readonly Change[] = [
  // Types.
  (root, random) => {
    const site = pick(
      sites(root).filter(({ type }) => typeof type === 'string'),
      random,
    )
    site?.put(pick(['int', 'long', 'float', 'double', 'bytes', 'string', 'boolean'], random)!)
  },
  (root, random) => pick(sites(root), random)?.put(new Builder(random).type(2, '')),
  (root, random) => {
    const site = pick(sites(root), random)
    site?.put(random.below(2) === 0 ? ['null', site.type] : [site.type, 'null'])
  },
  (root, random) => {
    const site = pick(sites(root), random)
    const [kind, key] = pick([['array', 'items'] as const, ['map', 'values'] as const], random)!
    site?.put({ type: kind, [key]: site.type })
  },
  // Unions.
  (root, random) => {
    const site = pick(unions(root), random)
    if (site) site.put(pick(site.type as Json[], random)!)
  },
  (root, random) => {
    const branches = pick(unions(root), random)?.type as Json[] | undefined
    branches?.splice(random.below(branches.length), 1)
  },
  (root, random) => {
    const branches = pick(unions(root), random)?.type as Json[] | undefined
    branches?.splice(random.below(branches.length + 1), 0, new Builder(random).type(3, ''))
  },
  // Fields.
  (root, random) => {
    const fields = pick(fieldLists(root), random)
    fields?.splice(random.below(fields.length), 1)
  },
  (root, random) => addField(root, random, true),
  (root, random) => addField(root, random, false),
  (root, random) => renameField(root, random, true),
  (root, random) => renameField(root, random, false),
  (root, random) => pick(fieldLists(root), random)?.reverse(),
  (root, random) => {
    const field = pick(fieldLists(root).flat(), random)
    if (field) delete field['default']
  },
  (root, random) => {
    const field = pick(fieldLists(root).flat(), random)
    const value = field && defaultOf(field['type']!)
    if (field && value !== undefined) field['default'] = value
  },
  // A second name that may fit another field.
  (root, random) => {
    const field = pick(fieldLists(root).flat(), random)
    if (field) field['aliases'] = [`f${random.below(4)}`]
  },
  // Enums and fixed.
  (root, random) => {
    const symbols = pick(definitions(root, 'enum'), random)?.['symbols'] as Json[] | undefined
    symbols?.push(`S${symbols.length}`)
  },
  (root, random) => {
    const symbols = pick(definitions(root, 'enum'), random)?.['symbols'] as Json[] | undefined
    if (symbols && symbols.length > 1) symbols.splice(random.below(symbols.length), 1)
  },
  (root, random) => {
    const found = pick(definitions(root, 'enum'), random)
    if (found?.['default'] !== undefined) delete found['default']
    else if (found) found['default'] = (found['symbols'] as Json[])[0]!
  },
  (root, random) => {
    const found = pick(definitions(root, 'fixed'), random)
    if (found) found['size'] = (found['size'] as number) + 1
  },
  // Names.
  (root, random) => renameType(root, random, true),
  (root, random) => renameType(root, random, false),
  (root, random) => {
    const found = pick(definitions(root), random)
    if (found) found['namespace'] = pick(['', 'a', 'c'], random)!
  },
  // What nobody reads by.
  (root, random) => {
    const found = pick(definitions(root), random)
    if (found) found['doc'] = 'about'
  },
]

function pick<T>(items: readonly T[], random: Random): T | undefined {
  return items[random.below(Math.max(1, items.length))]
}

function isObject(json: Json): json is JsonObject {
  return json !== null && typeof json === 'object' && !Array.isArray(json)
}

/** Every place of a type at or below the object's own type, items or values. */
function sites(holder: JsonObject): Site[] {
  const found: Site[] = []
  for (const key of ['type', 'items', 'values']) {
    const type = holder[key]
    // The type of a type says what it is.
    const isKind = key === 'type' && 'name' in holder && !('type' in holder && isField(holder))
    if (type === undefined || isKind) continue
    if (key === 'type' && ('items' in holder || 'values' in holder || 'logicalType' in holder)) {
      continue
    }
    found.push({ type, put: (other) => (holder[key] = other) })
    found.push(...within(type))
  }
  return found
}

/** A field has a name and a type as a type has, and neither fields, symbols nor size. */
function isField(holder: JsonObject): boolean {
  return !['fields', 'symbols', 'size'].some((key) => key in holder)
}

function within(type: Json): Site[] {
  if (Array.isArray(type)) {
    return type.flatMap((branch, i) => [
      { type: branch, put: (other: Json) => (type[i] = other) },
      ...within(branch),
    ])
  }
  if (!isObject(type)) return []
  const fields = type['fields']
  return Array.isArray(fields) ? fields.flatMap((field) => sites(field as JsonObject)) : sites(type)
}

function unions(root: JsonObject): Site[] {
  return sites(root).filter(({ type }) => Array.isArray(type))
}

function definitions(root: JsonObject, kind?: string): JsonObject[] {
  return sites(root)
    .map(({ type }) => type)
    .filter(isObject)
    .filter((type) => 'name' in type && (kind === undefined || type['type'] === kind))
}

function fieldLists(root: JsonObject): JsonObject[][] {
  return definitions(root)
    .map((type) => type['fields'])
    .filter((fields) => Array.isArray(fields)) as JsonObject[][]
}

function addField(root: JsonObject, random: Random, withDefault: boolean): void {
  const fields = pick(fieldLists(root), random)
  const type = new Builder(random).type(3, '')
  const value = withDefault ? defaultOf(type) : undefined
  const field: JsonObject = { name: `f${random.below(9)}`, type }
  fields?.splice(random.below(fields.length + 1), 0, {
    ...field,
    ...(value === undefined ? {} : { default: value }),
  })
}

function renameField(root: JsonObject, random: Random, withAlias: boolean): void {
  const field = pick(fieldLists(root).flat(), random)
  if (!field) return
  if (withAlias) field['aliases'] = [field['name']!]
  field['name'] = `g${random.below(3)}`
}

/** Everywhere it is referred to as well. */
function renameType(root: JsonObject, random: Random, withAlias: boolean): void {
  const found = pick(definitions(root), random)
  if (!found) return
  const name = found['name'] as string
  const short = name.slice(name.lastIndexOf('.') + 1)
  const other = `U${random.below(3)}`
  found['name'] = name.replace(short, '#')
  const text = JSON.stringify(root['type']).replaceAll(new RegExp(`\\b${short}\\b`, 'g'), other)
  const renamed = JSON.parse(text) as Json
  root['type'] = renamed
  const again = definitions(root).find((type) => (type['name'] as string).endsWith('#'))!
  again['name'] = name.replace(short, other)
  if (withAlias) again['aliases'] = [name]
}
