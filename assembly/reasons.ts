// Reasons: why a row's score was too high, from its attribution. Features that stand for one reason
// are added up; the reasons that raise the risk are given, greatest first, of equal ones the
// catalogue's first. A feature counts towards its reason only when its value is on the side that
// the catalogue calls adverse.
//
// Each reason is checked before it is given: with its features moved to the reference, and all else
// as it is, the raw score must fall. Else it names what would not have helped; it is withheld and
// counted, and the next takes its place.

import {
  ATTRIBUTION_AT_MOST,
  ATTRIBUTION_BINS_AT,
  ATTRIBUTION_BINS_BYTES,
  ATTRIBUTION_CAUSES_AT,
  ATTRIBUTION_COLUMNS_AT,
  ATTRIBUTION_FACTORS_AT,
  ATTRIBUTION_FEATURES,
  ATTRIBUTION_REASONS,
  ATTRIBUTION_REFERENCES,
  CAUSE_BYTES,
  CAUSE_DENIAL,
  CAUSE_LENGTH,
  CAUSE_TEXT,
  DIRECTION_ANY,
  DIRECTION_HIGH,
  FACTOR_BYTES,
  FACTOR_DIRECTION,
  FACTOR_REASON,
  FACTOR_REFERENCE,
  FACTOR_VALUE_AT,
  SCORE_REASONS_BYTES,
} from './attribution-layout'
import { attributeRow } from './attribution'
import { copyShort } from './avro'
import { sumOfLanes } from './lanes'
import {
  CONTEXT_ATTRIBUTION,
  CONTEXT_ATTRIBUTION_SCRATCH,
  CONTEXT_BINS,
  CONTEXT_DECISIONS,
  CONTEXT_IMAGE,
  CONTEXT_LEAF_INDICES,
  CONTEXT_MARGINS,
  CONTEXT_POLICY,
  CONTEXT_REASONS,
  CONTEXT_ROWS,
  CONTEXT_ROW_BYTES,
  CONTEXT_SCORE_REASONS,
  CONTEXT_STATUSES,
  DECISION_APPROVED,
  DECISION_REJECTED,
  IMAGE_COLUMNS,
  IMAGE_DIVISOR,
  IMAGE_FLOAT32,
  IMAGE_LANES_AT,
  POLICY_REFER_REASON,
  POLICY_REJECTING,
  POLICY_REJECT_REASON,
  RESULT_DENIALS,
  RESULT_WITHHELD,
  STATUS_OK,
} from './layout'
import { quantiseRow } from './quantise'
import { sumOfWalks } from './walk'

/** The policy's reasons that fired for a record, by bit: what CONTEXT_REASONS lists. */
type ReasonSet = u64

function reasonSet(context: usize, i: usize): ReasonSet {
  const sets = <usize>load<u32>(context, CONTEXT_REASONS)
  return load<ReasonSet>(sets + i * sizeof<ReasonSet>())
}

/** Finds the reasons of rows 0 to n - 1 that were decided, and whose score weighed against them. */
export function reason(context: usize, n: i32): void {
  const attribution = <usize>load<u32>(context, CONTEXT_ATTRIBUTION)
  if (!attribution) return
  const statuses = <usize>load<u32>(context, CONTEXT_STATUSES)
  const decisions = <usize>load<u32>(context, CONTEXT_DECISIONS)
  const atMost = load<u32>(attribution, ATTRIBUTION_AT_MOST)
  const policy = <usize>load<u32>(context, CONTEXT_POLICY)
  const cutoffs = cutoffReasons(policy)
  let given = <usize>load<u32>(context, CONTEXT_SCORE_REASONS)
  for (let i: usize = 0; i < <usize>n; i++) {
    store<u16>(given, 0)
    const set = reasonSet(context, i)
    const owes = load<u8>(decisions + i) != DECISION_APPROVED && (set & cutoffs) != 0
    if (owes && load<u32>(statuses + (i << 2)) == STATUS_OK) {
      const decision = load<u8>(decisions + i)
      const others = <u32>popcnt<ReasonSet>(statedBefore(policy, set, decision))
      if (others < atMost) giveReasons(context, attribution, i, given, atMost - others)
    }
    given += SCORE_REASONS_BYTES
  }
}

/** The policy's reasons that say no more than that the score was too high. */
function cutoffReasons(policy: usize): ReasonSet {
  const reject = <ReasonSet>load<u32>(policy, POLICY_REJECT_REASON)
  const refer = <ReasonSet>load<u32>(policy, POLICY_REFER_REASON)
  return ((<ReasonSet>1) << reject) | ((<ReasonSet>1) << refer)
}

/**
 * The policy's reasons that come before the score's: all, but of a rejection only those that
 * reject, and not that the score was too high, which is none for an applicant.
 */
function statedBefore(policy: usize, set: ReasonSet, decision: u8): ReasonSet {
  if (decision != DECISION_REJECTED) return set
  return set & load<u64>(policy, POLICY_REJECTING) & ~cutoffReasons(policy)
}

/**
 * The policy's reasons that record i states first. Of a rejection that the score was too high only
 * where nothing else says why.
 */
