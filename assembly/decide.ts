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

/** Rows of a turn: those of 50 columns stay in the nearest cache while the clauses pass over. */
const TURN_ROWS: usize = 64

/** Decides rows 0 to n - 1 from their values and margins. */
export function decide(context: usize, n: i32): void {
  const policy = <usize>load<u32>(context, CONTEXT_POLICY)
  const rejectFrom = load<f64>(policy, POLICY_REJECT_FROM)
  const referAbove = load<f64>(policy, POLICY_REFER_ABOVE)
  const rejectReason = (<u64>1) << (<u64>load<u32>(policy, POLICY_REJECT_REASON))
  const referReason = (<u64>1) << (<u64>load<u32>(policy, POLICY_REFER_REASON))
  const rejecting = load<u64>(policy, POLICY_REJECTING)
  const margins = <usize>load<u32>(context, CONTEXT_MARGINS)
  const decisions = <usize>load<u32>(context, CONTEXT_DECISIONS)
  const reasonSets = <usize>load<u32>(context, CONTEXT_REASONS)
  fireClauses(context, policy, <usize>n)
  for (let i: usize = 0; i < <usize>n; i++) {
    const margin = load<f64>(margins + (i << 3))
    // Written so that a margin that is no number rejects. Selections, not branches: what an
    // application comes to cannot be foretold.
    const referring = select<u64>(referReason, 0, margin > referAbove)
    const cutOff = select<u64>(referring, rejectReason, margin < rejectFrom)
    const reasons = load<u64>(reasonSets + (i << 3)) | cutOff
    const mild = select<u32>(DECISION_REFERRED, DECISION_APPROVED, reasons != 0)
    const decision = select<u32>(DECISION_REJECTED, mild, (reasons & rejecting) != 0)
    store<u8>(decisions + i, decision)
    store<u64>(reasonSets + (i << 3), reasons)
  }
}

/** Sets the reasons of rows 0 to n - 1 to those of the clauses that hold. */
function fireClauses(context: usize, policy: usize, n: usize): void {
  const clauses = policy + POLICY_HEADER_BYTES
  const clausesEnd = clauses + <usize>load<u32>(policy, POLICY_CLAUSES_BYTES)
  const rowBytes = <usize>load<u32>(context, CONTEXT_ROW_BYTES)
  let row = <usize>load<u32>(context, CONTEXT_ROWS)
  let reasonSet = <usize>load<u32>(context, CONTEXT_REASONS)
  memory.fill(reasonSet, 0, n << 3)
  for (let left = n; left > 0;) {
    const rows = min(left, TURN_ROWS)
    let clause = clauses
    while (clause < clausesEnd) {
      fireClause(clause, row, rowBytes, reasonSet, rows)
      clause += <usize>load<u32>(clause, CLAUSE_BYTES)
    }
    row += rows * rowBytes
    reasonSet += rows << 3
    left -= rows
  }
}

/** Adds a clause's reason to the rows in which it holds. */
function fireClause(
  clause: usize,
  row: usize,
  rowBytes: usize,
  reasonSet: usize,
  rows: usize,
): void {
  const condition = clause + CLAUSE_HEADER_BYTES
  const end = clause + <usize>load<u32>(clause, CLAUSE_BYTES)
  const reason = (<u64>1) << (<u64>load<u32>(clause, CLAUSE_REASON))
  const setsEnd = reasonSet + (rows << 3)
  if (rows > 1 && load<u32>(condition, CONDITION_RANGES) <= 2) {
    const pairsEnd = reasonSet + ((rows & ~1) << 3)
    firePairs(condition, end, row, rowBytes, reasonSet, pairsEnd, reason)
    row += (rows & ~1) * rowBytes
    reasonSet = pairsEnd
  }
  while (reasonSet < setsEnd) {
    if (holds(condition, end, row)) store<u64>(reasonSet, load<u64>(reasonSet) | reason)
    row += rowBytes
    reasonSet += 8
  }
}

/** The same for two rows at once, where the first condition has at most two ranges. */
function firePairs(
  condition: usize,
  end: usize,
  row: usize,
  rowBytes: usize,
  reasonSet: usize,
  pairsEnd: usize,
  reason: u64,
): void {
  const column = <usize>load<u32>(condition, CONDITION_COLUMN)
  const divisor = <usize>load<u32>(condition, CONDITION_DIVISOR)
  const isRatio = divisor != NO_COLUMN
  const missing = i64x2.splat(-(<i64>load<u32>(condition, CONDITION_MISSING)))
  const ranges = condition + CONDITION_HEADER_BYTES
  const count = load<u32>(condition, CONDITION_RANGES)
  const others = ranges + <usize>count * RANGE_BYTES
  const hasOthers = others < end
  // A range that is not there is one in which nothing lies.
  const low = f64x2.splat(count > 0 ? load<f64>(ranges, RANGE_LOW) : Infinity)
  const high = f64x2.splat(count > 0 ? load<f64>(ranges, RANGE_HIGH) : -Infinity)
  const low2 = f64x2.splat(count > 1 ? load<f64>(ranges, RANGE_BYTES + RANGE_LOW) : Infinity)
  const high2 = f64x2.splat(count > 1 ? load<f64>(ranges, RANGE_BYTES + RANGE_HIGH) : -Infinity)
  const reasons = i64x2.splat(reason)
  while (reasonSet < pairsEnd) {
    let values = pairAt(row + column, rowBytes)
    if (isRatio) values = f64x2.div(values, pairAt(row + divisor, rowBytes))
    const within = v128.and(f64x2.ge(values, low), f64x2.le(values, high))
    const within2 = v128.and(f64x2.ge(values, low2), f64x2.le(values, high2))
    const absent = v128.and(f64x2.ne(values, values), missing)
    let met = v128.or(v128.or(within, within2), absent)
    if (hasOthers && v128.any_true(met)) {
      const first = -(<i64>holds(others, end, row))
      const second = -(<i64>holds(others, end, row + rowBytes))
      met = v128.and(met, i64x2.replace_lane(i64x2.splat(first), 1, second))
    }
    v128.store(reasonSet, v128.or(v128.load(reasonSet), v128.and(met, reasons)))
    row += rowBytes << 1
    reasonSet += 16
  }
}

/** A column's values of two rows. */
function pairAt(address: usize, rowBytes: usize): v128 {
  return v128.load_lane<f64>(address + rowBytes, v128.load_zero<f64>(address), 1)
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
