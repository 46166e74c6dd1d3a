// `schema` as a user runs it: what it prints and its exit codes.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { fromRoot } from '../../src/paths.ts'
import { SchemaFolder, remove } from '../schemas/support.ts'
import { cli } from '../support/cli.ts'

setDefaultTimeout(30_000)

const APPLICATION = 'schemas/loan_application/1.avsc'
/** Of schemas/loan_application/1.avsc, as the header of its records has it. */
const FINGERPRINT = '2bb193659611aa95'

describe('schema check', () => {
  test('of what is there exits with 0', async () => {
    const { code, out } = await cli(['schema', 'check'])
    expect(code).toBe(0)
    expect(out).toBe(`loan_application, 1 version, BACKWARD_TRANSITIVE: compatible
  the model default keeps its inputs
loan_decision, 1 version, FULL_TRANSITIVE: compatible
`)
  })

  test('prints exactly one object with --json', async () => {
    const { code, out } = await cli(['schema', 'check', '--json'])
    expect([code, out]).toEqual([0, '{"compatible":true,"findings":[]}\n'])
  })

  test('of a change that breaks exits with 1 and says path, rule, types and what it touches', async () => {
    using schemas = new SchemaFolder()
    schemas.change('loan_application', (json) => {
      json.fields.push({ name: 'joint', type: 'boolean' })
      remove(json, 'annual_income')
    })
    const sets = ['--set', `schemas.path=${schemas.folder}`]
    const text = await cli(['schema', 'check', ...sets])
    expect(text.code).toBe(1)
    for (const part of [
      'loan_application, 2 versions, BACKWARD_TRANSITIVE: incompatible',
      '  joint: READER_FIELD_MISSING_DEFAULT_VALUE: reader boolean, writer absent\n',
      '  annual_income: MODEL_INPUT_LOST: reader absent, writer number (touches feature annual_income; policy rule rules[1] LOAN_TO_INCOME_ABOVE_MAXIMUM; reasons ',
      '  changed: annual_income: removed, was double (touches ',
      '  the model default loses annual_income\n',
    ]) {
      expect(text.out).toContain(part)
    }
    const json = await cli(['schema', 'check', '--json', ...sets])
    expect(json.code).toBe(1)
    const { compatible, findings, ...rest } = JSON.parse(json.out) as {
      compatible: boolean
      findings: object[]
    }
    expect([compatible, rest]).toEqual([false, {}])
    const keys = ['path', 'rule', 'reader', 'writer', 'message', 'touches']
    expect(findings.map((it) => Object.keys(it))).toEqual(findings.map(() => keys))
    expect(findings.length).toBe(3)
  })

  test('of two files, both ways', async () => {
    using schemas = new SchemaFolder()
    schemas.write('../old.avsc', 'int')
    schemas.write('../new.avsc', 'long')
    const paths = ['../old.avsc', '../new.avsc'].map((name) => schemas.path(name))
    const { code, out } = await cli(['schema', 'check', ...paths])
    expect([code, out]).toEqual([0, `${paths[1]} after ${paths[0]}, BACKWARD: compatible\n`])
    expect((await cli(['schema', 'check', ...paths, '--mode', 'FULL'])).code).toBe(1)
  })
})

test('schema list names every version with its fingerprint', async () => {
  const { code, out } = await cli(['schema', 'list'])
  expect(code).toBe(0)
  expect(out).toContain(`loan_application  1  ${FINGERPRINT}  ${APPLICATION}\n`)
  const json = await cli(['schema', 'list', '--json'])
  expect(JSON.parse(json.out)).toContainEqual({
    record: 'loan_application',
    version: 1,
    fingerprint: FINGERPRINT,
    path: APPLICATION,
  })
})

test('schema fingerprint prints the bytes as they lie on the wire, and the form', async () => {
  const plain = await cli(['schema', 'fingerprint', APPLICATION])
  expect([plain.code, plain.out]).toEqual([0, `${FINGERPRINT}\n`])
  const { out } = await cli(['schema', 'fingerprint', APPLICATION, '--canonical'])
  expect(out).toStartWith(`${FINGERPRINT}\n{"name":"loanstream.LoanApplication","type":"record",`)
})

test('schema docs makes the table of one record, or of all', async () => {
  const one = await cli(['schema', 'docs', 'loan_decision'])
  expect(one.code).toBe(0)
  expect(one.out).toContain('| `reasons[].code` | string |')
  expect(one.out).not.toContain('LoanApplication')
  expect((await cli(['schema', 'docs'])).out).toContain('LoanApplication')
})

test('schema types writes the types, and says when they are not up to date', async () => {
  using schemas = new SchemaFolder()
  const output = schemas.path('../records.ts')
  const write = ['schema', 'types', '--output', output]
  const before = await cli([...write, '--check'])
  expect([before.code, before.out]).toEqual([1, ''])
  expect(before.err).toContain('is not up to date')
  expect((await cli(write)).code).toBe(0)
  expect(readFileSync(output, 'utf8')).toBe(readFileSync(fromRoot('src/records.ts'), 'utf8'))
  expect((await cli([...write, '--check'])).code).toBe(0)
})