export function principalPolicyReasons(context: usize, i: usize): ReasonSet {
  const set = reasonSet(context, i)
  if (!load<u32>(context, CONTEXT_ATTRIBUTION)) return set
  const policy = <usize>load<u32>(context, CONTEXT_POLICY)
  const decision = load<u8>(<usize>load<u32>(context, CONTEXT_DECISIONS) + i)
  const before = statedBefore(policy, set, decision)
  if (before != 0 || scoreReasonCount(context, i) > 0) return before
  return set & load<u64>(policy, POLICY_REJECTING)
}

/**
 * What would have been referred of a rejected record i: no principal reason, so that it is stated
 * behind the score's, where there is room.
 */
export function furtherPolicyReasons(context: usize, i: usize): ReasonSet {
  const attribution = <usize>load<u32>(context, CONTEXT_ATTRIBUTION)
  const decision = load<u8>(<usize>load<u32>(context, CONTEXT_DECISIONS) + i)
  if (!attribution || decision != DECISION_REJECTED) return 0
  const policy = <usize>load<u32>(context, CONTEXT_POLICY)
  const rejecting = load<u64>(policy, POLICY_REJECTING)
  let left = reasonSet(context, i) & ~rejecting & ~cutoffReasons(policy)
  const stated = <i32>popcnt<u64>(principalPolicyReasons(context, i))
  let room = <i32>load<u32>(attribution, ATTRIBUTION_AT_MOST) - stated
  room -= <i32>scoreReasonCount(context, i)
  let further: ReasonSet = 0
  while (left != 0 && room > 0) {
    const lowest = left & (~left + 1)
    further |= lowest
    left ^= lowest
    room--
  }
  return further
}

/** Reasons that the score of record i gives. */
export function scoreReasonCount(context: usize, i: usize): u32 {
  if (!load<u32>(context, CONTEXT_ATTRIBUTION)) return 0
  return load<u8>(<usize>load<u32>(context, CONTEXT_SCORE_REASONS) + i * SCORE_REASONS_BYTES)
}

/** Writes the reasons that the score of record i gives, encoded, and counts them. */
export function writeScoreReasons(context: usize, i: usize, position: usize, result: usize): usize {
  const attribution = <usize>load<u32>(context, CONTEXT_ATTRIBUTION)
  if (!attribution) return position
  const given = <usize>load<u32>(context, CONTEXT_SCORE_REASONS) + i * SCORE_REASONS_BYTES
  const causes = attribution + <usize>load<u32>(attribution, ATTRIBUTION_CAUSES_AT)
  const end = given + 2 + <usize>load<u8>(given)
  for (let at = given + 2; at < end; at++) {
    const cause = causes + <usize>load<u8>(at) * CAUSE_BYTES
    const length = <usize>load<u32>(cause, CAUSE_LENGTH)
    copyShort(position, <usize>load<u32>(cause, CAUSE_TEXT), length)
    position += length
    const count = result + ((<usize>load<u32>(cause, CAUSE_DENIAL) - 1) << 2)
    store<u32>(count, load<u32>(count, RESULT_DENIALS) + 1, RESULT_DENIALS)
  }
  const withheld = load<u32>(result, RESULT_WITHHELD) + <u32>load<u8>(given, 1)
  store<u32>(result, withheld, RESULT_WITHHELD)
  return position
}

/** Attributes the score of row i; the values, f64[features], are where the scratch begins. */
export function attribute(context: usize, i: usize): void {
  const image = <usize>load<u32>(context, CONTEXT_IMAGE)
  const attribution = <usize>load<u32>(context, CONTEXT_ATTRIBUTION)
  const bins = <usize>load<u32>(context, CONTEXT_BINS)
  const scratch = <usize>load<u32>(context, CONTEXT_ATTRIBUTION_SCRATCH)
  quantiseRow(image, rowAt(context, i), bins, <usize>load<u32>(context, CONTEXT_LEAF_INDICES))
  attributeRow(attribution, bins, scratch, marksOf(attribution, scratch))
}

/** Where in the scratch the reasons' amounts lie, f64[reasons]. */
function amountsOf(attribution: usize, scratch: usize): usize {
  return scratch + ((<usize>load<u32>(attribution, ATTRIBUTION_FEATURES)) << 3)
}

/** Behind them u8[columns], for moved bins. */
function movedOf(attribution: usize, scratch: usize): usize {
  return (
    amountsOf(attribution, scratch) + ((<usize>load<u32>(attribution, ATTRIBUTION_REASONS)) << 3)
  )
}

/** And behind those what the descent needs. */
function marksOf(attribution: usize, scratch: usize): usize {
  return movedOf(attribution, scratch) + <usize>load<u32>(attribution, ATTRIBUTION_BINS_BYTES)
}

function rowAt(context: usize, i: usize): usize {
  const rowBytes = <usize>load<u32>(context, CONTEXT_ROW_BYTES)
  return <usize>load<u32>(context, CONTEXT_ROWS) + i * rowBytes
}

