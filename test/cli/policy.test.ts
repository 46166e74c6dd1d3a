// The `policy` commands as a user runs them: what is said in vain, cases, who changes side; and what
// each refuses.

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Generator } from '../../src/applications/generator.ts'
import { loadPolicy } from '../../src/policy/policy.ts'
import { sha256Hex } from '../../src/hash.ts'
import { applyPolicy } from '../assembly/reference-policy.ts'
import { cli } from '../support/cli.ts'

setDefaultTimeout(60_000)

const folder = mkdtempSync(join(tmpdir(), 'loanstream-policy-'))
afterAll(() => rmSync(folder, { recursive: true }))

const POLICY = 'models/default/policy.toml'
const shipped = readFileSync(POLICY, 'utf8')

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const policy = (...args: string[]) => cli(['policy', ...args])

/** Within all rules and ranges: approved at a low margin. */
const GOOD = {
  submitted_at: 0,
  region: '9',
  loan_amount: 5000,
  annual_income: 60000,
  credit_score: 720,
  debt_to_income: 10,
  employment_years: 5,
  delinquencies_2y: 0,
  months_since_delinquency: null,
  inquiries_6m: 0,
  open_accounts: 8,
  total_accounts: 20,
  public_records: 0,
  bankruptcies: 0,
  revolving_balance: 3000,
  revolving_utilization: 20,
  mortgage_accounts: 1,
  total_balance: 100000,
  revolving_limit: 20000,
  accounts_opened_24m: 2,
  months_since_oldest_revolving: 120,
  average_balance: 12000,
  bankcard_utilization: 30,
  active_revolving_accounts: 3,
}

const lines = (...values: unknown[]) => values.map((value) => JSON.stringify(value)).join('\n')

/** A case by the margin given, with other fields than GOOD's. */
const aCase = (application: object, margin: number, decision: string, reasons?: string[]) => {
  return { application, margin, expect: { decision, ...(reasons ? { reasons } : {}) } }
}

describe('check', () => {
  test('tells the order of the shipped policy, in which nothing is said in vain', async () => {
    const { code, out } = await policy('check', '--json')
    expect(code).toBe(0)
    const report = JSON.parse(out) as { ok: boolean; order: { code: string }[]; policy: object }
    expect(report.ok).toBe(true)
    expect(report.policy).toEqual({ path: POLICY, name: 'default', hash: sha256Hex(shipped) })
    expect(report.order.map((step) => step.code)).toEqual([
      'CREDIT_SCORE_BELOW_MINIMUM',
      'LOAN_TO_INCOME_ABOVE_MAXIMUM',
      'DEBT_TO_INCOME_ABOVE_MAXIMUM',
      'RISK_ABOVE_LIMIT',
      'EMPLOYMENT_UNKNOWN',
      'OUTSIDE_TRAINING_RANGE',
      'RISK_NEEDS_REVIEW',
    ])
  })

  test('exits with 1 for rules in vain, each with its line', async () => {
    const rule = (code: string, test: string) =>
      `\n[[rules]]\ncode = "${code}"\noutcome = "refer"\nfield = "credit_score"\n${test}\n`
    const text = shipped + rule('A', 'below = 600') + rule('B', 'above = 2000')
    const { code, out } = await policy('check', file('vain.toml', text))
    expect(code).toBe(1)
    const lineOf = (what: string) => text.split('\n').indexOf(`code = "${what}"`)
    expect(out).toContain(
      `vain.toml:${lineOf('A')}: rules[4] (A): shadowed: is idle: whatever it fires for, rules[0] (CREDIT_SCORE_BELOW_MINIMUM) rejects already`,
    )
    expect(out).toContain(`vain.toml:${lineOf('B')}: rules[5] (B): never-fires: `)
  })

  test('a wrong field is refused with its line, 2', async () => {
    const path = file('wrong.toml', shipped.replace('"annual_income"', '"anual_income"'))
    const { code, out, err } = await policy('check', path)
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(/wrong\.toml:\d+: rules\[1\]\.divided_by .*nearest is "annual_income"/)
  })
})

