// What a change of the project's own records is said to break, and what it touches.

import { describe, expect, test } from 'bun:test'
import type { Mode } from '../../src/avro/modes.ts'
import type { Checked } from '../../src/schemas/check.ts'
import { refusal } from '../support/engine.ts'
import { type RecordJson, SchemaFolder, field, remove } from './support.ts'

/** What is found when a record gets a second version. */
function checkChange(record: string, change: (json: RecordJson) => void, mode?: Mode): Checked {
  using schemas = new SchemaFolder()
  schemas.change(record, change)
  const checked = schemas.checker.all(mode, undefined)
  const own = checked.filter(({ title }) => title.startsWith(record))
  expect(checked.filter((it) => !own.includes(it)).flatMap((it) => it.findings)).toEqual([])
  expect(own.length).toBe(1)
  return own[0]!
}

/** Rule and path of each finding. */
function found({ findings }: Checked): string[] {
  return findings.map(({ rule, path }) => `${rule} ${path}`)
}

test('the project itself is compatible', () => {
  using schemas = new SchemaFolder()
  const checked = schemas.checker.all(undefined, undefined)
  expect(checked.map(({ title, mode }) => [title, mode])).toEqual([
    ['loan_application, 1 version', 'BACKWARD_TRANSITIVE'],
    ['loan_decision, 1 version', 'FULL_TRANSITIVE'],
  ])
  expect(checked.flatMap(found)).toEqual([])
})

type Case = [what: string, change: (json: RecordJson) => void, found: string[]]

const APPLICATIONS: Case[] = [
  [
    'a new field without a default',
    (json) => json.fields.push({ name: 'co_applicant_income', type: 'double' }),
    ['READER_FIELD_MISSING_DEFAULT_VALUE co_applicant_income'],
  ],
  [
    'a new field with a default',
    (json) => json.fields.push({ name: 'joint', type: 'boolean', default: false }),
    [],
  ],
  ['a field that no model needs is removed', (json) => remove(json, 'region'), []],
  [
    'a feature is removed, which Avro does not mind',
    (json) => remove(json, 'open_accounts'),
    ['MODEL_INPUT_LOST open_accounts'],
  ],
  [
    'a feature that rules rest on too is removed',
    (json) => remove(json, 'annual_income'),
    ['MODEL_INPUT_LOST annual_income', 'POLICY_INPUT_LOST annual_income'],
  ],
  [
    'a feature gets another name, its old one an alias',
    (json) => {
      field(json, 'open_accounts')['aliases'] = ['open_accounts']
      field(json, 'open_accounts').name = 'accounts_open'
    },
    ['MODEL_INPUT_LOST open_accounts'],
  ],
  ['a feature gets a wider type', (json) => (field(json, 'credit_score').type = 'double'), []],
  [
    'a feature gets a narrower type',
    (json) => (field(json, 'loan_amount').type = 'int'),
    ['TYPE_MISMATCH loan_amount'],
  ],
  [
    'a feature becomes text',
    (json) => {
      json.fields = json.fields.map((it) =>
        it.name === 'open_accounts' ? { name: it.name, type: 'string' } : it,
      )
    },
    ['TYPE_MISMATCH open_accounts', 'MODEL_INPUT_LOST open_accounts'],
  ],
  [
    'a feature loses its null',
    (json) => {
      json.fields = json.fields.map((it) =>
        it.name === 'employment_years' ? { name: it.name, type: 'int' } : it,
      )
    },
    ['TYPE_MISMATCH employment_years'],
  ],
  ['the record gets another name', (json) => (json.name = 'Loan'), ['NAME_MISMATCH $']],
]
test.each(APPLICATIONS)('of applications: %s', (_, change, wanted) => {
  expect(found(checkChange('loan_application', change))).toEqual(wanted)
})

const DECISIONS: Case[] = [
  [
    'a new field without a default cannot be read from what is on the topic',
    (json) => json.fields.push({ name: 'expires_at', type: 'long' }),
    ['READER_FIELD_MISSING_DEFAULT_VALUE expires_at'],
  ],
  [
    'a field that is gone cannot be read by those who know it',
    (json) => remove(json, 'score'),
    ['READER_FIELD_MISSING_DEFAULT_VALUE score'],
  ],
  [
    'a new outcome is not known to them',
    (json) => {
      field(json, 'decision').type = { type: 'enum', name: 'Decision', symbols: ['approved', 'x'] }
    },
    ['MISSING_ENUM_SYMBOLS decision', 'MISSING_ENUM_SYMBOLS decision'],
  ],
  [
    'a new field with a default',
    (json) => json.fields.push({ name: 'expires_at', type: 'long', default: 0 }),
    [],
  ],
]
test.each(DECISIONS)('of decisions: %s', (_, change, wanted) => {
  expect(found(checkChange('loan_decision', change))).toEqual(wanted)
})

