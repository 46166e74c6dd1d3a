// The folder of a record's schemas: which files count, in which order, and what is wrong with a
// folder.

import { afterAll, describe, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadSchemaVersions, newest, stampOfSchemas } from '../../src/avro/schema-files.ts'
import { refusal } from '../support/engine.ts'

const root = mkdtempSync(join(tmpdir(), 'loanstream-schemas-'))
afterAll(() => rmSync(root, { recursive: true }))

let count = 0
function folderOf(files: { [name: string]: string }): string {
  const folder = join(root, String(count++))
  mkdirSync(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

const record = (type: string) =>
  JSON.stringify({ type: 'record', name: 'R', fields: [{ name: 'x', type }] })

test('versions are sorted as numbers, the newest last', () => {
  const folder = folderOf({
    '10.avsc': record('string'),
    '9.avsc': record('int'),
    '1.avsc': record('long'),
    'README.md': 'not a schema',
  })
  const versions = loadSchemaVersions(folder)
  expect(versions.map(({ version }) => version)).toEqual([1, 9, 10])
  expect(newest(versions).path).toBe(join(folder, '10.avsc'))
  expect(new Set(versions.map(({ fingerprint }) => fingerprint)).size).toBe(3)
})

test('a version keeps its JSON as it was written', () => {
  const [version] = loadSchemaVersions(folderOf({ '1.avsc': record('int') }))
  expect(JSON.stringify(version!.json)).toBe(record('int'))
})

const BAD_NAMES = ['0.avsc', '01.avsc', '-1.avsc', 'one.avsc', '1.0.avsc', '.avsc', '1 .avsc']
test.each(BAD_NAMES)('a schema file called "%s" is refused', (name) => {
  const folder = folderOf({ '1.avsc': record('int'), [name]: record('int') })
  const error = refusal(() => loadSchemaVersions(folder))
  expect(error.message).toBe(`${join(folder, name)}: is not named <version>.avsc, such as 2.avsc`)
})

test('an empty folder is refused', () => {
  const folder = folderOf({ 'README.md': '' })
  expect(refusal(() => loadSchemaVersions(folder)).message).toBe(
    `${folder} holds no schema, such as 1.avsc`,
  )
})

test('a missing folder is refused', () => {
  const error = refusal(() => loadSchemaVersions(join(root, 'nowhere')))
  expect(error.message).toStartWith(`cannot read the schemas in ${join(root, 'nowhere')}: ENOENT`)
})

const BAD_JSON: [what: string, text: string, place: string][] = [
  ['nothing', '', ':1:1: value expected'],
  ['a comment', '{\n  // about\n  "type": "int"}', ':2:3: invalid comment token'],
  ['a trailing comma', '{"type": "int",\n}', ':2:1: '],
  ['no end', '{"type":\n  "record"', ':2:11: close brace expected'],
]
test.each(BAD_JSON)('a file with %s is refused with line and column', (_, text, place) => {
  const folder = folderOf({ '1.avsc': text })
  const error = refusal(() => loadSchemaVersions(folder))
  expect(error.message).toStartWith(join(folder, `1.avsc${place}`))
  expect(error.code).toBe('json')
})

test('a mistake in a schema names its file', () => {
  const folder = folderOf({ '1.avsc': record('int'), '2.avsc': record('integer') })
  expect(refusal(() => loadSchemaVersions(folder)).message).toBe(
    `${join(folder, '2.avsc')}: $.fields[0] (x).type: names the unknown type "integer"`,
  )
})

describe('the stamp of a folder', () => {
  const folder = join(root, 'stamped/schemas')
  const versions = join(folder, 'r')
  mkdirSync(versions, { recursive: true })
  writeFileSync(join(versions, '1.avsc'), '"int"')

  test('changes with each version and each shared type, and with nothing else', () => {
    const stamps = [stampOfSchemas(folder)]
    const isNew = () => {
      const stamp = stampOfSchemas(folder)
      const before = stamps.includes(stamp)
      stamps.push(stamp)
      return !before
    }
    expect(isNew()).toBeFalse()
    writeFileSync(join(folder, 'README.md'), 'x')
    expect(isNew()).toBeFalse()
    writeFileSync(join(versions, '2.avsc'), '"int"')
    expect(isNew()).toBeTrue()
    writeFileSync(join(folder, 'Shared.avsc'), '"int"')
    expect(isNew()).toBeTrue()
    writeFileSync(join(versions, '2.avsc'), '"long"')
    expect(isNew()).toBeTrue()
  })

  test('follows links, as a mounted folder of a container is made of some', () => {
    const mount = join(folder, '../mount')
    mkdirSync(mount)
    symlinkSync(folder, join(mount, '..data'))
    symlinkSync(join(mount, '..data/r'), join(mount, 'r'))
    const before = stampOfSchemas(mount)
    writeFileSync(join(versions, '3.avsc'), '"int"')
    expect(stampOfSchemas(mount)).not.toBe(before)
  })

  test('of a folder that is gone is none', () => {
    expect(stampOfSchemas(join(folder, 'nowhere'))).toBeUndefined()
  })
})
