// The model artefact: a folder with the kernel's tables and their manifest, written by the compiler
// and only read here. The runtime never parses a trainer's format.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import {
  ATTRIBUTION_AT_MOST,
  ATTRIBUTION_BINDING,
  ATTRIBUTION_FEATURES,
  ATTRIBUTION_HEADER_BYTES,
  ATTRIBUTION_MAGIC,
  ATTRIBUTION_MAGIC_VALUE,
  ATTRIBUTION_REASONS,
  ATTRIBUTION_REFERENCES,
  ATTRIBUTION_SIZE,
  ATTRIBUTION_VERSION,
  ATTRIBUTION_VERSION_VALUE,
} from '../../assembly/attribution-layout.ts'
import {
  BLOCK_ROWS,
  IMAGE_BINDING,
  IMAGE_COLUMNS,
  IMAGE_FEATURES,
  IMAGE_HEADER_BYTES,
  IMAGE_LANES_AT,
  IMAGE_MAGIC,
  IMAGE_MAGIC_VALUE,
  IMAGE_NODES_AT,
  IMAGE_PLAN,
  IMAGE_SIZE,
  IMAGE_TREES,
  IMAGE_VERSION,
  IMAGE_VERSION_VALUE,
  PLAN_ROWS,
} from '../../assembly/layout.ts'
import { messageOf, usageError } from '../errors.ts'
import { sha256, sha256Hex } from '../hash.ts'
import { readJson } from '../json.ts'
import { type UnitScale, columnName } from './unit-scale.ts'
import { type Training, readTraining } from './training.ts'

/** Rows that the kernels of several rows take. */
const BLOCK_KERNELS = [16, 32, 64, 128]

const hash = z.string().regex(/^[0-9a-f]{64}$/)

/** What a feature was in the training data: its values' bounds, and how often there was none. */
export const trainingFigures = z
  .object({ minimum: z.number(), maximum: z.number(), missing: z.number().min(0).max(1) })
  .refine((t) => t.minimum <= t.maximum, 'needs minimum not above maximum')

const artefactManifest = z.object({
  artefact: z.literal(1),
  name: z.string(),
  /** SHA-256 of the model's own manifest.json: what decisions name the model by. */
  model: hash,
  source: z.object({ format: z.string(), file: z.string(), sha256: hash }),
  /** In the model's order, each with its field of the application and its part in the model. */
  features: z.array(
    z.object({
      name: z.string(),
      field: z.string(),
      /** Where it is in another unit than its field. */
      multiplied_by: z.number().positive().optional(),
      divided_by: z.number().positive().optional(),
      unit: z.string().optional(),
      splits: z.int(),
      thresholds: z.int(),
      categories: z.int(),
      /** What counts as missing, and where it goes: `nan left`; `none` where NaN is 0. */
      missing: z.array(z.string()),
      /** u8 columns it is quantised into. */
      columns: z.int(),
      /** Sum of what its splits gained in training, where the source says. */
      gain: z.number().optional(),
      training: trainingFigures.optional(),
    }),
  ),
  /** What the raw score means: the log-odds over `sigmoid`, or what was to be predicted. */
  score: z.object({ transform: z.enum(['logistic', 'identity']), sigmoid: z.number() }),
  trees: z.int(),
  splits: z.int(),
  leaves: z.int(),
  leaves_max: z.int(),
  /** Splits on the longest way to a leaf. */
  depth_max: z.int(),
  columns: z.int(),
  /** Trees in the tables: those of more than 256 leaves lie there in pieces. */
  pieces: z.int(),
  tables: z.object({ file: z.string(), bytes: z.int(), sha256: hash }),
  /** The module that stands alone, where one was built. */
  standalone: z.object({ file: z.string(), bytes: z.int(), sha256: hash }).optional(),
  /** What explains its scores: the image, the catalogue of reasons and the reference rows. */
  reasons: z
    .object({
      file: z.string(),
      bytes: z.int(),
      sha256: hash,
      /** Reasons that a decision states at most. */
      at_most: z.int(),
      codes: z.array(
        z.object({
          code: z.string(),
          /** For the applicant. */
          statement: z.string(),
          /** HMDA denial code. */
          hmda: z.int(),
          /** By name, the side of the reference that counts against the applicant. */
          features: z.record(z.string(), z.enum(['high', 'low', 'any'])),
        }),
      ),
      /** Null is a missing value. */
      reference: z.object({
        made_of: z.string(),
        rows: z.array(z.array(z.union([z.number(), z.null()]))).min(1),
      }),
    })
    .optional(),
  /** Rows that the tables were proved with, at least one, and leaves that these ended in. */
  parity: z.object({ probes: z.int().positive(), leaves_reached: z.int() }),
  compiler: z.object({ version: z.string(), layout: z.int() }),
})

