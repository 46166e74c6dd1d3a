// The policy: what a lender decides beside the model. A file of cut-offs on the margin, rules over
// the application's fields, and the scorecard scale; validated here, compiled to a table that
// WebAssembly runs. Its SHA-256 is in every decision.

import { z } from 'zod'
import { usageError } from '../errors.ts'
import { sha256 } from '../hash.ts'
import { readText } from '../json.ts'
import { parseToml } from '../toml.ts'

const code = z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be in capitals, such as LOAN_TOO_LARGE')

const rule = z
  .strictObject({
    /** Reason code given when the rule fires. */
    code,
    outcome: z.enum(['reject', 'refer']),
    /** Field of the application. */
    field: z.string(),
    /** With it, the value is field / divided_by. */
    divided_by: z.string().optional(),
    /** Fires when the value is less, or greater; a missing value fires neither. */
    below: z.number().optional(),
    above: z.number().optional(),
    /** Fires when the value is missing. */
    missing: z.literal(true).optional(),
    /** For the reader of the file. */
    note: z.string().optional(),
  })
  .refine(
    (r) => [r.below, r.above, r.missing].filter((x) => x !== undefined).length === 1,
    'needs exactly one of below, above and missing',
  )
  .refine((r) => r.missing === undefined || r.divided_by === undefined, {
    message: 'missing goes with a single field',
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
  rules: z.array(rule).default([]),
})

export type PolicyRule = z.infer<typeof rule>
export type PolicyFile = z.infer<typeof policyFile>

export type Policy = {
  path: string
  file: PolicyFile
  /** SHA-256 of the file's bytes. */
  hash: Uint8Array
}

/**
 * Loads and validates a policy file.
 *
 * @throws OperatingError kind 'usage', code 'policy', 'toml' or 'file', with file and place
 */
export function loadPolicy(path: string): Policy {
  return parsePolicy(readText(path), path)
}

export function parsePolicy(text: string, path: string): Policy {
  const parsed = policyFile.safeParse(parseToml(text, path))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    const place = issue.path.length > 0 ? `${formatPath(issue.path)}: ` : ''
    throw usageError('policy', `${path}: ${place}${issue.message}`)
  }
  return { path, file: parsed.data, hash: sha256(text) }
}

function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((p, i) => (typeof p === 'number' ? `[${p}]` : `${i ? '.' : ''}${String(p)}`))
    .join('')
}
