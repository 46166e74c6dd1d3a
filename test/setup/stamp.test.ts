// Stamps: that they change when they should, and only then.

import { expect, test } from 'bun:test'
import { readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import {
  hasStamp,
  hashOf,
  readJsonIfThere,
  readTextIfThere,
  writeWhole,
} from '../../src/setup/stamp.ts'
import { TemporaryFolder } from './support.ts'

test('a stamp is the same for the same bytes, whatever their times and the order asked for', () => {
  using folder = new TemporaryFolder()
  folder.write({ 'a/one': '1', 'a/deep/two': '2', b: '3' })
  const a = join(folder.path, 'a')
  const b = join(folder.path, 'b')
  const before = hashOf(folder.path, [a, b], ['flag'])
  utimesSync(b, 1, 1)
  expect(hashOf(folder.path, [b, a], ['flag'])).toBe(before)
})

test('a stamp changes with every byte, name, file and flag', () => {
  using folder = new TemporaryFolder()
  const write = (files: Record<string, string>) => {
    using other = new TemporaryFolder()
    other.write(files)
    return hashOf(other.path, [other.path], ['flag'])
  }
  const stamps = [
    write({ a: '1', b: '2' }),
    write({ a: '1', b: '3' }),
    write({ a: '1', c: '2' }),
    write({ a: '12', b: '' }),
    write({ a: '1', b: '2', c: '' }),
    write({ a: '1' }),
    hashOf(folder.path, [join(folder.path, 'a')]),
    hashOf(folder.path, [join(folder.path, 'a')], ['ab', 'c']),
    hashOf(folder.path, [join(folder.path, 'a')], ['a', 'bc']),
  ]
  expect(new Set(stamps).size).toBe(stamps.length)
})

test('a file of ours that is damaged counts as none', () => {
  using folder = new TemporaryFolder()
  folder.write({ whole: '{"a":1}', torn: '{"a":', empty: '' })
  const read = (name: string) => readJsonIfThere(join(folder.path, name))
  expect(read('whole')).toEqual({ a: 1 })
  expect(['torn', 'empty', 'none'].map(read)).toEqual([undefined, undefined, undefined])
})

test('a file is written as a whole, in folders made for it, and leaves nothing else', () => {
  using folder = new TemporaryFolder()
  const path = join(folder.path, 'x/y/stamp')
  expect(hasStamp(path, 'one')).toBeFalse()
  writeWhole(path, 'one')
  expect(hasStamp(path, 'one')).toBeTrue()
  writeWhole(path, 'two')
  expect(readTextIfThere(path)).toBe('two')
  expect(readdirSync(join(folder.path, 'x/y'))).toEqual(['stamp'])
})
