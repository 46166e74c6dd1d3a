// A policy with the model and the schemas of the settings, as a worker would run it.

import type { Policy } from '../../policy/policy.ts'
import { type Artefact, loadArtefact } from '../../scorer/artefact.ts'
import { type Program, loadParts, makeProgram } from '../../scorer/program.ts'
import type { ConfigOptions, Context } from '../context.ts'
import { configuredFiles } from '../files.ts'

export type LoadedPolicy = { policy: Policy; artefact: Artefact; program: Program }

/**
 * @param path  the policy's file; undefined: that of the settings
 * @throws OperatingError kind 'usage' with file and place when any part is wrong
 */
export function loadForTrial(
  path: string | undefined,
  options: ConfigOptions,
  context: Context,
): LoadedPolicy {
  const files = configuredFiles(options, context)
  const parts = loadParts({ ...files, policy: path ?? files.policy })
  const artefact = loadArtefact(files.model)
  return { policy: parts.policy, artefact, program: makeProgram(parts, artefact) }
}

/** What reports name a policy by. */
export function identityOf({ policy }: LoadedPolicy) {
  const hash = policy.hash.toHex()
  return { path: policy.path, name: policy.file.name, hash }
}
