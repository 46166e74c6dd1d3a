// Policy files: every mistake is named with file and place; the hash is the file's; the table says
// what the file says. What WebAssembly decides by the table is in test/assembly/decide.

import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sha256Hex } from '../../src/hash.ts'
import { fromRoot } from '../../src/paths.ts'
import type { PolicyColumns } from '../../src/policy/clauses.ts'
import { compilePolicy } from '../../src/policy/compile.ts'
import { loadPolicy, parsePolicy } from '../../src/policy/policy.ts'
import { refusal, shippedProgram } from '../support/engine.ts'

const root = mkdtempSync(join(tmpdir(), 'loanstream-policy-'))
afterAll(() => rmSync(root, { recursive: true }))

const NUMBER = { minimum: 0, maximum: 1e6, whole: false, nullable: false, symbols: undefined }
const COLUMNS: PolicyColumns = new Map([
  ['loan_amount', { column: 0, type: NUMBER }],
  ['annual_income', { column: 1, type: NUMBER }],
  ['credit_score', { column: 2, type: NUMBER }],
  ['purpose', { column: 3, type: { ...NUMBER, whole: true, symbols: ['CAR', 'HOUSE', 'BOAT'] } }],
  ['employed', { column: 4, type: { ...NUMBER, whole: true, symbols: ['false', 'true'] } }],
])

const HEAD = `version = 1
name = "test"

[scorecard]
offset = 500
factor = 50
lowest = 300
highest = 850

[cutoffs]
reject_from = 0.5
reject_code = "REJECT"
refer_above = -0.5
refer_code = "REFER"
`
const RULE = `
[[rules]]
code = "LOW"
outcome = "reject"
field = "credit_score"
below = 600
`

function edited(from: string, to: string): string {
  expect(HEAD + RULE).toContain(from)
  return (HEAD + RULE).replace(from, to)
}

test('a policy is read as it stands', () => {
  expect(parsePolicy(HEAD + RULE, 'p.toml').file).toEqual({
    version: 1,
    name: 'test',
    scorecard: { offset: 500, factor: 50, lowest: 300, highest: 850 },
    cutoffs: { reject_from: 0.5, reject_code: 'REJECT', refer_above: -0.5, refer_code: 'REFER' },
    rules: [{ code: 'LOW', outcome: 'reject', field: 'credit_score', below: 600 }],
  })
})

test('rules may be left out', () => {
  expect(parsePolicy(HEAD, 'p.toml').file.rules).toEqual([])
})

