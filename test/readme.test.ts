// The README's configuration table is the settings' definition, its sample starts, and its commands
// exist.

import { expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import packageJson from '../package.json'
import { SETTINGS, loadConfig } from '../src/config.ts'
import { consumerProperties, producerProperties } from '../src/config/clients.ts'
import { BUILD, ROOT } from '../src/paths.ts'
import { CONSUMER, PRODUCER, checkClient } from '../src/rdkafka/conf.ts'
import { libraryPath, openLibrary } from '../src/rdkafka/library.ts'
import { describeProperties } from '../src/rdkafka/properties.ts'
import type { LibraryFacts } from '../src/setup/librdkafka.ts'

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

const facts = JSON.parse(readFileSync(join(BUILD, 'librdkafka.json'), 'utf8')) as LibraryFacts
const hasTls = facts.features.includes('ssl')

test.skipIf(!hasTls)(
  `the sample file passes the start-up's checks${hasTls ? '' : ' (skipped: librdkafka has no TLS here)'}`,
  () => {
    const [, sample] = /```toml\n(# loanstream\.toml\n[\s\S]*?)```/.exec(readme)!
    const file = join(mkdtempSync(join(tmpdir(), 'loanstream-readme-')), 'loanstream.toml')
    writeFileSync(file, sample!)
    openLibrary(libraryPath(BUILD))
    const config = loadConfig({ file, environment: {}, sets: [], properties: describeProperties() })
    checkClient(CONSUMER, consumerProperties(config))
    checkClient(PRODUCER, producerProperties(config))
    expect(config.consumer['sasl.mechanism']).toBe('SCRAM-SHA-512')
  },
)

test('every command of the README is a script', () => {
  const names = [...readme.matchAll(/\bbun(?:@1\.4\.5)? run ([a-z-]+)/g)].map((match) => match[1]!)
  expect(names.length).toBeGreaterThan(8)
  for (const name of names) expect(Object.keys(packageJson.scripts)).toContain(name)
})
