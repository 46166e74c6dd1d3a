// What one model has to itself in an engine's memory: its context, tables and encode plan, and room
// for what it makes of a batch. The batch itself (rows, ids, statuses), the policy and the writers
// are the engine's, so that several models can decide the rows that were decoded once.

import { SCORE_REASONS_BYTES } from '../../assembly/attribution-layout.ts'
import {
  BINS_BYTES_MIN,
  BLOCK_ROWS,
  CONTEXT_ATTRIBUTION,
  CONTEXT_ATTRIBUTION_SCRATCH,
  CONTEXT_BINS,
  CONTEXT_BYTES,
  CONTEXT_DECISIONS,
  CONTEXT_ENCODE_PLAN,
  CONTEXT_FAULTS,
  CONTEXT_GUIDS,
  CONTEXT_GUID_COUNT,
  CONTEXT_HEADERS,
  CONTEXT_IDS,
  CONTEXT_IMAGE,
  CONTEXT_LEAF_INDICES,
  CONTEXT_MARGINS,
  CONTEXT_MESSAGES,
  CONTEXT_NATIVE_BASE,
  CONTEXT_OUTPUT,
  CONTEXT_POLICY,
  CONTEXT_RAW_WRITER,
  CONTEXT_REASONS,
  CONTEXT_REFERRED,
  CONTEXT_REGISTRY_IDS,
  CONTEXT_REGISTRY_ID_COUNT,
  CONTEXT_RESULT,
  CONTEXT_ROWS,
  CONTEXT_ROW_BYTES,
  CONTEXT_SCORE_REASONS,
  CONTEXT_SPANS,
  CONTEXT_STATUSES,
  CONTEXT_USES_REGISTRY,
  CONTEXT_UUIDS,
  CONTEXT_WRITERS,
  CONTEXT_WRITER_COUNT,
  CONTEXT_WRITER_OF,
  ENCODE_ADDRESS,
  ENCODE_CODE,
  ENCODE_LENGTH,
  ENCODE_STEP_BYTES,
  IMAGE_COLUMNS,
  IMAGE_TREES,
  LANE_TREES,
  MESSAGE_BYTES,
  RESULT_BYTES,
  TILE_TREES,
  WRITER_BYTES,
  OUTPUT_PADDING,
} from '../../assembly/layout.ts'
import { type EncodeStep, makeEncodePlan } from '../avro/encode-plan.ts'
import { assert } from '../errors.ts'
import type { Arena } from './arena.ts'
import type { Framings, Model, Program } from './program.ts'
import type { SchemaIdTables } from './schema-ids.ts'
import { placeScoreReasons, scoreReasonBytes, scratchBytes } from './score-reasons.ts'

/** Longest topic name that Kafka allows. */
const TOPIC_BYTES_MAX = 249
/** Of an id that is written as 16 bytes and told as text. */
export const UUID_TEXT_BYTES = 36
/** A decision beside its constants, id and reasons: numbers and varints, rounded up. */
const DECISION_NUMBERS_BYTES = 80

export type EngineSize = {
  /** Most records of a batch. */
  records: number
  /** Most bytes of a batch's records together. */
  inputBytes: number
}

/** Addresses of what stays from batch to batch: see CONTEXT_… in assembly/layout.ts. */
export type Constants = {
  contextAt: number
  imageAt: number
  planAt: number
  planBytes: number
  /** Of a decision, the same in all of a partition; at most. */
  decisionBytes: number
  /** Of the attribution image and its reasons' texts; 0 where there is none. */
  attributionAt: number
  textsAt: number[]
}

/** Addresses of what the module fills in for a batch. */
export type Outputs = {
  binsAt: number
  leafIndicesAt: number
  marginsAt: number
  decisionsAt: number
  reasonSetsAt: number
  attributionScratchAt: number
  scoreReasonsAt: number
  resultAt: number
  messagesAt: number
  /** Those of referred decisions once more. */
  referredAt: number
  outputAt: number
}

