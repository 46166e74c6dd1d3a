// An explanation for a terminal.

import { textTable } from '../model/text-table.ts'
import type { Explanation } from '../../explain/explanation.ts'

const NUMERIC = new Set(['value', 'reference', 'contribution', 'HMDA', 'without it'])

export function explanationText(explanation: Explanation): string {
  const { decision, model, policy, reference, rules } = explanation
  const chance = `${(100 * decision.probability_of_default).toFixed(2)} %`
  const lines = [
    `application  ${decision.application_id}`,
    `decision     ${decision.decision}`,
    `margin       ${decision.margin} (default ${chance}, score ${decision.score})`,
    `cut-offs     referred above ${policy.refer_above}, rejected from ${policy.reject_from}`,
    `model        ${model.name} ${model.hash}`,
    `policy       ${policy.name} ${policy.hash}`,
    `input        ${decision.topic} [${decision.partition}] at ${String(decision.offset)}`,
  ]
  if (reference) lines.push(`reference    ${reference.margin}: ${reference.made_of}`)
  lines.push('', 'Reasons that the decision states:', ...statedLines(explanation))
  lines.push('', ...featureLines(explanation))
  const others = explanation.score_reasons.length > 0 ? ['', ...scoreReasonLines(explanation)] : []
  const ruleRows = rules.map(({ code, fields, fired }) => [
    code,
    fired ? 'yes' : 'no',
    Object.entries(fields)
      .map(([field, value]) => `${field} = ${numberOf(value)}`)
      .join(', '),
  ])
  lines.push(...others, '', ...textTable(['policy', 'fired', 'looked at'], ruleRows, NUMERIC))
  return `${lines.join('\n')}\n`
}

function statedLines({ decision, score_reasons }: Explanation): string[] {
  if (decision.reasons.length === 0) return ['  none']
  return decision.reasons.map(({ code }, i) => {
    const own = score_reasons.find((reason) => reason.given && reason.code === code)
    return `  ${i + 1}. ${code}${own ? `: ${own.statement} (HMDA ${own.hmda})` : ' (policy)'}`
  })
}

function featureLines({ decision, reference, features }: Explanation): string[] {
  if (!reference) {
    const rows = features.map(({ feature, value }) => [feature, numberOf(value)])
    const note = 'The model has no reference set: nothing says which feature weighs how much.'
    return [note, '', ...textTable(['feature', 'value'], rows, NUMERIC)]
  }
  const rows = features.map((share) => [
    share.feature,
    numberOf(share.value),
    numberOf(share.reference ?? null),
    signed(share.contribution!),
    share.reason!,
  ])
  const sum = features.reduce((total, { contribution }) => total + contribution!, 0)
  const due = (decision.margin - reference.margin).toFixed(4)
  rows.push(['all', '', '', signed(sum), `margin less reference: ${due}`])
  return textTable(['feature', 'value', 'reference', 'contribution', 'reason'], rows, NUMERIC)
}

function scoreReasonLines({ score_reasons }: Explanation): string[] {
  const rows = score_reasons.map((reason) => [
    reason.code,
    String(reason.hmda),
    signed(reason.contribution),
    reason.margin_without.toFixed(4),
    reason.given ? 'stated' : reason.withheld ? 'withheld: would not help' : '',
  ])
  return textTable(
    ['score reason', 'HMDA', 'contribution', 'without it', 'in the decision'],
    rows,
    NUMERIC,
  )
}

function numberOf(value: number | null): string {
  return value === null ? 'missing' : String(Number(value.toPrecision(8)))
}

function signed(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(4)}`
}
