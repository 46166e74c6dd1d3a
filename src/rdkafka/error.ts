// Errors of librdkafka. Each is retriable, or requires an abort, or is fatal: those three branches
// are all a caller may ask for. The code is librdkafka's own name, such as _ALL_BROKERS_DOWN.

import { type ErrorKind, OperatingError } from '../errors.ts'
import { rd } from './library.ts'

/** rd_kafka_resp_err_t, the ones this program looks at (rdkafka.h 2.15). */
export const ERR_NONE = 0
export const ERR_PARTITION_EOF = -191
export const ERR_TIMED_OUT = -185
export const ERR_QUEUE_FULL = -184
export const ERR_ASSIGN_PARTITIONS = -175
const ERR_FATAL = -150
/** Not allowed in the present state, as producing in a transaction that has failed. */
export const ERR_STATE = -172
export const ERR_ALL_BROKERS_DOWN = -187
export const ERR_UNKNOWN_TOPIC_OR_PARTITION = 3
export const ERR_TOPIC_ALREADY_EXISTS = 36
export const ERR_FENCED_INSTANCE_ID = 82

export class KafkaError extends OperatingError {
  /** rd_kafka_resp_err_t */
  readonly kafkaCode: number

  constructor(kind: ErrorKind, kafkaCode: number, message: string) {
    super(kind, errorName(kafkaCode), message)
    this.kafkaCode = kafkaCode
  }
}

/** Name of an error code, such as UNKNOWN_TOPIC_OR_PART. */
export function errorName(code: number): string {
  return String(rd.rd_kafka_err2name(code))
}

/** Text of an error code. */
export function errorText(code: number): string {
  return String(rd.rd_kafka_err2str(code))
}

/**
 * Takes over a `rd_kafka_error_t *` that a call returned and throws it; null passes.
 *
 * @param doing  what was being done, for the message
 */
export function throwError(error: number | null, doing: string): void {
  if (!error) return
  const pointer = error as never
  const code = rd.rd_kafka_error_code(pointer)
  const text = String(rd.rd_kafka_error_string(pointer))
  const kind: ErrorKind = rd.rd_kafka_error_is_fatal(pointer)
    ? 'fatal'
    : rd.rd_kafka_error_txn_requires_abort(pointer)
      ? 'abort'
      : rd.rd_kafka_error_is_retriable(pointer)
        ? 'retriable'
        : 'fatal'
  rd.rd_kafka_error_destroy(pointer)
  throw new KafkaError(kind, code, `${doing}: ${text} (${errorName(code)})`)
}

/** Throws for a `rd_kafka_resp_err_t` other than "no error". */
export function throwCode(code: number, doing: string, kind: ErrorKind = 'retriable'): void {
  if (code === ERR_NONE) return
  const effective = code === ERR_FATAL ? 'fatal' : kind
  throw new KafkaError(effective, code, `${doing}: ${errorText(code)} (${errorName(code)})`)
}