describe('is refused with file and place', () => {
  const CASES: [what: string, from: string, to: string, message: string][] = [
    [
      'an unknown key',
      'name = "test"',
      'name = "test"\nauthor = "me"',
      'Unrecognized key: "author"',
    ],
    [
      'an unknown key of the scorecard',
      'factor = 50',
      'factor = 50\nunit = 1',
      'scorecard: Unrecognized key: "unit"',
    ],
    [
      'an unknown key of the cut-offs',
      'refer_above',
      'refer_from = 1\nrefer_above',
      'cutoffs: Unrecognized key: "refer_from"',
    ],
    [
      'an unknown key of a rule',
      'below = 600',
      'below = 600\nless = 1',
      'rules[0]: Unrecognized key: "less"',
    ],
    ['another version', 'version = 1', 'version = 2', 'version: Invalid input: expected 1'],
    ['no version', 'version = 1\n', '', 'version: Invalid input: expected 1'],
    ['no name', 'name = "test"', '', 'name: Invalid input: expected string, received undefined'],
    ['no scorecard', '[scorecard]', '[score_card]', 'scorecard: Invalid input: expected object'],
    ['no cut-offs', '[cutoffs]', '[cut_offs]', 'cutoffs: Invalid input: expected object'],
    [
      'an offset that is text',
      'offset = 500',
      'offset = "500"',
      'scorecard.offset: Invalid input: expected number',
    ],
    [
      'an offset that is nan',
      'offset = 500',
      'offset = nan',
      'scorecard.offset: Invalid input: expected number',
    ],
    [
      'an infinite offset',
      'offset = 500',
      'offset = inf',
      'scorecard.offset: Invalid input: expected number',
    ],
    ['a factor of 0', 'factor = 50', 'factor = 0', 'scorecard.factor: Too small'],
    ['a negative factor', 'factor = 50', 'factor = -1', 'scorecard.factor: Too small'],
    [
      'half a point',
      'lowest = 300',
      'lowest = 300.5',
      'scorecard.lowest: Invalid input: expected int',
    ],
    [
      'a lowest score above the highest',
      'highest = 850',
      'highest = 299',
      'scorecard: needs lowest below highest',
    ],
    [
      'a lowest score equal to the highest',
      'highest = 850',
      'highest = 300',
      'scorecard: needs lowest below highest',
    ],
    [
      'cut-offs the wrong way round',
      'refer_above = -0.5',
      'refer_above = 0.6',
      'cutoffs: needs refer_above not above reject_from',
    ],
    [
      'a cut-off that is nan',
      'reject_from = 0.5',
      'reject_from = nan',
      'cutoffs.reject_from: Invalid input: expected number',
    ],
    [
      'an infinite cut-off',
      'reject_from = 0.5',
      'reject_from = inf',
      'cutoffs.reject_from: Invalid input: expected number',
    ],
    [
      'a cut-off without a code',
      'refer_code = "REFER"',
      '',
      'cutoffs.refer_code: Invalid input: expected string',
    ],
    [
      'a code in small letters',
      'reject_code = "REJECT"',
      'reject_code = "reject"',
      'cutoffs.reject_code: must be in capitals',
    ],
    ['a code with a blank', '"LOW"', '"LOW SCORE"', 'rules[0].code: must be in capitals'],
    ['an empty code', '"LOW"', '""', 'rules[0].code: must be in capitals'],
    ['a code that starts with a digit', '"LOW"', '"1LOW"', 'rules[0].code: must be in capitals'],
    ['a code with a line end', '"LOW"', '"LOW\\n"', 'rules[0].code: must be in capitals'],
    [
      'a rule without a code',
      'code = "LOW"\n',
      '',
      'rules[0].code: Invalid input: expected string',
    ],
    ['a rule without an outcome', 'outcome = "reject"\n', '', 'rules[0].outcome: Invalid option'],
    [
      'an unknown outcome',
      'outcome = "reject"',
      'outcome = "decline"',
      'rules[0].outcome: Invalid option',
    ],
    ['a rule without a field', 'field = "credit_score"\n', '', 'rules[0].field: Invalid input'],
    [
      'a rule that compares nothing',
      'below = 600\n',
      '',
      'rules[0]: needs exactly one of below, above, between, ',
    ],
    [
      'a rule that compares twice',
      'below = 600',
      'below = 600\nabove = 700',
      'rules[0]: needs exactly one of below, above, between, ',
    ],
    [
      'a rule that compares what is missing',
      'below = 600',
      'below = 600\nmissing = true',
      'rules[0]: needs exactly one of',
    ],
    [
      'missing = false',
      'below = 600',
      'missing = false',
      'rules[0].missing: Invalid input: expected true',
    ],
    [
      'a missing ratio',
      'below = 600',
      'missing = true\ndivided_by = "loan_amount"',
      'rules[0]: missing goes with a single field',
    ],
    [
      'a ratio of a field to itself',
      'below = 600',
      'above = 600\ndivided_by = "credit_score"',
      'rules[0].divided_by: is the field itself: the ratio is always 1',
    ],
    [
      'a limit that is text',
      'below = 600',
      'below = "600"',
      'rules[0].below: Invalid input: expected number',
    ],
    [
      'a limit that is nan',
      'below = 600',
      'below = nan',
      'rules[0].below: Invalid input: expected number',
    ],
    [
      'an infinite limit',
      'below = 600',
      'below = -inf',
      'rules[0].below: Invalid input: expected number',
    ],
    ['one rule as a table', '[[rules]]', '[rules]', 'rules: Invalid input: expected array'],
  ]
  test.each(CASES)('%s', (_, from, to, message) => {
    const error = refusal(() => parsePolicy(edited(from, to), 'policies/p.toml'))
    expect(error.message.replace(/:\d+:/, ':')).toStartWith(`policies/p.toml: ${message}`)
    expect([error.kind, error.code]).toEqual(['usage', 'policy'])
  })

  const LINES: [from: string, to: string, place: string][] = [
    ['name = "test"', 'name = "test"\nauthor = "me"', ':3: Unrecognized'],
    ['factor = 50', 'factor = 0', ':6: scorecard.factor: '],
    ['refer_above = -0.5', 'refer_above = 0.6', ':10: cutoffs: '],
    ['below = 600', 'below = 600\nless = 1', ':21: rules[0]: Unrecognized'],
    ['below = 600', 'note = """\n\n"""\nin = [\n1,\n[],\n]', ':25: rules[0].in[1]: '],
    [
      'below = 600',
      'below = 1\nwhen = [\n{ field = "x", above = "y" },\n]',
      ':22: rules[0].when[0].above: ',
    ],
  ]
  test.each(LINES)('%s → %j: with its line', (from, to, place) => {
    const error = refusal(() => parsePolicy(edited(from, to), 'p.toml'))
    expect(error.message).toStartWith(`p.toml${place}`)
  })

  const RULES: [what: string, to: string, message: string][] = [
    ['ends in the wrong order', 'between = [2, 1]', 'rules[0].between: needs the lower end first'],
    ['an empty list', 'in = []', 'rules[0].in: Too small'],
    ['a list and a limit', 'in = [1]\nbelow = 2', 'rules[0]: needs exactly one of'],
    ['caps without a segment', 'caps = [{ from = 1, above = 2 }]', 'rules[0]: segment and caps go'],
    ['a segment without caps', 'above = 1\nsegment = "x"', 'rules[0]: segment and caps go'],
    [
      'caps that do not ascend',
      'segment = "x"\ncaps = [{ from = 2, above = 2 }, { from = 2, above = 3 }]',
      'rules[0].caps: needs `from` ascending',
    ],
    [
      'a condition without a test',
      'below = 1\nwhen = [{ field = "x" }]',
      'rules[0].when[0]: needs exactly one of',
    ],
  ]
  test.each(RULES)('%s', (_, to, message) => {
    const error = refusal(() => parsePolicy(edited('below = 600', to), 'p.toml'))
    expect(error.message.replace(/:\d+:/, ':')).toStartWith(`p.toml: ${message}`)
  })

  test('the second of two rules, by its number', () => {
    const text = HEAD + RULE + RULE.replace('below = 600', 'below = "x"')
    expect(refusal(() => parsePolicy(text, 'p.toml')).message).toStartWith(
      'p.toml:26: rules[1].below: ',
    )
  })

  const SYNTAX: [text: string, place: string][] = [
    ['version = ', ':1:11: '],
    ['version = 1\nname = test', ':2:8: '],
    ['version = 1\nversion = 1', ':2:'],
    ['version = 99999999999999999999', ':1:11: '],
  ]
  test.each(SYNTAX)('%j: line and column', (text, place) => {
    const error = refusal(() => parsePolicy(text, 'p.toml'))
    expect(error.message).toStartWith(`p.toml${place}`)
    expect(error.code).toBe('toml')
  })

  test('a file that is not there', () => {
    const path = join(root, 'none.toml')
    const error = refusal(() => loadPolicy(path))
    expect(error.message).toStartWith(`cannot read ${path}: ENOENT`)
    expect(error.code).toBe('file')
  })

  // The score's field is an int.
  test('a score that is no int', () => {
    const text = edited('highest = 850', 'highest = 3000000000')
    expect(refusal(() => parsePolicy(text, 'p.toml')).message).toContain('scorecard.highest')
  })
})