export type TrainingFigures = z.infer<typeof trainingFigures>
export type ArtefactManifest = z.infer<typeof artefactManifest>

export type Artefact = {
  manifest: ArtefactManifest
  /** The image: see IMAGE_… in assembly/layout.ts. */
  tables: Uint8Array
  /** The attribution image, where there is one: see assembly/attribution-layout.ts. */
  attribution?: Uint8Array | undefined
  /** SHA-256 that decisions carry, 32 bytes. */
  modelHash: Uint8Array
  /** Figures of the training data, where the model came with some. */
  training?: Training | undefined
}

/**
 * Loads an artefact and checks that it is whole.
 *
 * @throws OperatingError kind 'usage', code 'artefact' or 'json', with file and reason
 */
export function loadArtefact(folder: string): Artefact {
  const path = join(folder, 'manifest.json')
  const parsed = artefactManifest.safeParse(readJson(path))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    throw usageError('artefact', `${path}: ${issue.path.join('.')}: ${issue.message}`)
  }
  const manifest = parsed.data
  const tables = readPart(folder, manifest.tables)
  checkImage(tables, manifest, join(folder, manifest.tables.file))
  const { reasons } = manifest
  const attribution = reasons && readPart(folder, reasons)
  if (reasons && attribution) {
    checkAttribution(attribution, manifest, reasons, join(folder, reasons.file))
  }
  const modelHash = new Uint8Array(Buffer.from(manifest.model, 'hex'))
  const names = manifest.features.map(({ name }) => name)
  return { manifest, tables, attribution, modelHash, training: readTraining(folder, names) }
}

/** A file of the artefact, as its manifest has it. */
function readPart(folder: string, part: { file: string; sha256: string }): Uint8Array {
  const path = join(folder, part.file)
  let bytes: Uint8Array
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw usageError('artefact', `cannot read ${path}: ${messageOf(error)}`, error)
  }
  const actual = sha256Hex(bytes)
  if (actual === part.sha256) return bytes
  throw usageError('artefact', `${path}: has SHA-256 ${actual}, the manifest states ${part.sha256}`)
}

/**
 * What binds a manifest to its tables: with another model hash, or features in another order, the
 * tables would score something else under this model's name.
 */
export function bindingOf(manifest: {
  model: string
  name: string
  features: readonly ({
    name: string
    field: string
    training?: TrainingFigures | undefined
  } & UnitScale)[]
}): Uint8Array {
  const { model, name } = manifest
  const features = manifest.features.map((feature) => {
    const { minimum, maximum, missing } = feature.training ?? {}
    const own = [feature.name, columnName(feature)]
    return feature.training ? [...own, minimum, maximum, missing] : own
  })
  return sha256(JSON.stringify([model, name, features]))
}

/** Whether two artefacts' tables are the same but for the header, which names the model. */
export function scoreAlike(a: Artefact, b: Artefact): boolean {
  const [x, y] = [a, b].map(({ tables }) => tables.subarray(IMAGE_HEADER_BYTES))
  return Buffer.compare(x!, y!) === 0
}

