// Where the project's own files are, whatever folder a command is started in.

import { isAbsolute, join, resolve } from 'node:path'

/** The project's folder: package.json, schemas, models and build lie in it. */
export const ROOT = resolve(import.meta.dir, '..')

export const BUILD = join(ROOT, 'build')

/** The WebAssembly module that the build writes. */
export const MODULE_PATH = join(BUILD, 'loanstream.wasm')

export function fromRoot(path: string): string {
  return isAbsolute(path) ? path : join(ROOT, path)
}

/** The kernels alone, which `model build --standalone` puts a model's tables into. */
export const STANDALONE_PATH = join(BUILD, 'standalone.wasm')
