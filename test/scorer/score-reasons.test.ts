// Reasons of scores in decisions: which, in which order, how many, and when none.

import { expect, test } from 'bun:test'
import { RESULT_DENIALS, RESULT_WITHHELD } from '../../assembly/layout.ts'
import { ApplicationEncoder } from '../../src/applications/application.ts'
import { Generator } from '../../src/applications/generator.ts'
import type { Catalogue } from '../../src/compiler/catalogue.ts'
import { type Forest, rawScore } from '../../src/compiler/forest.ts'
import { readModel } from '../../src/compiler/model-source.ts'
import { DecisionDecoder, type DecisionRecord } from '../../src/decisions.ts'
import { fromRoot } from '../../src/paths.ts'
import { withChallenger } from '../../src/scorer/challenger.ts'
import type { Engine } from '../../src/scorer/engine.ts'
import { makeInputs } from '../support/applications.ts'
import {
  applicationSchema,
  artefactOf,
  decisionSchema,
  engineOf,
  marginOf,
  messagesAt,
  messagesOf,
  policyOf,
  programOf,
  refusal,
  shippedArtefact,
  shippedProgram,
} from '../support/engine.ts'
import { fill } from '../support/fill.ts'
import { catalogueFor } from '../support/reasons.ts'

const decoder = new DecisionDecoder(decisionSchema)
const records = makeInputs(256, 1).map(({ value }) => value)

function decide(engine: Engine): DecisionRecord[] {
  fill(engine, records)
  engine.setFirstOffset(0n)
  engine.decide(records.length)
  return messagesOf(engine).map(({ payload }) => decoder.decode(payload))
}

const { forest, explained } = readModel(fromRoot('models/default'))
const { catalogue, reference } = explained!

/** Codes of the shipped policy's rules that refer. */
const REFERRING = ['EMPLOYMENT_UNKNOWN', 'INPUT_MISSING', 'OUTSIDE_TRAINING_RANGE']

/** The reasons that a row's score gives, from its attribution: written down a second time. */
function dueReasons(engine: Engine, record: number, room: number) {
  const at = engine.rowsAt / 8 + record * engine.program.columns.length
  const row = engine.f64.slice(at, at + forest.features.length)
  const base = reference.rows[0]!
  const values = engine.attribute(record).slice()
  const amounts = catalogue.reasons.map(({ code, features }, order) => {
    const counted = Object.entries(features).map(([name, side]) => {
      const k = forest.features.indexOf(name)
      const isAdverse =
        side === 'any' || (side === 'high' ? row[k]! > base[k]! : row[k]! < base[k]!)
      return isAdverse || values[k]! < 0 ? values[k]! : 0
    })
    const moved = row.map((x, k) => (Object.hasOwn(features, forest.features[k]!) ? base[k]! : x))
    const helps = rawScore(forest, moved) < rawScore(forest, row)
    return { code, order, helps, amount: counted.reduce((sum, value) => sum + value, 0) }
  })
  const raising = amounts
    .filter(({ amount }) => amount > 0)
    .sort((a, b) => b.amount - a.amount || a.order - b.order)
  const given: string[] = []
  let withheld = 0
  for (const { code, helps } of raising) {
    if (given.length === room) break
    if (helps) given.push(code)
    else withheld++
  }
  return { given, withheld }
}

test('rejected and referred: the policy first, then what weighs most, four at most', () => {
  const engine = engineOf(shippedProgram())
  const decisions = decide(engine)
  const result = (at: number) => engine.u32[(engine.resultAt + at) / 4]!
  const denials = Array.from({ length: 10 }, (_, i) => result(RESULT_DENIALS + i * 4))
  const withheldCount = result(RESULT_WITHHELD)
  const counted = denials.map(() => 0)
  let [withheld, seen, four] = [0, 0, 0]
  for (const [i, { decision, margin, reasons }] of decisions.entries()) {
    const codes = reasons.map(({ code }) => code)
    const ofPolicy = codes.filter((code) => !catalogue.reasons.some((own) => own.code === code))
    expect(codes.length).toBeLessThanOrEqual(4)
    if (decision === 'approved') expect(codes).toEqual([])
    const isHigh = margin > -1.7346010553881064
    if (!isHigh) expect(codes).toEqual(ofPolicy)
    if (decision === 'rejected') expect(ofPolicy).not.toContain('RISK_ABOVE_LIMIT')
    if (decision === 'approved' || !isHigh) continue
    // What would have been referred is no principal reason of a rejection.
    const isLast = (code: string) => decision === 'rejected' && REFERRING.includes(code)
    const first = ofPolicy.filter((code) => !isLast(code))
    const due = dueReasons(engine, i, 4 - first.length)
    const fired = engine.policyReasons(i)
    const last = engine.program.reasons.flatMap(({ code }, bit) =>
      fired[bit] && isLast(code) ? [code] : [],
    )
    const all = [...first, ...due.given, ...last].slice(0, 4)
    expect({ i, codes }).toEqual({ i, codes: all })
    for (const code of due.given) {
      counted[catalogue.reasons.find((own) => own.code === code)!.hmda - 1]!++
    }
    withheld += due.withheld
    seen++
    four += Number(codes.length === 4)
  }
  expect(seen).toBeGreaterThan(50)
  expect(four).toBeGreaterThan(10)
  expect(denials).toEqual(counted)
  expect(withheldCount).toBe(withheld)
})