function checkImage(tables: Uint8Array, manifest: ArtefactManifest, path: string): void {
  if (tables.byteLength < IMAGE_HEADER_BYTES) {
    const what = `holds ${tables.byteLength} bytes, a header alone has ${IMAGE_HEADER_BYTES}`
    throw usageError('artefact', `${path}: ${what}`)
  }
  const binding = tables.subarray(IMAGE_BINDING, IMAGE_BINDING + 32)
  const view = new DataView(tables.buffer, tables.byteOffset, tables.byteLength)
  const expected: [string, number, number][] = [
    ['magic', IMAGE_MAGIC, IMAGE_MAGIC_VALUE],
    ['layout version', IMAGE_VERSION, IMAGE_VERSION_VALUE],
    ['size', IMAGE_SIZE, tables.byteLength],
    ['features', IMAGE_FEATURES, manifest.features.length],
    ['columns', IMAGE_COLUMNS, manifest.columns],
    ['trees', IMAGE_TREES, manifest.pieces],
  ]
  for (const [what, offset, value] of expected) {
    const found = view.getUint32(offset, true)
    if (found !== value) {
      const hint = what === 'layout version' ? '; build the model again' : ''
      throw usageError('artefact', `${path}: ${what} is ${found}, ${value} is due${hint}`)
    }
  }
  const wrong = wrongInPlan(tables, view)
  if (wrong >= 0) {
    const what = `the plan for ${wrong + 1} rows names a kernel that cannot score them`
    throw usageError('artefact', `${path}: ${what}`)
  }
  if (!Buffer.from(bindingOf(manifest)).equals(binding)) {
    const what = 'model hash, name or features are not those that the tables were built for'
    throw usageError('artefact', `${join(dirname(path), 'manifest.json')}: ${what}`)
  }
}

/** Whether an attribution image is of this layout, and explains these tables. */
function checkAttribution(
  image: Uint8Array,
  manifest: ArtefactManifest,
  reasons: NonNullable<ArtefactManifest['reasons']>,
  path: string,
): void {
  const refuse = (what: string) => usageError('artefact', `${path}: ${what}`)
  if (image.byteLength < ATTRIBUTION_HEADER_BYTES) throw refuse('is shorter than its header')
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength)
  const expected: [string, number, number][] = [
    ['magic', ATTRIBUTION_MAGIC, ATTRIBUTION_MAGIC_VALUE],
    ['layout version', ATTRIBUTION_VERSION, ATTRIBUTION_VERSION_VALUE],
    ['size', ATTRIBUTION_SIZE, image.byteLength],
    ['features', ATTRIBUTION_FEATURES, manifest.features.length],
    ['references', ATTRIBUTION_REFERENCES, reasons.reference.rows.length],
    ['reasons', ATTRIBUTION_REASONS, reasons.codes.length],
    ['at most', ATTRIBUTION_AT_MOST, reasons.at_most],
  ]
  for (const [what, offset, value] of expected) {
    const found = view.getUint32(offset, true)
    if (found !== value) throw refuse(`${what} is ${found}, ${value} is due; build the model again`)
  }
  const binding = image.subarray(ATTRIBUTION_BINDING, ATTRIBUTION_BINDING + 32)
  if (Buffer.from(bindingOf(manifest)).equals(binding)) return
  throw refuse('explains another model')
}

/** Index in the plan of what would never end, or write beyond the last 64 rows; -1 if none does. */
function wrongInPlan(tables: Uint8Array, view: DataView): number {
  const oneRow = [IMAGE_LANES_AT, IMAGE_NODES_AT].some((at) => view.getUint32(at, true) > 0)
  const kernels = [...(oneRow ? [1] : []), ...BLOCK_KERNELS]
  const plan = tables.subarray(IMAGE_PLAN, IMAGE_PLAN + PLAN_ROWS)
  return plan.findIndex((rows, i) => {
    return !kernels.includes(rows) || rows > Math.ceil((i + 1) / BLOCK_ROWS) * BLOCK_ROWS
  })
}
