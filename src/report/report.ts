// What a report says, as it is printed as JSON and drawn as a page. It holds no clock time: the
// same input gives the same bytes.

import { DECISIONS } from '../avro/encode-plan.ts'
import type { DecidedTable } from './decided-table.ts'
import type { GroupOptions, Grouping, GroupingView } from './grouping.ts'
import { type Estimate, shareOf } from './intervals.ts'
import type { Stability, StabilityReport } from './stability.ts'

export type ReasonView = {
  code: string
  decisions: number
  /** Of all decisions that are no approvals. */
  share: number
  /** Decisions that it is the first reason of. */
  first: number
  rejected: number
  referred: number
}

export type Report = {
  /** File or topic, and what of it. */
  source: string
  decisions: number
  /** Not counted: the same decision again, another on the same application, what is no decision. */
  left_out: { repeated: number; contradicting: number; unreadable: number }
  outcomes: Record<(typeof DECISIONS)[number], (Estimate & { count: number }) | null>
  models: { model: string; decisions: number }[]
  policies: { policy: string; decisions: number }[]
  /** Applications that were looked for, and how many decisions have theirs; null: none were. */
  applications: { source: string; found: number; repeated: number; unreadable: number } | null
  settings: {
    confidence: number
    threshold: number
    smallest_group: number
    psi_threshold: number
  }
  methods: string[]
  groupings: GroupingView[]
  stability: StabilityReport | null
  /** Why there is none, or of a part of the decisions only. */
  stability_note: string | null
  reasons: ReasonView[]
  alerts: string[]
}

export type ReportParts = {
  source: string
  table: DecidedTable
  unreadable: number
  applications: Report['applications']
  groupings: readonly Grouping[]
  stability: Stability | undefined
  /** Why there is no stability. */
  stabilityNote: string | null
  groupOptions: GroupOptions
  psiThreshold: number
}

export function makeReport(parts: ReportParts): Report {
  const { source, table, groupOptions, applications, stability, psiThreshold } = parts
  const { level } = groupOptions
  const groupings = parts.groupings.map((grouping) => grouping.view(groupOptions))
  const stable = stability?.view(applications !== null) ?? null
  const outcomes = DECISIONS.map((name, i) => {
    const estimate = shareOf(table.counts[i]!, table.size, level)
    return [name, estimate && { count: table.counts[i]!, ...estimate }]
  })
  return {
    source,
    decisions: table.size,
    left_out: {
      repeated: table.repeated,
      contradicting: table.contradicting,
      unreadable: parts.unreadable,
    },
    outcomes: Object.fromEntries(outcomes) as Report['outcomes'],
    models: [...table.models].map(([model, decisions]) => ({ model, decisions })),
    policies: [...table.policies].map(([policy, decisions]) => ({ policy, decisions })),
    applications,
    settings: {
      confidence: level,
      threshold: groupOptions.threshold,
      smallest_group: groupOptions.smallest,
      psi_threshold: psiThreshold,
    },
    methods: methodsOf(groupOptions),
    groupings,
    stability: stable,
    stability_note: parts.stabilityNote ?? noteOf(stable, table.size),
    reasons: reasonsOf(table),
    alerts: [...groupAlerts(groupings, groupOptions), ...driftAlerts(stable, psiThreshold)],
  }
}

function noteOf(stable: StabilityReport | null, decisions: number): string | null {
  if (!stable || stable.decisions === decisions) return null
  const others = decisions - stable.decisions
  return `${others} of ${decisions} decisions are of another model and are not compared`
}

function reasonsOf(table: DecidedTable): ReasonView[] {
  const [, rejected, referred] = table.counts
  const total = rejected! + referred!
  return [...table.reasons.values()]
    .map(({ code, decisions, outcomes, first }) => ({
      code,
      decisions,
      share: total === 0 ? 0 : (outcomes[1]! + outcomes[2]!) / total,
      first,
      rejected: outcomes[1]!,
      referred: outcomes[2]!,
    }))
    .sort((a, b) => b.decisions - a.decisions || a.code.localeCompare(b.code, 'en'))
}

function methodsOf({ level, threshold, smallest }: GroupOptions): string[] {
  return [
    `Rates are shares of all decisions of a group, with Wilson's score interval at ${level} %.`,
    `The ratio is a group's approval rate over the reference group's, with Katz's log interval at ${level} %. Referred applications count as not approved. The reference is the group with the highest approval rate that is not too small, unless another was named: the highest of many is high by chance too, which makes ratios small.`,
    `Groups of fewer than ${smallest} decisions are too small to say; they are named with their counts and not compared. With fewer than 5 approvals a ratio has no interval.`,
    `${threshold} is the ratio below which a group is pointed out, a setting (--threshold), for a person to look into. It is no legal test, and neither a ratio above nor one below says what law says.`,
    'The population stability index is the sum over bins of (now - training) ln(now / training), missing values being a bin. "By chance" is its mean when nothing has changed, for so many values.',
  ]
}

function groupAlerts(groupings: readonly GroupingView[], { threshold }: GroupOptions): string[] {
  return groupings.flatMap(({ column, reference, groups }) =>
    groups
      .filter((group) => group.below_threshold)
      .map(({ group, ratio, decisions, rates, interval_below_threshold: isWhole }) => {
        const { value, low, high } = ratio!
        const bounds = low === null ? 'no interval' : `${low.toFixed(2)} to ${high!.toFixed(2)}`
        const sure = isWhole ? ', all of the interval below' : ''
        const counts = `${rates.approved!.count} of ${decisions} approved`
        const what = `${value.toFixed(2)} (${bounds}) of the approval rate of ${reference}`
        return `${column} ${group}: ${what}, below ${threshold}${sure}; ${counts}`
      }),
  )
}

function driftAlerts(stable: StabilityReport | null, threshold: number): string[] {
  if (!stable) return []
  return [stable.score, ...(stable.features ?? [])]
    .filter(({ psi }) => psi !== null && psi > threshold)
    .map(({ name, psi }) => `${name}: stability index ${psi!.toFixed(3)}, above ${threshold}`)
}
