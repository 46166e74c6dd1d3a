// A model as a trainer left it: a file, or a folder with manifest.json and the file that it names.
// Read, and held against its manifest.

import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { z } from 'zod'
import { messageOf, usageError } from '../errors.ts'
import { sha256, sha256Hex } from '../hash.ts'
import { lineInJson, parseJson, readText } from '../json.ts'
import { type TrainingFigures, trainingFigures } from '../scorer/artefact.ts'
import { type UnitScale, columnName, isScaled, scaleOf } from '../scorer/unit-scale.ts'
import { type Training, readTraining } from '../scorer/training.ts'
import { type Catalogue, parseCatalogue } from './catalogue.ts'
import type { Forest, Split } from './forest.ts'
import { gainsOf } from './gains.ts'
import { parseModel } from './model-file.ts'
import { type Reference, parseReference } from './reference.ts'

type SourceFeature = UnitScale & {
  name: string
  field: string
  /** The feature's own unit, where the manifest states it. */
  unit?: string | undefined
  /** What it was in the training data, in its own unit. */
  training?: TrainingFigures | undefined
}

export type ModelSource = {
  name: string
  /** How errors name the file, and its name alone. */
  path: string
  file: string
  format: string
  sourceHash: string
  /** What decisions name the model by: SHA-256 of its manifest, or of the file where none is. */
  modelHash: Uint8Array
  forest: Forest
  /** In the model's order, each with the field of the application that it rests on. */
  features: SourceFeature[]
  /** By feature; undefined where the file states none. */
  gains?: number[] | undefined
  /** Figures of the training data, where they lie in the model's folder. */
  training?: Training | undefined
  /** What explains its scores, where its manifest names it. */
  explained?: { catalogue: Catalogue; reference: Reference } | undefined
  /** File and line that name a feature, for errors. */
  placeOf(feature: number): string
}

const hashedFile = z.strictObject({ file: z.string(), sha256: z.string() })

/** What a model's manifest must state; trainers may add what they like. */
const modelManifest = z.looseObject({
  name: z.string(),
  format: z.string(),
  source: z.string(),
  sha256: z.string(),
  objective: z.enum(['binary', 'regression']),
  features: z.array(
    z.looseObject({
      name: z.string(),
      field: z.string(),
      unit: z.string().optional(),
      multiplied_by: z.number().positive().optional(),
      divided_by: z.number().positive().optional(),
      training: trainingFigures.optional(),
    }),
  ),
  /** The catalogue of reasons and the rows that they are told against: both, or neither. */
  reasons: hashedFile.optional(),
  reference: hashedFile.optional(),
})

type HashedFile = z.infer<typeof hashedFile>

/** Name of the catalogue of reasons: one that is there and not named is forgotten. */
const CATALOGUE = 'reasons.toml'

/** A manifest with its text, for the lines in it. */
type Manifest = { path: string; text: string; content: z.infer<typeof modelManifest> }

/**
 * Reads a model. Without a manifest its name is the file's, and each feature rests on the field of
 * its own name.
 *
 * @param path          the trainer's file, or a folder with manifest.json
 * @param manifestPath  the manifest, when it lies elsewhere
 * @throws OperatingError kind 'usage', code 'model', 'json' or 'file', with file, line and reason
 */
export function readModel(path: string, manifestPath?: string): ModelSource {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
  const manifestAt = manifestPath ?? (isFolder ? join(path, 'manifest.json') : undefined)
  const manifest = manifestAt === undefined ? undefined : readManifest(manifestAt)
  const sourcePath = isFolder ? join(path, manifest!.content.source) : path
  const bytes = readBytes(sourcePath)
  const sourceHash = sha256Hex(bytes)
  if (manifest) checkHash(manifest, sourcePath, sourceHash)
  const { forest, format } = parseModel(bytes, sourcePath)
  const twice = forest.features.findIndex((name, i) => forest.features.indexOf(name) !== i)
  if (twice >= 0) {
    const what = `two features are named "${forest.features[twice]}"`
    throw usageError('model', `${namesPlace(sourcePath, bytes)}: ${what}`)
  }
  if (manifest) checkManifest(manifest, forest, format, sourcePath)
  const fields = manifest?.content.features
  return {
    name: manifest?.content.name ?? basename(sourcePath, extname(sourcePath)),
    path: sourcePath,
    file: basename(sourcePath),
    format,
    sourceHash,
    modelHash: sha256(manifest?.text ?? bytes),
    forest,
    features: forest.features.map((name, i) => featureOf(name, fields?.[i])),
    gains: gainsOf(format, bytes, forest.features.length),
    training: isFolder ? readTraining(path, forest.features) : undefined,
    explained: manifest && readExplained(manifest, forest.features, sourceHash),
    placeOf: (feature) =>
      manifest ? placeIn(manifest, ['features', feature]) : namesPlace(sourcePath, bytes),
  }
}