describe('test', () => {
  const CASES = lines(
    { defaults: GOOD },
    aCase({}, -3, 'approved', []),
    aCase({ credit_score: 665 }, -3, 'rejected', ['CREDIT_SCORE_BELOW_MINIMUM']),
    '',
    aCase({ employment_years: null, loan_amount: 40000, annual_income: 2e5 }, 0, 'rejected', [
      'RISK_ABOVE_LIMIT',
      'EMPLOYMENT_UNKNOWN',
      'OUTSIDE_TRAINING_RANGE',
    ]),
    aCase({ loan_amount: 35000.01, annual_income: 2e5 }, -3, 'referred', [
      'OUTSIDE_TRAINING_RANGE',
    ]),
    aCase({}, -1.5, 'referred', ['RISK_NEEDS_REVIEW']),
    aCase({ debt_to_income: 38.5 }, -3, 'rejected'),
  ).replace('\n""\n', '\n\n')

  test('cases that are as expected pass, and codes that none gives are told', async () => {
    const { code, out } = await policy('test', '--cases', file('good.jsonl', CASES))
    expect([code, out]).toEqual([
      0,
      '6 cases: 6 as expected, 0 not\nno case gives LOAN_TO_INCOME_ABOVE_MAXIMUM\n',
    ])
  })

  test('those that are not are listed, with 1', async () => {
    const text = `${CASES}\n${JSON.stringify({
      name: 'too much',
      ...aCase({ loan_amount: 34000 }, -3, 'referred', []),
    })}`
    const path = file('bad.jsonl', text)
    const { code, out } = await policy('test', '--cases', path)
    expect(code).toBe(1)
    expect(out).toBe(
      `${path}:9 (too much): referred [] is expected, is rejected [LOAN_TO_INCOME_ABOVE_MAXIMUM], margin -3\n7 cases: 6 as expected, 1 not\n`,
    )
    const json = JSON.parse((await policy('test', '--cases', path, '--json')).out) as object
    expect(json).toMatchObject({ ok: false, cases: 7, passed: 6, failed: 1, untested: [] })
    expect(json).toHaveProperty('failures.0.actual.decision', 'rejected')
  })

  test('the order of reasons counts', async () => {
    const wrong = aCase({ credit_score: 665 }, 0, 'rejected', [
      'RISK_ABOVE_LIMIT',
      'CREDIT_SCORE_BELOW_MINIMUM',
    ])
    const path = file('order.jsonl', lines({ defaults: GOOD }, wrong))
    expect((await policy('test', '--cases', path)).code).toBe(1)
  })

  test('without a margin the model decides', async () => {
    const { expect: due } = aCase({}, 0, 'approved')
    const path = file('model.jsonl', lines({ application: GOOD, expect: due }))
    const { out } = await policy('test', '--cases', path, '--json')
    const report = JSON.parse(out) as { cases: number; failures: { actual: { margin: number } }[] }
    expect(report.cases).toBe(1)
    for (const { actual } of report.failures) expect(actual.margin).not.toBe(0)
  })

  const REFUSED: [what: string, line: unknown, says: string][] = [
    [
      'a code that the policy does not give',
      aCase(GOOD, 0, 'referred', ['RISK_ABOVE']),
      ':1: expect.reasons: the policy gives no RISK_ABOVE; the nearest is RISK_ABOVE_LIMIT',
    ],
    ['an unknown decision', aCase(GOOD, 0, 'declined'), ':1: expect.decision: '],
    [
      'an unknown field',
      aCase({ ...GOOD, income: 1 }, 0, 'approved'),
      ':1: "income" is no field of the application',
    ],
    [
      'a field that is missing',
      aCase({ ...GOOD, credit_score: null }, 0, 'approved'),
      ':1: credit_score: is missing',
    ],
    [
      'an unknown key',
      { ...aCase(GOOD, 0, 'approved'), expects: 1 },
      ':1: Unrecognized key: "expects"',
    ],
  ]
  test.each(REFUSED)('%s is refused with its line, 2', async (_, line, says) => {
    const { code, err } = await policy('test', '--cases', file('refused.jsonl', lines(line)))
    expect(code).toBe(2)
    expect(err).toContain(`refused.jsonl${says}`)
  })

  test('a file without cases is refused', async () => {
    const { code, err } = await policy('test', '--cases', file('none.jsonl', '\n'))
    expect([code, err.includes('holds no cases')]).toEqual([2, true])
  })
})

