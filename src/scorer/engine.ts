// The WebAssembly host: one instance of the module with its memory laid out for batches. Filling
// the input and reading the result are the caller's; deciding is one call. Memory is allocated
// once, at its maximum: growing would move it under the pointers that librdkafka was given.

import {
  ATTRIBUTION_FEATURES,
  ATTRIBUTION_MARGIN,
  SCORE_REASONS_BYTES,
} from '../../assembly/attribution-layout.ts'
import {
  CONTEXT_FIRST_OFFSET,
  CONTEXT_MARGINS,
  CONTEXT_OFFSETS,
  CONTEXT_ROWS,
  DECISION_REFERRED,
  DECISION_REJECTED,
  HEADER_BYTES,
  INPUT_PADDING,
  POLICY_REJECT_REASON,
  POLICY_REASON_TEXTS,
  RESULT_OUTCOMES,
  POLICY_REFER_ABOVE,
  POLICY_REJECT_FROM,
  RESULT_OUTPUT_BYTES,
  WRITER_BYTES,
  WRITER_FINGERPRINT,
  WRITER_PLAN,
} from '../../assembly/layout.ts'
import { OperatingError, assert } from '../errors.ts'
import { Arena } from './arena.ts'
import {
  type EngineSize,
  ModelContext,
  roundedRows,
  takeConstants,
  takeOutputs,
  UUID_TEXT_BYTES,
} from './model-context.ts'
import type { Program } from './program.ts'
import { putSchemaIds, takeSchemaIds } from './schema-ids.ts'

const PAGE_BYTES = 65536
/** Static data of the module (tables of exp, mainly) lies below this address. */
const MODULE_BYTES_MAX = 65536

type Exports = {
  run(context: number, n: number): void
  decode(context: number, n: number): number
  score(context: number, n: number): void
  decide(context: number, n: number): void
  reason(context: number, n: number): void
  attribute(context: number, record: number): void
  scoreWithout(context: number, record: number, reason: number): number
  encode(context: number, n: number): void
  challenge(context: number, champion: number, n: number): void
  heapBase(): number
}

