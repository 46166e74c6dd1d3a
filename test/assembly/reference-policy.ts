// The policy, applied by plain code from its file: what the compiled table must do.

import { DECISIONS } from '../../src/avro/encode-plan.ts'
import type { Decision } from '../../src/records.ts'
import type { TrainingRange } from '../../src/policy/training.ts'
import type { PolicyCondition, PolicyFile, PolicyRule } from '../../src/policy/policy.ts'

export type Outcome = { decision: Decision; reasons: { code: string; fields: string[] }[] }

/** Field → value, NaN where it is missing. */
type Row = Readonly<Record<string, number>>

/**
 * Decides one application.
 *
 * @param training  ranges of the model's features; few enough that each has a reason of its own
 */
export function applyPolicy(
  policy: PolicyFile,
  row: Row,
  margin: number,
  training: readonly TrainingRange[] = [],
): Outcome {
  const { cutoffs } = policy
  const fired = (outcome: string) =>
    policy.rules
      .filter((rule) => rule.outcome === outcome && fires(rule, row))
      .map((rule) => ({ code: rule.code, fields: fieldsOf(rule) }))
  const rejecting = fired('reject')
  const referring = [...fired('refer'), ...unlikeTraining(policy, row, training)]
  if (margin >= cutoffs.reject_from) rejecting.push({ code: cutoffs.reject_code, fields: [] })
  else if (margin > cutoffs.refer_above) referring.push({ code: cutoffs.refer_code, fields: [] })
  const [approved, rejected, referred] = DECISIONS
  const decision = rejecting.length > 0 ? rejected : referring.length > 0 ? referred : approved
  return { decision, reasons: [...rejecting, ...referring] }
}

function unlikeTraining(policy: PolicyFile, row: Row, training: readonly TrainingRange[]) {
  const codes = policy.training
  if (!codes) return []
  const gone = training.filter((t) => t.missing === 0 && Number.isNaN(row[t.field]!))
  const outside = training.filter((t) => row[t.field]! < t.minimum || row[t.field]! > t.maximum)
  return [
    ...gone.map(({ field }) => ({ code: codes.missing_code, fields: [field] })),
    ...outside.map(({ field }) => ({ code: codes.outside_code, fields: [field] })),
  ]
}

function fieldsOf(rule: PolicyRule): string[] {
  const fields = new Set([rule.field])
  if (rule.divided_by !== undefined) fields.add(rule.divided_by)
  if (rule.segment !== undefined) fields.add(rule.segment)
  for (const condition of rule.when ?? []) {
    fields.add(condition.field)
    if (condition.divided_by !== undefined) fields.add(condition.divided_by)
  }
  return [...fields]
}

/** Whether a rule fires. */
export function fires(rule: PolicyRule, row: Row): boolean {
  if (!(rule.when ?? []).every((condition) => meets(condition, row))) return false
  if (!rule.caps) return meets(rule, row)
  const segment = row[rule.segment!]!
  let limit: number | undefined
  for (const cap of rule.caps) if (segment >= cap.from) limit = cap.above
  return limit !== undefined && valueOf(rule, row) > limit
}

function valueOf(test: PolicyCondition | PolicyRule, row: Row): number {
  const value = row[test.field]!
  return test.divided_by === undefined ? value : value / row[test.divided_by]!
}

function meets(test: PolicyCondition | PolicyRule, row: Row): boolean {
  const value = valueOf(test, row)
  if (test.missing) return Number.isNaN(value)
  if (test.below !== undefined) return value < test.below
  if (test.above !== undefined) return value > test.above
  if (test.between) return value >= test.between[0] && value <= test.between[1]
  if (test.outside) return value < test.outside[0] || value > test.outside[1]
  if (test.in) return test.in.some((listed) => listed === value)
  return !Number.isNaN(value) && !test.not_in!.some((listed) => listed === value)
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
