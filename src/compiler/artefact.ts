// From a trainer's model to an artefact, proved on the way. Reproducible: same source and same
// compiler, same bytes.

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import packageJson from '../../package.json'
import {
  IMAGE_BINDING,
  IMAGE_COLUMNS,
  IMAGE_TREES,
  IMAGE_VERSION_VALUE,
} from '../../assembly/layout.ts'
import { usageError } from '../errors.ts'
import { sha256Hex } from '../hash.ts'
import { readJson } from '../json.ts'
import { type Artefact, type ArtefactManifest, bindingOf } from '../scorer/artefact.ts'
import { scaleOf } from '../scorer/unit-scale.ts'
import { writeTraining } from '../scorer/training.ts'
import { ATTRIBUTION_BINDING } from '../../assembly/attribution-layout.ts'
import { makeAttribution } from './attribution.ts'
import { figuresOf } from './figures.ts'
import { type Forest } from './forest.ts'
import { type OnProbes, type Parity, checkParity } from './gate.ts'
import { type ModelSource, readModel } from './model-source.ts'
import { makeTables } from './tables.ts'

const MANIFEST = 'manifest.json'
const STANDALONE = 'model.wasm'
const ATTRIBUTION = 'reasons.bin'

export type BuiltModel = {
  artefact: Artefact
  source: ModelSource
  forest: Forest
  parity: Parity
}

export type BuildOptions = {
  /** The model's manifest, when it does not lie in its folder. */
  manifest?: string | undefined
  /** Is told what is done next. */
  onStage?: ((stage: string) => void) | undefined
  onProbes?: OnProbes | undefined
}

/**
 * Compiles a model and proves that it scores as its source says.
 *
 * @param path  the trainer's file, or a folder with manifest.json and the file it names
 * @throws OperatingError kind 'usage' with file, line and reason; nothing was written then
 */
export function buildModel(
  path: string,
  module: WebAssembly.Module,
  { manifest, onStage = () => undefined, onProbes }: BuildOptions = {},
): BuiltModel {
  onStage('reading')
  const source = readModel(path, manifest)
  onStage('tables')
  const unproved = makeArtefact(source, { probes: 0, leavesReached: 0 })
  onStage('parity')
  const parity = checkParity(source.forest, unproved, module, onProbes)
  const { probes, leavesReached } = parity
  const proved = { ...unproved.manifest, parity: { probes, leaves_reached: leavesReached } }
  return { artefact: { ...unproved, manifest: proved }, source, forest: source.forest, parity }
}

/** Tables and manifest of a model; `parity` is what the gate found. */
export function makeArtefact(
  source: ModelSource,
  parity: Pick<Parity, 'probes' | 'leavesReached'>,
): Artefact {
  const { forest, gains } = source
  const tables = makeTables(forest, source.path)
  const model = source.modelHash.toHex()
  tables.set(bindingOf({ ...source, model }), IMAGE_BINDING)
  const image = new DataView(tables.buffer)
  const attribution = attributionOf(source, tables)
  const figures = figuresOf(forest, tables)
  const manifest: ArtefactManifest = {
    artefact: 1,
    name: source.name,
    model,
    source: { format: source.format, file: source.file, sha256: source.sourceHash },
    features: source.features.map(({ name, field, unit, training, ...scale }, i) => ({
      name,
      field,
      ...scaleOf(scale),
      ...(unit === undefined ? {} : { unit }),
      ...(training ? { training } : {}),
      ...figures.features[i]!,
      ...(gains ? { gain: gains[i]! } : {}),
    })),
    score: {
      transform: forest.identity ? 'identity' : 'logistic',
      sigmoid: forest.sigmoid,
    },
    trees: figures.trees,
    splits: figures.splits,
    leaves: figures.leaves,
    leaves_max: figures.leavesMax,
    depth_max: figures.depthMax,
    columns: image.getUint32(IMAGE_COLUMNS, true),
    pieces: image.getUint32(IMAGE_TREES, true),
    tables: { file: 'tables.bin', bytes: tables.length, sha256: sha256Hex(tables) },
    ...(attribution ? { reasons: attribution.manifest } : {}),
    parity: { probes: parity.probes, leaves_reached: parity.leavesReached },
    compiler: { version: packageJson.version, layout: IMAGE_VERSION_VALUE },
  }
  const { modelHash, training } = source
  return { manifest, tables, attribution: attribution?.bytes, modelHash, training }
}

/** What explains the scores, bound to the tables as the manifest is; undefined: nothing does. */
function attributionOf(source: ModelSource, tables: Uint8Array) {
  const { explained, forest } = source
  if (!explained) return undefined
  const { catalogue, reference } = explained
  const bytes = makeAttribution(forest, reference, catalogue, source.path)
  bytes.set(tables.subarray(IMAGE_BINDING, IMAGE_BINDING + 32), ATTRIBUTION_BINDING)
  const manifest: ArtefactManifest['reasons'] = {
    file: ATTRIBUTION,
    bytes: bytes.length,
    sha256: sha256Hex(bytes),
    at_most: catalogue.at_most,
    codes: catalogue.reasons.map(({ code, statement, hmda, features }) => {
      return { code, statement, hmda, features }
    }),
    reference: {
      made_of: reference.madeOf,
      rows: reference.rows.map((row) => Array.from(row, (x) => (Number.isNaN(x) ? null : x))),
    },
  }
  return { bytes, manifest }
}

/**
 * Writes an artefact's folder. The manifest comes last and whole, so that a torn write has none.
 *
 * @param standalone  bytes of the module that stands alone, if there is to be one
 * @throws OperatingError kind 'usage', code 'artefact', when the folder is a model's own
 */
export function writeArtefact(
  artefact: Artefact,
  folder: string,
  standalone?: Uint8Array,
): ArtefactManifest {
  const path = join(folder, MANIFEST)
  checkTarget(path)
  mkdirSync(folder, { recursive: true })
  rmSync(path, { force: true })
  writeFileSync(join(folder, artefact.manifest.tables.file), artefact.tables)
  writeTraining(folder, artefact.training)
  // Those of an earlier build would be another model's.
  for (const file of [STANDALONE, ATTRIBUTION]) rmSync(join(folder, file), { force: true })
  const { attribution } = artefact
  if (attribution) writeFileSync(join(folder, ATTRIBUTION), attribution)
  const manifest = { ...artefact.manifest }
  if (standalone) {
    const sha256 = sha256Hex(standalone)
    manifest.standalone = { file: STANDALONE, bytes: standalone.length, sha256 }
    writeFileSync(join(folder, STANDALONE), standalone)
  }
  writeFileSync(`${path}.tmp`, `${JSON.stringify(manifest, null, 2)}\n`)
  renameSync(`${path}.tmp`, path)
  return manifest
}

/** A trainer's manifest is not to be written over: it is what decisions name their model by. */
function checkTarget(path: string): void {
  if (!existsSync(path)) return
  const value = readJson(path)
  if (typeof value === 'object' && value !== null && 'artefact' in value) return
  throw usageError('artefact', `${path} is no artefact's: give another folder to write to`)
}
