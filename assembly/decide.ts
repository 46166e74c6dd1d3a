// Decide: policy clauses and cut-offs over a scored row. A clause is a reason and the conditions
// that must all hold for it; a condition says in which ranges a field, or the ratio of two, must
// lie. A missing value (NaN) lies in no range. The cut-offs compare the raw margin. Everything that
// fires is a reason; the outcome is the gravest: a rejecting reason rejects, else a referring
// reason refers, else the application is approved.

import {
  CLAUSE_BYTES,
  CLAUSE_HEADER_BYTES,
  CLAUSE_REASON,
  CONDITION_COLUMN,
  CONDITION_DIVISOR,
  CONDITION_HEADER_BYTES,
  CONDITION_MISSING,
  CONDITION_RANGES,
  CONTEXT_DECISIONS,
  CONTEXT_MARGINS,
  CONTEXT_POLICY,
  CONTEXT_REASONS,
  CONTEXT_ROWS,
  CONTEXT_ROW_BYTES,
  DECISION_APPROVED,
  DECISION_REFERRED,
  DECISION_REJECTED,
  NO_COLUMN,
  POLICY_CLAUSES_BYTES,
  POLICY_HEADER_BYTES,
  POLICY_REFER_ABOVE,
  POLICY_REFER_REASON,
  POLICY_REJECTING,
  POLICY_REJECT_FROM,
  POLICY_REJECT_REASON,
  RANGE_BYTES,
  RANGE_HIGH,
  RANGE_LOW,
} from './layout'

/** Decides rows 0 to n - 1 from their values and margins. */
export function decide(context: usize, n: i32): void {
  const policy = <usize>load<u32>(context, CONTEXT_POLICY)
  const clauses = policy + POLICY_HEADER_BYTES
  const clausesEnd = clauses + <usize>load<u32>(policy, POLICY_CLAUSES_BYTES)
  const rejectFrom = load<f64>(policy, POLICY_REJECT_FROM)
  const referAbove = load<f64>(policy, POLICY_REFER_ABOVE)
  const rejectReason = (<u64>1) << (<u64>load<u32>(policy, POLICY_REJECT_REASON))
  const referReason = (<u64>1) << (<u64>load<u32>(policy, POLICY_REFER_REASON))
  const rejecting = load<u64>(policy, POLICY_REJECTING)
  const margins = <usize>load<u32>(context, CONTEXT_MARGINS)
  const decisions = <usize>load<u32>(context, CONTEXT_DECISIONS)
  const reasonSets = <usize>load<u32>(context, CONTEXT_REASONS)
  const rowBytes = <usize>load<u32>(context, CONTEXT_ROW_BYTES)
  let row = <usize>load<u32>(context, CONTEXT_ROWS)
  for (let i: usize = 0; i < <usize>n; i++) {
    let reasons: u64 = 0
    let clause = clauses
    while (clause < clausesEnd) {
      const next = clause + <usize>load<u32>(clause, CLAUSE_BYTES)
      const reason = <u64>load<u32>(clause, CLAUSE_REASON)
      reasons |= (<u64>holds(clause + CLAUSE_HEADER_BYTES, next, row)) << reason
      clause = next
    }
    const margin = load<f64>(margins + (i << 3))
    // Written so that a margin that is no number rejects.
    if (!(margin < rejectFrom)) reasons |= rejectReason
    else if (margin > referAbove) reasons |= referReason
    let decision: u32 = DECISION_APPROVED
    if (reasons & rejecting) decision = DECISION_REJECTED
    else if (reasons) decision = DECISION_REFERRED
    store<u8>(decisions + i, decision)
    store<u64>(reasonSets + (i << 3), reasons)
    row += rowBytes
  }
}

/** Whether all conditions up to `end` hold. */
function holds(condition: usize, end: usize, row: usize): bool {
  while (condition < end) {
    let value = load<f64>(row + <usize>load<u32>(condition, CONDITION_COLUMN))
    const divisor = load<u32>(condition, CONDITION_DIVISOR)
    if (divisor != NO_COLUMN) value /= load<f64>(row + <usize>divisor)
    const missing = load<u32>(condition, CONDITION_MISSING)
    const ranges = condition + CONDITION_HEADER_BYTES
    const rangesEnd = ranges + <usize>load<u32>(condition, CONDITION_RANGES) * RANGE_BYTES
    if (!(value != value ? missing != 0 : liesIn(ranges, rangesEnd, value))) return false
    condition = rangesEnd
  }
  return true
}

function liesIn(range: usize, end: usize, value: f64): bool {
  while (range < end) {
    if (value <= load<f64>(range, RANGE_HIGH)) return value >= load<f64>(range, RANGE_LOW)
    range += RANGE_BYTES
  }
  return false
}
