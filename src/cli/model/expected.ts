// The trainer's own predictions against ours, bit by bit: rows of the model's features, and in the
// last column the raw score that the trainer gave them.

import { type Forest, rawScore } from '../../compiler/forest.ts'
import { usageError } from '../../errors.ts'
import type { Artefact } from '../../scorer/artefact.ts'
import { RowScorer } from '../../scorer/row-scorer.ts'
import { numberText } from '../numbers.ts'
import { BATCH_ROWS, type RowBatch, featureColumns, readRows } from './rows.ts'

/** Differences that are told one by one. */
const TOLD_MAX = 5

export type Difference = {
  line: number
  /** Who differs: the tables in WebAssembly, or the reference that walks the trees. */
  scorer: 'WebAssembly' | 'reference'
  expected: number
  actual: number
}

export type Comparison = { rows: number; differing: number; first: Difference[] }

/**
 * Scores the file's rows in batches, one by one, and with the reference where there is one.
 *
 * @throws OperatingError kind 'usage' when the file cannot be read or holds no rows
 */
export async function compareExpected(
  path: string,
  module: WebAssembly.Module,
  artefact: Artefact,
  forest: Forest | undefined,
): Promise<Comparison> {
  const features = featureColumns(artefact.manifest.features)
  const scorer = new RowScorer(module, artefact, BATCH_ROWS)
  const comparison: Comparison = { rows: 0, differing: 0, first: [] }
  const selections = [
    (columns: readonly string[], place: string) => features(columns.slice(0, -1), place),
    (columns: readonly string[]) => [columns.length - 1],
  ]
  for await (const batch of readRows(path, selections)) {
    for (const difference of differencesOf(batch, scorer, forest)) {
      comparison.differing++
      if (comparison.first.length < TOLD_MAX) comparison.first.push(difference)
    }
    comparison.rows += batch.count
  }
  if (comparison.rows === 0) throw usageError('row', `${path}: holds no rows`)
  return comparison
}

export function differenceText(path: string, { line, scorer, expected, actual }: Difference) {
  const [due, is] = [expected, actual].map((value) => `${numberText(value)} (${bitsText(value)})`)
  return `${path}:${line}: ${scorer} scores ${is}, the trainer ${due}`
}

/** At most one for each row. */
function* differencesOf(
  { count, lines, values }: RowBatch,
  scorer: RowScorer,
  forest: Forest | undefined,
): Generator<Difference> {
  const { width } = scorer
  const rows = values[0]!
  const batch = scorer.score(rows, count).slice()
  for (let i = 0; i < count; i++) {
    const row = rows.subarray(i * width, (i + 1) * width)
    const expected = values[1]![i]!
    const lone = scorer.score(row, 1)[0]!
    const line = lines[i]!
    const wrong = [batch[i]!, lone].find((actual) => !Object.is(actual, expected))
    if (wrong !== undefined) {
      yield { line, scorer: 'WebAssembly', expected, actual: wrong }
      continue
    }
    const reference = forest ? rawScore(forest, row) : expected
    if (Object.is(reference, expected)) continue
    yield { line, scorer: 'reference', expected, actual: reference }
  }
}

function bitsText(value: number): string {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  return view.getBigUint64(0).toString(16).padStart(16, '0')
}