/** Raw score of row i with the features of a reason at the reference, and all else as it is. */
export function scoreWithout(context: usize, i: usize, cause: i32): f64 {
  const image = <usize>load<u32>(context, CONTEXT_IMAGE)
  const bins = <usize>load<u32>(context, CONTEXT_BINS)
  quantiseRow(image, rowAt(context, i), bins, <usize>load<u32>(context, CONTEXT_LEAF_INDICES))
  return marginMoved(context, <usize>load<u32>(context, CONTEXT_ATTRIBUTION), <u8>cause)
}

/** @param room  most reasons to give */
function giveReasons(context: usize, attribution: usize, i: usize, given: usize, room: u32): void {
  attribute(context, i)
  const scratch = <usize>load<u32>(context, CONTEXT_ATTRIBUTION_SCRATCH)
  const reasons = <usize>load<u32>(attribution, ATTRIBUTION_REASONS)
  const amounts = amountsOf(attribution, scratch)
  addUp(attribution, rowAt(context, i), scratch, amounts, reasons)
  const margin = load<f64>(<usize>load<u32>(context, CONTEXT_MARGINS) + (i << 3))
  let count: u32 = 0
  let withheld: u32 = 0
  while (count < room) {
    const greatest = greatestOf(amounts, reasons)
    if (greatest == reasons) break
    store<f64>(amounts + (greatest << 3), 0)
    if (marginMoved(context, attribution, <u8>greatest) < margin) {
      store<u8>(given + 2 + <usize>count, <u8>greatest)
      count++
    } else withheld++
  }
  store<u8>(given, <u8>count)
  store<u8>(given, <u8>withheld, 1)
}

/** The features' values to the reasons' amounts. */
function addUp(
  attribution: usize,
  row: usize,
  values: usize,
  amounts: usize,
  reasons: usize,
): void {
  memory.fill(amounts, 0, reasons << 3)
  const end = values + ((<usize>load<u32>(attribution, ATTRIBUTION_FEATURES)) << 3)
  let factor = attribution + <usize>load<u32>(attribution, ATTRIBUTION_FACTORS_AT)
  for (let at = values; at < end; at += 8) {
    const value = load<f64>(at)
    if (value < 0 || isAdverse(factor, row)) {
      const amount = amounts + ((<usize>load<u32>(factor, FACTOR_REASON)) << 3)
      store<f64>(amount, load<f64>(amount) + value)
    }
    factor += FACTOR_BYTES
  }
}

/** A missing value is on no side. */
function isAdverse(factor: usize, row: usize): bool {
  const direction = load<u32>(factor, FACTOR_DIRECTION)
  if (direction == DIRECTION_ANY) return true
  const x = load<f64>(row + <usize>load<u32>(factor, FACTOR_VALUE_AT))
  const reference = load<f64>(factor, FACTOR_REFERENCE)
  return direction == DIRECTION_HIGH ? x > reference : x < reference
}

/** Number of the greatest amount above 0, or `reasons` where there is none. */
function greatestOf(amounts: usize, reasons: usize): usize {
  let greatest = reasons
  let most: f64 = 0
  for (let k: usize = 0; k < reasons; k++) {
    const amount = load<f64>(amounts + (k << 3))
    if (amount > most) {
      most = amount
      greatest = k
    }
  }
  return greatest
}

/** The row's raw score with a reason's features moved to the reference; the mean of several. */
function marginMoved(context: usize, attribution: usize, cause: u8): f64 {
  const image = <usize>load<u32>(context, CONTEXT_IMAGE)
  const bins = <usize>load<u32>(context, CONTEXT_BINS)
  const columns = <usize>load<u32>(image, IMAGE_COLUMNS)
  const causes = attribution + <usize>load<u32>(attribution, ATTRIBUTION_COLUMNS_AT)
  const references = load<u32>(attribution, ATTRIBUTION_REFERENCES)
  const binsBytes = <usize>load<u32>(attribution, ATTRIBUTION_BINS_BYTES)
  let reference = attribution + <usize>load<u32>(attribution, ATTRIBUTION_BINS_AT)
  const scratch = <usize>load<u32>(context, CONTEXT_ATTRIBUTION_SCRATCH)
  const moved = movedOf(attribution, scratch)
  let sum: f64 = 0
  for (let r: u32 = 0; r < references; r++) {
    for (let c: usize = 0; c < columns; c++) {
      const isMoved = load<u8>(causes + c) == cause
      store<u8>(moved + c, load<u8>((isMoved ? reference : bins) + c))
    }
    sum += sumOf(context, image, moved)
    reference += binsBytes
  }
  return sum / <f64>references
}

/** Raw score of a row of bins. */
function sumOf(context: usize, image: usize, bins: usize): f64 {
  const indices = <usize>load<u32>(context, CONTEXT_LEAF_INDICES)
  const float32 = load<u32>(image, IMAGE_FLOAT32)
  const sum = load<u32>(image, IMAGE_LANES_AT)
    ? float32
      ? sumOfLanes<f32>(image, bins, indices)
      : sumOfLanes<f64>(image, bins, indices)
    : float32
      ? sumOfWalks<f32>(image, bins)
      : sumOfWalks<f64>(image, bins)
  return sum / load<f64>(image, IMAGE_DIVISOR)
}
