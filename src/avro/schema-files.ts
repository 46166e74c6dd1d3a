// The schema files: schemas/<record>/<version>.avsc, every version a record ever had. The newest is
// the reader's; all of them are writers that may lie on the topic.

import { readdirSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { messageOf, usageError } from '../errors.ts'
import { fingerprintOf } from './fingerprint.ts'
import { type Json, type RecordSchema, parseRecord } from './schema.ts'
import { readSchemaJson } from './schema-json.ts'
import { loadSharedTypes, withSharedTypes } from './shared-types.ts'

export type SchemaVersion = {
  path: string
  version: number
  fingerprint: bigint
  schema: RecordSchema
  /**
   * The file's JSON, for libraries that want the schema as it was written; with the definitions of
   * shared types.
   */
  json: Json
}

/**
 * Loads all versions of a record, oldest first.
 *
 * @param folder  such as `schemas/loan_application`
 * @throws OperatingError kind 'usage', code 'schema' or 'json', with file and place
 */
export function loadSchemaVersions(folder: string): SchemaVersion[] {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch (error) {
    throw usageError('schema', `cannot read the schemas in ${folder}: ${messageOf(error)}`, error)
  }
  const types = loadSharedTypes(dirname(normalize(folder)))
  const versions: SchemaVersion[] = []
  for (const name of names.filter((name) => name.endsWith('.avsc'))) {
    const path = join(folder, name)
    const version = /^([1-9][0-9]*)\.avsc$/.exec(name)?.[1]
    if (!version) throw usageError('schema', `${path}: is not named <version>.avsc, such as 2.avsc`)
    const json = withSharedTypes(readSchemaJson(path), types)
    const schema = parseRecord(json, path)
    const fingerprint = fingerprintOf(schema)
    versions.push({ path, version: Number(version), fingerprint, schema, json })
  }
  if (versions.length === 0) throw usageError('schema', `${folder} holds no schema, such as 1.avsc`)
  return versions.sort((a, b) => a.version - b.version)
}

/**
 * Loads one schema, wherever its file is; its version is 0.
 *
 * @param folder  of the schemas, with the types that it may refer to
 * @throws as `loadSchemaVersions`
 */
export function loadSchemaFile(path: string, folder: string): SchemaVersion {
  const json = withSharedTypes(readSchemaJson(path), loadSharedTypes(folder))
  const schema = parseRecord(json, path)
  return { path, version: 0, fingerprint: fingerprintOf(schema), schema, json }
}

/** What tells one state of a folder's schema files from another; undefined where it is none. */
export function stampOfSchemas(folder: string): string | undefined {
  try {
    return stampsOf(folder).join('\n')
  } catch {
    // Gone, or just being replaced.
    return undefined
  }
}

/** Of its files, and those of its folders: links are followed, as a container's mounts are some. */
function stampsOf(folder: string, isWithin = false): string[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const path = join(folder, name)
      const stat = statSync(path)
      if (stat.isDirectory()) return isWithin || name.startsWith('.') ? [] : stampsOf(path, true)
      return name.endsWith('.avsc') ? [`${path} ${stat.ino} ${stat.mtimeMs} ${stat.size}`] : []
    })
}

/** The version that records are read as, and that new records are written with. */
export function newest(versions: readonly SchemaVersion[]): SchemaVersion {
  return versions[versions.length - 1]!
}
