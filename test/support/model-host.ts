// A model host with the shipped model and nobody who uses it.

import { makeLog } from '../../src/log.ts'
import { ModelHost, type ProgramUser } from '../../src/model-host.ts'
import { MODULE_PATH, fromRoot } from '../../src/paths.ts'
import { loadArtefact } from '../../src/scorer/artefact.ts'
import { loadModule } from '../../src/scorer/module.ts'
import { loadParts } from '../../src/scorer/program.ts'

export const MODEL_FOLDER = fromRoot('build/models/default')
export const OTHER_MODEL_FOLDER = fromRoot('build/bench/model')

export function modelHost(
  folder = MODEL_FOLDER,
  user: ProgramUser = { replaceProgram: () => Promise.resolve() },
  policy = fromRoot('models/default/policy.toml'),
): ModelHost {
  const parts = loadParts({
    schemas: fromRoot('schemas'),
    policy,
  })
  const module = loadModule(MODULE_PATH)
  const artefact = loadArtefact(folder)
  const schemas = fromRoot('schemas')
  const log = makeLog('error', 'json')
  return new ModelHost({ module, parts, artefact, folder, schemas, user, log })
}
