// Model files damaged at random: each is refused with the file's name, or read and laid out as what
// it then says. Nothing else may come of it.

import { expect, test } from 'bun:test'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseModel } from '../../src/compiler/model-file.ts'
import { makeTables } from '../../src/compiler/tables.ts'
import { OperatingError } from '../../src/errors.ts'
import { randomFrom } from '../support/engine.ts'

const FIXTURES = join(import.meta.dir, '../fixtures')
/** Larger ones take long to read, and say no more. */
const BYTES_MAX = 20_000
const DAMAGES = 10

function models(extension: string): Uint8Array[] {
  const files = ['forests', 'xgboost'].flatMap((folder) =>
    readdirSync(join(FIXTURES, folder)).map((file) => join(FIXTURES, folder, file)),
  )
  const bytes = files.filter((file) => file.endsWith(extension)).map((file) => readFileSync(file))
  return bytes.filter(({ length }) => length <= BYTES_MAX)
}

type Damage = (bytes: Uint8Array, below: (bound: number) => number) => Uint8Array

const KINDS: [name: string, damage: Damage][] = [
  ['cut short', (bytes, below) => bytes.slice(0, below(bytes.length))],
  ['a byte changed', (bytes, below) => bytes.with(below(bytes.length), below(256))],
  [
    'a few bytes lost',
    (bytes, below) => {
      const from = below(bytes.length)
      return Buffer.concat([bytes.slice(0, from), bytes.slice(from + 1 + below(30))])
    },
  ],
]

for (const extension of ['.txt', '.json', '.ubj']) {
  test.each(KINDS)(`${extension}: %s`, (_, damage) => {
    const random = randomFrom(11)
    const below = (bound: number) => Math.floor(random() * bound)
    let refused = 0
    for (const bytes of models(extension)) {
      for (let i = 0; i < DAMAGES; i++) {
        try {
          makeTables(parseModel(damage(bytes, below), 'the-model').forest, 'the-model')
        } catch (error) {
          if (!(error instanceof OperatingError)) throw error
          expect(error.kind).toBe('usage')
          expect(error.message).toStartWith('the-model')
          refused++
        }
      }
    }
    expect(refused).toBeGreaterThan(DAMAGES)
  })
}
