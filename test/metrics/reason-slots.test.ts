// Slots of reason codes: a code keeps its own, and none is lost when there are too many.

import { expect, test } from 'bun:test'
import { REASON_SLOTS } from '../../src/metrics/counters.ts'
import { ReasonSlots } from '../../src/metrics/reason-slots.ts'

const program = (...codes: string[]) => ({ reasons: codes.map((code) => ({ code })) })

test('a code keeps its slot when another policy gives it another place, or leaves it out', () => {
  const slots = new ReasonSlots()
  expect(slots.assign(program('A', 'B')).reasonSlots).toEqual([0, 1])
  expect(slots.assign(program('C', 'B')).reasonSlots).toEqual([2, 1])
  expect(slots.assign(program('A', 'C', 'A')).reasonSlots).toEqual([0, 2, 0])
  expect(slots.codes).toEqual(['A', 'B', 'C'])
})

test('codes beyond the slots are counted together, under a name of their own', () => {
  const slots = new ReasonSlots()
  const many = Array.from({ length: REASON_SLOTS + 5 }, (_, i) => `C${i}`)
  const { reasonSlots } = slots.assign(program(...many))
  expect(reasonSlots.slice(0, REASON_SLOTS - 1)).toEqual(many.slice(0, -6).map((_, i) => i))
  expect(new Set(reasonSlots.slice(REASON_SLOTS - 1))).toEqual(new Set([REASON_SLOTS - 1]))
  expect(slots.codes[REASON_SLOTS - 1]).toBe('OTHER')
})
