// The WebAssembly host: one instance of the module with its memory laid out for batches. Filling
// the input and reading the result are the caller's; deciding is one call. Memory is allocated
// once, at its maximum: growing would move it under the pointers that librdkafka was given.

import {
  CONTEXT_BINS,
  CONTEXT_BYTES,
  CONTEXT_DECISIONS,
  CONTEXT_ENCODE_PLAN,
  CONTEXT_FIRST_OFFSET,
  CONTEXT_IDS,
  CONTEXT_IMAGE,
  CONTEXT_LEAF_INDICES,
  CONTEXT_MARGINS,
  CONTEXT_MESSAGES,
  CONTEXT_NATIVE_BASE,
  CONTEXT_OFFSETS,
  CONTEXT_OUTPUT,
  CONTEXT_POLICY,
  CONTEXT_REASONS,
  CONTEXT_RESULT,
  CONTEXT_ROWS,
  CONTEXT_ROW_BYTES,
  CONTEXT_SPANS,
  CONTEXT_STATUSES,
  CONTEXT_WRITERS,
  CONTEXT_WRITER_COUNT,
  CONTEXT_WRITER_OF,
  BLOCK_ROWS,
  ENCODE_ADDRESS,
  ENCODE_CODE,
  ENCODE_LENGTH,
  ENCODE_STEP_BYTES,
  IMAGE_COLUMNS,
  IMAGE_TREES,
  INPUT_PADDING,
  MESSAGE_BYTES,
  POLICY_REASON_TEXTS,
  RESULT_BYTES,
  WRITER_BYTES,
  WRITER_FINGERPRINT,
  WRITER_PLAN,
} from '../../assembly/layout.ts'
import { type EncodeStep, makeEncodePlan } from '../avro/encode-plan.ts'
import { OperatingError, assert } from '../errors.ts'
import type { Program } from './program.ts'

const PAGE_BYTES = 65536
const ALIGNMENT = 64
/** Longest topic name that Kafka allows. */
const TOPIC_BYTES_MAX = 249
/** A decision beside its constants, id and reasons: numbers and varints, rounded up. */
const DECISION_NUMBERS_BYTES = 80

type Exports = {
  run(context: number, n: number): void
  decode(context: number, n: number): number
  score(context: number, n: number): void
  decide(context: number, n: number): void
  encode(context: number, n: number): void
  heapBase(): number
}

const EXPORTS: readonly (keyof Exports)[] = [
  'run',
  'decode',
  'score',
  'decide',
  'encode',
  'heapBase',
]

export type EngineSize = {
  /** Most records of a batch. */
  records: number
  /** Most bytes of a batch's records together. */
  inputBytes: number
}

export class Engine {
  readonly program: Program
  readonly size: EngineSize
  readonly memory: WebAssembly.Memory
  /** The whole memory, byte by byte, and as the types that lie in it. */
  readonly u8: Uint8Array
  readonly u32: Uint32Array
  readonly f64: Float64Array
  /** Addresses of what the caller fills in: see CONTEXT_… in assembly/layout.ts. */
  readonly inputAt: number
  readonly spansAt: number
  readonly offsetsAt: number
  /** Room for `records` native pointers, 8 bytes each, for the caller's use. */
  readonly pointersAt: number
  /** Addresses of what the module fills in. */
  readonly rowsAt: number
  readonly idsAt: number
  readonly statusesAt: number
  readonly marginsAt: number
  readonly decisionsAt: number
  readonly writerOfAt: number
  readonly outputAt: number
  readonly messagesAt: number
  readonly resultAt: number

  private readonly exports: Exports
  private readonly view: DataView
  private readonly context: number
  private readonly writersAt: number
  private readonly encodePlanAt: number
  private readonly encodePlanBytes: number

