// Encode: decisions to Avro, single-object encoding, and the rd_kafka_message_t array that hands
// them to librdkafka, so that producing a batch is one call and no JavaScript a record. The encode
// plan (made from the decision's schema file in src/avro) says which value comes when.

import { copyShort, writeLong } from './avro'
import {
  CONTEXT_DECISIONS,
  CONTEXT_ENCODE_PLAN,
  CONTEXT_FIRST_OFFSET,
  CONTEXT_IDS,
  CONTEXT_IMAGE,
  CONTEXT_MARGINS,
  CONTEXT_MESSAGES,
  CONTEXT_NATIVE_BASE,
  CONTEXT_OFFSETS,
  CONTEXT_OUTPUT,
  CONTEXT_POLICY,
  CONTEXT_REFERRED,
  CONTEXT_RESULT,
  CONTEXT_STATUSES,
  CONTEXT_WRITER_OF,
  DECISION_REFERRED,
  ENCODE_ADDRESS,
  ENCODE_CODE,
  ENCODE_CONSTANT,
  ENCODE_DECISION,
  ENCODE_END,
  ENCODE_ID,
  ENCODE_LENGTH,
  ENCODE_MARGIN,
  ENCODE_OFFSET,
  ENCODE_PROBABILITY,
  ENCODE_REASONS,
  ENCODE_SCORE,
  ENCODE_STEP_BYTES,
  ENCODE_WRITER,
  IMAGE_SIGMOID,
  MESSAGE_BYTES,
  MESSAGE_ERR,
  MESSAGE_KEY,
  MESSAGE_KEY_LEN,
  MESSAGE_LEN,
  MESSAGE_PAYLOAD,
  MESSAGE_PRIVATE,
  POLICY_REASON_TEXTS,
  POLICY_SCORE_FACTOR,
  POLICY_SCORE_HIGHEST,
  POLICY_SCORE_LOWEST,
  POLICY_SCORE_OFFSET,
  RESULT_BYTES,
  RESULT_DEAD,
  RESULT_DECIDED,
  RESULT_OUTCOMES,
  RESULT_OUTPUT_BYTES,
  RESULT_REASONS,
  STATUS_OK,
  WRITER_FINGERPRINT,
} from './layout'
import {
  furtherPolicyReasons,
  principalPolicyReasons,
  scoreReasonCount,
  writeScoreReasons,
} from './reasons'

/** Encodes the decided records among 0 to n - 1, densely, and fills in the result. */
export function encode(context: usize, n: i32): void {
  const statuses = <usize>load<u32>(context, CONTEXT_STATUSES)
  const ids = <usize>load<u32>(context, CONTEXT_IDS)
  const decisions = <usize>load<u32>(context, CONTEXT_DECISIONS)
  const result = <usize>load<u32>(context, CONTEXT_RESULT)
  const output = <usize>load<u32>(context, CONTEXT_OUTPUT)
  const nativeBase = load<i64>(context, CONTEXT_NATIVE_BASE)
  let message = <usize>load<u32>(context, CONTEXT_MESSAGES)
  let referred = <usize>load<u32>(context, CONTEXT_REFERRED)
  let position = output
  let decided: u32 = 0
  memory.fill(result, 0, RESULT_BYTES)
  for (let i: usize = 0; i < <usize>n; i++) {
    if (load<u32>(statuses + (i << 2)) != STATUS_OK) continue
    const start = position
    position = encodeDecision(context, i, start, result)
    const id = ids + (i << 3)
    store<i32>(message, 0, MESSAGE_ERR)
    store<i64>(message, nativeBase + <i64>start, MESSAGE_PAYLOAD)
    store<i64>(message, <i64>(position - start), MESSAGE_LEN)
    store<i64>(message, nativeBase + <i64>load<u32>(id), MESSAGE_KEY)
    store<i64>(message, <i64>load<u32>(id, 4), MESSAGE_KEY_LEN)
    store<i64>(message, 0, MESSAGE_PRIVATE)
    const decision = <usize>load<u8>(decisions + i)
    if (referred != 0 && decision == DECISION_REFERRED) {
      memory.copy(referred, message, MESSAGE_BYTES)
      referred += MESSAGE_BYTES
    }
    message += MESSAGE_BYTES
    decided++
    const outcome = result + (decision << 2)
    store<u32>(outcome, load<u32>(outcome, RESULT_OUTCOMES) + 1, RESULT_OUTCOMES)
  }
  store<u32>(result, decided, RESULT_DECIDED)
  store<u32>(result, <u32>(position - output), RESULT_OUTPUT_BYTES)
  store<u32>(result, <u32>n - decided, RESULT_DEAD)
}

