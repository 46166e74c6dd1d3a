// Which pairs of versions a mode compares.

import { expect, test } from 'bun:test'
import { MODES, type Mode, pairsOf } from '../../src/avro/modes.ts'

/** Each pair as what the reader may read: 3<1 is version 3 reading what 1 wrote. */
const PAIRS: { [mode in Mode]: string[] } = {
  BACKWARD: ['3<2'],
  BACKWARD_TRANSITIVE: ['3<1', '3<2'],
  FORWARD: ['2<3'],
  FORWARD_TRANSITIVE: ['1<3', '2<3'],
  FULL: ['3<2', '2<3'],
  FULL_TRANSITIVE: ['3<1', '1<3', '3<2', '2<3'],
}

test.each(MODES)('%s of three versions', (mode) => {
  const pairs = pairsOf([1, 2, 3], mode).map(({ reader, writer }) => `${reader}<${writer}`)
  expect(pairs).toEqual(PAIRS[mode])
})

test.each(MODES)('%s of one version or none is about nothing', (mode) => {
  expect(pairsOf([1], mode)).toEqual([])
  expect(pairsOf([], mode)).toEqual([])
})
