// Decide: outcome and reasons of random policies on random rows are those of the plain evaluator.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { DECISIONS } from '../../src/avro/encode-plan.ts'
import type { Policy } from '../../src/policy/policy.ts'
import type { Engine } from '../../src/scorer/engine.ts'
import {
  artefactOf,
  draws,
  engineOf,
  neighbour,
  policyOf,
  programOf,
  randomFrom,
  schemaVersion,
  setRow,
  tomlNumber,
} from '../support/engine.ts'
import { type Outcome, applyPolicy } from './reference-policy.ts'

const FIELDS = ['a', 'b', 'c']
const application = schemaVersion({
  type: 'record',
  name: 'LoanApplication',
  fields: [
    { name: 'application_id', type: 'string' },
    ...FIELDS.map((name) => ({ name, type: ['null', 'double'], default: null })),
  ],
})

const LIMITS = [0, -0, 1, -1, 0.1, 0.3, 1e300, -1e300, 5e-324, 666]
const VALUES = [
  ...LIMITS,
  ...LIMITS.map((x) => neighbour(x, 1)),
  ...LIMITS.map((x) => neighbour(x, -1)),
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.MAX_VALUE,
  2,
  3,
]

/** Puts rows and margins in place as decode and score would, decides, and reads the outcomes. */
function decideAll(
  engine: Engine,
  rows: readonly number[][],
  margins: readonly number[],
): Outcome[] {
  for (const [i, row] of rows.entries()) setRow(engine, i, row)
  engine.f64.set(margins, engine.marginsAt / 8)
  engine.stages.decide(rows.length)
  return rows.map((_, i) => {
    const set = engine.reasonSet(i)
    const reasons = engine.program.reasons.filter((__, bit) => (set >> BigInt(bit)) & 1n)
    return {
      decision: DECISIONS[engine.u8[engine.decisionsAt + i]!]!,
      reasons: reasons.map(({ code, fields }) => ({ code, fields: [...fields] })),
    }
  })
}

function expectEvaluator(policy: Policy, rows: readonly number[][], margins: readonly number[]) {
  const engine = engineOf(programOf({ applications: [application], policy }), rows.length, 1)
  expect(engine.program.columns).toEqual(FIELDS)
  const outcomes = decideAll(engine, rows, margins)
  for (const [i, row] of rows.entries()) {
    const named = Object.fromEntries(FIELDS.map((field, j) => [field, row[j]!]))
    expect(outcomes[i]).toEqual(applyPolicy(policy.file, named, margins[i]!))
  }
}

type Pick = <T>(items: readonly T[]) => T

/** A field, or its ratio to another. */
function ratioOf(pick: Pick, isRatio: boolean): string[] {
  const field = pick(FIELDS)
  const divisor = pick(FIELDS.filter((other) => other !== field))
  return [`field = "${field}"`, ...(isRatio ? [`divided_by = "${divisor}"`] : [])]
}

/** What a rule or a condition asks, as lines of TOML. */
function randomTest(random: () => number, pick: Pick): string[] {
  const kind = pick(['below', 'above', 'between', 'outside', 'in', 'not_in', 'missing'])
  const ends = [pick(LIMITS), pick(LIMITS)].sort((a, b) => a - b)
  const several = Array.from({ length: 1 + Math.floor(random() * 4) }, () => pick(LIMITS))
  const list = (numbers: number[]) => `[${numbers.map(tomlNumber).join(', ')}]`
  const value = {
    below: () => tomlNumber(pick(LIMITS)),
    above: () => tomlNumber(pick(LIMITS)),
    between: () => list(ends),
    outside: () => list(ends),
    in: () => list(several),
    not_in: () => list(several),
    missing: () => 'true',
  }[kind]!()
  const divisor = kind !== 'missing' && random() < 0.4
  return [...ratioOf(pick, divisor), `${kind} = ${value}`]
}

function randomCaps(random: () => number, pick: Pick): string[] {
  const froms = [...new Set(Array.from({ length: 4 }, () => pick(LIMITS)))].sort((a, b) => a - b)
  // -0 and 0 are one number.
  const apart = froms.filter((from, i) => i === 0 || from > froms[i - 1]!)
  const caps = apart.map(
    (from) => `{ from = ${tomlNumber(from)}, above = ${tomlNumber(pick(LIMITS))} }`,
  )
  return [
    ...ratioOf(pick, random() < 0.3),
    `segment = "${pick(FIELDS)}"`,
    `caps = [${caps.join(', ')}]`,
  ]
}

function randomRule(random: () => number, pick: Pick, index: number): string {
  const when = Array.from({ length: Math.floor(random() * 3) }, () => {
    return `{ ${randomTest(random, pick).join(', ')} }`
  })
  return [
    '[[rules]]',
    `code = "R${index}"`,
    `outcome = "${pick(['reject', 'refer'])}"`,
    ...(random() < 0.2 ? randomCaps(random, pick) : randomTest(random, pick)),
    ...(when.length > 0 ? [`when = [${when.join(', ')}]`] : []),
    '',
  ].join('\n')
}