/** Runs the encode plan for record i; returns the position after it. */
function encodeDecision(context: usize, i: usize, position: usize, result: usize): usize {
  const policy = <usize>load<u32>(context, CONTEXT_POLICY)
  const margin = load<f64>(<usize>load<u32>(context, CONTEXT_MARGINS) + (i << 3))
  let step = <usize>load<u32>(context, CONTEXT_ENCODE_PLAN)
  for (;;) {
    switch (load<u32>(step, ENCODE_CODE)) {
      case ENCODE_END:
        return position

      case ENCODE_CONSTANT: {
        const length = <usize>load<u32>(step, ENCODE_LENGTH)
        copyShort(position, <usize>load<u32>(step, ENCODE_ADDRESS), length)
        position += length
        break
      }

      case ENCODE_ID: {
        const id = <usize>load<u32>(context, CONTEXT_IDS) + (i << 3)
        const length = <usize>load<u32>(id, 4)
        position = writeLong(position, <i64>length)
        copyShort(position, <usize>load<u32>(id), length)
        position += length
        break
      }

      case ENCODE_DECISION:
        // An enum's index as a zig-zag varint: one byte.
        store<u8>(position, load<u8>(<usize>load<u32>(context, CONTEXT_DECISIONS) + i) << 1)
        position++
        break

      case ENCODE_MARGIN:
        store<f64>(position, margin)
        position += 8
        break

      case ENCODE_PROBABILITY: {
        const image = <usize>load<u32>(context, CONTEXT_IMAGE)
        store<f64>(position, 1 / (1 + Math.exp(-load<f64>(image, IMAGE_SIGMOID) * margin)))
        position += 8
        break
      }

      case ENCODE_SCORE: {
        const points = nearest(
          load<f64>(policy, POLICY_SCORE_OFFSET) - load<f64>(policy, POLICY_SCORE_FACTOR) * margin,
        )
        // The comparison fails for NaN: what has no score gets the lowest.
        const lowest = load<f64>(policy, POLICY_SCORE_LOWEST)
        const bounded =
          points > lowest ? min(points, load<f64>(policy, POLICY_SCORE_HIGHEST)) : lowest
        position = writeLong(position, <i64>bounded)
        break
      }

      case ENCODE_REASONS:
        position = encodeReasons(context, policy, i, position, result)
        break

      case ENCODE_WRITER: {
        const writer = <usize>load<u32>(<usize>load<u32>(context, CONTEXT_WRITER_OF) + (i << 2))
        store<u64>(position, bswap(load<u64>(writer, WRITER_FINGERPRINT)))
        position += 8
        break
      }

      case ENCODE_OFFSET: {
        const offsets = <usize>load<u32>(context, CONTEXT_OFFSETS)
        const offset = offsets
          ? load<i64>(offsets + (i << 3))
          : load<i64>(context, CONTEXT_FIRST_OFFSET) + <i64>i
        position = writeLong(position, offset)
        break
      }

      default:
        unreachable()
    }
    step += ENCODE_STEP_BYTES
  }
  return unreachable()
}

/**
 * An array in one block: count, the policy's reasons in the order of their bits, the score's by
 * their weight, of a rejection what would have been referred, and the closing 0.
 */
function encodeReasons(
  context: usize,
  policy: usize,
  i: usize,
  position: usize,
  result: usize,
): usize {
  const first = principalPolicyReasons(context, i)
  const last = furtherPolicyReasons(context, i)
  const count = popcnt<u64>(first) + popcnt<u64>(last) + <u64>scoreReasonCount(context, i)
  if (count) position = writeLong(position, <i64>count)
  position = writePolicyReasons(policy, first, position, result)
  position = writeScoreReasons(context, i, position, result)
  position = writePolicyReasons(policy, last, position, result)
  store<u8>(position, 0)
  return position + 1
}

/** Writes a set of the policy's reasons, encoded, and counts them. */
function writePolicyReasons(policy: usize, reasons: u64, position: usize, result: usize): usize {
  const texts = <usize>load<u32>(policy, POLICY_REASON_TEXTS)
  while (reasons) {
    const reason = <usize>ctz<u64>(reasons)
    const text = texts + (reason << 3)
    const length = <usize>load<u32>(text, 4)
    copyShort(position, <usize>load<u32>(text), length)
    position += length
    const count = result + (reason << 2)
    store<u32>(count, load<u32>(count, RESULT_REASONS) + 1, RESULT_REASONS)
    reasons &= reasons - 1
  }
  return position
}
