// `replay --compare`: the settings' model and policy (A) beside others (B), over the same window.

import { DECISIONS } from '../../avro/encode-plan.ts'
import { BatchDecider } from '../../replay/batch-decider.ts'
import { Comparison } from '../../replay/comparison.ts'
import { addBatch, batches, noTotals } from '../../replay/replay.ts'
import { offsetsIn } from '../../replay/window.ts'
import type { Program } from '../../scorer/program.ts'
import type { Context } from '../context.ts'
import { quantilesOf, rankCorrelation } from '../model/statistics.ts'
import { textTable } from '../model/text-table.ts'
import { startProgress } from '../progress.ts'
import type { ReplayOptions } from '../replay.ts'
import { openWindow, windowText } from './open.ts'

export async function compareWindow(options: ReplayOptions, context: Context): Promise<number> {
  using opened = openWindow(options, context)
  const { framings, module, size, topic, windows } = opened
  const programs = [await framings.programOf(), await framings.programOf(options)] as const
  const [a, b] = programs.map((program) => new BatchDecider(module, program, size)) as [
    BatchDecider,
    BatchDecider,
  ]
  const totals = [noTotals(), noTotals()] as const
  const comparison = new Comparison()
  const progress = startProgress('compared', offsetsIn(windows))
  const startedMs = performance.now()
  try {
    for await (const batch of batches(opened, [a, b], progress.update)) {
      for (const [i, decider] of [a, b].entries()) {
        decider.decide(batch.stream)
        addBatch(totals[i]!, batch, decider, () => {})
      }
      const { stream, partition } = batch
      const placeOf = (record: number) => ({ partition, offset: stream.recordOffset(record) })
      comparison.addBatch(a, b, stream.count, placeOf)
    }
  } finally {
    progress.stop()
  }
  const sides = programs.map((program, i) => sideOf(program(), totals[i]!.outcomes))
  const seconds = (performance.now() - startedMs) / 1000
  const report = reportOf(comparison, sides as [Side, Side])
  const { applications } = totals[0]
  if (options.json) {
    const summary = { topic, windows, applications, ...report, seconds }
    context.output.print(`${JSON.stringify(summary)}\n`)
  } else {
    const what = `${applications} applications of ${topic} (${windowText(windows)})`
    context.output.print(`${[what, ...reportText(report)].join('\n')}\n`)
  }
  return 0
}

type Side = { model: string; model_hash: string; policy: string; policy_hash: string } & Record<
  string,
  string | number
>

function sideOf(program: Program, outcomes: readonly number[]): Side {
  return {
    model: program.modelName,
    model_hash: program.modelHash.toHex(),
    policy: program.policyName,
    policy_hash: program.policyHash.toHex(),
    ...Object.fromEntries(DECISIONS.map((name, i) => [name, outcomes[i]!])),
  }
}

function reportOf(comparison: Comparison, [a, b]: [Side, Side]) {
  const { rows, bitEqual, shiftSum, largest, swaps, stride } = comparison
  const margins = comparison.margins()
  const shifts = margins.a.map((margin, i) => margins.b[i]! - margin)
  return {
    a,
    b,
    decided: rows,
    bit_equal: bitEqual,
    /** B less A. */
    margin: rows === 0 ? null : { mean: shiftSum / rows, quantiles: quantilesOf(shifts) },
    largest: largest ?? null,
    rank_correlation: rows === 0 ? null : rankCorrelation(margins.a, margins.b),
    /** Quantiles and correlation are of every so manyth application. */
    sampled_every: stride,
    swaps: Object.fromEntries(
      DECISIONS.map((from, i) => [
        from,
        Object.fromEntries(DECISIONS.map((to, k) => [to, swaps[i]![k]!])),
      ]),
    ),
  }
}

function reportText(report: ReturnType<typeof reportOf>): string[] {
  const { a, b, decided, bit_equal: equal, margin, largest, swaps } = report
  const sides = [a, b].map((side, i) => {
    const outcomes = DECISIONS.map((name) => `${side[name]} ${name}`).join(', ')
    return `${'AB'[i]} ${side.model}, policy ${side.policy}: ${outcomes}`
  })
  const header = ['A, and under B', ...DECISIONS]
  const rows = DECISIONS.map((from) => [from, ...DECISIONS.map((to) => `${swaps[from]![to]}`)])
  const table = textTable(header, rows, new Set(DECISIONS))
  const score = [`${decided} decided by both, ${equal} score the same bits`]
  if (margin && largest) {
    const shares = Object.keys(margin.quantiles)
    const titles = ['B less A', 'mean', ...shares]
    const values = [margin.mean, ...Object.values(margin.quantiles)]
    const row = ['margin', ...values.map((value) => value.toFixed(4))]
    const place = `partition ${largest.partition}, offset ${largest.offset}`
    score.push('', ...textTable(titles, [row], new Set(titles.slice(1))), '')
    score.push(`rank correlation (Spearman): ${report.rank_correlation?.toFixed(4) ?? 'none'}`)
    score.push(`largest shift: ${place}, from ${largest.a} to ${largest.b}`)
  }
  return [...sides, '', ...table, '', ...score]
}
