// A report for a terminal.

import { DECISIONS } from '../../avro/encode-plan.ts'
import type { GroupView, GroupingView } from '../../report/grouping.ts'
import type { Report } from '../../report/report.ts'
import type { StabilityView } from '../../report/stability.ts'
import { textTable } from '../model/text-table.ts'

export function reportText(report: Report): string {
  const { source, decisions, outcomes, left_out: left } = report
  const shares = DECISIONS.map((name) => `${outcomes[name]?.count ?? 0} ${name}`).join(', ')
  const sections = [
    [`${decisions} decisions of ${source}: ${shares}`, ...leftOutText(left), ...joinText(report)],
    ...report.groupings.map(groupingText),
    stabilityText(report),
    reasonText(report),
    report.alerts.length > 0
      ? ['To look into:', ...report.alerts.map((alert) => `  ${alert}`)]
      : ['Nothing passes the thresholds that are set.'],
  ]
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

function leftOutText({ repeated, contradicting, unreadable }: Report['left_out']): string[] {
  const parts = [
    repeated > 0 ? `${repeated} repeated` : '',
    contradicting > 0 ? `${contradicting} that contradict one before` : '',
    unreadable > 0 ? `${unreadable} that are no decision` : '',
  ].filter(Boolean)
  return parts.length > 0 ? [`left out: ${parts.join(', ')}`] : []
}

function joinText({ applications, decisions, groupings }: Report): string[] {
  if (applications) {
    const { found, repeated, unreadable, source } = applications
    const also = [
      repeated > 0 ? `, ${repeated} repeated` : '',
      unreadable > 0 ? `, ${unreadable} rows are no application` : '',
    ].join('')
    return [`applications of ${found} of ${decisions} found in ${source}${also}`]
  }
  const missing = groupings.length > 0 ? 'features' : 'groups and features'
  return [`no ${missing}: --applications and --groups say where they are`]
}

function groupingText({ column, groups, unknown, reference }: GroupingView): string[] {
  const header = [column, 'decisions', ...DECISIONS, 'ratio', 'interval', '']
  const rows = [...groups, ...(unknown ? [unknown] : [])].map((group) => [
    group.group,
    String(group.decisions),
    ...DECISIONS.map((name) => percent(group.rates[name]?.value)),
    ...ratioCells(group),
  ])
  const numeric = new Set(['decisions', ...DECISIONS, 'ratio'])
  const table = textTable(header, rows, numeric)
  return reference === null ? [...table, 'no group is large enough to compare with'] : table
}

function ratioCells(group: GroupView): string[] {
  if (group.is_reference) return ['1', '', 'reference']
  if (!group.ratio) return ['', '', group.too_small === null ? '' : 'too small to say']
  const { value, low, high } = group.ratio
  const interval = low === null ? 'none' : `${low.toFixed(2)} to ${high!.toFixed(2)}`
  return [value.toFixed(2), interval, group.below_threshold ? 'below threshold' : '']
}

function stabilityText({ stability, stability_note: note }: Report): string[] {
  const told = note === null ? [] : [`stability: ${note}`]
  if (!stability) return told
  const header = ['against training', 'values', 'index', 'by chance', 'missing']
  const views = [stability.score, ...(stability.features ?? [])]
  const rows = views.map((view) => [view.name, String(view.values), ...indexCells(view)])
  return [...textTable(header, rows, new Set(header.slice(1))), ...told]
}

function indexCells({ psi, by_chance: chance, missing }: StabilityView): string[] {
  return [psi?.toFixed(3) ?? 'too few', chance.toFixed(3), percent(missing.now)]
}

function reasonText({ reasons }: Report): string[] {
  if (reasons.length === 0) return ['no reasons']
  const header = ['reason', 'decisions', 'share', 'first', 'rejected', 'referred']
  const rows = reasons.map(({ code, decisions, share, first, rejected, referred }) => [
    code,
    String(decisions),
    percent(share),
    ...[first, rejected, referred].map(String),
  ])
  return textTable(header, rows, new Set(header.slice(1)))
}

function percent(share: number | undefined): string {
  return share === undefined ? '' : `${(100 * share).toFixed(1)} %`
}
