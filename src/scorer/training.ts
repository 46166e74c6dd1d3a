// Figures of the data that a model was trained on, beside it in training.json: for each feature and
// for the score the edges of bins and the share of rows in each. What is decided now is compared
// with them; nothing that decides reads them.

import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { usageError } from '../errors.ts'
import { readJson } from '../json.ts'

const FILE = 'training.json'

const share = z.number().min(0).max(1)

const bins = z
  .object({
    /** Ascending; a value that equals an edge belongs to the bin below it. */
    edges: z.array(z.number()),
    /** One more than edges. */
    shares: z.array(share),
    missing: share,
  })
  .refine(({ edges }) => edges.every((edge, i) => i === 0 || edge > edges[i - 1]!), {
    message: 'edges must ascend',
  })
  .refine(({ edges, shares }) => shares.length === edges.length + 1, {
    message: 'there must be one share more than edges',
  })

const training = z.object({
  about: z.string().optional(),
  rows: z.int().positive(),
  /** Of the margin. */
  score: bins,
  /** In the model's order. */
  features: z.array(z.intersection(z.object({ name: z.string() }), bins)),
})

export type Bins = z.infer<typeof bins>
export type Training = z.infer<typeof training>

/**
 * Reads the figures in a model's or an artefact's folder; undefined where there are none.
 *
 * @param features  the model's, which they must be of
 * @throws OperatingError kind 'usage', code 'training' or 'json', with file and place
 */
export function readTraining(folder: string, features: readonly string[]): Training | undefined {
  const path = join(folder, FILE)
  if (!existsSync(path)) return undefined
  const parsed = training.safeParse(readJson(path))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    throw usageError('training', `${path}: ${issue.path.join('.')}: ${issue.message}`)
  }
  const wrong = features.findIndex((name, i) => parsed.data.features[i]?.name !== name)
  if (wrong >= 0 || parsed.data.features.length !== features.length) {
    const at = wrong >= 0 ? wrong : features.length
    const [found, due] = [parsed.data.features[at]?.name ?? 'none', features[at] ?? 'none']
    throw usageError('training', `${path}: feature ${at} is ${found}, the model's is ${due}`)
  }
  return parsed.data
}

/** Writes them, or removes those of an earlier build. */
export function writeTraining(folder: string, figures: Training | undefined): void {
  const path = join(folder, FILE)
  if (figures) writeFileSync(path, `${JSON.stringify(figures)}\n`)
  else rmSync(path, { force: true })
}
