// What the tests of the core rooms share: programs and engines from given parts, batches of records
// in them, and what the engine made of each record. Also the seed of everything random.

import { setDefaultTimeout } from 'bun:test'
import {
  MESSAGE_BYTES,
  MESSAGE_KEY,
  MESSAGE_KEY_LEN,
  MESSAGE_LEN,
  MESSAGE_PAYLOAD,
  RESULT_DEAD,
  RESULT_DECIDED,
  RESULT_OUTCOMES,
  RESULT_OUTPUT_BYTES,
  RESULT_REASONS,
} from '../../assembly/layout.ts'
import { fingerprintOf, singleObjectHeader } from '../../src/avro/fingerprint.ts'
import { type SchemaVersion, loadSchemaVersions, newest } from '../../src/avro/schema-files.ts'
import { type Json, parseRecord } from '../../src/avro/schema.ts'
import { makeArtefact } from '../../src/compiler/artefact.ts'
import type { Forest } from '../../src/compiler/forest.ts'
import type { ModelSource } from '../../src/compiler/model-source.ts'
import { OperatingError } from '../../src/errors.ts'
import { sha256, sha256Hex } from '../../src/hash.ts'
import { MODULE_PATH, fromRoot } from '../../src/paths.ts'
import { type Policy, parsePolicy } from '../../src/policy/policy.ts'
import { type Artefact, loadArtefact } from '../../src/scorer/artefact.ts'
import { Engine } from '../../src/scorer/engine.ts'
import type { UnitScale } from '../../src/scorer/unit-scale.ts'
import { loadModule } from '../../src/scorer/module.ts'
import {
  type Program,
  type Registered,
  type RegistryParts,
  loadProgram,
  makeProgram,
} from '../../src/scorer/program.ts'
import { fill } from './fill.ts'

// Nothing here is a statement about time: the machine may be busy.
setDefaultTimeout(120_000)

/** The compiled module: the set-up has made it before any test runs. */
export const wasmModule = loadModule(MODULE_PATH)

/**
 * Seed of all properties and random draws of this run: fast-check prints it with a failure, and
 * TEST_SEED=<seed> draws the same again.
 */
const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 0x7fffffff)

/** Options of fast-check's `assert`: the run's seed, and so many runs. */
export function runs(numRuns: number) {
  return { numRuns, seed, includeErrorInReport: true }
}

/**
 * The same for properties that draw everything from one number with `randomFrom`: nothing to shrink
 * there, the number itself is the counterexample.
 */
export function draws(numRuns: number) {
  return { numRuns, seed, endOnFailure: true, includeErrorInReport: true }
}

