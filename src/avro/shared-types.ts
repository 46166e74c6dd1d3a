// Named types that several schema files share: each is a file of its own beside the records'
// folders, such as schemas/Address.avsc, and is known by its full name. A schema that refers to one
// gets its definition where it is first mentioned, so that it stands alone from there on: its
// canonical form, its fingerprint and what other libraries are given are those of the whole.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf, usageError } from '../errors.ts'
import { readSchemaJson } from './schema-json.ts'
import { type Json, fullName, isPrimitive, namespaceOf, parseSchema } from './schema.ts'

type JsonObject = { [key: string]: Json }

/** Definitions by full name. In what order files come, and which refers to which, is the same. */
export type SharedTypes = ReadonlyMap<string, JsonObject>

/**
 * Loads the shared types of a folder of schemas.
 *
 * @throws OperatingError kind 'usage', code 'schema' or 'json', with file and place
 */
export function loadSharedTypes(folder: string): SharedTypes {
  const types = new Map<string, JsonObject>()
  const paths = new Map<string, string>()
  for (const path of schemaFiles(folder)) {
    const json = readSchemaJson(path)
    const name = isObject(json) ? definedName(json, '') : undefined
    if (!isObject(json) || name === undefined) {
      throw usageError('schema', `${path}: $: defines no named type`)
    }
    const other = paths.get(name)
    if (other !== undefined) throw usageError('schema', `${path}: $: defines ${name} as ${other}`)
    paths.set(name, path)
    types.set(name, json)
  }
  // Each by itself, so that a mistake is found in its own file.
  for (const [name, path] of paths) parseSchema(withSharedTypes(types.get(name)!, types), path)
  return types
}

function schemaFiles(folder: string): string[] {
  try {
    const names = readdirSync(folder, { withFileTypes: true })
    const files = names.filter((it) => it.name.endsWith('.avsc') && !it.isDirectory())
    return files.map(({ name }) => join(folder, name)).sort()
  } catch (error) {
    throw usageError('schema', `cannot read the schemas in ${folder}: ${messageOf(error)}`, error)
  }
}

/** The schema with the definitions of what it refers to and does not define itself. */
export function withSharedTypes(schema: Json, types: SharedTypes): Json {
  return types.size === 0 ? schema : new Inliner(types).type(schema, '')
}

class Inliner {
  private readonly types: SharedTypes
  /** What is defined so far, by the schema itself or by us. */
  private readonly defined = new Set<string>()

  constructor(types: SharedTypes) {
    this.types = types
  }

  type(json: Json, namespace: string): Json {
    if (typeof json === 'string') return this.reference(json, namespace)
    if (Array.isArray(json)) return json.map((branch) => this.type(branch, namespace))
    if (!isObject(json)) return json
    switch (json['type']) {
      case 'array':
        return { ...json, items: this.type(json['items'] ?? null, namespace) }
      case 'map':
        return { ...json, values: this.type(json['values'] ?? null, namespace) }
      case 'record':
      case 'error':
      case 'enum':
      case 'fixed':
        return this.definition(json, namespace)
      default:
        return { ...json, type: this.type(json['type'] ?? null, namespace) }
    }
  }

  private definition(json: JsonObject, namespace: string): Json {
    const name = definedName(json, namespace) ?? ''
    this.defined.add(name)
    const fields = json['fields']
    if (!Array.isArray(fields)) return json
    const inner = fields.map((field) =>
      isObject(field) && field['type'] !== undefined
        ? { ...field, type: this.type(field['type'], namespaceOf(name)) }
        : field,
    )
    return { ...json, fields: inner }
  }

  private reference(name: string, namespace: string): Json {
    if (isPrimitive(name)) return name
    const full = [fullName(name, namespace), name].find(
      (known) => this.defined.has(known) || this.types.has(known),
    )
    const definition = full === undefined ? undefined : this.types.get(full)
    if (full === undefined || definition === undefined || this.defined.has(full)) return name
    // A file stands in no namespace but its own.
    return this.type({ ...definition, namespace: namespaceOf(full) }, '')
  }
}

function definedName(json: JsonObject, namespace: string): string | undefined {
  const name = json['name']
  const own = json['namespace']
  if (typeof name !== 'string') return undefined
  return fullName(name, typeof own === 'string' ? own : namespace)
}

function isObject(json: Json): json is JsonObject {
  return json !== null && typeof json === 'object' && !Array.isArray(json)
}