test('a mode takes the place of the records own', () => {
  const removed = (json: RecordJson) => remove(json, 'region')
  expect(found(checkChange('loan_application', removed, 'FORWARD'))).toEqual([
    'READER_FIELD_MISSING_DEFAULT_VALUE region',
  ])
})

test('only the transitive modes look further back than one version', () => {
  using schemas = new SchemaFolder()
  schemas.write('r/1.avsc', { type: 'record', name: 'R', fields: [{ name: 'x', type: 'string' }] })
  schemas.write('r/2.avsc', { type: 'record', name: 'R', fields: [] })
  const third = { type: 'record', name: 'R', fields: [{ name: 'x', type: 'int', default: 1 }] }
  schemas.write('r/3.avsc', third)
  const of = (mode: Mode) => schemas.checker.all(mode, undefined).flatMap(found)
  expect(of('BACKWARD')).toEqual([])
  expect(of('BACKWARD_TRANSITIVE')).toEqual(['TYPE_MISMATCH x'])
})

describe('what is touched', () => {
  test('features, rules and reasons of a field', () => {
    const change = (json: RecordJson) => (field(json, 'annual_income').type = 'string')
    const clean = (json: RecordJson) => {
      change(json)
      for (const key of ['minimum', 'maximum']) delete field(json, 'annual_income')[key]
    }
    const [finding] = checkChange('loan_application', clean).findings
    expect(finding).toEqual({
      path: 'annual_income',
      rule: 'TYPE_MISMATCH',
      reader: 'string',
      writer: 'double',
      message: expect.stringMatching(
        /schemas\/loan_application\/2\.avsc reading .*\/1\.avsc: double cannot be read as string/,
      ) as string,
      touches: {
        features: ['annual_income'],
        rules: ['rules[1] LOAN_TO_INCOME_ABOVE_MAXIMUM'],
        reasons: [
          'LOAN_TO_INCOME_ABOVE_MAXIMUM',
          'RISK_ABOVE_LIMIT',
          'RISK_NEEDS_REVIEW',
          'OUTSIDE_TRAINING_RANGE',
          'INPUT_MISSING',
          'INCOME_FOR_AMOUNT',
        ],
        modelKeepsInputs: false,
      },
    })
  })

  test('nothing by a field that nothing rests on', () => {
    const change = (json: RecordJson) => (field(json, 'region').type = 'int')
    const [finding] = checkChange('loan_application', change).findings
    expect(finding!.touches).toEqual({
      features: [],
      rules: [],
      reasons: [],
      modelKeepsInputs: true,
    })
  })

  test('the reasons by the reasons of a decision', () => {
    const change = (json: RecordJson) => remove(json, 'reasons')
    const [finding] = checkChange('loan_decision', change).findings
    expect(finding!.touches.reasons).toContain('EMPLOYMENT_UNKNOWN')
    expect(finding!.touches.features).toEqual([])
  })

  test('changes that Avro does not mind are told with what they touch', () => {
    const { findings, changes } = checkChange('loan_application', (json) => {
      Object.assign(field(json, 'loan_amount'), { unit: 'EUR', maximum: 5 })
      json.fields.push({ name: 'joint', type: 'boolean', default: false })
      remove(json, 'region')
    })
    expect(findings).toEqual([])
    expect(changes.map(({ path, what }) => `${path}: ${what}`)).toEqual([
      'loan_amount: unit EUR, was USD',
      'loan_amount: most 5, was 1000000000',
      'joint: added, boolean, default false',
      'region: removed, was string',
    ])
    expect(changes[0]!.touches.features).toEqual(['loan_amount'])
  })
})

