// `model diff`: two models over the same rows. How far scores move, whether the order of applicants
// does, and who would be decided otherwise.

import { usageError } from '../../errors.ts'
import { loadPolicy } from '../../policy/policy.ts'
import { RowScorer } from '../../scorer/row-scorer.ts'
import { startProgress } from '../progress.ts'
import type { Output } from '../output.ts'
import { type LoadedModel, loadModel } from './load.ts'
import { BATCH_ROWS, featureColumns, inputName, readRows } from './rows.ts'
import { predictionOf } from './score.ts'
import { type Quantiles, meanOf, quantilesOf, rankCorrelation } from './statistics.ts'
import { textTable } from './text-table.ts'

export type DiffOptions = { input: string; policy?: string; cutoff?: number; json: boolean }

type Shift = { mean: number; quantiles: Quantiles }

/** Margins at or above the first are rejected, others above the second referred. */
type Cutoffs = { rejectFrom: number; referAbove: number }

const OUTCOMES = ['approved', 'referred', 'rejected'] as const
type Outcome = (typeof OUTCOMES)[number]
/** How many rows go from an outcome under A to one under B. */
type Swaps = Record<Outcome, Record<Outcome, number>>

type Report = {
  a: { name: string; model: string }
  b: { name: string; model: string }
  rows: number
  bit_equal: number
  /** B less A. */
  margin: Shift
  prediction: Shift
  largest: { line: number; a: number; b: number }
  rank_correlation: number | null
  swaps: Swaps | null
}

type Scored = { lines: number[]; a: Float64Array; b: Float64Array }

export async function diff(
  pathA: string,
  pathB: string,
  options: DiffOptions,
  output: Output,
): Promise<number> {
  const cutoffs = cutoffsOf(options)
  const [a, b] = [loadModel(pathA), loadModel(pathB)]
  const scored = await scoreBoth(a, b, options.input)
  if (scored.lines.length === 0) {
    throw usageError('row', `${inputName(options.input)}: holds no rows`)
  }
  const report = compare(a, b, scored, cutoffs)
  if (options.json) output.print(`${JSON.stringify(report)}\n`)
  else output.print(`${reportText(report, options.input)}\n`)
  return 0
}

/** The policy's rules look at the application alone, so they are the same for both models. */
function cutoffsOf({ policy, cutoff }: DiffOptions): Cutoffs | undefined {
  if (policy !== undefined && cutoff !== undefined) {
    throw usageError('option', 'give --policy or --cutoff, not both')
  }
  if (cutoff !== undefined) return { rejectFrom: cutoff, referAbove: cutoff }
  if (policy === undefined) return undefined
  const { reject_from, refer_above } = loadPolicy(policy).file.cutoffs
  return { rejectFrom: reject_from, referAbove: refer_above }
}

async function scoreBoth(a: LoadedModel, b: LoadedModel, input: string): Promise<Scored> {
  const models = [a, b]
  const scorers = models.map(({ artefact, module }) => new RowScorer(module, artefact, BATCH_ROWS))
  const selections = models.map(({ artefact }) => featureColumns(artefact.manifest.features))
  const lines: number[] = []
  const margins: number[][] = [[], []]
  const progress = startProgress('scored', 0)
  try {
    for await (const batch of readRows(input, selections)) {
      for (const line of batch.lines) lines.push(line)
      for (const [i, scorer] of scorers.entries()) {
        margins[i]!.push(...scorer.score(batch.values[i]!, batch.count))
      }
      progress.update(lines.length)
    }
  } finally {
    progress.stop()
  }
  return { lines, a: Float64Array.from(margins[0]!), b: Float64Array.from(margins[1]!) }
}

function compare(
  a: LoadedModel,
  b: LoadedModel,
  scored: Scored,
  cutoffs: Cutoffs | undefined,
): Report {
  const shifts = scored.a.map((margin, i) => scored.b[i]! - margin)
  const largest = shifts.reduce((at, x, i) => (Math.abs(x) > Math.abs(shifts[at]!) ? i : at), 0)
  const predictions = [scored.a.map(prediction(a)), scored.b.map(prediction(b))] as const
  return {
    a: identityOf(a),
    b: identityOf(b),
    rows: scored.lines.length,
    bit_equal: scored.a.filter((margin, i) => Object.is(margin, scored.b[i])).length,
    margin: shiftOf(shifts),
    prediction: shiftOf(predictions[0].map((p, i) => predictions[1][i]! - p)),
    largest: { line: scored.lines[largest]!, a: scored.a[largest]!, b: scored.b[largest]! },
    rank_correlation: rankCorrelation(scored.a, scored.b),
    swaps: cutoffs ? swapsOf(scored, cutoffs) : null,
  }
}

function prediction({ artefact }: LoadedModel): (margin: number) => number {
  return predictionOf(artefact.manifest)
}

function identityOf({ artefact }: LoadedModel) {
  return { name: artefact.manifest.name, model: artefact.manifest.model }
}

function shiftOf(shifts: Float64Array): Shift {
  return { mean: meanOf(shifts), quantiles: quantilesOf(shifts) }
}

function swapsOf({ a, b }: Scored, cutoffs: Cutoffs): Swaps {
  const none = () => ({ approved: 0, referred: 0, rejected: 0 })
  const swaps: Swaps = { approved: none(), referred: none(), rejected: none() }
  for (const [i, margin] of a.entries()) {
    swaps[outcomeOf(margin, cutoffs)][outcomeOf(b[i]!, cutoffs)]++
  }
  return swaps
}

/** As assembly/decide.ts: a margin that is no number rejects. */
function outcomeOf(margin: number, { rejectFrom, referAbove }: Cutoffs): Outcome {
  if (!(margin < rejectFrom)) return 'rejected'
  return margin > referAbove ? 'referred' : 'approved'
}

function reportText(report: Report, input: string): string {
  const { a, b, largest, margin, prediction, rank_correlation: correlation } = report
  const shares = Object.keys(margin.quantiles)
  const row = (what: string, { mean, quantiles }: Shift) => [
    what,
    shown(mean),
    ...shares.map((share) => shown(quantiles[share]!)),
  ]
  const header = ['B less A', 'mean', ...shares]
  const where = `${inputName(input)}:${largest.line}, from ${largest.a} to ${largest.b}`
  const lines = [
    `A ${a.name} (${a.model})`,
    `B ${b.name} (${b.model})`,
    `${report.rows} rows, ${report.bit_equal} score the same bits`,
    '',
    ...textTable(
      header,
      [row('margin', margin), row('prediction', prediction)],
      new Set(header.slice(1)),
    ),
    '',
    `rank correlation (Spearman): ${correlation === null ? 'none, all are equal' : shown(correlation)}`,
    `largest shift: ${report.bit_equal === report.rows ? 'none' : where}`,
  ]
  return [...lines, ...(report.swaps ? ['', ...swapTable(report.swaps)] : [])].join('\n')
}

function swapTable(swaps: Swaps): string[] {
  const header = ['A, and under B', ...OUTCOMES]
  const rows = OUTCOMES.map((from) => [from, ...OUTCOMES.map((to) => String(swaps[from][to]))])
  return textTable(header, rows, new Set(OUTCOMES))
}

function shown(value: number): string {
  return Math.abs(value) >= 1e-4 || value === 0 ? value.toFixed(4) : value.toExponential(1)
}