/** What lies beside the manifest to explain scores, hashed by it. */
function readExplained(
  manifest: Manifest,
  features: readonly string[],
  sourceHash: string,
): ModelSource['explained'] {
  const { reasons, reference } = manifest.content
  const folder = dirname(manifest.path)
  if (!reasons && existsSync(join(folder, CATALOGUE))) {
    const what = `lies beside it, and it states neither reasons nor their SHA-256`
    throw usageError('reasons', `${manifest.path}: ${join(folder, CATALOGUE)} ${what}`)
  }
  if (!reasons && !reference) return undefined
  if (!reasons || !reference) {
    const [there, missing] = reasons ? ['reasons', 'reference'] : ['reference', 'reasons']
    const place = placeIn(manifest, [there])
    throw usageError('reasons', `${place}: ${there}: is stated without ${missing}`)
  }
  const read = (key: 'reasons' | 'reference', { file, sha256: stated }: HashedFile) => {
    const path = join(folder, file)
    const text = readText(path)
    const actual = sha256Hex(text)
    if (actual === stated) return { text, path }
    const place = placeIn(manifest, [key, 'sha256'])
    throw usageError(key, `${path}: has SHA-256 ${actual}, ${place} states ${stated}`)
  }
  const catalogue = read('reasons', reasons)
  const rows = read('reference', reference)
  return {
    catalogue: parseCatalogue(catalogue.text, catalogue.path, features),
    reference: parseReference(rows.text, rows.path, sourceHash, features),
  }
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (error) {
    throw usageError('file', `cannot read ${path}: ${messageOf(error)}`, error)
  }
}

function readManifest(path: string): Manifest {
  const text = readText(path)
  const value = parseJson(text, path)
  if (typeof value === 'object' && value !== null && 'artefact' in value) {
    const what = 'is of an artefact that was built, not of a model to build from'
    throw usageError('model', `${path}: ${what}`)
  }
  const parsed = modelManifest.safeParse(value)
  if (parsed.success) return { path, text, content: parsed.data }
  const issue = parsed.error.issues[0]!
  const place = `${path}:${lineInJson(text, issue.path)}`
  throw usageError('model', `${place}: ${issue.path.join('.')}: ${issue.message}`)
}

function checkHash(manifest: Manifest, sourcePath: string, sourceHash: string): void {
  const stated = manifest.content.sha256
  if (sourceHash === stated) return
  const place = placeIn(manifest, ['sha256'])
  const what = `has SHA-256 ${sourceHash}, ${place} states ${stated}`
  throw usageError('model', `${sourcePath}: ${what}`)
}

/** Whether the manifest says what the file says. */
function checkManifest(manifest: Manifest, forest: Forest, format: string, path: string): void {
  const { content } = manifest
  const refuse = (at: PropertyKey[], what: string) =>
    usageError('model', `${placeIn(manifest, at)}: ${what}`)
  if (content.format !== format) {
    throw refuse(['format'], `format: is "${content.format}", ${path} is ${format}`)
  }
  const objective = forest.identity ? 'regression' : 'binary'
  if (content.objective !== objective) {
    const what = `is "${content.objective}", ${path} is ${objective}`
    throw refuse(['objective'], `objective: ${what}`)
  }
  const names = content.features.map((feature) => feature.name)
  const longest = Math.max(names.length, forest.features.length)
  for (let i = 0; i < longest; i++) {
    if (names[i] === forest.features[i]) continue
    const what = `features are not those of ${path}, in its order`
    const at = names[i] === undefined ? ['features'] : ['features', i]
    const is = names[i] === undefined ? 'is missing' : `is "${names[i]}"`
    const due = forest.features[i] === undefined ? 'none' : `"${forest.features[i]}"`
    throw refuse(at, `${what}: number ${i + 1} ${is}, ${due} is due`)
  }
  for (const [i, feature] of content.features.entries()) {
    const why = wrongInScale(feature, isCategorical(forest, i))
    if (why) throw refuse(['features', i], `feature "${feature.name}" ${why}`)
  }
  const fields = content.features.map(columnName)
  const twice = fields.findIndex((field, i) => fields.indexOf(field) !== i)
  if (twice < 0) return
  const both = `"${names[fields.indexOf(fields[twice]!)]}" and "${names[twice]}"`
  throw refuse(['features', twice], `${both} rest on one field, "${fields[twice]}"`)
}

function featureOf(name: string, stated: SourceFeature | undefined): SourceFeature {
  if (!stated) return { name, field: name }
  const { field, unit, training } = stated
  const own = { name, field, ...(unit === undefined ? {} : { unit }), ...scaleOf(stated) }
  return training ? { ...own, training } : own
}

/** Why a feature cannot be in another unit than its field; undefined where nothing is wrong. */
function wrongInScale(feature: SourceFeature, categorical: boolean): string | undefined {
  if (!isScaled(feature)) return undefined
  const { name, field, multiplied_by, divided_by } = feature
  if (multiplied_by !== undefined && divided_by !== undefined) {
    return 'is both multiplied and divided'
  }
  if ((multiplied_by ?? divided_by) === 1) return 'is multiplied with or divided by 1'
  if (categorical) return 'is a category, which has no unit'
  // In a file of rows nobody could tell which of both is meant.
  return name === field ? 'is in another unit than its field and has its name' : undefined
}

function isCategorical(forest: Forest, feature: number): boolean {
  const isOne = (split: Split) => split.feature === feature && split.categories !== undefined
  return forest.trees.some(({ splits }) => splits.some(isOne))
}

function placeIn({ path, text }: Manifest, at: readonly PropertyKey[]): string {
  return `${path}:${lineInJson(text, at)}`
}

/** Where a trainer's file names its features: LightGBM's text has a line for it. */
function namesPlace(path: string, bytes: Uint8Array): string {
  const at = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf('\nfeature_names=')
  if (at < 0) return path
  return `${path}:${bytes.subarray(0, at + 1).reduce((n, byte) => n + Number(byte === 10), 1)}`
}
