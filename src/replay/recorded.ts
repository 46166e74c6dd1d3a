// The decisions of one input partition as they lie on the decisions' topic, one after the other,
// each with the program that made it.

import type { PartitionStream } from '../rdkafka/assigned-reader.ts'
import type { Archive } from './archive.ts'
import { BatchDecider, type BatchSize } from './batch-decider.ts'
import type { RecordedFields, RecordedReader } from './recorded-fields.ts'
import type { Window } from './window.ts'

const HASH_BYTES = 32

/** What decided: model, policy and the decision's schema. */
export type Regime = { reader: RecordedReader; decider: BatchDecider }

export type Recorded = {
  /** Offset on the decisions' topic. */
  at: number
  /** Offset of the application that it names. */
  recordOffset: number
  bytes: Uint8Array
  regime: Regime
}

/** Every program that made a decision, with an engine of its own, made when it first occurs. */
export class Regimes {
  private readonly archive: Archive
  private readonly module: WebAssembly.Module
  private readonly size: BatchSize
  private readonly known = new Map<string, Regime>()
  private place = { topic: '', partition: 0 }
  /** Bytes that name the last one: decisions of one come in a row. */
  private last: { names: Uint8Array; regime: Regime } | undefined

  constructor(archive: Archive, module: WebAssembly.Module, size: BatchSize) {
    this.archive = archive
    this.module = module
    this.size = size
  }

  get count(): number {
    return this.known.size
  }

  /** Where the applications lie that are decided from now on. */
  setPartition(topic: string, partition: number): void {
    this.place = { topic, partition }
    for (const { decider } of this.known.values()) decider.setPartition(topic, partition)
  }

  /** @throws OperatingError kind 'usage' when model or policy is not at hand */
  of(
    bytes: Uint8Array,
    { modelAt, policyAt }: RecordedFields,
    reader: RecordedReader,
    where: () => string,
  ): Regime {
    const { last } = this
    if (
      last &&
      last.regime.reader === reader &&
      same(bytes, modelAt, last.names, 0) &&
      same(bytes, policyAt, last.names, HASH_BYTES)
    ) {
      return last.regime
    }
    const model = Buffer.from(bytes.subarray(modelAt, modelAt + HASH_BYTES))
    const policy = Buffer.from(bytes.subarray(policyAt, policyAt + HASH_BYTES))
    const key = `${reader.names}/${model.toString('hex')}/${policy.toString('hex')}`
    const regime = this.known.get(key) ?? this.make(key, reader, model, policy, where())
    this.last = { names: Buffer.concat([model, policy]), regime }
    return regime
  }

  private make(
    key: string,
    reader: RecordedReader,
    model: Buffer,
    policy: Buffer,
    where: string,
  ): Regime {
    const hashes = [model.toString('hex'), policy.toString('hex')] as const
    const program = this.archive.program(...hashes, reader, where)
    const decider = new BatchDecider(this.module, program, this.size)
    decider.setPartition(this.place.topic, this.place.partition)
    const regime = { reader, decider }
    this.known.set(key, regime)
    return regime
  }
}

function same(a: Uint8Array, at: number, b: Uint8Array, from: number): boolean {
  for (let i = 0; i < HASH_BYTES; i++) if (a[at + i] !== b[from + i]) return false
  return true
}

export type RecordedHooks = {
  /** Told of a record that is no decision of a known schema. */
  onUnreadable(at: number): void
  /** Told of a decision that names another partition of the topic than the one it lies in. */
  onMisplaced(at: number, partition: number, recordOffset: number): void
}

export class RecordedDecisions {
  private readonly stream: PartitionStream
  private readonly readers: readonly RecordedReader[]
  private readonly regimes: Regimes
  private readonly topic: Uint8Array
  private readonly window: Window
  private readonly hooks: RecordedHooks
  private next = 0

  /**
   * @param stream  of the decisions' topic
   * @param topic   of the applications; decisions that name another are passed over
   * @param window  of the applications; decisions on what lies outside are passed over
   */
  constructor(
    stream: PartitionStream,
    readers: readonly RecordedReader[],
    regimes: Regimes,
    topic: string,
    window: Window,
    hooks: RecordedHooks,
  ) {
    this.stream = stream
    this.readers = readers
    this.regimes = regimes
    this.topic = new TextEncoder().encode(topic)
    this.window = window
    this.hooks = hooks
  }

  /** @returns undefined at the end */
  pull(): Recorded | undefined {
    for (;;) {
      if (this.next === this.stream.count) {
        this.next = 0
        if (this.stream.next() === 0) return undefined
      }
      const recorded = this.look(this.next++)
      if (recorded) return recorded
    }
  }

  private look(index: number): Recorded | undefined {
    const { stream, window } = this
    const bytes = stream.batch.value(index)
    const at = stream.recordOffset(index)
    const reader = this.readers.find((candidate) => candidate.owns(bytes))
    const fields = reader?.read(bytes)
    if (!reader || !fields) {
      this.hooks.onUnreadable(at)
      return undefined
    }
    if (!this.isOfTopic(bytes, fields)) return undefined
    const { partition, recordOffset } = fields
    if (recordOffset < window.from || recordOffset >= window.until) return undefined
    if (partition !== window.partition) {
      this.hooks.onMisplaced(at, partition, recordOffset)
      return undefined
    }
    const where = () => `the decision at partition ${partition}, offset ${at}`
    const regime = this.regimes.of(bytes, fields, reader, where)
    return { at, recordOffset, bytes: bytes.slice(), regime }
  }

  private isOfTopic(bytes: Uint8Array, { topicAt, topicBytes }: RecordedFields): boolean {
    if (topicBytes !== this.topic.length) return false
    for (let i = 0; i < topicBytes; i++) if (bytes[topicAt + i] !== this.topic[i]) return false
    return true
  }
}