test('the fields of a reason are those of its features that the model splits on', () => {
  const { reasons } = shippedProgram().scoreReasons!
  const fieldsOf = (code: string) => reasons.find((reason) => reason.code === code)!.fields
  expect(fieldsOf('INCOME_FOR_AMOUNT')).toEqual(['loan_amount', 'annual_income'])
  expect(fieldsOf('DELINQUENCY')).toEqual(['delinquencies_2y'])
  expect(fieldsOf('BANKRUPTCY')).toEqual([])
})

test('the same batch gives the same bytes, alone and beside a challenger that gives its own', () => {
  const program = shippedProgram()
  const alone = engineOf(program)
  const first = decide(alone) && messagesOf(alone)
  expect(decide(alone) && messagesOf(alone)).toEqual(first)
  const both = engineOf(withChallenger(program, shippedArtefact('models/default')))
  decide(both)
  both.challenge(records.length)
  expect(messagesOf(both)).toEqual(first)
  const { messagesAt: at, resultAt } = both.challenger!.outputs
  expect(messagesAt(both, at, resultAt)).toEqual(first)
})

test('a model without a catalogue gives the policy’s codes alone', () => {
  const program = shippedProgram('bench/model')
  expect(program.scoreReasons).toBeUndefined()
  const codes = decide(engineOf(program)).flatMap(({ reasons }) => reasons.map((r) => r.code))
  expect(codes).toContain('RISK_ABOVE_LIMIT')
  expect(
    codes.filter((code) => !/^(RISK|CREDIT_SCORE|LOAN_TO|DEBT_TO|EMPLOYMENT)/.test(code)),
  ).toEqual([])
})

test('a code that the catalogue has is no code of the policy, nor the other way round', () => {
  const artefact = shippedArtefact('models/default')
  const rule =
    '[[rules]]\ncode = "DELINQUENCY"\noutcome = "refer"\nfield = "loan_amount"\nabove = 9\n'
  const policy = policyOf({ rules: rule })
  const applications = [applicationSchema]
  expect(refusal(() => programOf({ artefact, policy, applications })).message).toMatch(
    /^policy.toml:\d+: rules\[0\].code: "DELINQUENCY" is a reason of the model default too$/,
  )
  const champion = shippedArtefact('bench/model')
  const program = programOf({ artefact: champion, policy, applications })
  expect(refusal(() => withChallenger(program, artefact)).message).toBe(
    'model default: its reason "DELINQUENCY" is the policy\'s too',
  )
})

// ---- Forests of two features, each 0 or 1, against the reference (0, 0).

const FEATURES = ['loan_amount', 'annual_income']

/** A tree whose four leaves are the scores of (0, 0), (0, 1), (1, 0) and (1, 1). */
function square(scores: [number, number, number, number]): Forest {
  const split = { threshold: 0.5, missing: 'nan' as const, defaultLeft: true }
  const splits = [
    { ...split, feature: 0, left: 1, right: 2 },
    { ...split, feature: 1, left: ~0, right: ~1 },
    { ...split, feature: 1, left: ~2, right: ~3 },
  ]
  return { features: FEATURES, trees: [{ splits, leaves: scores }], sigmoid: 1 }
}

