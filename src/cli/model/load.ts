// The model that a command was given: an artefact that was built, or a trainer's model, which is
// built in memory and so passes the gate here too.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type BuiltModel, buildModel } from '../../compiler/artefact.ts'
import type { OnProbes } from '../../compiler/gate.ts'
import { readJson } from '../../json.ts'
import { MODULE_PATH } from '../../paths.ts'
import { type Artefact, loadArtefact } from '../../scorer/artefact.ts'
import { loadModule } from '../../scorer/module.ts'
import { startProgress } from '../progress.ts'

export type LoadedModel = {
  artefact: Artefact
  /** Undefined for an artefact: it has no trainer's file. */
  built: BuiltModel | undefined
  module: WebAssembly.Module
}

/** @throws OperatingError kind 'usage' with file, line and reason */
export function loadModel(path: string, manifest?: string): LoadedModel {
  if (manifest === undefined && isArtefact(path)) {
    return { artefact: loadArtefact(path), built: undefined, module: loadModule(MODULE_PATH) }
  }
  const built = buildWithProgress(path, manifest)
  return { artefact: built.artefact, built, module: loadModule(MODULE_PATH) }
}

/** Large models take seconds, most of them in the gate: on a terminal it is said how far it is. */
export function buildWithProgress(path: string, manifest: string | undefined): BuiltModel {
  const stages = ['reading', 'tables', 'parity']
  let progress = startProgress('building', stages.length)
  let proved = ''
  const onStage = (stage: string) => progress.update(stages.indexOf(stage))
  const onProbes: OnProbes = (kind, done, total) => {
    if (kind !== proved) {
      progress.stop()
      progress = startProgress(`proving ${kind}`, total)
      proved = kind
    }
    progress.update(done)
  }
  try {
    return buildModel(path, loadModule(MODULE_PATH), { manifest, onStage, onProbes })
  } finally {
    progress.stop()
  }
}

function isArtefact(path: string): boolean {
  const manifestPath = join(path, 'manifest.json')
  if (!existsSync(manifestPath)) return false
  const value = readJson(manifestPath)
  return typeof value === 'object' && value !== null && 'artefact' in value
}
