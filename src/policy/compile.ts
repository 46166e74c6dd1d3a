// A policy as the table that WebAssembly runs, and the reasons its bits stand for.

import {
  POLICY_HEADER_BYTES,
  POLICY_REFER_ABOVE,
  POLICY_REFER_REASON,
  POLICY_REJECTING,
  POLICY_REJECT_FROM,
  POLICY_REJECT_REASON,
  POLICY_RULES,
  POLICY_SCORE_FACTOR,
  POLICY_SCORE_HIGHEST,
  POLICY_SCORE_LOWEST,
  POLICY_SCORE_OFFSET,
  REASONS_MAX,
  RULE_BYTES,
  RULE_COLUMN,
  RULE_DIVISOR,
  RULE_KIND,
  RULE_KIND_ABOVE,
  RULE_KIND_BELOW,
  RULE_KIND_MISSING,
  RULE_KIND_RATIO_ABOVE,
  RULE_KIND_RATIO_BELOW,
  RULE_LIMIT,
  RULE_REASON,
} from '../../assembly/layout.ts'
import { closest } from 'fastest-levenshtein'
import { usageError } from '../errors.ts'
import type { Reason } from '../records.ts'
import type { Policy, PolicyRule } from './policy.ts'

export type CompiledPolicy = {
  /** Header and rules; the address of the reasons' texts is the host's to fill in. */
  table: Uint8Array
  /**
   * By bit. Rejecting ones come first (rules in the file's order, then the cut-off), then referring
   * ones: the order in which a decision lists them.
   */
  reasons: Reason[]
}

/** What can be a reason: a rule or a cut-off. */
type Cause = { reason: Reason; rejects: boolean }

/**
 * Compiles a policy for rows with the given columns.
 *
 * @param columns  column of each numeric field of the application
 * @throws OperatingError kind 'usage', code 'policy', for an unknown field
 */
export function compilePolicy(
  policy: Policy,
  columns: ReadonlyMap<string, number>,
): CompiledPolicy {
  const { cutoffs, rules, scorecard } = policy.file
  const ofRules: Cause[] = rules.map((rule) => ({
    reason: ruleReason(rule),
    rejects: rule.outcome === 'reject',
  }))
  const reject: Cause = { reason: { code: cutoffs.reject_code, fields: [] }, rejects: true }
  const refer: Cause = { reason: { code: cutoffs.refer_code, fields: [] }, rejects: false }
  const ordered = [
    ...ofRules.filter((cause) => cause.rejects),
    reject,
    ...ofRules.filter((cause) => !cause.rejects),
    refer,
  ]
  if (ordered.length > REASONS_MAX) {
    const most = REASONS_MAX - 2
    throw usageError('policy', `${policy.path}: holds ${rules.length} rules, limit is ${most}`)
  }
  const table = new Uint8Array(POLICY_HEADER_BYTES + rules.length * RULE_BYTES)
  const view = new DataView(table.buffer)
  view.setFloat64(POLICY_REJECT_FROM, cutoffs.reject_from, true)
  view.setFloat64(POLICY_REFER_ABOVE, cutoffs.refer_above, true)
  view.setFloat64(POLICY_SCORE_OFFSET, scorecard.offset, true)
  view.setFloat64(POLICY_SCORE_FACTOR, scorecard.factor, true)
  view.setFloat64(POLICY_SCORE_LOWEST, scorecard.lowest, true)
  view.setFloat64(POLICY_SCORE_HIGHEST, scorecard.highest, true)
  const rejecting = ordered.reduce((set, cause, bit) => (cause.rejects ? set | (1 << bit) : set), 0)
  view.setUint32(POLICY_REJECTING, rejecting >>> 0, true)
  view.setUint32(POLICY_REJECT_REASON, ordered.indexOf(reject), true)
  view.setUint32(POLICY_REFER_REASON, ordered.indexOf(refer), true)
  view.setUint32(POLICY_RULES, rules.length, true)
  for (const [i, rule] of rules.entries()) {
    const at = POLICY_HEADER_BYTES + i * RULE_BYTES
    const column = (field: string) => columnOf(policy, i, field, columns)
    view.setUint32(at + RULE_COLUMN, column(rule.field) * 8, true)
    view.setUint32(at + RULE_DIVISOR, column(rule.divided_by ?? rule.field) * 8, true)
    view.setUint32(at + RULE_KIND, ruleKind(rule), true)
    view.setUint32(at + RULE_REASON, ordered.indexOf(ofRules[i]!), true)
    view.setFloat64(at + RULE_LIMIT, rule.below ?? rule.above ?? 0, true)
  }
  return { table, reasons: ordered.map((cause) => cause.reason) }
}

function ruleReason(rule: PolicyRule): Reason {
  const fields = rule.divided_by === undefined ? [rule.field] : [rule.field, rule.divided_by]
  return { code: rule.code, fields }
}

function ruleKind(rule: PolicyRule): number {
  if (rule.missing) return RULE_KIND_MISSING
  const ratio = rule.divided_by !== undefined
  if (rule.below !== undefined) return ratio ? RULE_KIND_RATIO_BELOW : RULE_KIND_BELOW
  return ratio ? RULE_KIND_RATIO_ABOVE : RULE_KIND_ABOVE
}

function columnOf(
  policy: Policy,
  ruleIndex: number,
  field: string,
  columns: ReadonlyMap<string, number>,
): number {
  const column = columns.get(field)
  if (column !== undefined) return column
  const code = policy.file.rules[ruleIndex]!.code
  throw usageError(
    'policy',
    `${policy.path}: rules[${ruleIndex}] (${code}): "${field}" is no numeric field of the application; the nearest is "${closest(field, [...columns.keys()])}"`,
  )
}