/** Codes that the score of a row gives, when all are rejected. */
function codesOf(
  own: Forest,
  row: number[],
  reasons: Catalogue = catalogueFor(FEATURES),
  rules = '',
) {
  const explain = { catalogue: reasons, reference: { madeOf: '', rows: [new Float64Array(2)] } }
  const artefact = artefactOf(own, explain)
  const policy = policyOf({ rejectFrom: -1e300, referAbove: -1e300, rules })
  const engine = engineOf(programOf({ artefact, policy, applications: [applicationSchema] }))
  fill(engine, records.slice(0, 1))
  engine.stages.decode(1)
  engine.f64.set(row, engine.rowsAt / 8)
  engine.stages.score(1)
  engine.stages.decide(1)
  engine.stages.reason(1)
  engine.stages.encode(1)
  expect(marginOf(engine, 0)).toBe(rawScore(own, row))
  return decoder.decode(messagesOf(engine)[0]!.payload).reasons.map(({ code }) => code)
}

test('ties go by the catalogue, and weight comes before its order', () => {
  expect(codesOf(square([0, 1, 1, 2]), [1, 1])).toEqual(['REASON_0', 'REASON_1'])
  expect(codesOf(square([0, 2, 1, 3]), [1, 1])).toEqual(['REASON_1', 'REASON_0'])
  expect(codesOf(square([0, 2, 1, 3]), [1, 1], catalogueFor(FEATURES, 1))).toEqual(['REASON_1'])
})

test('what would not help is withheld; where nothing is left the policy’s code stays', () => {
  // Each raises the risk on average, and yet taking either away makes it higher.
  expect(codesOf(square([0, 1.5, 2, 1]), [1, 1])).toEqual(['REJECT'])
  // Feature 1 alone helps: without it the score is 0.5.
  expect(codesOf(square([0, 1.5, 0.5, 1]), [1, 1])).toEqual(['REASON_1'])
})

test('a value that is not on the adverse side is no reason, nor is a missing one', () => {
  const sided = (side: 'high' | 'low') => {
    const one = catalogueFor(FEATURES)
    one.reasons[0]!.features = { loan_amount: side }
    return one
  }
  const rising = square([0, 1, 1, 2])
  expect(codesOf(rising, [1, 1], sided('high'))).toEqual(['REASON_0', 'REASON_1'])
  expect(codesOf(rising, [1, 1], sided('low'))).toEqual(['REASON_1'])
  const falling = square([1, 2, 0, 1])
  expect(codesOf(falling, [Number.NaN, 1], sided('high'))).toEqual(['REASON_1'])
})

test('of a rejection, a rule that would only refer stands last, and displaces no reason', () => {
  const rule = (code: string, outcome: string) =>
    `[[rules]]\ncode = "${code}"\noutcome = "${outcome}"\nfield = "loan_amount"\nabove = 0\n`
  const rules = rule('LOOK', 'refer') + rule('NEVER', 'reject') + rule('LOOK_AGAIN', 'refer')
  const both = square([0, 2, 1, 3])
  const of = (atMost: number) => codesOf(both, [1, 1], catalogueFor(FEATURES, atMost), rules)
  expect(of(4)).toEqual(['NEVER', 'REASON_1', 'REASON_0', 'LOOK'])
  expect(of(3)).toEqual(['NEVER', 'REASON_1', 'REASON_0'])
  expect(of(2)).toEqual(['NEVER', 'REASON_1'])
  expect(of(1)).toEqual(['NEVER'])
})

test('the side of a value is that in the unit of the model, as the reference is', () => {
  const [, income] = FEATURES as [string, string]
  const split = { feature: 1, threshold: 3000, missing: 'nan' as const, defaultLeft: true }
  const tree = { splits: [{ ...split, left: ~0, right: ~1 }], leaves: [1, 0] }
  const own: Forest = { features: FEATURES, trees: [tree], sigmoid: 1 }
  const { reasons, ...rest } = catalogueFor(FEATURES)
  const low = { ...reasons[1]!, features: { [income]: 'low' as const } }
  const explain = {
    catalogue: { ...rest, reasons: [reasons[0]!, low] },
    reference: { madeOf: '', rows: [Float64Array.of(0, 5000)] },
  }
  const artefact = artefactOf(own, explain, { [income]: { divided_by: 12 } })
  const policy = policyOf({ rejectFrom: 0.5, referAbove: 0.5 })
  const engine = engineOf(programOf({ artefact, policy, applications: [applicationSchema] }))
  const encoder = new ApplicationEncoder(applicationSchema)
  const application = new Generator(7).next(0)
  // 24,000 a year is below 5,000 a month.
  const incomes = [24_000, 48_000]
  fill(
    engine,
    incomes.map((annual_income) => encoder.encode({ ...application, annual_income })),
  )
  engine.decide(incomes.length)
  const codes = messagesOf(engine).map(({ payload }) =>
    decoder.decode(payload).reasons.map(({ code }) => code),
  )
  expect(codes).toEqual([['REASON_1'], []])
})
