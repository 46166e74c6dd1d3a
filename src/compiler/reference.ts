// The reference set: the rows that a decision is explained against, marginally approved applicants.
// Made at training (models/train.py), and good for the one model that it names.

import { closest } from 'fastest-levenshtein'
import { z } from 'zod'
import { usageError } from '../errors.ts'
import { lineInJson, parseJson } from '../json.ts'

/** A row that owes reasons is held against each: of a thousand that takes milliseconds. */
const ROWS_MAX = 1000

const referenceFile = z.strictObject({
  /** SHA-256 of the trainer's file. */
  model: z.string().regex(/^[0-9a-f]{64}$/),
  /** How the rows were made, for people. */
  made_of: z.string(),
  /** By feature; null is a missing value. */
  rows: z
    .array(z.record(z.string(), z.union([z.number(), z.null()])))
    .min(1)
    .max(ROWS_MAX, `must be at most ${ROWS_MAX}: each costs every decision with reasons time`),
})

export type Reference = {
  madeOf: string
  /** One double a feature, in the model's order, NaN for a missing value. */
  rows: Float64Array[]
}

/**
 * @param sourceHash  SHA-256 of the model's file
 * @throws OperatingError kind 'usage', code 'reference' or 'json', with file and line
 */
export function parseReference(
  text: string,
  path: string,
  sourceHash: string,
  features: readonly string[],
): Reference {
  const parsed = referenceFile.safeParse(parseJson(text, path))
  const refuse = (at: readonly PropertyKey[], what: string) =>
    usageError('reference', `${path}:${lineInJson(text, at)}: ${at.map(String).join('.')}: ${what}`)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    throw refuse(issue.path, issue.message)
  }
  const { model, made_of: madeOf, rows } = parsed.data
  if (model !== sourceHash) {
    throw refuse(['model'], `is another model's reference: that has SHA-256 ${sourceHash}`)
  }
  for (const [i, row] of rows.entries()) {
    for (const name of Object.keys(row)) {
      if (features.includes(name)) continue
      const nearest = closest(name, [...features])
      throw refuse(['rows', i, name], `is no feature of the model; the nearest is "${nearest}"`)
    }
    const missing = features.filter((name) => !Object.hasOwn(row, name))
    if (missing.length > 0) throw refuse(['rows', i], `has no ${missing.join(', ')}`)
  }
  const values = rows.map((row) => Float64Array.from(features, (name) => row[name] ?? Number.NaN))
  return { madeOf, rows: values }
}