describe('compiling', () => {
  test.each([
    ['credit_scor', 'credit_score'],
    ['amount', 'loan_amount'],
    ['Annual_Income', 'annual_income'],
  ])('the unknown field "%s" is refused with the nearest, "%s"', (field, nearest) => {
    const policy = parsePolicy(edited('"credit_score"', `"${field}"`), 'p.toml')
    const error = refusal(() => compilePolicy(policy, COLUMNS))
    expect(error.message).toBe(
      `p.toml:19: rules[0].field (LOW): "${field}" is no numeric field of the application; the nearest is "${nearest}"`,
    )
    expect([error.kind, error.code]).toEqual(['usage', 'policy'])
  })

  const VALUES: [to: string, message: string][] = [
    [
      'below = 1\nwhen = [{ field = "purpose", in = ["CAR", "PLANE"] }]',
      'p.toml:21: rules[0].when[0].in[1] (LOW): "PLANE" is none of CAR, HOUSE, BOAT, as "purpose" is',
    ],
    ['in = ["CAR"]', 'p.toml:20: rules[0].in[0] (LOW): "CAR" is no number, as "credit_score" is'],
    [
      'below = 1\nwhen = [{ field = "purpose", in = [1] }]',
      'p.toml:21: rules[0].when[0].in[0] (LOW): 1 is none of CAR, HOUSE, BOAT, as "purpose" is',
    ],
    [
      'segment = "incom"\ncaps = [{ from = 1, above = 2 }]',
      'p.toml:20: rules[0].segment (LOW): "incom" is no numeric field',
    ],
  ]
  test.each(VALUES)('%j is refused', (to, message) => {
    const policy = parsePolicy(edited('below = 600', to), 'p.toml')
    expect(refusal(() => compilePolicy(policy, COLUMNS)).message).toStartWith(message)
  })

  test('the codes for inputs unlike the training data name the field while there is room', () => {
    const codes = '[training]\noutside_code = "OUT"\nmissing_code = "GONE"\n'
    const ranges = ['loan_amount', 'annual_income'].map((field) => {
      return { field, minimum: 1, maximum: 2, missing: 0 }
    })
    const reasonsOf = (rules: number) => {
      const text = HEAD + codes + RULE.repeat(rules)
      return compilePolicy(parsePolicy(text, 'p.toml'), COLUMNS, ranges).reasons.slice(rules)
    }
    expect(reasonsOf(1)).toEqual([
      { code: 'REJECT', fields: [] },
      { code: 'OUT', fields: ['loan_amount'] },
      { code: 'OUT', fields: ['annual_income'] },
      { code: 'REFER', fields: [] },
    ])
    expect(reasonsOf(60).length).toBe(4)
    const error = refusal(() => reasonsOf(61))
    expect(error.message).toBe('p.toml: holds 61 rules, limit is 60')
  })

  test('an unknown divisor is refused as well', () => {
    const text = edited('below = 600', 'below = 600\ndivided_by = "income"')
    const error = refusal(() => compilePolicy(parsePolicy(text, 'p.toml'), COLUMNS))
    expect(error.message).toStartWith(
      'p.toml:21: rules[0].divided_by (LOW): "income" is no numeric field',
    )
  })

  test('a policy that rests on no numeric field there is says so all the same', () => {
    const error = refusal(() => compilePolicy(parsePolicy(HEAD + RULE, 'p.toml'), new Map()))
    expect(error.message).toStartWith(
      'p.toml:19: rules[0].field (LOW): "credit_score" is no numeric field',
    )
  })

  test('62 rules fit beside the two cut-offs, 63 do not', () => {
    const rules = (count: number) =>
      parsePolicy(HEAD + Array.from({ length: count }, () => RULE).join(''), 'p.toml')
    const { reasons } = compilePolicy(rules(62), COLUMNS)
    expect(reasons.length).toBe(64)
    const error = refusal(() => compilePolicy(rules(63), COLUMNS))
    expect(error.message).toBe('p.toml: holds 63 rules, limit is 62')
  })

  test('reasons come rejecting first, in the order of the file, each with its fields', () => {
    const refer = RULE.replace('"LOW"', '"REFER_1"').replace('"reject"', '"refer"')
    const ratio = RULE.replace('"LOW"', '"RATIO"').replace(
      'below',
      'divided_by = "loan_amount"\nabove',
    )
    const { reasons } = compilePolicy(parsePolicy(HEAD + refer + RULE + ratio, 'p.toml'), COLUMNS)
    expect(reasons).toEqual([
      { code: 'LOW', fields: ['credit_score'] },
      { code: 'RATIO', fields: ['credit_score', 'loan_amount'] },
      { code: 'REJECT', fields: [] },
      { code: 'REFER_1', fields: ['credit_score'] },
      { code: 'REFER', fields: [] },
    ])
  })

  test('compiles to the same bytes again', () => {
    const policy = parsePolicy(HEAD + RULE, 'p.toml')
    expect(compilePolicy(policy, COLUMNS)).toEqual(compilePolicy(policy, COLUMNS))
  })
})

