// What rests on a path of the application, also on one within a record.

import { expect, test } from 'bun:test'
import { type Json, parseSchema } from '../../src/avro/schema.ts'
import { parsePolicy } from '../../src/policy/policy.ts'
import { Impact } from '../../src/schemas/impact.ts'
import type { ArtefactManifest } from '../../src/scorer/artefact.ts'
import { shippedArtefact } from '../support/engine.ts'

const POLICY = `
version = 1
name = "test"
[scorecard]
offset = 1
factor = 1
lowest = 0
highest = 9
[cutoffs]
reject_from = 1
reject_code = "REJECTED"
refer_above = 0
refer_code = "REFERRED"
[training]
outside_code = "OUTSIDE"
missing_code = "MISSING"
[[rules]]
code = "LOAN_TO_INCOME"
outcome = "reject"
field = "amount"
divided_by = "applicant.income"
above = 1
`

const shipped = shippedArtefact('models/default').manifest
const [feature] = shipped.features
const seen = { minimum: 0, maximum: 9 }
const manifest: ArtefactManifest = {
  ...shipped,
  features: [
    {
      ...feature!,
      name: 'income',
      field: 'applicant.income',
      training: { ...seen, missing: 0 },
    },
    { ...feature!, name: 'age', field: 'applicant.age', training: { ...seen, missing: 3 } },
  ],
  reasons: {
    ...shipped.reasons!,
    codes: [
      { code: 'LOW_INCOME', statement: 'Income', hmda: 1, features: { income: 'low' } },
      { code: 'OTHER', statement: 'Other', hmda: 9, features: { age: 'low' } },
    ],
  },
}
const impact = new Impact(manifest, parsePolicy(POLICY, 'policy.toml'))

function application(applicant: Json, income: Json = 'double') {
  const fields = [
    { name: 'income', type: income },
    { name: 'age', type: 'int' },
  ]
  const inner: Json = { type: 'record', name: 'Applicant', fields }
  const type = applicant === null ? ['null', inner] : inner
  return parseSchema(
    {
      type: 'record',
      name: 'A',
      fields: [
        { name: 'amount', type: 'double' },
        { name: 'applicant', type },
      ],
    },
    'a.avsc',
  )
}

type Case = [path: string, features: string[], rules: string[], reasons: string[]]

const ALL: [string[], string[], string[]] = [
  ['income', 'age'],
  ['rules[0] LOAN_TO_INCOME'],
  ['LOAN_TO_INCOME', 'REJECTED', 'REFERRED', 'OUTSIDE', 'MISSING', 'LOW_INCOME', 'OTHER'],
]
const CASES: Case[] = [
  [
    'applicant.income',
    ['income'],
    ['rules[0] LOAN_TO_INCOME'],
    ['LOAN_TO_INCOME', 'REJECTED', 'REFERRED', 'OUTSIDE', 'MISSING', 'LOW_INCOME'],
  ],
  ['applicant.age', ['age'], [], ['REJECTED', 'REFERRED', 'OUTSIDE', 'OTHER']],
  ['amount', [], ['rules[0] LOAN_TO_INCOME'], ['LOAN_TO_INCOME']],
  ['applicant.name', [], [], []],
  ['applicant_income', [], [], []],
  // What holds the fields, holds what rests on them.
  ['applicant', ...ALL],
  ['', ...ALL],
]
test.each(CASES)(
  '"%s" touches the features %p, rules %p and reasons %p',
  (path, features, rules, reasons) => {
    expect(impact.ofApplication(path, application('record'))).toEqual({
      features,
      rules,
      reasons,
      modelKeepsInputs: true,
    })
  },
)

test.each(['reasons', 'reasons[].code', ''])('"%s" of a decision touches every reason', (path) => {
  const { reasons } = impact.ofDecision(path)
  expect(reasons).toEqual(ALL[2])
})

test('another field of a decision touches none', () => {
  expect(impact.ofDecision('score').reasons).toEqual([])
})

test('what is lost is what is not there or no number, also beside null', () => {
  expect(impact.lost(application('record'))).toEqual([])
  expect(impact.lost(application(null))).toEqual([])
  expect(impact.lost(application('record', 'string'))).toEqual([
    { field: 'applicant.income', what: 'feature income', rule: 'MODEL_INPUT_LOST' },
    { field: 'applicant.income', what: 'rules[0] LOAN_TO_INCOME', rule: 'POLICY_INPUT_LOST' },
  ])
  const empty = parseSchema({ type: 'record', name: 'A', fields: [] }, 'a.avsc')
  expect(impact.lost(empty).map(({ what }) => what)).toEqual([
    'feature income',
    'feature age',
    'rules[0] LOAN_TO_INCOME',
    'rules[0] LOAN_TO_INCOME',
  ])
})