describe('diff', () => {
  const generator = new Generator(11)
  const applications = Array.from({ length: 2000 }, (_, i) => generator.next(i))
  const input = file(
    'loans.jsonl',
    applications
      .map((a) => JSON.stringify(a, (_, v) => (typeof v === 'bigint' ? Number(v) : v)))
      .join('\n'),
  )
  const strict = file(
    'strict.toml',
    `${shipped.replace('below = 666', 'below = 700')}
[[rules]]
code = "AMOUNT_ABOVE_CAP"
outcome = "refer"
field = "loan_amount"
segment = "credit_score"
caps = [{ from = 0, above = 8000 }, { from = 720, above = 20000 }]
`,
  )

  test('counts who changes side, by outcome and by rule; names them only when asked for', async () => {
    const { code, out } = await policy('diff', POLICY, strict, '--input', input, '--json')
    expect(code).toBe(0)
    const report = JSON.parse(out) as {
      rows: number
      undecided: number
      changed: number
      swaps: Record<string, Record<string, number>>
      rules: { code: string; a: number; b: number; lost: number; gained: number }[]
    }
    expect([report.rows, report.undecided]).toEqual([2000, 0])
    const pairs = Object.entries(report.swaps).flatMap(([from, row]) =>
      Object.entries(row).map(([to, count]) => ({ from, to, count })),
    )
    expect(pairs.reduce((sum, { count }) => sum + count, 0)).toBe(2000)
    const changed = pairs.filter(({ from, to }) => from !== to)
    expect(changed.reduce((sum, { count }) => sum + count, 0)).toBe(report.changed)
    expect(report.changed).toBeGreaterThan(0)
    // B only adds: nobody fares better, and each rule fires as plain code says.
    expect(report.swaps['rejected']).toMatchObject({ approved: 0, referred: 0 })
    expect(report.swaps['referred']!['approved']).toBe(0)
    const { file: rules } = loadPolicy(strict)
    for (const code of ['CREDIT_SCORE_BELOW_MINIMUM', 'AMOUNT_ABOVE_CAP']) {
      const due = applications.filter((application) => {
        const row = Object.fromEntries(
          Object.entries(application).map(([name, v]) => [
            name,
            v === null ? Number.NaN : Number(v),
          ]),
        )
        return applyPolicy(rules, row, -9).reasons.some((reason) => reason.code === code)
      })
      expect(report.rules.find((rule) => rule.code === code)!.b).toBe(due.length)
    }
    expect(out).not.toContain(String(applications[0]!['application_id']))
  })

  test('names so many of each change', async () => {
    const args = ['diff', POLICY, strict, '--input', input, '--examples', '2', '--json']
    const { examples } = JSON.parse((await policy(...args)).out) as {
      examples: { application_id: string; a: string; b: string }[]
    }
    const ids = new Set(applications.map((a) => a['application_id']))
    expect(examples.every((one) => ids.has(one.application_id) && one.a !== one.b)).toBe(true)
    const kinds = Map.groupBy(examples, ({ a, b }) => `${a} ${b}`)
    expect(Math.max(...[...kinds.values()].map((same) => same.length))).toBe(2)
  })

  test('a policy and itself: nobody changes side', async () => {
    const { out } = await policy('diff', POLICY, POLICY, '--input', input)
    expect(out).toContain('2000 applications, 0 change side, 0 make no decision')
  })
})

test.each(['check', 'test', 'diff'])('%s --help has examples', async (name) => {
  const { code, out } = await policy(name, '--help')
  expect(code).toBe(0)
  expect(out).toContain(`bun run policy ${name} `)
})
