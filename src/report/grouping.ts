// Outcomes by group: rates with their intervals, and each group's approval rate over that of a
// reference group.

import { DECISIONS } from '../avro/encode-plan.ts'
import { usageError } from '../errors.ts'
import { nearest } from '../nearest.ts'
import type { DecidedTable } from './decided-table.ts'
import { type Estimate, type Level, type Part, ratioOf, shareOf } from './intervals.ts'

/** A column with more values than this tells applications apart, not groups. */
const GROUPS_MAX = 200
/** Fewer approvals are too few for an interval that takes their logarithm as normal. */
const APPROVED_MIN = 5

export type GroupOptions = {
  level: Level
  /** A ratio below is an alert. */
  threshold: number
  /** Groups of fewer decisions are too small to say anything of. */
  smallest: number
  /** By column: the group that others are compared with; else the one most often approved. */
  references: ReadonlyMap<string, string>
}

type Rates = Record<(typeof DECISIONS)[number], (Estimate & { count: number }) | null>

/** The bounds are null where too few were approved for Katz's interval. */
type Ratio = { value: number; low: number | null; high: number | null }

export type GroupView = {
  group: string
  decisions: number
  rates: Rates
  /** Why it is too small to say, or null. */
  too_small: string | null
  is_reference: boolean
  /** Approval rate over the reference's; null where the group is too small. */
  ratio: Ratio | null
  below_threshold: boolean
  /** Whether the interval as a whole is below it too. */
  interval_below_threshold: boolean
}

export type GroupingView = {
  column: string
  source: string
  /** Null where no group is large enough. */
  reference: string | null
  groups: GroupView[]
  /** Decisions whose group is not known. */
  unknown: GroupView | null
}

export class Grouping {
  readonly column: string
  private readonly source: string
  private readonly groups = new Map<string, number[]>()
  private readonly groupOf = new Map<number, string>()
  private readonly table: DecidedTable

  /** @param source  file or topic that groups come from, for people */
  constructor(column: string, source: string, table: DecidedTable) {
    this.column = column
    this.source = source
    this.table = table
  }

  /**
   * Puts a decision into its group.
   *
   * @param value  text or a number; empty, null and undefined are no group
   * @param place  file and line, or topic and offset, for the error
   */
  add(row: number, value: unknown, place: string): void {
    const isValue = ['string', 'number', 'boolean', 'bigint'].includes(typeof value)
    if (value !== null && value !== undefined && !isValue) {
      throw usageError('group', `${place}: ${this.column} must be text or a number`)
    }
    const group = isValue ? String(value as string | number).trim() : ''
    if (group === '') return
    const known = this.groupOf.get(row)
    if (known === group) return
    if (known !== undefined) {
      const what = `puts an application into ${group} that was in ${known} before`
      throw usageError('group', `${place}: ${this.column} ${what}`)
    }
    this.groupOf.set(row, group)
    const counts = this.groups.get(group) ?? DECISIONS.map(() => 0)
    counts[this.table.outcomes[row]!]!++
    this.groups.set(group, counts)
    if (this.groups.size <= GROUPS_MAX) return
    const what = `has more than ${GROUPS_MAX} values, which are no groups to compare`
    throw usageError('group', `${place}: ${this.column} ${what}`)
  }

  view(options: GroupOptions): GroupingView {
    const groups = [...this.groups]
      .map(([group, counts]) => viewOf(group, counts, options))
      .sort((a, b) => a.group.localeCompare(b.group, 'en', { numeric: true }))
    const reference = this.reference(groups, options)
    if (reference) compare(groups, reference, options)
    const rest = DECISIONS.map((_, i) => {
      const known = [...this.groups.values()].reduce((sum, counts) => sum + counts[i]!, 0)
      return this.table.counts[i]! - known
    })
    const isWhole = rest.every((count) => count === 0)
    return {
      column: this.column,
      source: this.source,
      reference: reference?.group ?? null,
      groups,
      unknown: isWhole ? null : viewOf('not known', rest, options),
    }
  }

  private reference(groups: readonly GroupView[], options: GroupOptions): GroupView | undefined {
    const named = options.references.get(this.column)
    if (named === undefined) return mostApproved(groups)
    const found = groups.find(({ group }) => group === named)
    if (!found) {
      const names = groups.map(({ group }) => group)
      const close = nearest(named, names)
      const others = close === undefined ? `it has ${names.join(', ')}` : `the nearest is ${close}`
      const what = `has no group ${named}; ${others}`
      throw usageError('option', `--reference: ${this.column} ${what}`)
    }
    if (found.too_small === null && found.rates.approved!.count > 0) return found
    const why = found.too_small ?? 'no approvals'
    throw usageError('option', `--reference: ${this.column}=${named} has ${why}`)
  }
}

function viewOf(group: string, counts: readonly number[], options: GroupOptions): GroupView {
  const decisions = counts.reduce((sum, count) => sum + count, 0)
  const rates = DECISIONS.map((name, i) => {
    const estimate = shareOf(counts[i]!, decisions, options.level)
    return [name, estimate && { count: counts[i]!, ...estimate }]
  })
  const { smallest } = options
  return {
    group,
    decisions,
    rates: Object.fromEntries(rates) as Rates,
    too_small: decisions < smallest ? `${decisions} decisions, fewer than ${smallest}` : null,
    is_reference: false,
    ratio: null,
    below_threshold: false,
    interval_below_threshold: false,
  }
}

/** Of groups that are large enough, the one with the highest rate: 29 CFR 1607.4 (D). */
function mostApproved(groups: readonly GroupView[]): GroupView | undefined {
  return groups
    .filter((group) => group.too_small === null && group.rates.approved!.count > 0)
    .sort((a, b) => b.rates.approved!.value - a.rates.approved!.value)[0]
}

function compare(groups: readonly GroupView[], reference: GroupView, options: GroupOptions): void {
  reference.is_reference = true
  for (const group of groups) {
    if (group === reference || group.too_small !== null) continue
    const ratio = ratioOfRates(partOf(group), partOf(reference), options.level)
    group.ratio = ratio
    group.below_threshold = ratio.value < options.threshold
    group.interval_below_threshold = ratio.high !== null && ratio.high < options.threshold
  }
}

function partOf({ rates, decisions }: GroupView): Part {
  return { count: rates.approved!.count, total: decisions }
}

function ratioOfRates(part: Part, reference: Part, level: Level): Ratio {
  if (Math.min(part.count, reference.count) >= APPROVED_MIN) return ratioOf(part, reference, level)
  const value = part.count / part.total / (reference.count / reference.total)
  return { value, low: null, high: null }
}
