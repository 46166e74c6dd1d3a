// The compiled module: read and compiled once in the main thread, then posted to the workers.
// JavaScriptCore shares a posted module's machine code among threads, so what one thread made hot
// runs hot in all of them.

import { readFileSync } from 'node:fs'
import { messageOf, usageError } from '../errors.ts'

/**
 * Compiles the module that the build wrote.
 *
 * @throws OperatingError kind 'usage', code 'wasm', when the file is missing or no module
 */
export function loadModule(path: string): WebAssembly.Module {
  try {
    return new WebAssembly.Module(readFileSync(path))
  } catch (error) {
    const what = `cannot load ${path}: ${messageOf(error)}; "bun run build" makes it`
    throw usageError('wasm', what, error)
  }
}