/** What all models of an engine share. */
export type Shared = {
  /** Native address of the memory, or 0 where no native code reads the messages. */
  nativeBase: number
  spansAt: number
  writersAt: number
  rowsAt: number
  idsAt: number
  uuidsAt: number
  statusesAt: number
  faultsAt: number
  writerOfAt: number
  policyAt: number
  /** 0 where no headers are read. */
  headersAt: number
  schemaIds: SchemaIdTables
}

export function takeConstants(arena: Arena, program: Program, model: Model): Constants {
  const contextAt = arena.take(CONTEXT_BYTES)
  const imageAt = arena.take(model.tables.length)
  const plan = longestPlan(program, model)
  const planBytes = plan.length * ENCODE_STEP_BYTES
  const decisionBytes = constantBytes(plan)
  const planAt = arena.take(planBytes + decisionBytes)
  const { scoreReasons } = model
  const attributionAt = scoreReasons ? arena.take(scoreReasons.image.length) : 0
  const textsAt = (scoreReasons?.texts ?? []).map((text) => arena.take(text.length))
  return { contextAt, imageAt, planAt, planBytes, decisionBytes, attributionAt, textsAt }
}

export function takeOutputs(
  arena: Arena,
  program: Program,
  model: Model,
  constants: Constants,
  { records, inputBytes }: EngineSize,
): Outputs {
  const rows = roundedRows(records)
  const tables = new DataView(model.tables.buffer, model.tables.byteOffset)
  const columns = tables.getUint32(IMAGE_COLUMNS, true)
  const trees = tables.getUint32(IMAGE_TREES, true)
  const { scoreReasons } = model
  const ofPolicy = program.reasonTexts.reduce((sum, text) => sum + text.length, 0)
  const reasonBytes = ofPolicy + (scoreReasons ? scoreReasonBytes(scoreReasons) : 0)
  const numberBytes = DECISION_NUMBERS_BYTES + UUID_TEXT_BYTES
  const decisionBytes = constants.decisionBytes + reasonBytes + numberBytes
  return {
    // Columns and complements for 128 rows, or what the kernels of one row read.
    binsAt: arena.take(Math.max(BINS_BYTES_MIN, 4 * columns * BLOCK_ROWS)),
    leafIndicesAt: arena.take(Math.max(2 * TILE_TREES * BLOCK_ROWS, trees + LANE_TREES)),
    marginsAt: arena.take(rows * 8),
    decisionsAt: arena.take(rows),
    reasonSetsAt: arena.take(rows * 8),
    attributionScratchAt: scoreReasons ? arena.take(scratchBytes(scoreReasons)) : 0,
    scoreReasonsAt: scoreReasons ? arena.take(records * SCORE_REASONS_BYTES) : 0,
    resultAt: arena.take(RESULT_BYTES),
    messagesAt: arena.take(records * MESSAGE_BYTES),
    referredAt: arena.take(records * MESSAGE_BYTES),
    outputAt: arena.take(inputBytes + records * decisionBytes + OUTPUT_PADDING),
  }
}

/** Rows that the kernels may touch in a batch of so many records. */
export function roundedRows(records: number): number {
  return Math.ceil(records / BLOCK_ROWS) * BLOCK_ROWS
}

export class ModelContext {
  /** Address of the context. */
  readonly at: number
  readonly outputs: Outputs
  private readonly program: Program
  private readonly model: Model
  private readonly constants: Constants
  private readonly view: DataView