  /**
   * @param module       the compiled module; share one among workers, so that the machine code it
   *                     is turned into when hot is shared too
   * @param nativeBase   native address of the memory as `addressOf` gives it, or undefined where no
   *                     native code reads the messages
   */
  constructor(
    module: WebAssembly.Module,
    program: Program,
    size: EngineSize,
    addressOf?: (memory: Uint8Array) => number,
  ) {
    assert(size.records >= 1 && size.inputBytes >= 1, 'an engine holds at least one record')
    this.program = program
    this.size = size
    const rows = Math.ceil(size.records / BLOCK_ROWS) * BLOCK_ROWS
    const tables = new DataView(program.tables.buffer, program.tables.byteOffset)
    const columns = tables.getUint32(IMAGE_COLUMNS, true)
    const trees = tables.getUint32(IMAGE_TREES, true)
    const encodePlan = this.makePlan('x'.repeat(TOPIC_BYTES_MAX), 0x7fffffff)
    const planConstants = encodePlan.reduce((sum, step) => sum + (step.constant?.length ?? 0), 0)
    const reasonBytes = program.reasonTexts.reduce((sum, text) => sum + text.length, 0)
    const decisionBytes = planConstants + reasonBytes + DECISION_NUMBERS_BYTES
    const rowBytes = program.columns.length * 8

    // Addresses are handed out first, from 0 on; the module's own data moves them up.
    const arena = new Arena()
    const contextAt = arena.take(CONTEXT_BYTES)
    const imageAt = arena.take(program.tables.length)
    const writersAt = arena.take(program.writers.length * WRITER_BYTES)
    const plansAt = program.writers.map((writer) => arena.take(writer.plan?.length ?? 0))
    const policyAt = arena.take(program.policyTable.length)
    const reasonsAt = arena.take(program.reasonTexts.length * 8)
    const textsAt = program.reasonTexts.map((text) => arena.take(text.length))
    this.encodePlanBytes = encodePlan.length * ENCODE_STEP_BYTES
    const encodePlanAt = arena.take(this.encodePlanBytes + planConstants)
    const spansAt = arena.take(size.records * 8)
    const offsetsAt = arena.take(size.records * 8)
    const pointersAt = arena.take(size.records * 8)
    const rowsAt = arena.take(rows * rowBytes)
    const idsAt = arena.take(size.records * 8)
    const statusesAt = arena.take(size.records * 4)
    const writerOfAt = arena.take(size.records * 4)
    // The one-row kernel loads 32 bins whatever the number of columns.
    // For 128 rows, or the 32 columns that the one-row kernel loads.
    const binsAt = arena.take(Math.max(32, 2 * columns * BLOCK_ROWS))
    const leafIndicesAt = arena.take((2 * trees + 1) * BLOCK_ROWS)
    const marginsAt = arena.take(rows * 8)
    const decisionsAt = arena.take(rows)
    const reasonSetsAt = arena.take(rows * 4)
    const resultAt = arena.take(RESULT_BYTES)
    const messagesAt = arena.take(size.records * MESSAGE_BYTES)
    const outputAt = arena.take(size.inputBytes + size.records * decisionBytes)
    const inputAt = arena.take(size.inputBytes + INPUT_PADDING)

    const base = MODULE_BYTES_MAX
    const pages = Math.ceil((base + arena.size) / PAGE_BYTES)
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
    const instance = new WebAssembly.Instance(module, { env: { memory: this.memory } })
    this.exports = checkExports(instance.exports)
    assert(this.exports.heapBase() <= base, 'the module leaves room for the arena')
    this.u8 = new Uint8Array(this.memory.buffer)
    this.u32 = new Uint32Array(this.memory.buffer)
    this.f64 = new Float64Array(this.memory.buffer)
    this.view = new DataView(this.memory.buffer)
    this.context = base + contextAt
    this.inputAt = base + inputAt
    this.spansAt = base + spansAt
    this.offsetsAt = base + offsetsAt
    this.pointersAt = base + pointersAt
    this.rowsAt = base + rowsAt
    this.idsAt = base + idsAt
    this.statusesAt = base + statusesAt
    this.marginsAt = base + marginsAt
    this.decisionsAt = base + decisionsAt
    this.writerOfAt = base + writerOfAt
    this.outputAt = base + outputAt
    this.messagesAt = base + messagesAt
    this.resultAt = base + resultAt
    this.writersAt = base + writersAt
    this.encodePlanAt = base + encodePlanAt

    this.u8.set(program.tables, base + imageAt)
    for (const [i, writer] of program.writers.entries()) {
      const at = this.writersAt + i * WRITER_BYTES
      this.view.setBigUint64(at + WRITER_FINGERPRINT, writer.fingerprint, true)
      this.view.setUint32(at + WRITER_PLAN, writer.plan ? base + plansAt[i]! : 0, true)
      if (writer.plan) this.u8.set(writer.plan, base + plansAt[i]!)
    }
    this.u8.set(program.policyTable, base + policyAt)
    this.view.setUint32(base + policyAt + POLICY_REASON_TEXTS, base + reasonsAt, true)
    for (const [i, text] of program.reasonTexts.entries()) {
      this.view.setUint32(base + reasonsAt + i * 8, base + textsAt[i]!, true)
      this.view.setUint32(base + reasonsAt + i * 8 + 4, text.length, true)
      this.u8.set(text, base + textsAt[i]!)
    }
    const set = (field: number, value: number) =>
      this.view.setUint32(this.context + field, value, true)
    const nativeBase = addressOf ? addressOf(this.u8) : 0
    this.view.setBigInt64(this.context + CONTEXT_NATIVE_BASE, BigInt(nativeBase), true)
    set(CONTEXT_SPANS, this.spansAt)
    set(CONTEXT_WRITERS, this.writersAt)
    set(CONTEXT_WRITER_COUNT, program.writers.length)
    set(CONTEXT_ROWS, this.rowsAt)
    set(CONTEXT_ROW_BYTES, rowBytes)
    set(CONTEXT_IDS, this.idsAt)
    set(CONTEXT_STATUSES, this.statusesAt)
    set(CONTEXT_WRITER_OF, this.writerOfAt)
    set(CONTEXT_IMAGE, base + imageAt)
    set(CONTEXT_BINS, base + binsAt)
    set(CONTEXT_LEAF_INDICES, base + leafIndicesAt)
    set(CONTEXT_MARGINS, this.marginsAt)
    set(CONTEXT_POLICY, base + policyAt)
    set(CONTEXT_DECISIONS, this.decisionsAt)
    set(CONTEXT_REASONS, base + reasonSetsAt)
    set(CONTEXT_ENCODE_PLAN, this.encodePlanAt)
    set(CONTEXT_OUTPUT, this.outputAt)
    set(CONTEXT_MESSAGES, this.messagesAt)
    set(CONTEXT_RESULT, this.resultAt)
    this.setPartition('', 0)
  }