test('random policies', () => {
  fc.assert(
    fc.property(fc.integer(), (start) => {
      const random = randomFrom(start)
      const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)]!
      const ruleCount = Math.floor(random() * 63)
      const rules = Array.from({ length: ruleCount }, (_, i) => randomRule(random, pick, i))
      const cutoffs = [pick(LIMITS), pick(LIMITS)].sort((a, b) => a - b)
      const policy = policyOf({
        referAbove: cutoffs[0]!,
        rejectFrom: cutoffs[1]!,
        rules: rules.join('\n'),
      })
      // Two rows are taken at once, and 64 a turn.
      const count = pick([1, 2, 3, 63, 64, 65, 100, 131])
      const rows = Array.from({ length: count }, () => FIELDS.map(() => pick(VALUES)))
      const margins = rows.map(() => pick(VALUES.filter((x) => !Number.isNaN(x))))
      expectEvaluator(policy, rows, margins)
    }),
    draws(80),
  )
})

describe('by hand', () => {
  const rule = (code: string, outcome: string, rest: string) =>
    `[[rules]]\ncode = "${code}"\noutcome = "${outcome}"\n${rest}\n`

  function decideOne(policy: Policy, row: number[], margin: number): Outcome {
    const engine = engineOf(programOf({ applications: [application], policy }), 1, 1)
    return decideAll(engine, [row], [margin])[0]!
  }

  test('a limit is not reached by being equal to it', () => {
    const policy = policyOf({
      rules:
        rule('LOW', 'reject', 'field = "a"\nbelow = 10') +
        rule('HIGH', 'refer', 'field = "a"\nabove = 10'),
    })
    expect(decideOne(policy, [10, 0, 0], 0)).toEqual({ decision: 'approved', reasons: [] })
    expect(decideOne(policy, [neighbour(10, -1), 0, 0], 0).decision).toBe('rejected')
    expect(decideOne(policy, [neighbour(10, 1), 0, 0], 0).decision).toBe('referred')
  })

  test('a missing value fires no comparison, and the rule for it does', () => {
    const policy = policyOf({
      rules:
        rule('LOW', 'reject', 'field = "a"\nbelow = 10') +
        rule('HIGH', 'reject', 'field = "a"\nabove = -10') +
        rule('GONE', 'refer', 'field = "a"\nmissing = true'),
    })
    const outcome = decideOne(policy, [Number.NaN, 0, 0], 0)
    expect(outcome).toEqual({ decision: 'referred', reasons: [{ code: 'GONE', fields: ['a'] }] })
  })

  const RATIOS: [a: number, b: number, decision: string][] = [
    [1, 2, 'approved'],
    [3, 2, 'rejected'],
    [1, 0, 'rejected'],
    [-1, 0, 'approved'],
    [1, -0, 'approved'],
    [0, 0, 'approved'],
    [Number.NaN, 1, 'approved'],
    [1, Number.NaN, 'approved'],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 'approved'],
    [1e308, 1e-308, 'rejected'],
    [5e-324, 5e-324, 'approved'],
  ]
  test.each(RATIOS)('%p / %p above 1: %s', (a, b, decision) => {
    const policy = policyOf({
      rules: rule('RATIO', 'reject', 'field = "a"\ndivided_by = "b"\nabove = 1'),
    })
    expect(decideOne(policy, [a, b, 0], 0).decision).toBe(decision as Outcome['decision'])
  })

  test('a margin on the cut-off for rejection is rejected, one on the cut-off for referral is not', () => {
    const policy = policyOf({ rejectFrom: 1.5, referAbove: -0.5 })
    const row = [0, 0, 0]
    expect(decideOne(policy, row, 1.5).reasons).toEqual([{ code: 'REJECT', fields: [] }])
    expect(decideOne(policy, row, neighbour(1.5, -1)).reasons).toEqual([
      { code: 'REFER', fields: [] },
    ])
    expect(decideOne(policy, row, neighbour(-0.5, 1)).decision).toBe('referred')
    expect(decideOne(policy, row, -0.5)).toEqual({ decision: 'approved', reasons: [] })
    expect(decideOne(policy, row, Number.POSITIVE_INFINITY).decision).toBe('rejected')
    expect(decideOne(policy, row, Number.NEGATIVE_INFINITY).decision).toBe('approved')
  })

  test('equal cut-offs leave nothing to refer', () => {
    const policy = policyOf({ rejectFrom: 1, referAbove: 1 })
    expect(decideOne(policy, [0, 0, 0], 1).decision).toBe('rejected')
    expect(decideOne(policy, [0, 0, 0], neighbour(1, -1)).decision).toBe('approved')
  })

  test('lists of symbols and booleans mean the values of their names', () => {
    const typed = schemaVersion({
      type: 'record',
      name: 'LoanApplication',
      fields: [
        { name: 'application_id', type: 'string' },
        {
          name: 'purpose',
          type: { type: 'enum', name: 'Purpose', symbols: ['CAR', 'HOME', 'BOAT'] },
        },
        { name: 'employed', type: ['null', 'boolean'], default: null },
      ],
    })
    const policy = policyOf({
      rules:
        rule('TOY', 'reject', 'field = "purpose"\nin = ["CAR", "BOAT"]') +
        rule('OTHER', 'refer', 'field = "purpose"\nnot_in = ["BOAT"]') +
        rule('IDLE', 'refer', 'field = "employed"\nin = [false]'),
    })
    const engine = engineOf(programOf({ applications: [typed], policy }), 5, 1)
    expect(engine.program.columns).toEqual(['employed', 'purpose'])
    const rows = [0, 1, 2].map((purpose) => [1, purpose])
    const codes = decideAll(engine, [...rows, [0, 1], [Number.NaN, 1]], [0, 0, 0, 0, 0]).map(
      ({ reasons }) => reasons.map(({ code }) => code).join(),
    )
    expect(codes).toEqual(['TOY,OTHER', 'OTHER', 'TOY', 'OTHER,IDLE', 'OTHER'])
  })

  test('inputs unlike the training data refer, each feature by its name', () => {
    const artefact = artefactOf({ features: ['a', 'b'], trees: [], sigmoid: 1 })
    const training = [
      { minimum: -1, maximum: 5, missing: 0 },
      { minimum: 0, maximum: 0, missing: 0.5 },
    ]
    artefact.manifest.features.forEach((feature, i) => (feature.training = training[i]))
    const policy = policyOf({
      rules: '[training]\noutside_code = "OUTSIDE"\nmissing_code = "NEVER_MISSING"',
    })
    const engine = engineOf(programOf({ applications: [application], policy, artefact }), 8, 1)
    const rows = [
      [-1, 0, 9],
      [5, Number.NaN, 9],
      [neighbour(5, 1), neighbour(0, -1), 9],
      [neighbour(-1, -1), 0, 9],
      [Number.NaN, 0, Number.NaN],
    ]
    const outcomes = decideAll(
      engine,
      rows,
      rows.map(() => 0),
    )
    const outside = (field: string) => ({ code: 'OUTSIDE', fields: [field] })
    expect(outcomes.map(({ reasons }) => reasons)).toEqual([
      [],
      [],
      [outside('a'), outside('b')],
      [outside('a')],
      [{ code: 'NEVER_MISSING', fields: ['a'] }],
    ])
    expect(outcomes.map(({ decision }) => decision)).toEqual([
      'approved',
      'approved',
      'referred',
      'referred',
      'referred',
    ])
  })

  test('reasons come with the rejecting rules first, then the cut-off, then the referring rules', () => {
    const always = 'field = "a"\nabove = 0'
    const policy = policyOf({
      rejectFrom: 0,
      referAbove: -1,
      rules:
        rule('REFER_1', 'refer', always) +
        rule('REJECT_1', 'reject', always) +
        rule('REFER_2', 'refer', always) +
        rule('REJECT_2', 'reject', 'field = "a"\ndivided_by = "b"\nabove = 0'),
    })
    expect(decideOne(policy, [1, 1, 0], 0).reasons).toEqual([
      { code: 'REJECT_1', fields: ['a'] },
      { code: 'REJECT_2', fields: ['a', 'b'] },
      { code: 'REJECT', fields: [] },
      { code: 'REFER_1', fields: ['a'] },
      { code: 'REFER_2', fields: ['a'] },
    ])
  })

  test('all 64 reasons have a bit of their own', () => {
    const rules = Array.from({ length: 62 }, (_, i) =>
      rule(`R${i}`, i % 2 ? 'reject' : 'refer', `field = "a"\nabove = ${i}`),
    )
    const policy = policyOf({ rejectFrom: 10, referAbove: 5, rules: rules.join('') })
    const rows = Array.from({ length: 70 }, (_, i) => [i - 0.5, 0, 0])
    for (const margin of [0, 7, 20])
      expectEvaluator(
        policy,
        rows,
        rows.map(() => margin),
      )
  })

  test('a row has the reasons of its own batch, and the rows behind a batch keep theirs', () => {
    const policy = policyOf({ rules: rule('HIGH', 'refer', 'field = "a"\nabove = 0') })
    const engine = engineOf(programOf({ applications: [application], policy }), 4, 1)
    const high = [1, 0, 0]
    decideAll(engine, [high, high, high, high], [0, 0, 0, 0])
    const set = engine.reasonSet(0)
    expect(set).toBeGreaterThan(0n)
    // No reason of the policy's, so that neither clearing nor firing would go unseen.
    const foreign = 1n << 63n
    const view = new DataView(engine.u8.buffer)
    view.setBigUint64(engine.u8.byteOffset + engine.reasonSetsAt + 3 * 8, foreign, true)
    expect(engine.reasonSet(3)).toBe(foreign)
    decideAll(engine, [[0, 0, 0], high, [0, 0, 0]], [0, 0, 0])
    expect([0, 1, 2, 3].map((i) => engine.reasonSet(i))).toEqual([0n, set, 0n, foreign])
  })

  // No comparison with NaN holds.
  test('a margin that is no number is not approved', () => {
    const policy = policyOf({ rejectFrom: 1, referAbove: 0 })
    expect(decideOne(policy, [0, 0, 0], Number.NaN).decision).not.toBe('approved')
  })
})
