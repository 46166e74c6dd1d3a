// Every message between the main thread and a worker, as one union a direction. Rows never travel
// here: only orders, their answers and log lines. Counters are in shared memory (metrics/counters).
//
// A worker's life: it posts `loaded` when its module is up (a message before that would be lost),
// gets `init`, answers `ready`; then for each partition gets `assign`, answers `released` when it
// has let go, and `free` when it has also freed its producer, for which no other member need wait.
// While it serves a partition its thread is in the loop and takes no messages: commands go through
// the counters' control words and a wake of the partition's queue; new programs, and what is said
// of schemas that it asked for, come through a port of its own, which can be read without returning
// to the event loop.

import type { SchemaId } from './avro/schema-id.ts'
import type { Program } from './scorer/program.ts'
import type { DeliverySettings } from './pipeline/delivery.ts'
import type { LoopEnd, LoopSettings } from './pipeline/loop.ts'
import type { UnknownId } from './pipeline/wanted-schemas.ts'

export type WorkerSettings = {
  /** librdkafka's properties of the producer, without transactional.id. */
  producer: Readonly<Record<string, string>>
  delivery: 'exactly-once' | 'at-least-once'
  /** The transactional id is this, the topic and the partition. */
  transactionalIdPrefix: string
  inputBytes: number
  /** Whether a span of each batch is posted. */
  spans: boolean
  loop: LoopSettings
  commits: Omit<DeliverySettings, 'deadLettersPartitions'>
  challenger: {
    topic: string
    /** librdkafka's properties of its producer. */
    producer: Readonly<Record<string, string>>
    /** Longest wait for its last decisions when a partition is let go. */
    closeMs: number
  }
}

export type ToWorker =
  | {
      type: 'init'
      /** Path of librdkafka. */
      library: string
      module: WebAssembly.Module
      program: Program
      settings: WorkerSettings
      counters: SharedArrayBuffer
      /** Where a sample of its decisions goes. */
      samples: SharedArrayBuffer
      /** Where new programs come. */
      programs: MessagePort
    }
  | {
      type: 'assign'
      /** Addresses of the consumer and of the partition's queue, owned by the main thread. */
      consumer: number
      queue: number
      topic: string
      partition: number
      deadLettersPartitions: number
    }

/**
 * A program that replaces the one in use at the next batch, as `serialize` of bun:jsc writes it:
 * once for all threads, and a thread reads only the last of several.
 */
export type NewProgram = { type: 'program'; number: number; program: SharedArrayBuffer }

/** The answer to `schemas`, of those that the registry has not; a program brings the others. */
export type UnknownSchemas = { type: 'unknown-schemas'; unknown: UnknownId[] }

/** A batch that was handed to Kafka, as its trace tells of it; nothing of applicants. */
export type BatchSpan = {
  topic: string
  partition: number
  firstOffset: number
  records: number
  decided: number
  /** Milliseconds since 1970. */
  startedAtMs: number
  durationNs: number
  /** Trace contexts of its records, and how many more there were. */
  traceparents: string[]
  traceparentsLeft: number
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export type FromWorker =
  | { type: 'loaded' }
  | { type: 'ready' }
  /** Records name these schemas of the registry: the worker waits until it is told of them. */
  | { type: 'schemas'; ids: SchemaId[] }
  | { type: 'released'; end: LoopEnd }
  | { type: 'free' }
  | { type: 'span'; span: BatchSpan }
  /** The loop gave up; `fatal` when the worker itself must not go on. */
  | { type: 'failed'; fatal: boolean; code: string; message: string }
  | { type: 'log'; level: LogLevel; message: string; fields: Record<string, unknown> }
