// Where the project's own files are, whatever folder a command is started in.

import { realpathSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'

/** Sources within a single executable have paths below it, which no file system has. */
const EMBEDDED = '/$bunfs/'

/** The project's folder, or the single executable's: schemas, models and build lie in it. */
export const ROOT = import.meta.dir.startsWith(EMBEDDED)
  ? dirname(realpathSync(process.execPath))
  : resolve(import.meta.dir, '..')

export const BUILD = join(ROOT, 'build')

/** The WebAssembly module that the build writes. */
export const MODULE_PATH = join(BUILD, 'loanstream.wasm')

export function fromRoot(path: string): string {
  return isAbsolute(path) ? path : join(ROOT, path)
}

/** The kernels alone, which `model build --standalone` puts a model's tables into. */
export const STANDALONE_PATH = join(BUILD, 'standalone.wasm')