  constructor(
    view: DataView,
    program: Program,
    model: Model,
    constants: Constants,
    outputs: Outputs,
    shared: Shared,
  ) {
    this.at = constants.contextAt
    this.outputs = outputs
    this.program = program
    this.model = model
    this.constants = constants
    this.view = view
    new Uint8Array(view.buffer).set(model.tables, constants.imageAt)
    const { attributionAt, textsAt } = constants
    if (model.scoreReasons) placeScoreReasons(view, model.scoreReasons, attributionAt, textsAt)
    view.setBigInt64(this.at + CONTEXT_NATIVE_BASE, BigInt(shared.nativeBase), true)
    const fields: [field: number, value: number][] = [
      [CONTEXT_SPANS, shared.spansAt],
      [CONTEXT_WRITERS, shared.writersAt],
      [CONTEXT_WRITER_COUNT, program.framings.fingerprints],
      ...framingFields(program.framings, shared),
      [CONTEXT_ROWS, shared.rowsAt],
      [CONTEXT_ROW_BYTES, program.columns.length * 8],
      [CONTEXT_IDS, shared.idsAt],
      [CONTEXT_STATUSES, shared.statusesAt],
      [CONTEXT_FAULTS, shared.faultsAt],
      [CONTEXT_UUIDS, shared.uuidsAt],
      [CONTEXT_WRITER_OF, shared.writerOfAt],
      [CONTEXT_IMAGE, constants.imageAt],
      [CONTEXT_BINS, outputs.binsAt],
      [CONTEXT_LEAF_INDICES, outputs.leafIndicesAt],
      [CONTEXT_MARGINS, outputs.marginsAt],
      [CONTEXT_POLICY, shared.policyAt],
      [CONTEXT_DECISIONS, outputs.decisionsAt],
      [CONTEXT_REASONS, outputs.reasonSetsAt],
      [CONTEXT_ENCODE_PLAN, constants.planAt],
      [CONTEXT_OUTPUT, outputs.outputAt],
      [CONTEXT_MESSAGES, outputs.messagesAt],
      [CONTEXT_REFERRED, outputs.referredAt],
      [CONTEXT_RESULT, outputs.resultAt],
      [CONTEXT_ATTRIBUTION, constants.attributionAt],
      [CONTEXT_ATTRIBUTION_SCRATCH, outputs.attributionScratchAt],
      [CONTEXT_SCORE_REASONS, outputs.scoreReasonsAt],
    ]
    for (const [field, value] of fields) view.setUint32(this.at + field, value, true)
    this.setPartition('', 0)
  }

  /** Address of the attribution image, or 0. */
  get attributionAt(): number {
    return this.constants.attributionAt
  }

  /** Sets the topic and partition that the decisions name as their input's. */
  setPartition(topic: string, partition: number): void {
    assert(Buffer.byteLength(topic) <= TOPIC_BYTES_MAX, 'a topic is no longer than Kafka allows')
    const { planAt, planBytes } = this.constants
    const bytes = new Uint8Array(this.view.buffer)
    let constantAt = planAt + planBytes
    for (const [i, step] of planOf(this.program, this.model, topic, partition).entries()) {
      const at = planAt + i * ENCODE_STEP_BYTES
      const constant = step.constant ?? new Uint8Array(0)
      this.view.setUint32(at + ENCODE_CODE, step.code, true)
      this.view.setUint32(at + ENCODE_ADDRESS, constantAt, true)
      this.view.setUint32(at + ENCODE_LENGTH, constant.length, true)
      bytes.set(constant, constantAt)
      constantAt += constant.length
    }
  }
}

function framingFields(
  { registry, raw }: Framings,
  { headersAt, schemaIds, writersAt }: Shared,
): [field: number, value: number][] {
  return [
    [CONTEXT_HEADERS, headersAt],
    [CONTEXT_REGISTRY_IDS, schemaIds.idsAt],
    [CONTEXT_REGISTRY_ID_COUNT, schemaIds.ids.length],
    [CONTEXT_GUIDS, schemaIds.guidsAt],
    [CONTEXT_GUID_COUNT, schemaIds.guids.length],
    [CONTEXT_USES_REGISTRY, Number(registry)],
    [CONTEXT_RAW_WRITER, raw === undefined ? 0 : writersAt + raw * WRITER_BYTES],
  ]
}

function planOf(program: Program, model: Model, topic: string, partition: number): EncodeStep[] {
  const { decisionSchema, decisionHeader, policyHash } = program
  const constants = { model: model.modelHash, policy: policyHash, topic, partition }
  return makeEncodePlan(decisionSchema, constants, decisionHeader)
}

function longestPlan(program: Program, model: Model): EncodeStep[] {
  return planOf(program, model, 'x'.repeat(TOPIC_BYTES_MAX), 0x7fffffff)
}

function constantBytes(plan: readonly EncodeStep[]): number {
  return plan.reduce((sum, step) => sum + (step.constant?.length ?? 0), 0)
}
