// Types that schema files share: found whatever the order, defined once, and wrong in their own
// file.

import { afterAll, expect, test } from 'bun:test'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import avsc from 'avsc'
import { canonicalForm } from '../../src/avro/fingerprint.ts'
import { loadSchemaVersions } from '../../src/avro/schema-files.ts'
import type { Json } from '../../src/avro/schema.ts'
import { refusal } from '../support/engine.ts'

const root = mkdtempSync(join(tmpdir(), 'loanstream-shared-'))
afterAll(() => rmSync(root, { recursive: true }))

let count = 0
/** A folder of schemas with one record, and the given files beside its folder. */
function recordIn(files: { [name: string]: Json }, record: Json): string {
  const folder = join(root, String(count++))
  mkdirSync(join(folder, 'r'), { recursive: true })
  for (const [name, json] of Object.entries(files)) {
    writeFileSync(join(folder, name), JSON.stringify(json))
  }
  writeFileSync(join(folder, 'r', '1.avsc'), JSON.stringify(record))
  return join(folder, 'r')
}

function record(...fields: [name: string, type: Json][]): { [key: string]: Json } {
  const list = fields.map(([name, type]) => ({ name, type }))
  return { type: 'record', name: 'R', namespace: 'a', fields: list }
}

const zip: Json = { type: 'fixed', name: 'a.Zip', size: 5 }
const address: Json = {
  ...record(['street', 'string'], ['zip', 'Zip']),
  name: 'Address',
}

/** R with a home and a work address, all in one file. */
const WHOLE =
  '{"name":"a.R","type":"record","fields":[{"name":"home","type":{"name":"a.Address","type":"record","fields":[{"name":"street","type":"string"},{"name":"zip","type":{"name":"a.Zip","type":"fixed","size":5}}]}},{"name":"work","type":["null","a.Address"]},{"name":"zip","type":"a.Zip"}]}'

test.each([
  ['before', { 'A.avsc': zip, 'B.avsc': address }],
  ['after', { 'A.avsc': address, 'B.avsc': zip }],
])('a type may be used in a file that comes %s its own', (_, files) => {
  const r = record(['home', 'Address'], ['work', ['null', 'a.Address']], ['zip', 'Zip'])
  const [version] = loadSchemaVersions(recordIn(files, r))
  expect(canonicalForm(version!.schema)).toBe(WHOLE)
  // What other libraries are given stands alone.
  expect(() => avsc.Type.forSchema(version!.json as avsc.Schema)).not.toThrow()
})

test('a type that is not used changes nothing', () => {
  const r = record(['x', 'int'])
  const [version] = loadSchemaVersions(recordIn({ 'A.avsc': zip }, r))
  expect(version!.json).toEqual(r)
})

test("a file's own type outweighs a shared one", () => {
  const own: Json = { type: 'fixed', name: 'Zip', size: 9 }
  const r = record(['x', own], ['y', 'Zip'])
  const [version] = loadSchemaVersions(recordIn({ 'A.avsc': zip }, r))
  expect(canonicalForm(version!.schema)).toBe(
    '{"name":"a.R","type":"record","fields":[{"name":"x","type":{"name":"a.Zip","type":"fixed","size":9}},{"name":"y","type":"a.Zip"}]}',
  )
})

test('a shared type has no namespace but its own', () => {
  const bare: Json = { type: 'enum', name: 'E', symbols: ['A'] }
  const [version] = loadSchemaVersions(recordIn({ 'E.avsc': bare }, record(['x', 'E'])))
  expect(canonicalForm(version!.schema)).toContain('{"name":"E","type":"enum"')
})

test('a shared type may contain itself', () => {
  const node = { ...record(['next', ['null', 'Node']]), name: 'Node' }
  const [version] = loadSchemaVersions(recordIn({ 'N.avsc': node }, record(['x', 'Node'])))
  expect(canonicalForm(version!.schema)).toContain('"type":["null","a.Node"]')
})

const WRONG: [what: string, files: { [name: string]: Json }, message: string][] = [
  ['no named type', { 'A.avsc': ['null', 'int'] }, 'A.avsc: $: defines no named type'],
  ['a second definition', { 'A.avsc': zip, 'B.avsc': zip }, 'B.avsc: $: defines a.Zip as '],
  [
    'an unknown type',
    { 'A.avsc': address },
    'A.avsc: $.fields[1] (zip).type: names the unknown type "Zip"',
  ],
]
test.each(WRONG)('%s is refused, with its file', (_, files, message) => {
  const folder = recordIn(files, record(['x', 'int']))
  expect(refusal(() => loadSchemaVersions(folder)).message).toContain(`/${message}`)
})
