// From a model's folder (manifest.json and the trainer's file) to an artefact. Reproducible: same
// source and same compiler, same bytes.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { IMAGE_COLUMNS, IMAGE_VERSION_VALUE } from '../../assembly/layout.ts'
import { usageError } from '../errors.ts'
import { sha256, sha256Hex } from '../hash.ts'
import { parseJson, readText } from '../json.ts'
import type { Artefact, ArtefactManifest } from '../scorer/artefact.ts'
import { type Forest } from './forest.ts'
import { type Parity, checkParity } from './gate.ts'
import { parseLightGbm } from './lightgbm.ts'
import { makeTables } from './tables.ts'

/** What a model's manifest must state; trainers may add what they like. */
const modelManifest = z.looseObject({
  name: z.string(),
  format: z.literal('lightgbm-text'),
  source: z.string(),
  sha256: z.string(),
  objective: z.literal('binary'),
  features: z.array(z.looseObject({ name: z.string(), field: z.string() })),
})

export type BuiltModel = { artefact: Artefact; forest: Forest; parity: Parity }

/**
 * Compiles a model and proves that it scores as its source says.
 *
 * @param folder  holds manifest.json and the file it names as its source
 * @throws OperatingError kind 'usage' with file, line and reason; nothing was written then
 */
export function buildModel(folder: string, module: WebAssembly.Module): BuiltModel {
  const manifestPath = join(folder, 'manifest.json')
  const manifestText = readText(manifestPath)
  const parsed = modelManifest.safeParse(parseJson(manifestText, manifestPath))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    throw usageError('model', `${manifestPath}: ${issue.path.join('.')}: ${issue.message}`)
  }
  const manifest = parsed.data
  const sourcePath = join(folder, manifest.source)
  const source = readText(sourcePath)
  const sourceHash = sha256Hex(source)
  if (sourceHash !== manifest.sha256) {
    const what = `has SHA-256 ${sourceHash}, ${manifestPath} states ${manifest.sha256}`
    throw usageError('model', `${sourcePath}: ${what}`)
  }
  const forest = parseLightGbm(source, sourcePath)
  if (forest.identity) {
    const what = 'a regression, which predicts no probability'
    throw usageError('model', `${sourcePath}: is ${what}, ${manifestPath} states binary`)
  }
  const names = manifest.features.map((feature) => feature.name)
  if (names.join() !== forest.features.join()) {
    const what = `features are not those of ${sourcePath}, in its order`
    throw usageError('model', `${manifestPath}: ${what}`)
  }
  const tables = makeTables(forest, sourcePath)
  const artefact: Artefact = {
    manifest: {
      artefact: 1,
      name: manifest.name,
      model: sha256Hex(manifestText),
      source: { format: manifest.format, file: manifest.source, sha256: sourceHash },
      features: manifest.features.map(({ name, field }) => ({ name, field })),
      trees: forest.trees.length,
      leaves_max: Math.max(0, ...forest.trees.map((tree) => tree.leaves.length)),
      columns: new DataView(tables.buffer).getUint32(IMAGE_COLUMNS, true),
      tables: { file: 'tables.bin', bytes: tables.length, sha256: sha256Hex(tables) },
      compiler: `loanstream, table layout ${IMAGE_VERSION_VALUE}`,
    },
    tables,
    modelHash: sha256(manifestText),
  }
  return { artefact, forest, parity: checkParity(forest, artefact, module) }
}

/** Writes an artefact's folder; the manifest comes last, so that a torn write has none. */
export function writeArtefact(artefact: Artefact, folder: string): void {
  const manifest: ArtefactManifest = artefact.manifest
  mkdirSync(folder, { recursive: true })
  rmSync(join(folder, 'manifest.json'), { force: true })
  writeFileSync(join(folder, manifest.tables.file), artefact.tables)
  writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
}