describe('two files', () => {
  const record = (type: string) => ({ type: 'record', name: 'R', fields: [{ name: 'x', type }] })

  test.each([
    ['BACKWARD', []],
    ['FORWARD', ['TYPE_MISMATCH x']],
    ['FULL', ['TYPE_MISMATCH x']],
  ] satisfies [Mode, string[]][])('of any record, %s', (mode, wanted) => {
    using schemas = new SchemaFolder()
    schemas.write('../old.avsc', record('int'))
    schemas.write('../new.avsc', record('long'))
    const paths = ['../old.avsc', '../new.avsc'].map((name) => schemas.path(name))
    expect(found(schemas.checker.files(paths[0]!, paths[1]!, mode))).toEqual(wanted)
  })

  test('of applications: the model is asked when readers change', () => {
    using schemas = new SchemaFolder()
    schemas.change('loan_application', (json) => remove(json, 'employment_years'))
    const paths = ['1.avsc', '2.avsc'].map((name) => schemas.path(`loan_application/${name}`))
    const of = (mode: Mode) => found(schemas.checker.files(paths[0]!, paths[1]!, mode))
    // The field has a default, so that older readers go on.
    expect(of('FORWARD')).toEqual([])
    expect(of('BACKWARD')).toEqual([
      'MODEL_INPUT_LOST employment_years',
      'POLICY_INPUT_LOST employment_years',
    ])
  })

  test('that need not be records', () => {
    using schemas = new SchemaFolder()
    schemas.write('../old.avsc', ['null', 'int'])
    schemas.write('../new.avsc', 'int')
    const paths = ['../old.avsc', '../new.avsc'].map((name) => schemas.path(name))
    const checked = schemas.checker.files(paths[0]!, paths[1]!, 'BACKWARD')
    expect(found(checked)).toEqual(['TYPE_MISMATCH $'])
  })
})

describe('what was committed', () => {
  test('stays as it is', () => {
    using schemas = new SchemaFolder()
    schemas.commit()
    schemas.change('loan_application', (json) => remove(json, 'region'))
    expect(schemas.checker.all(undefined, 'HEAD').flatMap(found)).toEqual([])
  })

  test('and was edited is a finding, with what the edit breaks', () => {
    using schemas = new SchemaFolder()
    schemas.commit()
    const json = schemas.read('loan_application/1.avsc')
    json.fields.push({ name: 'joint', type: 'boolean' })
    schemas.write('loan_application/1.avsc', json)
    const checked = schemas.checker.all(undefined, 'HEAD')
    expect(checked.flatMap(found)).toEqual([
      'HISTORY_EDITED $',
      'READER_FIELD_MISSING_DEFAULT_VALUE joint',
    ])
    const [edited, broken] = checked.flatMap(({ findings }) => findings)
    expect(edited!.message).toEndWith(
      'loan_application/1.avsc: was edited after it was committed; a change belongs in a version of its own, 2.avsc',
    )
    expect(broken!.message).toContain(' reading HEAD:')
  })

  test('and differs in its documentation alone is a finding', () => {
    using schemas = new SchemaFolder()
    schemas.commit()
    const json = schemas.read('loan_decision/1.avsc')
    field(json, 'score')['doc'] = 'Better.'
    schemas.write('loan_decision/1.avsc', json)
    expect(schemas.checker.all(undefined, 'HEAD').flatMap(found)).toEqual(['HISTORY_EDITED $'])
  })

  test('and is gone is a finding', () => {
    using schemas = new SchemaFolder()
    schemas.write('other/1.avsc', { type: 'record', name: 'O', fields: [] })
    schemas.write('Zip.avsc', { type: 'fixed', name: 'Zip', size: 5 })
    schemas.change('loan_decision', (json) => (json['doc'] = 'The second.'))
    schemas.commit()
    for (const name of ['other', 'Zip.avsc', 'loan_decision/1.avsc']) {
      Bun.spawnSync(['rm', '-r', schemas.path(name)])
    }
    const findings = schemas.checker.all(undefined, 'HEAD').flatMap((it) => it.findings)
    expect(findings.map(({ rule, reader }) => [rule, reader])).toEqual([
      ['HISTORY_EDITED', 'absent'],
      ['HISTORY_EDITED', 'absent'],
      ['HISTORY_EDITED', 'absent'],
    ])
  })

  test('is what a single file is compared with', () => {
    using schemas = new SchemaFolder()
    schemas.commit()
    const json = schemas.read('loan_application/1.avsc')
    field(json, 'region').type = 'int'
    schemas.write('loan_application/1.avsc', json)
    const path = schemas.path('loan_application/1.avsc')
    expect(found(schemas.checker.file(path, 'HEAD', 'BACKWARD'))).toEqual(['TYPE_MISMATCH region'])
    const other = schemas.path('loan_application/9.avsc')
    expect(refusal(() => schemas.checker.file(other, 'HEAD', 'BACKWARD')).message).toBe(
      `${other}: is not in HEAD`,
    )
  })

  test('needs a revision that there is', () => {
    using schemas = new SchemaFolder()
    schemas.commit()
    for (const revision of ['nowhere', '--all']) {
      const error = refusal(() => schemas.checker.all(undefined, revision))
      expect([error.kind, error.code]).toEqual(['usage', 'git'])
      expect(error.message).toContain(`--git ${revision}: `)
    }
  })
})
