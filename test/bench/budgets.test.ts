// What a figure is against its budget.

import { describe, expect, test } from 'bun:test'
import { judge, readBudgets } from '../../bench/budgets.ts'
import { refusal } from '../support/engine.ts'

const of = (value: number, unit: string) => ({ name: 'a figure', value, unit })

describe('a budget', () => {
  test.each([
    ['in its own unit, kept', of(2, 'MB'), { max: 2 }, 'at most 2', 'within'],
    ['in its own unit, broken', of(2.1, 'MB'), { max: 2 }, 'at most 2', 'BROKEN'],
    ['from below', of(3, 'times'), { min: 3.5 }, 'at least 3.5', 'BROKEN'],
    ['in kernels, of microseconds', of(3, 'µs'), { max_kernels: 2 }, 'at most 3', 'within'],
    ['in kernels, of milliseconds', of(3.1, 'ms'), { max_kernels: 2000 }, 'at most 3', 'BROKEN'],
    ['in kernels, of a rate', of(99_000, '/s'), { max_kernels: 10 }, 'at least 66700', 'within'],
    [
      'in kernels, of too slow a rate',
      of(60_000, '/s'),
      { max_kernels: 10 },
      'at least 66700',
      'BROKEN',
    ],
  ] as const)('%s', (_, figure, limit, budget, verdict) => {
    // A machine whose kernel takes one and a half microseconds.
    expect(judge(figure, limit, 1.5)).toEqual({ ...figure, budget, verdict })
  })

  test('in kernels says nothing of what is no time', () => {
    expect(refusal(() => judge(of(1, 'MB'), { max_kernels: 1 }, 1)).message).toContain('no time')
  })

  test('none is no verdict', () => {
    expect(judge(of(1, 'MB'), undefined, 1)).toMatchObject({ budget: '', verdict: '' })
  })

  test('is read from the file, one kind of limit each', () => {
    const limits = Object.values(readBudgets()).flatMap((figures) => Object.values(figures))
    expect(limits.length).toBeGreaterThan(20)
    expect(limits.filter((limit) => Object.keys(limit).length !== 1)).toEqual([])
  })
})
