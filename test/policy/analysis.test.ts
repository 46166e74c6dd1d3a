// Rules that never fire and rules that are shadowed: by hand, and against every row there is, of
// small fields.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { PolicyColumns } from '../../src/policy/clauses.ts'
import { analysePolicy } from '../../src/policy/analysis.ts'
import { fires } from '../assembly/reference-policy.ts'
import { draws, policyOf, randomFrom } from '../support/engine.ts'

const NUMBER = { whole: false, nullable: false, symbols: undefined }
const COLUMNS: PolicyColumns = new Map([
  ['amount', { column: 0, type: { ...NUMBER, minimum: 0, maximum: 1e6 } }],
  ['income', { column: 1, type: { ...NUMBER, minimum: 1, maximum: 1e7 } }],
  ['score', { column: 2, type: { ...NUMBER, minimum: 300, maximum: 850, whole: true } }],
  ['years', { column: 3, type: { ...NUMBER, minimum: 0, maximum: 10, nullable: true } }],
  ['debt', { column: 4, type: { ...NUMBER, minimum: 0, maximum: 100 } }],
])

type RuleLines = [outcome: string, ...lines: string[]]

/** What is found in a policy of rules R0, R1, …; each finding as kind and code. */
function found(...rules: RuleLines[]): string[] {
  const text = rules.map(([outcome, ...lines], i) =>
    ['[[rules]]', `code = "R${i}"`, `outcome = "${outcome}"`, ...lines, ''].join('\n'),
  )
  const policy = policyOf({ rejectFrom: 1, referAbove: 0, rules: text.join('\n') })
  return analysePolicy(policy, COLUMNS).map(({ kind, code }) => `${kind} ${code}`)
}

const field = (name: string) => `field = "${name}"`
const ratio = (name: string, divisor: string) => `field = "${name}"\ndivided_by = "${divisor}"`

describe('a rule that can never fire', () => {
  const NEVER: [what: string, ...lines: string[]][] = [
    ['is below the least value', field('score'), 'below = 300'],
    ['is above the greatest value', field('amount'), 'above = 1e6'],
    ['lies between two whole numbers', field('score'), 'between = [600.1, 600.9]'],
    ['lists what is out of bounds', field('score'), 'in = [200, 900, 600.5]'],
    ['asks for a missing value where none can be', field('amount'), 'missing = true'],
    [
      'contradicts itself',
      field('score'),
      'below = 600',
      'when = [{ field = "score", above = 599 }]',
    ],
    [
      'wants a missing value to be something',
      field('years'),
      'missing = true',
      'when = [{ field = "years", above = 1 }]',
    ],
    ['is a ratio beyond what the bounds allow', ratio('amount', 'income'), 'above = 1e6'],
    ['is a ratio of values that are not negative', ratio('amount', 'income'), 'below = 0'],
    [
      'is a ratio that its own conditions do not allow',
      ratio('amount', 'income'),
      'above = 0.5',
      'when = [{ field = "amount", below = 1000 }, { field = "income", above = 10000 }]',
    ],
    [
      'has caps that nothing exceeds',
      field('amount'),
      'segment = "score"',
      'caps = [{ from = 300, above = 1e6 }, { from = 900, above = 5 }]',
    ],
  ]
  test.each(NEVER)('%s', (_, ...lines) => {
    expect(found(['refer', ...lines])).toEqual(['never-fires R0'])
  })

  const CAN: [what: string, ...lines: string[]][] = [
    ['reaches the least value', field('score'), 'below = 301'],
    ['reaches the greatest', field('amount'), 'above = 999999.9999'],
    ['may be missing', field('years'), 'missing = true'],
    ['is a ratio at its bound', ratio('amount', 'income'), 'above = 999999.9'],
    // 5 / -0 is below 0, and -0 is not below the minimum of 0.
    ['is a ratio with a divisor that may be -0', ratio('amount', 'debt'), 'below = 0'],
    ['is 0 over 0.5', ratio('debt', 'income'), 'between = [0, 0]'],
  ]
  test.each(CAN)('is none that %s', (_, ...lines) => {
    expect(found(['refer', ...lines])).toEqual([])
  })

  test('a single cap that nothing exceeds is told, and where', () => {
    const caps = 'caps = [{ from = 300, above = 5 }, { from = 900, above = 5 }]'
    const lines: RuleLines = ['refer', field('amount'), 'segment = "score"', caps]
    expect(found(lines)).toEqual(['cap-never-fires R0'])
  })

  test('a segment below the first cap is told', () => {
    const caps = 'caps = [{ from = 301, above = 5 }]'
    expect(found(['refer', field('amount'), 'segment = "score"', caps])).toEqual(['no-cap R0'])
  })
})

