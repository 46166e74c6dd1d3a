// The README's configuration table is the settings' definition, and its commands exist.

import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import packageJson from '../package.json'
import { SETTINGS } from '../src/config.ts'
import { ROOT } from '../src/paths.ts'

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')

test('the configuration table lists every setting with default, unit and meaning', () => {
  const rows = readme
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split('|').map((cell) => cell.trim()))
  const table = new Map(rows.map(([, name, value, unit, doc]) => [name, [value, unit, doc]]))
  for (const [name, definition] of Object.entries(SETTINGS)) {
    const { default: value, unit, doc } = definition
    expect([name, table.get(`\`${name}\``)]).toEqual([
      name,
      [value === '' ? '' : `\`${value}\``, unit, doc],
    ])
  }
})

test('every command of the README is a script', () => {
  const names = [...readme.matchAll(/\bbun(?:@1\.4\.5)? run ([a-z-]+)/g)].map((match) => match[1]!)
  expect(names.length).toBeGreaterThan(8)
  for (const name of names) expect(Object.keys(packageJson.scripts)).toContain(name)
})
