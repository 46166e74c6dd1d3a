// Decides batches that were read from Kafka: the worker's own engine, on bytes that several of them
// may look at in turn.

import {
  HEADER_BYTES,
  MESSAGE_BYTES,
  MESSAGE_LEN,
  MESSAGE_PAYLOAD,
  RESULT_DECIDED,
} from '../../assembly/layout.ts'
import type { SchemaHeader } from '../avro/schema-id.ts'
import { type DeadLetter, explainDeadLetter } from '../pipeline/dead-letter.ts'
import type { PartitionStream } from '../rdkafka/assigned-reader.ts'
import type { BatchSize } from '../rdkafka/batch-buffer.ts'
import { addressOf } from '../rdkafka/memory.ts'
import { Engine } from '../scorer/engine.ts'
import type { Program } from '../scorer/program.ts'
import { putSchemaHeader } from '../scorer/schema-ids.ts'

export type { BatchSize } from '../rdkafka/batch-buffer.ts'

export class BatchDecider {
  readonly size: BatchSize
  private readonly module: WebAssembly.Module
  private readonly source: () => Program
  private place = { topic: '', partition: 0 }
  private own: Engine
  private view: DataView
  private base: number

  /**
   * @param source  the program, looked at before each batch: it may come to know more schemas
   * @param size    as the worker's, on which it rests which record is too large
   */
  constructor(module: WebAssembly.Module, source: () => Program, size: BatchSize) {
    this.module = module
    this.source = source
    this.size = size
    this.own = new Engine(module, source(), size, addressOf)
    this.view = new DataView(this.own.memory.buffer)
    this.base = addressOf(this.own.u8)
  }

  /** What decided the batch; another one may decide the next. */
  get engine(): Engine {
    return this.own
  }

  /** Native address of the batch's messages: decisions, in order. */
  get messages(): number {
    return this.base + this.own.messagesAt
  }

  setPartition(topic: string, partition: number): void {
    this.place = { topic, partition }
    this.own.setPartition(topic, partition)
  }

  private renew(): void {
    const program = this.source()
    if (program === this.own.program) return
    this.own = new Engine(this.module, program, this.size, addressOf)
    this.own.setPartition(this.place.topic, this.place.partition)
    this.view = new DataView(this.own.memory.buffer)
    this.base = addressOf(this.own.u8)
  }

  /** Decides records `from` to `from` + `count` - 1 of the stream's batch. */
  decide(stream: PartitionStream, from = 0, count = stream.count): void {
    this.renew()
    const { engine } = this
    const { u8, u32, spansAt, headersAt } = stream.batch
    const first = u32[(spansAt >> 2) + from * 2]!
    const last = (spansAt >> 2) + (from + count - 1) * 2
    const end = u32[last]! + u32[last + 1]!
    engine.u8.set(u8.subarray(first, end), engine.inputAt)
    const shift = engine.inputAt - first
    for (let i = 0; i < count; i++) {
      const span = (spansAt >> 2) + (from + i) * 2
      const target = (engine.spansAt >> 2) + i * 2
      engine.u32[target] = u32[span]! + shift
      engine.u32[target + 1] = u32[span + 1]!
    }
    if (engine.headersAt !== 0) {
      const headers = headersAt + from * HEADER_BYTES
      const bytes = u8.subarray(headers, headers + count * HEADER_BYTES)
      engine.u8.set(bytes, engine.headersAt)
    }
    this.setOffsets(stream, from, count)
    engine.decide(count)
  }

  private setOffsets(stream: PartitionStream, from: number, count: number): void {
    const { engine } = this
    const first = stream.recordOffset(from)
    if (stream.recordOffset(from + count - 1) - first === count - 1) {
      engine.setFirstOffset(BigInt(first))
      return
    }
    for (let i = 0; i < count; i++) {
      const at = engine.offsetsAt + i * 8
      this.view.setBigInt64(at, BigInt(stream.recordOffset(from + i)), true)
    }
    engine.useOffsets()
  }

  /** Decides one record by itself. */
  decideOne(value: Uint8Array, header: SchemaHeader, recordOffset: number): Uint8Array | undefined {
    this.renew()
    const { engine } = this
    putSchemaHeader(engine, 0, header)
    engine.u8.set(value, engine.inputAt)
    engine.u32[engine.spansAt >> 2] = engine.inputAt
    engine.u32[(engine.spansAt >> 2) + 1] = value.length
    engine.setFirstOffset(BigInt(recordOffset))
    engine.decide(1)
    return this.isDecided(0) ? this.decision(0) : undefined
  }

  /** Decisions of the batch. */
  get decidedCount(): number {
    return this.engine.u32[(this.engine.resultAt + RESULT_DECIDED) >> 2]!
  }

  isDecided(record: number): boolean {
    return this.engine.u32[(this.engine.statusesAt >> 2) + record] === 0
  }

  /**
   * A view of a decision, good until the next batch.
   *
   * @param index  among the decided ones
   */
  decision(index: number): Uint8Array {
    const at = this.engine.messagesAt + index * MESSAGE_BYTES
    const payload = Number(this.view.getBigUint64(at + MESSAGE_PAYLOAD, true)) - this.base
    const length = this.view.getUint32(at + MESSAGE_LEN, true)
    return this.engine.u8.subarray(payload, payload + length)
  }

  /** @param valueBytes  bytes of the record's value as it came */
  deadLetter(record: number, valueBytes: number): DeadLetter {
    return explainDeadLetter(this.engine, record, valueBytes)
  }
}