const EXPORTS: readonly (keyof Exports)[] = [
  'run',
  'decode',
  'score',
  'decide',
  'reason',
  'attribute',
  'scoreWithout',
  'encode',
  'challenge',
  'heapBase',
]

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
  /** What the records' headers name their schemas by; 0 where none is to be read. */
  readonly headersAt: number
  /** Room for `records` native pointers, 8 bytes each, for the caller's use. */
  readonly pointersAt: number
  /** Addresses of what the module fills in. */
  readonly rowsAt: number
  readonly idsAt: number
  readonly statusesAt: number
  readonly faultsAt: number
  readonly marginsAt: number
  readonly decisionsAt: number
  readonly reasonSetsAt: number
  readonly writerOfAt: number
  readonly outputAt: number
  readonly messagesAt: number
  readonly referredAt: number
  readonly resultAt: number
  /** What belongs to the second model, where the program has one. */
  readonly challenger: ModelContext | undefined

  private readonly exports: Exports
  private readonly view: DataView
  private readonly champion: ModelContext
  private readonly writersAt: number

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
    const rowBytes = program.columns.length * 8

    const arena = new Arena(MODULE_BYTES_MAX)
    const constants = takeConstants(arena, program, program)
    const { challenger } = program
    const challengerConstants = challenger && takeConstants(arena, program, challenger)
    this.writersAt = arena.take(program.writers.length * WRITER_BYTES)
    const plansAt = program.writers.map((writer) => arena.take(writer.plan?.length ?? 0))
    const schemaIds = takeSchemaIds(arena, program.framings)
    const policyAt = arena.take(program.policyTable.length)
    const reasonsAt = arena.take(program.reasonTexts.length * 8)
    const textsAt = program.reasonTexts.map((text) => arena.take(text.length))
    this.spansAt = arena.take(size.records * 8)
    this.offsetsAt = arena.take(size.records * 8)
    this.headersAt = program.framings.headers ? arena.take(size.records * HEADER_BYTES) : 0
    this.pointersAt = arena.take(size.records * 8)
    this.rowsAt = arena.take(roundedRows(size.records) * rowBytes)
    this.idsAt = arena.take(size.records * 8)
    this.statusesAt = arena.take(size.records * 4)
    this.faultsAt = arena.take(size.records * 4)
    const uuidsAt = arena.take(size.records * UUID_TEXT_BYTES)
    this.writerOfAt = arena.take(size.records * 4)
    const outputs = takeOutputs(arena, program, program, constants, size)
    const challengerOutputs =
      challenger && takeOutputs(arena, program, challenger, challengerConstants!, size)
    this.inputAt = arena.take(size.inputBytes + INPUT_PADDING)
    this.marginsAt = outputs.marginsAt
    this.decisionsAt = outputs.decisionsAt
    this.reasonSetsAt = outputs.reasonSetsAt
    this.resultAt = outputs.resultAt
    this.messagesAt = outputs.messagesAt
    this.referredAt = outputs.referredAt
    this.outputAt = outputs.outputAt

    const pages = Math.ceil(arena.end / PAGE_BYTES)
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
    const instance = new WebAssembly.Instance(module, { env: { memory: this.memory } })
    this.exports = checkExports(instance.exports)
    assert(this.exports.heapBase() <= MODULE_BYTES_MAX, 'the module leaves room for the arena')
    this.u8 = new Uint8Array(this.memory.buffer)
    this.u32 = new Uint32Array(this.memory.buffer)
    this.f64 = new Float64Array(this.memory.buffer)
    this.view = new DataView(this.memory.buffer)

    for (const [i, writer] of program.writers.entries()) {
      const at = this.writersAt + i * WRITER_BYTES
      this.view.setBigUint64(at + WRITER_FINGERPRINT, writer.fingerprint, true)
      this.view.setUint32(at + WRITER_PLAN, writer.plan ? plansAt[i]! : 0, true)
      if (writer.plan) this.u8.set(writer.plan, plansAt[i])
    }
    putSchemaIds(this.view, schemaIds, (writer) => this.writersAt + writer * WRITER_BYTES)
    this.u8.set(program.policyTable, policyAt)
    this.view.setUint32(policyAt + POLICY_REASON_TEXTS, reasonsAt, true)
    for (const [i, text] of program.reasonTexts.entries()) {
      this.view.setUint32(reasonsAt + i * 8, textsAt[i]!, true)
      this.view.setUint32(reasonsAt + i * 8 + 4, text.length, true)
      this.u8.set(text, textsAt[i])
    }
    const { spansAt, headersAt, writersAt, rowsAt, idsAt, statusesAt, faultsAt, writerOfAt } = this
    const decoded = { rowsAt, idsAt, uuidsAt, statusesAt, faultsAt, writerOfAt }
    const batch = { spansAt, headersAt, writersAt, schemaIds, policyAt, ...decoded }
    const shared = { nativeBase: addressOf ? addressOf(this.u8) : 0, ...batch }
    this.champion = new ModelContext(this.view, program, program, constants, outputs, shared)
    if (challenger && challengerConstants && challengerOutputs) {
      this.challenger = new ModelContext(
        this.view,
        program,
        challenger,
        challengerConstants,
        challengerOutputs,
        shared,
      )
    }
  }

  /** Sets the topic and partition that the decisions name as their input's. */
  setPartition(topic: string, partition: number): void {
    this.champion.setPartition(topic, partition)
    this.challenger?.setPartition(topic, partition)
  }

  /** Says that the batch's Kafka offsets run from `first` on without a gap. */
  setFirstOffset(first: bigint): void {
    this.view.setBigInt64(this.champion.at + CONTEXT_FIRST_OFFSET, first, true)
    this.view.setUint32(this.champion.at + CONTEXT_OFFSETS, 0, true)
  }

  /** Says that the batch's Kafka offsets lie at `offsetsAt`, i64 each. */
  useOffsets(): void {
    this.view.setUint32(this.champion.at + CONTEXT_OFFSETS, this.offsetsAt, true)
  }

  /** Decides records 0 to n - 1 of the batch; statuses, messages and result are filled in. */
  decide(n: number): void {
    this.exports.run(this.champion.at, n)
  }

  /**
   * Has the second model decide the same records, after `decide`; its messages and result are
   * filled in. Nothing of the first model's is written.
   */
  challenge(n: number): void {
    const { challenger, champion, u8 } = this
    assert(challenger, 'the program has a challenger')
    // Where the batch's offsets are is set in the champion's context alone.
    const from = champion.at + CONTEXT_FIRST_OFFSET
    u8.copyWithin(challenger.at + CONTEXT_FIRST_OFFSET, from, champion.at + CONTEXT_OFFSETS + 4)
    this.exports.challenge(challenger.at, champion.at, n)
  }

  /** Single stages, for benches and differential tests. */
  readonly stages = {
    decode: (n: number): number => this.exports.decode(this.champion.at, n),
    score: (n: number, firstRow = 0): void => this.scoreRows(n, firstRow),
    decide: (n: number): void => this.exports.decide(this.champion.at, n),
    reason: (n: number): void => this.exports.reason(this.champion.at, n),
    encode: (n: number): void => this.exports.encode(this.champion.at, n),
  }

  /**
   * How much each feature moves a record's raw score away from the references' mean, in the model's
   * order; the next call overwrites it.
   */
  attribute(record: number): Float64Array {
    assert(this.program.scoreReasons, 'the model has a reference set')
    this.exports.attribute(this.champion.at, record)
    const { attributionAt } = this.champion
    const features = this.view.getUint32(attributionAt + ATTRIBUTION_FEATURES, true)
    const at = this.champion.outputs.attributionScratchAt / 8
    return this.f64.subarray(at, at + features)
  }

  /** Mean raw score of the references. */
  get referenceMargin(): number {
    return this.view.getFloat64(this.champion.attributionAt + ATTRIBUTION_MARGIN, true)
  }

  /** The cut-offs of the policy, on the raw score. */
  get cutoffs(): { referAbove: number; rejectFrom: number } {
    const { policyTable } = this.program
    const table = new DataView(policyTable.buffer, policyTable.byteOffset)
    const referAbove = table.getFloat64(POLICY_REFER_ABOVE, true)
    return { referAbove, rejectFrom: table.getFloat64(POLICY_REJECT_FROM, true) }
  }

  /** The decisions of the last batch, one behind the other. */
  get encoded(): Uint8Array {
    const bytes = this.u32[(this.resultAt + RESULT_OUTPUT_BYTES) >> 2]!
    return this.u8.slice(this.outputAt, this.outputAt + bytes)
  }

  /** The record's raw score, were the features of a reason at the reference. */
  scoreWithout(record: number, reason: number): number {
    assert(this.program.scoreReasons, 'the model has a reference set')
    return this.exports.scoreWithout(this.champion.at, record, reason)
  }

  /** Explains records 0 to n - 1, decoded and scored, as if their scores had them rejected. */
  rehearseReasons(n: number): void {
    const { program, champion, exports } = this
    if (!program.scoreReasons) return
    const { decisionsAt, reasonSetsAt } = champion.outputs
    const table = new DataView(program.policyTable.buffer, program.policyTable.byteOffset)
    const bit = 1n << BigInt(table.getUint32(POLICY_REJECT_REASON, true))
    this.u8.fill(DECISION_REJECTED, decisionsAt, decisionsAt + n)
    new BigUint64Array(this.memory.buffer, reasonSetsAt, n).fill(bit)
    exports.reason(champion.at, n)
  }

  /** Whether each of the policy's reasons fired for a record. */
  policyReasons(record: number): boolean[] {
    const set = this.reasonSet(record)
    return this.program.reasons.map((_, bit) => ((set >> BigInt(bit)) & 1n) === 1n)
  }

  /** Numbers in the catalogue of the reasons that a record's score gives, the first one first. */
  scoreReasons(record: number): number[] {
    const { scoreReasonsAt } = this.champion.outputs
    if (scoreReasonsAt === 0) return []
    const at = scoreReasonsAt + record * SCORE_REASONS_BYTES
    return [...this.u8.subarray(at + 2, at + 2 + this.u8[at]!)]
  }

  /** Scores n rows from some row on; margins up to the next 64 from there may be written. */
  private scoreRows(n: number, firstRow: number): void {
    const rowBytes = this.program.columns.length * 8
    this.u32[(this.champion.at + CONTEXT_ROWS) >> 2] = this.rowsAt + firstRow * rowBytes
    this.u32[(this.champion.at + CONTEXT_MARGINS) >> 2] = this.marginsAt + firstRow * 8
    this.exports.score(this.champion.at, n)
    this.u32[(this.champion.at + CONTEXT_ROWS) >> 2] = this.rowsAt
    this.u32[(this.champion.at + CONTEXT_MARGINS) >> 2] = this.marginsAt
  }

  /** How many records of the batch were referred. */
  get referredCount(): number {
    return this.u32[(this.resultAt >> 2) + (RESULT_OUTCOMES >> 2) + DECISION_REFERRED]!
  }

  /** Reasons of a decided record, bit i = reason i of the program. */
  reasonSet(record: number): bigint {
    return this.view.getBigUint64(this.reasonSetsAt + record * 8, true)
  }

  /** The writer a decoded record was written with. */
  writerOf(record: number): Program['writers'][number] {
    const at = this.u32[(this.writerOfAt >> 2) + record]!
    return this.program.writers[(at - this.writersAt) / WRITER_BYTES]!
  }
}

function checkExports(exports: Readonly<Record<string, unknown>>): Exports {
  for (const name of EXPORTS) {
    if (typeof exports[name] !== 'function') {
      throw new OperatingError('usage', 'wasm', `the WebAssembly module has no export ${name}`)
    }
  }
  return exports as unknown as Exports
}