describe('the hash', () => {
  function written(bytes: string | Uint8Array): string {
    const path = join(root, 'p.toml')
    writeFileSync(path, bytes)
    return path
  }

  test("is the file's SHA-256, comments and all", () => {
    const plain = loadPolicy(written(HEAD))
    const commented = loadPolicy(written(`# größer\n${HEAD}`))
    for (const [policy, text] of [
      [plain, HEAD],
      [commented, `# größer\n${HEAD}`],
    ] as const) {
      expect(policy.hash.toHex()).toBe(sha256Hex(Buffer.from(text)))
    }
  })

  test("of the shipped policy is in the program's decisions", () => {
    const path = fromRoot('models/default/policy.toml')
    expect(shippedProgram().policyHash.toHex()).toBe(sha256Hex(readFileSync(path)))
  })

  // Decoded with U+FFFD for what is no UTF-8, the text would have a hash that `sha256sum` does not
  // find.
  test("is the file's SHA-256 also when a comment is not UTF-8, or the file is refused", () => {
    const path = written(Buffer.from(`# gr\xf6\xdfer\n${HEAD}`, 'latin1'))
    const expected = sha256Hex(readFileSync(path))
    let actual = expected
    try {
      actual = loadPolicy(path).hash.toHex()
    } catch {
      // Refused: as good.
    }
    expect(actual).toBe(expected)
  })

  test('is that of a file with a byte order mark, or the file is refused', () => {
    const path = written(`\ufeff${HEAD}`)
    const expected = sha256Hex(readFileSync(path))
    let actual = expected
    try {
      actual = loadPolicy(path).hash.toHex()
    } catch (error) {
      expect(String(error)).toContain(path)
    }
    expect(actual).toBe(expected)
  })
})
