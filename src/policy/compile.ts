// A policy as the table that WebAssembly runs, and the reasons its bits stand for.

import {
  CLAUSE_BYTES,
  CLAUSE_HEADER_BYTES,
  CLAUSE_REASON,
  CONDITION_COLUMN,
  CONDITION_DIVISOR,
  CONDITION_HEADER_BYTES,
  CONDITION_MISSING,
  CONDITION_RANGES,
  NO_COLUMN,
  POLICY_CLAUSES_BYTES,
  POLICY_HEADER_BYTES,
  POLICY_REFER_ABOVE,
  POLICY_REFER_REASON,
  POLICY_REJECTING,
  POLICY_REJECT_FROM,
  POLICY_REJECT_REASON,
  POLICY_SCORE_FACTOR,
  POLICY_SCORE_HIGHEST,
  POLICY_SCORE_LOWEST,
  POLICY_SCORE_OFFSET,
  RANGE_BYTES,
  RANGE_HIGH,
  RANGE_LOW,
  REASONS_MAX,
} from '../../assembly/layout.ts'
import { usageError } from '../errors.ts'
import type { Reason } from '../records.ts'
import { type Clause, type PolicyColumns, clausesOf } from './clauses.ts'
import { type Policy, fieldsOf } from './policy.ts'
import { TRAINING_CODES, type TrainingRange, trainingCauses } from './training.ts'

export type CompiledPolicy = {
  /** Header and clauses; the address of the reasons' texts is the host's to fill in. */
  table: Uint8Array
  /**
   * By bit. Rejecting ones come first (rules in the file's order, then the cut-off), then referring
   * ones (rules, inputs unlike the training data, the cut-off): the order in which a decision lists
   * them.
   */
  reasons: Reason[]
}

/** What can be a reason: a rule or a cut-off, which has no clauses. */
export type Cause = { reason: Reason; rejects: boolean; clauses: Clause[] }

/**
 * Compiles a policy for rows with the given columns.
 *
 * @param training  what the model's features were in its training data, as far as that is known
 * @throws OperatingError kind 'usage', code 'policy', for an unknown field or value
 */
export function compilePolicy(
  policy: Policy,
  columns: PolicyColumns,
  training: readonly TrainingRange[] = [],
): CompiledPolicy {
  const { cutoffs, scorecard } = policy.file
  const rules = ruleCauses(policy, columns)
  const reject: Cause = {
    reason: { code: cutoffs.reject_code, fields: [] },
    rejects: true,
    clauses: [],
  }
  const refer: Cause = {
    reason: { code: cutoffs.refer_code, fields: [] },
    rejects: false,
    clauses: [],
  }
  const most = REASONS_MAX - 2 - (policy.file.training ? TRAINING_CODES : 0)
  if (rules.length > most) {
    throw usageError('policy', `${policy.path}: holds ${rules.length} rules, limit is ${most}`)
  }
  const room = REASONS_MAX - 2 - rules.length
  const ordered = [
    ...rules.filter((cause) => cause.rejects),
    reject,
    ...rules.filter((cause) => !cause.rejects),
    ...trainingCauses(policy, training, columns, room),
    refer,
  ]
  const clauses = ordered.flatMap((cause, bit) =>
    cause.clauses.map((clause) => clauseBytes(clause, bit, columns)),
  )
  const header = new Uint8Array(POLICY_HEADER_BYTES)
  const view = new DataView(header.buffer)
  view.setFloat64(POLICY_REJECT_FROM, cutoffs.reject_from, true)
  view.setFloat64(POLICY_REFER_ABOVE, cutoffs.refer_above, true)
  view.setFloat64(POLICY_SCORE_OFFSET, scorecard.offset, true)
  view.setFloat64(POLICY_SCORE_FACTOR, scorecard.factor, true)
  view.setFloat64(POLICY_SCORE_LOWEST, scorecard.lowest, true)
  view.setFloat64(POLICY_SCORE_HIGHEST, scorecard.highest, true)
  const rejecting = ordered.reduce(
    (set, cause, bit) => (cause.rejects ? set | (1n << BigInt(bit)) : set),
    0n,
  )
  view.setBigUint64(POLICY_REJECTING, rejecting, true)
  view.setUint32(POLICY_REJECT_REASON, ordered.indexOf(reject), true)
  view.setUint32(POLICY_REFER_REASON, ordered.indexOf(refer), true)
  const clausesBytes = clauses.reduce((sum, bytes) => sum + bytes.length, 0)
  view.setUint32(POLICY_CLAUSES_BYTES, clausesBytes, true)
  const table = new Uint8Array(Buffer.concat([header, ...clauses]))
  return { table, reasons: ordered.map((cause) => cause.reason) }
}

/** The rules in the file's order. */
export function ruleCauses(policy: Policy, columns: PolicyColumns): Cause[] {
  return policy.file.rules.map((rule, i) => ({
    reason: { code: rule.code, fields: fieldsOf(rule) },
    rejects: rule.outcome === 'reject',
    clauses: clausesOf(policy, i, columns),
  }))
}

function clauseBytes(clause: Clause, bit: number, columns: PolicyColumns): Uint8Array {
  const size = clause.reduce(
    (sum, { ranges }) => sum + CONDITION_HEADER_BYTES + ranges.length * RANGE_BYTES,
    CLAUSE_HEADER_BYTES,
  )
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  const offsetOf = (field: string) => columns.get(field)!.column * 8
  view.setUint32(CLAUSE_REASON, bit, true)
  view.setUint32(CLAUSE_BYTES, size, true)
  let at = CLAUSE_HEADER_BYTES
  for (const { field, divisor, missing, ranges } of clause) {
    view.setUint32(at + CONDITION_COLUMN, offsetOf(field), true)
    const divisorAt = divisor === undefined ? NO_COLUMN : offsetOf(divisor)
    view.setUint32(at + CONDITION_DIVISOR, divisorAt, true)
    view.setUint32(at + CONDITION_MISSING, Number(missing), true)
    view.setUint32(at + CONDITION_RANGES, ranges.length, true)
    at += CONDITION_HEADER_BYTES
    for (const { low, high } of ranges) {
      view.setFloat64(at + RANGE_LOW, low, true)
      view.setFloat64(at + RANGE_HIGH, high, true)
      at += RANGE_BYTES
    }
  }
  return bytes
}