  /** Sets the topic and partition that the decisions name as their input's. */
  setPartition(topic: string, partition: number): void {
    assert(Buffer.byteLength(topic) <= TOPIC_BYTES_MAX, 'a topic is no longer than Kafka allows')
    let constantAt = this.encodePlanAt + this.encodePlanBytes
    for (const [i, step] of this.makePlan(topic, partition).entries()) {
      const at = this.encodePlanAt + i * ENCODE_STEP_BYTES
      const constant = step.constant ?? new Uint8Array(0)
      this.view.setUint32(at + ENCODE_CODE, step.code, true)
      this.view.setUint32(at + ENCODE_ADDRESS, constantAt, true)
      this.view.setUint32(at + ENCODE_LENGTH, constant.length, true)
      this.u8.set(constant, constantAt)
      constantAt += constant.length
    }
  }

  /** Says that the batch's Kafka offsets run from `first` on without a gap. */
  setFirstOffset(first: bigint): void {
    this.view.setBigInt64(this.context + CONTEXT_FIRST_OFFSET, first, true)
    this.view.setUint32(this.context + CONTEXT_OFFSETS, 0, true)
  }

  /** Says that the batch's Kafka offsets lie at `offsetsAt`, i64 each. */
  useOffsets(): void {
    this.view.setUint32(this.context + CONTEXT_OFFSETS, this.offsetsAt, true)
  }

  /** Decides records 0 to n - 1 of the batch; statuses, messages and result are filled in. */
  decide(n: number): void {
    this.exports.run(this.context, n)
  }

  /** Single stages, for benches and differential tests. */
  readonly stages = {
    decode: (n: number): number => this.exports.decode(this.context, n),
    score: (n: number): void => this.exports.score(this.context, n),
    decide: (n: number): void => this.exports.decide(this.context, n),
    encode: (n: number): void => this.exports.encode(this.context, n),
  }

  /** The writer a decoded record was written with. */
  writerOf(record: number): Program['writers'][number] {
    const at = this.u32[(this.writerOfAt >> 2) + record]!
    return this.program.writers[(at - this.writersAt) / WRITER_BYTES]!
  }

  private makePlan(topic: string, partition: number): EncodeStep[] {
    const { decisionSchema, modelHash, policyHash } = this.program
    return makeEncodePlan(decisionSchema, {
      model: modelHash,
      policy: policyHash,
      topic,
      partition,
    })
  }
}

/** Static data of the module (tables of exp, mainly) lies below this address. */
const MODULE_BYTES_MAX = 65536

function checkExports(exports: Readonly<Record<string, unknown>>): Exports {
  for (const name of EXPORTS) {
    if (typeof exports[name] !== 'function') {
      throw new OperatingError('usage', 'wasm', `the WebAssembly module has no export ${name}`)
    }
  }
  return exports as unknown as Exports
}

/** Hands out aligned addresses. */
class Arena {
  size = 0

  take(bytes: number): number {
    const at = this.size
    this.size = Math.ceil((at + bytes) / ALIGNMENT) * ALIGNMENT
    return at
  }
}
