// The files of the settings, named as a person in this folder would name them.

import { isAbsolute, relative } from 'node:path'
import { programFiles } from '../runtime.ts'
import type { ProgramFiles } from '../scorer/program.ts'
import { type ConfigOptions, type Context, configure } from './context.ts'

/** Schemas, model and policy of the settings; below the current folder, by their path from it. */
export function configuredFiles(options: ConfigOptions, context: Context): ProgramFiles {
  const files = programFiles(configure(options, context).config)
  return {
    schemas: fromHere(files.schemas),
    model: fromHere(files.model),
    policy: fromHere(files.policy),
  }
}

function fromHere(path: string): string {
  const short = relative(process.cwd(), path)
  return short === '' || short.startsWith('..') || isAbsolute(short) ? path : short
}