describe('a rule is shadowed by', () => {
  const above = (outcome: string, limit: number): RuleLines => [
    outcome,
    field('amount'),
    `above = ${limit}`,
  ]

  test('a wider one of the same or a graver outcome, wherever it stands', () => {
    expect(found(above('reject', 10), above('reject', 20))).toEqual(['shadowed R1'])
    expect(found(above('refer', 20), above('reject', 10))).toEqual(['shadowed R0'])
  })

  test('none of a milder outcome', () => {
    expect(found(above('refer', 10), above('reject', 20))).toEqual([])
  })

  test('the first of two alike', () => {
    expect(found(above('refer', 10), above('refer', 10))).toEqual(['shadowed R1'])
  })

  test('the same rule with fewer conditions', () => {
    const when = 'when = [{ field = "score", below = 600 }]'
    expect(found([...above('reject', 10), when], above('reject', 10))).toEqual(['shadowed R0'])
    expect(found([...above('reject', 10), when], above('reject', 11))).toEqual([])
  })

  test('caps that together leave nothing of it', () => {
    const caps = 'caps = [{ from = 0, above = 10 }, { from = 600, above = 50 }]'
    const bands: RuleLines = ['reject', field('amount'), 'segment = "score"', caps]
    expect(found(bands, above('refer', 50))).toEqual(['shadowed R1'])
    expect(found(bands, above('refer', 49))).toEqual([])
  })

  test('whole numbers that leave none between them', () => {
    const score = (outcome: string, test: string): RuleLines => [outcome, field('score'), test]
    expect(found(score('refer', 'above = 600'), score('refer', 'between = [601, 700]'))).toEqual([
      'shadowed R1',
    ])
    expect(
      found(
        score('reject', 'not_in = [600]'),
        score('refer', 'between = [600.5, 601.5]'),
        score('refer', 'between = [599, 600]'),
      ),
    ).toEqual(['shadowed R1'])
  })
})

test('equal cut-offs, between which nothing is referred, are told', () => {
  const policy = policyOf({ rejectFrom: 1, referAbove: 1 })
  expect(analysePolicy(policy, COLUMNS).map(({ code }) => code)).toEqual(['REFER'])
})

// Without ratios nothing is beyond the analysis: it reports exactly what trying all rows shows.
test('random rules over small whole numbers: what is found is what all rows show', () => {
  const type = { ...NUMBER, minimum: 0, maximum: 4, whole: true }
  const columns: PolicyColumns = new Map([
    ['a', { column: 0, type }],
    ['b', { column: 1, type: { ...type, nullable: true } }],
  ])
  const values = [0, 1, 2, 3, 4]
  const rows = values.flatMap((a) => [...values, Number.NaN].map((b) => ({ a, b })))
  const limits = [-1, 0, 0.5, 1, 2, 2.5, 3, 4, 5]
  let reported = 0
  fc.assert(
    fc.property(fc.integer(), (start) => {
      const random = randomFrom(start)
      const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)]!
      const test = () => {
        const ends = [pick(limits), pick(limits)].sort((x, y) => x - y).join(', ')
        const what = pick([
          `below = ${pick(limits)}`,
          `above = ${pick(limits)}`,
          `between = [${ends}]`,
          `outside = [${ends}]`,
          `not_in = [${pick(values)}]`,
          'missing = true',
        ])
        return `field = "${pick(['a', 'b'])}", ${what}`
      }
      const rules = [0, 1, 2, 3].map((i) => {
        const first = test().replace(', ', '\n')
        const outcome = pick(['reject', 'refer'])
        return `[[rules]]\ncode = "R${i}"\noutcome = "${outcome}"\n${first}\nwhen = [{ ${test()} }]\n`
      })
      const policy = policyOf({ rejectFrom: 1, referAbove: 0, rules: rules.join('') })
      const fired = policy.file.rules.map((rule) => rows.filter((row) => fires(rule, row)))
      const expected = policy.file.rules.flatMap((rule, i) => {
        if (fired[i]!.length === 0) return [`never-fires R${i}`]
        const isShadow = policy.file.rules.some((other, j) => {
          if (i === j || fired[j]!.length === 0) return false
          if (rule.outcome === 'reject' && other.outcome === 'refer') return false
          if (!fired[i]!.every((row) => fired[j]!.includes(row))) return false
          const alike = rule.outcome === other.outcome && fired[i]!.length === fired[j]!.length
          return !alike || j < i
        })
        return isShadow ? [`shadowed R${i}`] : []
      })
      reported += expected.length
      const actual = analysePolicy(policy, columns).map(({ kind, code }) => `${kind} ${code}`)
      expect(actual).toEqual(expected)
    }),
    draws(300),
  )
  expect(reported).toBeGreaterThan(0)
})
