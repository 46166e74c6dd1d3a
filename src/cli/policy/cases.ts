// Cases that a policy shall decide: lines of JSON, each an application and what is expected of it.

import { closest } from 'fastest-levenshtein'
import { z } from 'zod'
import { ApplicationEncoder } from '../../applications/application.ts'
import { RowMaker, badRowText, isBad } from '../../applications/source.ts'
import { DECISIONS } from '../../avro/encode-plan.ts'
import type { SchemaVersion } from '../../avro/schema-files.ts'
import { usageError } from '../../errors.ts'
import { parseJson, readText } from '../../json.ts'
import type { Decision } from '../../records.ts'

const fields = z.record(z.string(), z.unknown())

const caseLine = z.strictObject({
  name: z.string().optional(),
  application: fields,
  /** Decided by in place of the model's. */
  margin: z.number().optional(),
  expect: z.strictObject({
    decision: z.enum(DECISIONS),
    /** Codes of all that fired, in the policy's order. */
    reasons: z.array(z.string()).optional(),
  }),
})
const defaultsLine = z.strictObject({ defaults: fields })

export type PolicyCase = {
  line: number
  name: string | undefined
  /** The application as it would lie on the topic. */
  record: Uint8Array
  margin: number | undefined
  expected: { decision: Decision; reasons: string[] | undefined }
}

/**
 * Reads the cases of a file.
 *
 * @param codes  that the policy can give: others are expected in vain
 * @throws OperatingError kind 'usage', code 'cases' or 'json', with file, line and field
 */
export function readCases(
  path: string,
  schema: SchemaVersion,
  codes: ReadonlySet<string>,
): PolicyCase[] {
  const maker = new RowMaker({ schema, submittedAt: 0 })
  const encoder = new ApplicationEncoder(schema)
  let defaults: Record<string, unknown> = {}
  const cases: PolicyCase[] = []
  for (const [i, text] of readText(path).split('\n').entries()) {
    const line = i + 1
    const place = `${path}:${line}`
    if (text.trim() === '') continue
    const value = parseJson(text, place)
    if (typeof value === 'object' && value !== null && 'defaults' in value) {
      defaults = parsed(defaultsLine, value, place).defaults
      checkNames(defaults, maker.checker.names, place)
      continue
    }
    const { name, application, margin, expect } = parsed(caseLine, value, place)
    checkNames(application, maker.checker.names, place)
    for (const code of expect.reasons ?? []) {
      if (codes.has(code)) continue
      const what = `the policy gives no ${code}; the nearest is ${closest(code, [...codes])}`
      throw usageError('cases', `${place}: expect.reasons: ${what}`)
    }
    const row = maker.row(line, { ...defaults, ...application }, () => text)
    if (isBad(row)) throw usageError('cases', badRowText(path, row))
    const expected = { decision: expect.decision, reasons: expect.reasons }
    cases.push({ line, name, record: encoder.encode(row.application), margin, expected })
  }
  return cases
}

function parsed<T>(type: z.ZodType<T>, value: unknown, place: string): T {
  const result = type.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]!
  const field = issue.path.length > 0 ? `${issue.path.join('.')}: ` : ''
  throw usageError('cases', `${place}: ${field}${issue.message}`)
}

function checkNames(values: object, names: ReadonlySet<string>, place: string): void {
  for (const name of Object.keys(values)) {
    if (names.has(name)) continue
    const what = `"${name}" is no field of the application`
    throw usageError('cases', `${place}: ${what}; the nearest is "${closest(name, [...names])}"`)
  }
}
