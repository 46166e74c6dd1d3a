// The policy, applied by plain code from its file: what the compiled table must do.

import { DECISIONS } from '../../src/avro/encode-plan.ts'
import type { Decision } from '../../src/records.ts'
import type { PolicyFile, PolicyRule } from '../../src/policy/policy.ts'

export type Outcome = { decision: Decision; reasons: { code: string; fields: string[] }[] }

/**
 * Decides one application.
 *
 * @param row  field → value, NaN where it is missing
 */
export function applyPolicy(
  policy: PolicyFile,
  row: Readonly<Record<string, number>>,
  margin: number,
): Outcome {
  const { cutoffs } = policy
  const fired = (outcome: string) =>
    policy.rules
      .filter((rule) => rule.outcome === outcome && fires(rule, row))
      .map((rule) => ({
        code: rule.code,
        fields: rule.divided_by === undefined ? [rule.field] : [rule.field, rule.divided_by],
      }))
  const rejecting = fired('reject')
  const referring = fired('refer')
  if (margin >= cutoffs.reject_from) rejecting.push({ code: cutoffs.reject_code, fields: [] })
  else if (margin > cutoffs.refer_above) referring.push({ code: cutoffs.refer_code, fields: [] })
  const [approved, rejected, referred] = DECISIONS
  const decision = rejecting.length > 0 ? rejected : referring.length > 0 ? referred : approved
  return { decision, reasons: [...rejecting, ...referring] }
}

function fires(rule: PolicyRule, row: Readonly<Record<string, number>>): boolean {
  const value = row[rule.field]!
  if (rule.missing) return Number.isNaN(value)
  const compared = rule.divided_by === undefined ? value : value / row[rule.divided_by]!
  return rule.below === undefined ? compared > rule.above! : compared < rule.below
}

/** The score that decisions show. */
export function scoreOf(policy: PolicyFile, margin: number): number {
  const { offset, factor, lowest, highest } = policy.scorecard
  const points = nearestEven(offset - factor * margin)
  return Math.min(Math.max(points, lowest), highest)
}

/** To the nearest integer, halves to the even one. */
function nearestEven(x: number): number {
  const below = Math.floor(x)
  if (x - below !== 0.5) return Math.round(x)
  return below % 2 === 0 ? below : below + 1
}
