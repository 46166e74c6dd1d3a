// The catalogue of reasons: which features stand for which reason, on which side their values count
// against the applicant, and what is said then. Written and reviewed by people, as TOML beside the
// model; every feature of the model must have its reason.

import { closest } from 'fastest-levenshtein'
import { z } from 'zod'
import { CAUSES_MAX, DENIAL_CODES, SCORE_REASONS_MAX } from '../../assembly/attribution-layout.ts'
import { type OperatingError, usageError } from '../errors.ts'
import { parseToml } from '../toml.ts'

/**
 * What is no reason: Regulation B's commentary, 12 CFR 1002.9(b)(2). The score of a bureau is a
 * factor like others; that the lender's own was missed is not.
 */
const NO_REASON =
  /internal (polic|standard)|qualifying score|scoring system|score (is |was )?too low/i

const reason = z.strictObject({
  code: z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be in capitals, such as INCOME_FOR_AMOUNT'),
  /** For the applicant. */
  statement: z
    .string()
    .trim()
    .min(1, 'must say something to the applicant')
    .refine((text) => !NO_REASON.test(text), 'is no specific reason: say what about the applicant'),
  hmda: z.int().min(1).max(DENIAL_CODES),
  /** On which side of the reference a feature's value counts against the applicant. */
  features: z
    .record(z.string(), z.enum(['high', 'low', 'any']))
    .refine((features) => Object.keys(features).length > 0, 'must name a feature'),
  /** For the reader of the file. */
  note: z.string().optional(),
})

const catalogueFile = z.strictObject({
  version: z.literal(1),
  /** Reasons that a decision states at most, the policy's among them. */
  at_most: z.int().min(1).max(SCORE_REASONS_MAX).default(4),
  reasons: z.array(reason).min(1).max(CAUSES_MAX),
})

export type Catalogue = z.infer<typeof catalogueFile>

/**
 * Reads a catalogue and holds it against the model's features.
 *
 * @param features  their names, in the model's order
 * @throws OperatingError kind 'usage', code 'reasons' or 'toml', with file, line and place
 */
export function parseCatalogue(text: string, path: string, features: readonly string[]): Catalogue {
  const value = parseToml(text, path)
  const parsed = catalogueFile.safeParse(value)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    throw refusal(text, path, issue.path, issue.message, value)
  }
  checkReasons(parsed.data, text, path, features)
  return parsed.data
}

function checkReasons(
  catalogue: Catalogue,
  text: string,
  path: string,
  features: readonly string[],
): void {
  const codes = new Set<string>()
  const reasonOf = new Map<string, string>()
  for (const [i, { code, features: own }] of catalogue.reasons.entries()) {
    const refuse = (at: PropertyKey[], what: string) =>
      refusal(text, path, ['reasons', i, ...at], what, catalogue)
    if (codes.has(code)) throw refuse(['code'], 'is there twice')
    codes.add(code)
    for (const feature of Object.keys(own)) {
      if (!features.includes(feature)) {
        const nearest = closest(feature, [...features])
        throw refuse(
          ['features'],
          `the model has no feature "${feature}"; the nearest is "${nearest}"`,
        )
      }
      const other = reasonOf.get(feature)
      if (other !== undefined)
        throw refuse(['features'], `"${feature}" has the reason ${other} too`)
      reasonOf.set(feature, code)
    }
  }
  const without = features.filter((feature) => !reasonOf.has(feature))
  if (without.length === 0) return
  throw usageError('reasons', `${path}: no reason names the features ${without.join(', ')}`)
}

/** An error with the line of the reason's table, and its code where it has one. */
function refusal(
  text: string,
  path: string,
  at: readonly PropertyKey[],
  what: string,
  file: unknown,
): OperatingError {
  const [list, index, ...rest] = at
  if (list !== 'reasons' || typeof index !== 'number') {
    return usageError('reasons', `${path}: ${[...at, what].map(String).join(': ')}`)
  }
  const heads = [...text.matchAll(/^[ \t]*\[\[\s*reasons\s*\]\]/gm)]
  const line = heads[index] ? `:${text.slice(0, heads[index].index).split('\n').length}` : ''
  const code: unknown = (file as { reasons: { code?: unknown }[] }).reasons[index]?.code
  const named = typeof code === 'string' ? ` (${code})` : ''
  const place = `${path}${line}: reasons[${index}]${named}`
  return usageError('reasons', `${place}: ${[...rest, what].map(String).join(': ')}`)
}
