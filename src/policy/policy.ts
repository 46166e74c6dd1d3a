// The policy: what a lender decides beside the model. A file of cut-offs on the margin, rules over
// the application's fields, and the scorecard scale; validated here, compiled to a table that
// WebAssembly runs. Its SHA-256 is in every decision.

import { z } from 'zod'
import { usageError } from '../errors.ts'
import { sha256 } from '../hash.ts'
import { readText } from '../json.ts'
import { lineInToml, parseToml } from '../toml.ts'

const code = z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be in capitals, such as LOAN_TOO_LARGE')

const range = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low <= high, 'needs the lower end first')
const list = z.array(z.union([z.number(), z.string(), z.boolean()])).min(1)

/** What is asked of a field, or of the ratio of two. A missing value meets `missing` alone. */
const test = {
  /** Path of a field of the application. */
  field: z.string(),
  /** With it, the value is field / divided_by. */
  divided_by: z.string().optional(),
  below: z.number().optional(),
  above: z.number().optional(),
  /** Both ends inclusive. */
  between: range.optional(),
  /** Below the first or above the second. */
  outside: range.optional(),
  /** Numbers, the symbols of an enum, or booleans. */
  in: list.optional(),
  not_in: list.optional(),
  missing: z.literal(true).optional(),
}

const TESTS = ['below', 'above', 'between', 'outside', 'in', 'not_in', 'missing'] as const

type Test = { [Name in (typeof TESTS)[number]]?: unknown }

const countTests = (t: Test) => TESTS.filter((name) => t[name] !== undefined).length

const MISSING_RATIO = {
  message: 'missing goes with a single field',
}
const missesOneField = (t: Test & { divided_by?: unknown }) =>
  t.missing === undefined || t.divided_by === undefined

const SELF_RATIO = {
  message: 'is the field itself: the ratio is always 1',
  path: ['divided_by'],
}
const isNoSelfRatio = (t: { field: string; divided_by?: string | undefined }) =>
  t.field !== t.divided_by

const condition = z
  .strictObject(test)
  .refine((c) => countTests(c) === 1, `needs exactly one of ${TESTS.join(', ')}`)
  .refine(missesOneField, MISSING_RATIO)
  .refine(isNoSelfRatio, SELF_RATIO)

const cap = z.strictObject({
  /** Smallest value of the segment that it is for; it goes up to the next one's. */
  from: z.number(),
  /** Fires when the field is greater. */
  above: z.number(),
})

const rule = z
  .strictObject({
    /** Reason code given when the rule fires. */
    code,
    outcome: z.enum(['reject', 'refer']),
    ...test,
    /** The field that says which of the caps is in force. */
    segment: z.string().optional(),
    caps: z
      .array(cap)
      .min(1)
      .refine(
        (caps) => caps.every(({ from }, i) => i === 0 || from > caps[i - 1]!.from),
        'needs `from` ascending',
      )
      .optional(),
    /** What must hold as well. */
    when: z.array(condition).min(1).optional(),
    /** For the reader of the file. */
    note: z.string().optional(),
  })
  .refine(
    (r) => countTests(r) + Number(r.caps !== undefined) === 1,
    `needs exactly one of ${TESTS.join(', ')} and caps`,
  )
  .refine(missesOneField, MISSING_RATIO)
  .refine(isNoSelfRatio, SELF_RATIO)
  .refine((r) => (r.caps === undefined) === (r.segment === undefined), {
    message: 'segment and caps go together',
  })

const policyFile = z.strictObject({
  version: z.literal(1),
  name: z.string(),
  scorecard: z
    .strictObject({
      /** Score = offset - factor * margin, to the nearest point, within lowest and highest. */
      offset: z.number(),
      factor: z.number().positive(),
      lowest: z.int32(),
      highest: z.int32(),
    })
    .refine((s) => s.lowest < s.highest, 'needs lowest below highest'),
  cutoffs: z
    .strictObject({
      /** Margins (log-odds of default) at or above it are rejected. */
      reject_from: z.number(),
      reject_code: code,
      /** Margins above it, and below reject_from, are referred. */
      refer_above: z.number(),
      refer_code: code,
    })
    .refine((c) => c.refer_above <= c.reject_from, 'needs refer_above not above reject_from'),
  /** Refers inputs that the model was not trained on, by the ranges in its manifest. */
  training: z
    .strictObject({
      /** A feature is below the least or above the greatest value of the training data. */
      outside_code: code,
      /** A feature is missing that never was in the training data. */
      missing_code: code,
    })
    .optional(),
  rules: z.array(rule).default([]),
})

export type PolicyCondition = z.infer<typeof condition>
export type PolicyRule = z.infer<typeof rule>
export type PolicyFile = z.infer<typeof policyFile>

export type Policy = {
  path: string
  file: PolicyFile
  /** SHA-256 of the file's bytes. */
  hash: Uint8Array
  /** File and line of what a path leads to, and the path: `policy.toml:12: rules[0].field`. */
  placeOf(path: readonly PropertyKey[]): string
}

/**
 * Loads and validates a policy file.
 *
 * @throws OperatingError kind 'usage', code 'policy', 'toml' or 'file', with file, line and field
 */
export function loadPolicy(path: string): Policy {
  return parsePolicy(readText(path), path)
}

export function parsePolicy(text: string, path: string): Policy {
  const placeOf = (at: readonly PropertyKey[]) => placeIn(text, path, at)
  const parsed = policyFile.safeParse(parseToml(text, path))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    const key = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : []
    const line = lineInToml(text, [...issue.path, ...key])
    const field = issue.path.length > 0 ? ` ${formatPath(issue.path)}:` : ''
    throw usageError('policy', `${path}:${line}:${field} ${issue.message}`)
  }
  return { path, file: parsed.data, hash: sha256(text), placeOf }
}

/** File and line of the first use of a reason code that is in the policy. */
export function placeOfCode(policy: Policy, code: string): string {
  const { rules, cutoffs, training } = policy.file
  const rule = rules.findIndex((one) => one.code === code)
  if (rule >= 0) return policy.placeOf(['rules', rule, 'code'])
  if (cutoffs.reject_code === code) return policy.placeOf(['cutoffs', 'reject_code'])
  if (cutoffs.refer_code === code) return policy.placeOf(['cutoffs', 'refer_code'])
  return policy.placeOf([
    'training',
    training?.outside_code === code ? 'outside_code' : 'missing_code',
  ])
}

/** Fields a rule rests on, each once: its own, the divisor, the segment, its conditions'. */
export function fieldsOf(rule: PolicyRule): string[] {
  const tests = [rule, ...(rule.when ?? [])]
  const fields = [
    rule.field,
    rule.divided_by,
    rule.segment,
    ...tests.slice(1).flatMap((condition) => [condition.field, condition.divided_by]),
  ]
  return [...new Set(fields.filter((field) => field !== undefined))]
}

function placeIn(text: string, file: string, path: readonly PropertyKey[]): string {
  return `${file}:${lineInToml(text, path)}: ${formatPath(path)}`
}

function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((p, i) => (typeof p === 'number' ? `[${p}]` : `${i ? '.' : ''}${String(p)}`))
    .join('')
}
