// librdkafka through bun:ffi: the raw symbols and nothing else. Each thread opens the library for
// itself; the handles it makes are plain addresses and may be used from any thread, as librdkafka
// is thread-safe. Source of every signature: rdkafka.h and rdkafka_mock.h 2.15.

import { CString, FFIType as T, dlopen, type Pointer } from 'bun:ffi'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { OperatingError, messageOf, usageError } from '../errors.ts'
import { boundNativeHeap } from './native-heap.ts'

/** 2.15.0: the oldest whose structures and functions this room was held against. */
const VERSION_MIN = 0x020f0000
/** A later major version may lay out its structures differently. */
const VERSION_END = 0x03000000

const { ptr, i32, i64, u64, cstring } = T
const none = T.void
const int64 = T.i64_fast

const SYMBOLS = {
  rd_kafka_version: { args: [], returns: i32 },
  rd_kafka_version_str: { args: [], returns: cstring },
  rd_kafka_err2name: { args: [i32], returns: cstring },
  rd_kafka_err2str: { args: [i32], returns: cstring },
  rd_kafka_last_error: { args: [], returns: i32 },

  rd_kafka_conf_new: { args: [], returns: ptr },
  rd_kafka_conf_destroy: { args: [ptr], returns: none },
  rd_kafka_conf_set: { args: [ptr, ptr, ptr, ptr, u64], returns: i32 },
  rd_kafka_conf_set_events: { args: [ptr, i32], returns: none },
  rd_kafka_conf_properties_show: { args: [ptr], returns: none },
  rd_kafka_new: { args: [i32, ptr, ptr, u64], returns: ptr },
  rd_kafka_destroy: { args: [ptr], returns: none },
  rd_kafka_destroy_flags: { args: [ptr, i32], returns: none },
  rd_kafka_set_log_level: { args: [ptr, i32], returns: none },
  rd_kafka_set_log_queue: { args: [ptr, ptr], returns: i32 },
  rd_kafka_fatal_error: { args: [ptr, ptr, u64], returns: i32 },
  rd_kafka_metadata: { args: [ptr, i32, ptr, ptr, i32], returns: i32 },
  rd_kafka_metadata_destroy: { args: [ptr], returns: none },
  rd_kafka_topic_new: { args: [ptr, ptr, ptr], returns: ptr },
  rd_kafka_topic_destroy: { args: [ptr], returns: none },

  rd_kafka_error_code: { args: [ptr], returns: i32 },
  rd_kafka_error_string: { args: [ptr], returns: cstring },
  rd_kafka_error_is_fatal: { args: [ptr], returns: i32 },
  rd_kafka_error_is_retriable: { args: [ptr], returns: i32 },
  rd_kafka_error_txn_requires_abort: { args: [ptr], returns: i32 },
  rd_kafka_error_destroy: { args: [ptr], returns: none },

  rd_kafka_topic_partition_list_new: { args: [i32], returns: ptr },
  rd_kafka_topic_partition_list_add: { args: [ptr, ptr, i32], returns: ptr },
  rd_kafka_topic_partition_list_set_offset: { args: [ptr, ptr, i32, i64], returns: i32 },
  rd_kafka_topic_partition_list_destroy: { args: [ptr], returns: none },

  rd_kafka_queue_new: { args: [ptr], returns: ptr },
  rd_kafka_queue_destroy: { args: [ptr], returns: none },
  rd_kafka_queue_get_main: { args: [ptr], returns: ptr },
  rd_kafka_queue_get_consumer: { args: [ptr], returns: ptr },
  rd_kafka_queue_get_partition: { args: [ptr, ptr, i32], returns: ptr },
  rd_kafka_queue_forward: { args: [ptr, ptr], returns: none },
  rd_kafka_queue_poll: { args: [ptr, i32], returns: ptr },
  rd_kafka_queue_yield: { args: [ptr], returns: none },

  rd_kafka_event_type: { args: [ptr], returns: i32 },
  rd_kafka_event_error: { args: [ptr], returns: i32 },
  rd_kafka_event_stats: { args: [ptr], returns: cstring },
  rd_kafka_event_error_string: { args: [ptr], returns: cstring },
  rd_kafka_event_error_is_fatal: { args: [ptr], returns: i32 },
  rd_kafka_event_log: { args: [ptr, ptr, ptr, ptr], returns: i32 },
  rd_kafka_event_topic_partition_list: { args: [ptr], returns: ptr },
  rd_kafka_event_message_count: { args: [ptr], returns: u64 },
  rd_kafka_event_message_next: { args: [ptr], returns: ptr },
  rd_kafka_event_CreateTopics_result: { args: [ptr], returns: ptr },
  rd_kafka_event_DescribeConfigs_result: { args: [ptr], returns: ptr },
  rd_kafka_event_destroy: { args: [ptr], returns: none },

  rd_kafka_poll_set_consumer: { args: [ptr], returns: i32 },
  rd_kafka_subscribe: { args: [ptr, ptr], returns: i32 },
  rd_kafka_unsubscribe: { args: [ptr], returns: i32 },
  rd_kafka_assign: { args: [ptr, ptr], returns: i32 },
  rd_kafka_incremental_assign: { args: [ptr, ptr], returns: ptr },
  rd_kafka_incremental_unassign: { args: [ptr, ptr], returns: ptr },
  rd_kafka_assignment_lost: { args: [ptr], returns: i32 },
  rd_kafka_rebalance_protocol: { args: [ptr], returns: cstring },
  rd_kafka_consumer_close_queue: { args: [ptr, ptr], returns: ptr },
  rd_kafka_consumer_closed: { args: [ptr], returns: i32 },
  rd_kafka_consumer_group_metadata: { args: [ptr], returns: ptr },
  rd_kafka_consumer_group_metadata_generation_id: { args: [ptr], returns: i32 },
  rd_kafka_consumer_group_metadata_destroy: { args: [ptr], returns: none },
  rd_kafka_consume_queue: { args: [ptr, i32], returns: ptr },
  rd_kafka_consume_batch_queue: { args: [ptr, i32, ptr, u64], returns: int64 },
  rd_kafka_message_destroy: { args: [ptr], returns: none },
  rd_kafka_message_errstr: { args: [ptr], returns: cstring },
  rd_kafka_message_timestamp: { args: [ptr, ptr], returns: int64 },
  rd_kafka_message_headers: { args: [ptr, ptr], returns: i32 },
  rd_kafka_header_get_last: { args: [ptr, ptr, ptr, ptr], returns: i32 },
  rd_kafka_header_get_all: { args: [ptr, u64, ptr, ptr, ptr], returns: i32 },
  rd_kafka_seek_partitions: { args: [ptr, ptr, i32], returns: ptr },
  rd_kafka_offsets_for_times: { args: [ptr, ptr, i32], returns: i32 },
  rd_kafka_committed: { args: [ptr, ptr, i32], returns: i32 },
  rd_kafka_commit: { args: [ptr, ptr, i32], returns: i32 },
  rd_kafka_get_watermark_offsets: { args: [ptr, ptr, i32, ptr, ptr], returns: i32 },
  rd_kafka_query_watermark_offsets: { args: [ptr, ptr, i32, ptr, ptr, i32], returns: i32 },

  rd_kafka_produce_batch: { args: [ptr, i32, i32, ptr, i32], returns: i32 },
  rd_kafka_produceva: { args: [ptr, ptr, u64], returns: ptr },
  rd_kafka_headers_new: { args: [u64], returns: ptr },
  rd_kafka_headers_copy: { args: [ptr], returns: ptr },
  rd_kafka_headers_destroy: { args: [ptr], returns: none },
  rd_kafka_header_add: { args: [ptr, ptr, i64, ptr, i64], returns: i32 },
  rd_kafka_poll: { args: [ptr, i32], returns: i32 },
  rd_kafka_flush: { args: [ptr, i32], returns: i32 },
  rd_kafka_purge: { args: [ptr, i32], returns: i32 },
  rd_kafka_outq_len: { args: [ptr], returns: i32 },
  rd_kafka_init_transactions: { args: [ptr, i32], returns: ptr },
  rd_kafka_begin_transaction: { args: [ptr], returns: ptr },
  rd_kafka_send_offsets_to_transaction: { args: [ptr, ptr, ptr, i32], returns: ptr },
  rd_kafka_commit_transaction: { args: [ptr, i32], returns: ptr },
  rd_kafka_abort_transaction: { args: [ptr, i32], returns: ptr },

  rd_kafka_AdminOptions_new: { args: [ptr, i32], returns: ptr },
  rd_kafka_AdminOptions_destroy: { args: [ptr], returns: none },
  rd_kafka_AdminOptions_set_request_timeout: { args: [ptr, i32, ptr, u64], returns: i32 },
  rd_kafka_AdminOptions_set_operation_timeout: { args: [ptr, i32, ptr, u64], returns: i32 },
  rd_kafka_NewTopic_new: { args: [ptr, i32, i32, ptr, u64], returns: ptr },
  rd_kafka_NewTopic_set_config: { args: [ptr, ptr, ptr], returns: i32 },
  rd_kafka_NewTopic_destroy: { args: [ptr], returns: none },
  rd_kafka_CreateTopics: { args: [ptr, ptr, u64, ptr, ptr], returns: none },
  rd_kafka_CreateTopics_result_topics: { args: [ptr, ptr], returns: ptr },
  rd_kafka_topic_result_error: { args: [ptr], returns: i32 },
  rd_kafka_topic_result_error_string: { args: [ptr], returns: cstring },
  rd_kafka_topic_result_name: { args: [ptr], returns: cstring },
  rd_kafka_ConfigResource_new: { args: [i32, ptr], returns: ptr },
  rd_kafka_ConfigResource_destroy: { args: [ptr], returns: none },
  rd_kafka_ConfigResource_configs: { args: [ptr, ptr], returns: ptr },
  rd_kafka_ConfigResource_name: { args: [ptr], returns: cstring },
  rd_kafka_ConfigResource_error: { args: [ptr], returns: i32 },
  rd_kafka_ConfigResource_error_string: { args: [ptr], returns: cstring },
  rd_kafka_ConfigEntry_name: { args: [ptr], returns: cstring },
  rd_kafka_ConfigEntry_value: { args: [ptr], returns: cstring },
  rd_kafka_DescribeConfigs: { args: [ptr, ptr, u64, ptr, ptr], returns: none },
  rd_kafka_DescribeConfigs_result_resources: { args: [ptr, ptr], returns: ptr },

  rd_kafka_mock_cluster_new: { args: [ptr, i32], returns: ptr },
  rd_kafka_mock_cluster_destroy: { args: [ptr], returns: none },
  rd_kafka_mock_cluster_bootstraps: { args: [ptr], returns: cstring },
  rd_kafka_mock_topic_create: { args: [ptr, ptr, i32, i32], returns: i32 },
  rd_kafka_mock_topic_set_error: { args: [ptr, ptr, i32], returns: none },
  rd_kafka_mock_push_request_errors_array: { args: [ptr, i32, u64, ptr], returns: none },
  rd_kafka_mock_broker_set_down: { args: [ptr, i32], returns: i32 },
  rd_kafka_mock_broker_set_up: { args: [ptr, i32], returns: i32 },
  rd_kafka_mock_broker_set_rtt: { args: [ptr, i32, i32], returns: i32 },
  rd_kafka_mock_partition_set_leader: { args: [ptr, ptr, i32, i32], returns: i32 },
  rd_kafka_mock_coordinator_set: { args: [ptr, ptr, ptr, i32], returns: i32 },
  rd_kafka_mock_group_initial_rebalance_delay_ms: { args: [ptr, i32], returns: none },
} as const

