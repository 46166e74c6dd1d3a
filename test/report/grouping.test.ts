// Who is compared with whom, who is too small for it, and what counts once.

import { describe, expect, test } from 'bun:test'
import type { Decided } from '../../src/report/decision-file.ts'
import { DecidedTable } from '../../src/report/decided-table.ts'
import { type GroupOptions, Grouping } from '../../src/report/grouping.ts'

const OPTIONS: GroupOptions = { level: 95, threshold: 0.8, smallest: 30, references: new Map() }

function decided(offset: number, outcome: Decided['decision'], more: Partial<Decided> = {}) {
  const place = { topic: 't', partition: 0, offset }
  const id = `id-${offset}`
  const reasons = outcome === 'approved' ? [] : [{ code: 'R' }]
  const hashes = { model: 'a'.repeat(64), policy: 'b'.repeat(64) }
  return { application_id: id, decision: outcome, margin: 0, reasons, ...hashes, ...place, ...more }
}

/** @param groups  approved and rejected of each; the group `` is not known */
function grouped(groups: Record<string, [approved: number, rejected: number]>) {
  const table = new DecidedTable()
  const grouping = new Grouping('sex', 'groups.csv', table)
  for (const [group, [approved, rejected]] of Object.entries(groups)) {
    for (let i = 0; i < approved + rejected; i++) {
      table.add(decided(table.size, i < approved ? 'approved' : 'rejected'))
      grouping.add(table.size - 1, group, 'here')
    }
  }
  return { table, grouping, view: (options = {}) => grouping.view({ ...OPTIONS, ...options }) }
}

describe('ratios', () => {
  test('are to the group most often approved, with the interval of the two', () => {
    const { view } = grouped({ a: [120, 180], b: [450, 450] })
    const [a, b] = view().groups
    expect(view().reference).toBe('b')
    expect(a!.ratio!.value).toBeCloseTo(0.8, 12)
    expect(a!.ratio!.low).toBeCloseTo(0.6863545253085572, 12)
    expect(b).toMatchObject({ is_reference: true, ratio: null })
  })

  test('below the threshold are pointed out, also with no approval at all', () => {
    const { view } = grouped({ a: [39, 61], b: [50, 50], none: [0, 100], few: [10, 90] })
    const states = view().groups.map(({ group, below_threshold, interval_below_threshold }) => [
      group,
      below_threshold,
      interval_below_threshold,
    ])
    expect(states).toEqual([
      ['a', true, false],
      ['b', false, false],
      ['few', true, true],
      ['none', true, false],
    ])
    expect(view().groups[3]!.ratio).toEqual({ value: 0, low: null, high: null })
    expect(view({ threshold: 0.7 }).groups[0]!.below_threshold).toBe(false)
  })

  test('are not told of small groups, which are no reference either', () => {
    const { view } = grouped({ a: [20, 20], small: [29, 0] })
    expect(view().reference).toBe('a')
    const small = view().groups[1]!
    expect(small).toMatchObject({ decisions: 29, ratio: null, below_threshold: false })
    expect(small.too_small).toBe('29 decisions, fewer than 30')
    expect(view({ smallest: 29 }).reference).toBe('small')
    expect(view({ smallest: 1000 }).reference).toBeNull()
  })

  test('are to a group that was named; one that is not there, or is small, is refused', () => {
    const { view } = grouped({ men: [40, 20], women: [50, 10], x: [1, 0] })
    const named = (group: string) => view({ references: new Map([['sex', group]]) })
    expect(named('men').groups[1]!.ratio!.value).toBeCloseTo(50 / 40, 12)
    expect(() => named('woman')).toThrow('sex has no group woman; the nearest is women')
    expect(() => named('x')).toThrow('sex=x has 1 decisions, fewer than 30')
  })
})

describe('groups', () => {
  test('that are not known are counted apart', () => {
    const { view } = grouped({ a: [20, 20], '': [3, 4] })
    expect(view().groups.map(({ group }) => group)).toEqual(['a'])
    expect(view().unknown).toMatchObject({ decisions: 7, rates: { approved: { count: 3 } } })
    expect(grouped({ a: [1, 1] }).view().unknown).toBeNull()
  })

  test('of one application do not change, and are text', () => {
    const { grouping } = grouped({ a: [1, 0] })
    grouping.add(0, 'a', 'x:2')
    expect(() => grouping.add(0, 'b', 'x:3')).toThrow('x:3: sex puts an application into b')
    expect(() => grouping.add(0, ['b'], 'x:4')).toThrow('x:4: sex must be text or a number')
  })

  test('are few: a column that tells applications apart is refused', () => {
    const groups = Array.from({ length: 201 }, (_, i) => [`g${i}`, [1, 0]] as const)
    expect(() => grouped(Object.fromEntries(groups) as never)).toThrow('more than 200 values')
  })
})

describe('decisions', () => {
  test('count once for each application’s place', () => {
    const table = new DecidedTable()
    table.add(decided(1, 'approved'))
    table.add(decided(1, 'approved'))
    table.add(decided(1, 'rejected'))
    table.add(decided(1, 'rejected', { partition: 1 }))
    table.add(decided(1, 'rejected', { topic: 'other' }))
    expect(table).toMatchObject({ repeated: 1, contradicting: 1, counts: [1, 2, 0] })
    expect([...table.ofId('id-1')]).toEqual([2, 1, 0])
    expect([...table.lanes('t')]).toEqual([
      { partition: 0, first: 1, last: 1 },
      { partition: 1, first: 1, last: 1 },
    ])
  })

  test('count a reason once, and tell which came first', () => {
    const table = new DecidedTable()
    table.add(decided(1, 'rejected', { reasons: [{ code: 'A' }, { code: 'B' }, { code: 'A' }] }))
    table.add(decided(2, 'referred', { reasons: [{ code: 'B' }] }))
    expect([...table.reasons.values()]).toEqual([
      { code: 'A', decisions: 1, outcomes: [0, 1, 0], first: 1 },
      { code: 'B', decisions: 2, outcomes: [0, 1, 1], first: 1 },
    ])
  })
})
