// Decide: policy rules and cut-offs over a scored row. Rules compare fields, or the ratio of two,
// with a limit; a missing value (NaN) fires no comparison. The cut-offs compare the raw margin.
// Everything that fires is a reason; the outcome is the gravest: a rejecting reason rejects, else a
// referring reason refers, else the application is approved.

import {
  CONTEXT_DECISIONS,
  CONTEXT_MARGINS,
  CONTEXT_POLICY,
  CONTEXT_REASONS,
  CONTEXT_ROWS,
  CONTEXT_ROW_BYTES,
  DECISION_APPROVED,
  DECISION_REFERRED,
  DECISION_REJECTED,
  POLICY_HEADER_BYTES,
  POLICY_REFER_ABOVE,
  POLICY_REFER_REASON,
  POLICY_REJECTING,
  POLICY_REJECT_FROM,
  POLICY_REJECT_REASON,
  POLICY_RULES,
  RULE_BYTES,
  RULE_COLUMN,
  RULE_DIVISOR,
  RULE_KIND,
  RULE_KIND_ABOVE,
  RULE_KIND_BELOW,
  RULE_KIND_RATIO_ABOVE,
  RULE_KIND_RATIO_BELOW,
  RULE_LIMIT,
  RULE_REASON,
} from './layout'

/** Decides rows 0 to n - 1 from their values and margins. */
export function decide(context: usize, n: i32): void {
  const policy = <usize>load<u32>(context, CONTEXT_POLICY)
  const rules = policy + POLICY_HEADER_BYTES
  const rulesEnd = rules + <usize>load<u32>(policy, POLICY_RULES) * RULE_BYTES
  const rejectFrom = load<f64>(policy, POLICY_REJECT_FROM)
  const referAbove = load<f64>(policy, POLICY_REFER_ABOVE)
  const rejectReason = (<u32>1) << load<u32>(policy, POLICY_REJECT_REASON)
  const referReason = (<u32>1) << load<u32>(policy, POLICY_REFER_REASON)
  const rejecting = load<u32>(policy, POLICY_REJECTING)
  const margins = <usize>load<u32>(context, CONTEXT_MARGINS)
  const decisions = <usize>load<u32>(context, CONTEXT_DECISIONS)
  const reasonSets = <usize>load<u32>(context, CONTEXT_REASONS)
  const rowBytes = <usize>load<u32>(context, CONTEXT_ROW_BYTES)
  let row = <usize>load<u32>(context, CONTEXT_ROWS)
  for (let i: usize = 0; i < <usize>n; i++) {
    let reasons: u32 = 0
    for (let rule = rules; rule < rulesEnd; rule += RULE_BYTES) {
      reasons |= (<u32>fires(rule, row)) << load<u32>(rule, RULE_REASON)
    }
    const margin = load<f64>(margins + (i << 3))
    // Written so that a margin that is no number rejects.
    if (!(margin < rejectFrom)) reasons |= rejectReason
    else if (margin > referAbove) reasons |= referReason
    let decision: u32 = DECISION_APPROVED
    if (reasons & rejecting) decision = DECISION_REJECTED
    else if (reasons) decision = DECISION_REFERRED
    store<u8>(decisions + i, decision)
    store<u32>(reasonSets + (i << 2), reasons)
    row += rowBytes
  }
}

function fires(rule: usize, row: usize): bool {
  const limit = load<f64>(rule, RULE_LIMIT)
  const value = load<f64>(row + <usize>load<u32>(rule, RULE_COLUMN))
  switch (load<u32>(rule, RULE_KIND)) {
    case RULE_KIND_BELOW:
      return value < limit
    case RULE_KIND_ABOVE:
      return value > limit
    case RULE_KIND_RATIO_BELOW:
      return value / load<f64>(row + <usize>load<u32>(rule, RULE_DIVISOR)) < limit
    case RULE_KIND_RATIO_ABOVE:
      return value / load<f64>(row + <usize>load<u32>(rule, RULE_DIVISOR)) > limit
    default:
      return value != value
  }
}