type Raw = ReturnType<typeof dlopen<typeof SYMBOLS>>['symbols']

/** Addresses come as numbers: user space ends below 2^53 on every machine Bun runs on. */
type Symbols = {
  [name in keyof Raw]: Raw[name] extends (...args: infer A) => infer R
    ? (...args: A) => Pointer extends R ? Exclude<R, bigint> : R
    : never
}

/** librdkafka's functions; set by `openLibrary`, which every thread calls first. */
export let rd: Symbols

/** Where the set-up puts the library. */
export function libraryPath(buildFolder: string): string {
  return join(buildFolder, process.platform === 'darwin' ? 'librdkafka.dylib' : 'librdkafka.so')
}

/**
 * Opens the library for this thread; again is a no-op.
 *
 * @returns its version, such as 2.15.1
 * @throws OperatingError kind 'usage', code 'librdkafka', when it is missing, incomplete or of
 *         another version than the structures here were written for
 */
export function openLibrary(path: string): string {
  if (!rd) {
    if (!existsSync(path)) {
      throw usageError('librdkafka', `${path} is missing; "bun run setup" makes it`)
    }
    try {
      boundNativeHeap()
      checkVersion(path)
      rd = dlopen(path, SYMBOLS).symbols as Symbols
    } catch (error) {
      if (error instanceof OperatingError) throw error
      throw usageError('librdkafka', `cannot use ${path}: ${messageOf(error)}`, error)
    }
  }
  return String(rd.rd_kafka_version_str())
}

/** Before anything else is looked for, so that an old library is told by its version. */
function checkVersion(path: string): void {
  const { rd_kafka_version, rd_kafka_version_str } = SYMBOLS
  const library = dlopen(path, { rd_kafka_version, rd_kafka_version_str })
  const version = library.symbols.rd_kafka_version()
  if (version >= VERSION_MIN && version < VERSION_END) return
  const text = String(library.symbols.rd_kafka_version_str())
  throw usageError('librdkafka', `${path} is version ${text}, 2.15 or a later 2.x is due`)
}

/** A NUL-terminated copy of a string, to pass for `const char *`. Keep it while C may read it. */
export function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`)
}

/** The string at an address, or '' for null. */
export function textAt(address: number): string {
  return address === 0 ? '' : new CString(address as Pointer).toString()
}
