// Schema files are the registry: what was committed stays as it was. And what is made from them is
// up to date.

import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadSchemaVersions, newest } from '../../src/avro/schema-files.ts'
import { ROOT, fromRoot } from '../../src/paths.ts'
import { hasHistory } from '../../src/schemas/git.ts'
import { recordNames } from '../../src/schemas/records.ts'
import { typesOf } from '../../src/schemas/types.ts'

function git(...args: string[]): string {
  return Bun.spawnSync(['git', ...args], { cwd: ROOT }).stdout.toString()
}

const files = [...new Bun.Glob('schemas/**/*.avsc').scanSync({ cwd: ROOT })].sort()

test.skipIf(!hasHistory(ROOT)).each(files)('%s is as it was first committed', (file) => {
  const commits = git('log', '--diff-filter=A', '--format=%H', '--', file).trim().split('\n')
  const first = commits.at(-1)
  if (!first) return
  expect(readFileSync(join(ROOT, file), 'utf8')).toBe(git('cat-file', 'blob', `${first}:${file}`))
})

test('src/records.ts is what the schema files say: bun run schema types', () => {
  const folder = fromRoot('schemas')
  const versions = recordNames(folder).map((name) => newest(loadSchemaVersions(join(folder, name))))
  expect(readFileSync(join(ROOT, 'src/records.ts'), 'utf8')).toBe(typesOf(versions))
})
