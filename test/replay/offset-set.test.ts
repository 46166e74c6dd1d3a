// The set of offsets, against JavaScript's own.

import { expect, test } from 'bun:test'
import { OffsetSet } from '../../src/replay/offset-set.ts'
import { randomFrom } from '../support/engine.ts'

test('adds, removes, finds and lists as a Set does, over pages far apart', () => {
  const random = randomFrom(5)
  const ours = new OffsetSet()
  const theirs = new Set<number>()
  const bases = [0, 65_530, 131_072, 5_000_000_000_000]
  for (let i = 0; i < 20_000; i++) {
    const offset = bases[Math.floor(random() * bases.length)]! + Math.floor(random() * 200)
    if (random() < 0.6) {
      expect(ours.add(offset)).toBe(!theirs.has(offset))
      theirs.add(offset)
    } else {
      expect(ours.delete(offset)).toBe(theirs.delete(offset))
    }
    expect(ours.has(offset)).toBe(theirs.has(offset))
    expect(ours.size).toBe(theirs.size)
  }
  expect([...ours.values()].sort((a, b) => a - b)).toEqual([...theirs].sort((a, b) => a - b))
})