/** Numbers in [0, 1) from a seed: mulberry32. */
export function randomFrom(start: number): () => number {
  let state = start >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

// ---- Parts of a program.

export function schemaVersion(json: Json, version = 1): SchemaVersion {
  const path = `schemas/test/${version}.avsc`
  const schema = parseRecord(json, path)
  return { path, version, fingerprint: fingerprintOf(schema), schema, json }
}

/** A forest as the artefact that a build of it would be. Features rest on fields of their name. */
export function artefactOf(
  forest: Forest,
  explained?: ModelSource['explained'],
  scales: Readonly<Record<string, UnitScale>> = {},
): Artefact {
  const source = {
    explained,
    name: 'test',
    path: 'model.txt',
    file: 'model.txt',
    format: 'lightgbm-text',
    sourceHash: sha256Hex('a source'),
    modelHash: sha256('a model'),
    forest,
    features: forest.features.map((name) => ({ name, field: name, ...scales[name] })),
    placeOf: () => 'model.txt',
  }
  return makeArtefact(source, { probes: 1, leavesReached: 0 })
}

/** No features and no trees: every margin is 0. */
export const NO_FOREST: Forest = { features: [], trees: [], sigmoid: 1 }

/** Cut-offs that no margin reaches, and no rules: everything is approved. */
const NO_POLICY = policyOf({})

export function policyOf(parts: {
  rejectFrom?: number
  referAbove?: number
  scorecard?: string
  rules?: string
}): Policy {
  const text = `
    version = 1
    name = "test"
    [scorecard]
    ${parts.scorecard ?? 'offset = 500\nfactor = 50\nlowest = 300\nhighest = 850'}
    [cutoffs]
    reject_from = ${tomlNumber(parts.rejectFrom ?? 1e300)}
    reject_code = "REJECT"
    refer_above = ${tomlNumber(parts.referAbove ?? 1e300)}
    refer_code = "REFER"
    ${parts.rules ?? ''}`
  return parsePolicy(text, 'policy.toml')
}

/** A float in TOML has a point or an exponent; without one it would be an integer of 64 bits. */
export function tomlNumber(value: number): string {
  const text = String(value)
  return /[.e]/.test(text) ? text : `${text}.0`
}

/** The decision's own schema file. */
export const decisionSchema = newest(loadSchemaVersions(fromRoot('schemas/loan_decision')))
export const applicationSchema = newest(loadSchemaVersions(fromRoot('schemas/loan_application')))

export type Parts = {
  /** Oldest first, as they are in a folder; the last is the reader. */
  applications?: SchemaVersion[]
  decision?: SchemaVersion
  /** What scores: a forest, or an artefact that was built. */
  forest?: Forest
  artefact?: Artefact
  policy?: Policy
  raw?: SchemaVersion
  registry?: RegistryParts
}

/** What a registry has of a schema. */
export function registered({ fingerprint, schema }: SchemaVersion, name = 'schema'): Registered {
  return { name, place: '', fingerprint, schema, refusal: '' }
}

/** A program from parts, for what is left out the smallest that does nothing. */
export function programOf(parts: Parts): Program {
  const beside = {
    applications: parts.applications ?? [applicationSchema],
    decisionSchema: parts.decision ?? decisionSchema,
    policy: parts.policy ?? NO_POLICY,
    raw: parts.raw,
    registry: parts.registry,
  }
  return makeProgram(beside, parts.artefact ?? artefactOf(parts.forest ?? NO_FOREST))
}

/** The program as it is shipped, with its own model or the bench's. */
export function shippedProgram(model: 'models/default' | 'bench/model' = 'models/default') {
  return loadProgram({
    schemas: fromRoot('schemas'),
    model: fromRoot(`build/${model}`),
    policy: fromRoot('models/default/policy.toml'),
  })
}

export function shippedArtefact(model: 'models/default' | 'bench/model'): Artefact {
  return loadArtefact(fromRoot(`build/${model}`))
}

export function engineOf(program: Program, records = 256, inputBytes = 1 << 18): Engine {
  return new Engine(wasmModule, program, { records, inputBytes })
}

// ---- Batches.

/** A record as it lies on the topic: header of the single-object encoding, then the body. */
export function withHeader(version: SchemaVersion, body: Uint8Array): Uint8Array {
  const header = singleObjectHeader(version.fingerprint)
  const bytes = new Uint8Array(header.length + body.length)
  bytes.set(header)
  bytes.set(body, header.length)
  return bytes
}

/** Fills and decodes; returns each record's status. */
export function decode(engine: Engine, records: readonly Uint8Array[]): Status[] {
  fill(engine, records)
  engine.stages.decode(records.length)
  return records.map((_, i) => statusOf(engine, i))
}

export type Status = { code: number; field: number }

export function statusOf(engine: Engine, record: number): Status {
  const status = engine.u32[engine.statusesAt / 4 + record]!
  return { code: status & 0xff, field: status >>> 8 }
}

/** Which byte of a record is at fault; of no meaning when its status is STATUS_OK. */
export function faultOf(engine: Engine, record: number): number {
  return engine.u32[engine.faultsAt / 4 + record]!
}

/** What a field index of the status means, for the writer the record was decoded with. */
export function fieldOf(engine: Engine, record: number): string {
  return engine.writerOf(record).fields[statusOf(engine, record).field]!
}

/** The record's row as field → value. */
export function rowOf(engine: Engine, record: number): Record<string, number> {
  const { columns } = engine.program
  const at = engine.rowsAt / 8 + record * columns.length
  return Object.fromEntries(columns.map((field, i) => [field, engine.f64[at + i]!]))
}

export function setRow(engine: Engine, record: number, values: ArrayLike<number>): void {
  engine.f64.set(values, engine.rowsAt / 8 + record * engine.program.columns.length)
}

/** Bytes of the record's application id. */
export function idOf(engine: Engine, record: number): Uint8Array {
  const at = engine.u32[engine.idsAt / 4 + record * 2]!
  return engine.u8.slice(at, at + engine.u32[engine.idsAt / 4 + record * 2 + 1]!)
}

export function marginOf(engine: Engine, record: number): number {
  return engine.f64[engine.marginsAt / 8 + record]!
}

/** Address of the context: what lies first in the memory that the host lays out. */
const CONTEXT_AT = 65536

export function contextValue(engine: Engine, field: number): number {
  return engine.u32[(CONTEXT_AT + field) / 4]!
}

export type Message = { payload: Uint8Array; key: Uint8Array }

/** The messages that encode wrote, read through their pointers as librdkafka would. */
export function messagesOf(engine: Engine, nativeBase = 0): Message[] {
  return messagesAt(engine, engine.messagesAt, engine.resultAt, nativeBase)
}

/** The same of any model of the engine, by where its messages and its result are. */
export function messagesAt(
  engine: Engine,
  at: number,
  resultAt: number,
  nativeBase = 0,
): Message[] {
  const view = new DataView(engine.memory.buffer)
  const field = (i: number, offset: number) =>
    Number(view.getBigUint64(at + i * MESSAGE_BYTES + offset, true))
  const bytes = (i: number, pointer: number, length: number) => {
    const at = field(i, pointer) - nativeBase
    return engine.u8.slice(at, at + field(i, length))
  }
  return Array.from({ length: engine.u32[(resultAt + RESULT_DECIDED) / 4]! }, (_, i) => ({
    payload: bytes(i, MESSAGE_PAYLOAD, MESSAGE_LEN),
    key: bytes(i, MESSAGE_KEY, MESSAGE_KEY_LEN),
  }))
}

export function resultOf(engine: Engine) {
  const at = (offset: number, i = 0) => engine.u32[(engine.resultAt + offset) / 4 + i]!
  return {
    decided: at(RESULT_DECIDED),
    outputBytes: at(RESULT_OUTPUT_BYTES),
    dead: at(RESULT_DEAD),
    outcomes: [0, 1, 2].map((i) => at(RESULT_OUTCOMES, i)),
    reasons: Array.from({ length: 64 }, (_, i) => at(RESULT_REASONS, i)),
  }
}

/**
 * Raw scores of the rows, given to the module in batches of so many at a time: by the block kernel,
 * the one-row kernel or both, as it decides.
 */
export function scoresOf(engine: Engine, rows: readonly ArrayLike<number>[], size: number) {
  const scores = new Float64Array(rows.length)
  for (let from = 0; from < rows.length; from += size) {
    const count = Math.min(size, rows.length - from)
    for (let i = 0; i < count; i++) setRow(engine, i, rows[from + i]!)
    engine.stages.score(count)
    for (let i = 0; i < count; i++) scores[from + i] = marginOf(engine, i)
  }
  return scores
}

// ---- Comparing.

/** The eight bytes of a double: tells -0 from 0 and one NaN from another. */
export function bitsOf(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  return view.getBigUint64(0)
}

export function doubleOf(bits: bigint): number {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, bits)
  return view.getFloat64(0)
}

/** The double above x (1) or below it (-1). */
export function neighbour(x: number, direction: 1 | -1): number {
  if (Number.isNaN(x)) return x
  if (x === 0) return direction * Number.MIN_VALUE
  const next = doubleOf(bitsOf(x) + BigInt(x > 0 ? direction : -direction))
  return Number.isNaN(next) ? x : next
}

/** What the call throws, which must be an OperatingError for people to mend. */
export function refusal(call: () => unknown): OperatingError {
  try {
    call()
  } catch (error) {
    if (error instanceof OperatingError) return error
    throw error
  }
  throw new Error('nothing was refused')
}
