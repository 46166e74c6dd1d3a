// Step 3: assembly/ compiled to build/loanstream.wasm, the one module for every model.

import { existsSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { usageError } from '../errors.ts'
import { loadModule } from '../scorer/module.ts'
import { reasonOf, runCommand } from './command.ts'
import type { Context, Step } from './context.ts'
import { timeSince } from './report.ts'
import { hasStamp, hashOf, writeWhole } from './stamp.ts'

const COMPILE_MS_MAX = 5 * 60_000

/**
 * The memory comes from the host, which lays it out (assembly/layout.ts); abort is left out, as
 * nothing in the module may end the worker: bad records are data.
 */
const ASC_FLAGS = [
  '-O3 --noAssert --enable simd --enable relaxed-simd',
  '--runtime stub --importMemory --initialMemory 1 --use abort=',
].flatMap((flags) => flags.split(' '))

export function modulePath(buildFolder: string): string {
  return join(buildFolder, 'loanstream.wasm')
}

export function wasm(context: Context): Step {
  const { projectFolder, buildFolder, report } = context
  const target = modulePath(buildFolder)
  const stampPath = join(buildFolder, 'stamps', 'wasm')
  const compiler = join(projectFolder, 'node_modules', 'assemblyscript')
  const stamp = () => {
    const manifest = readFileSync(join(compiler, 'package.json'), 'utf8')
    const { version } = JSON.parse(manifest) as { version: string }
    return hashOf(projectFolder, [join(projectFolder, 'assembly')], [version, ...ASC_FLAGS])
  }
  const run = async () => {
    const start = performance.now()
    report.passing('compiling assembly/')
    const made = stamp()
    const temporary = `${target}.${process.pid}.tmp`
    const program = [process.execPath, join(compiler, 'bin', 'asc.js'), 'assembly/index.ts']
    const outcome = await runCommand([...program, ...ASC_FLAGS, '-o', temporary], {
      folder: projectFolder,
      environment: context.environment,
      timeoutMs: COMPILE_MS_MAX,
    })
    try {
      if (outcome.exitCode !== 0) {
        throw usageError('wasm', `assembly/ does not compile: ${reasonOf(outcome)}`)
      }
      checkImports(loadModule(temporary))
      renameSync(temporary, target)
    } finally {
      rmSync(temporary, { force: true })
    }
    writeWhole(stampPath, made)
    report.line(
      `build/loanstream.wasm compiled, ${statSync(target).size} bytes, ${timeSince(start)}`,
    )
  }
  return {
    isDone: () => !context.forceBuild && existsSync(target) && hasStamp(stampPath, stamp()),
    run,
  }
}

/**
 * Checks that the module takes nothing from the host but its memory.
 *
 * @throws OperatingError kind 'usage', code 'wasm'
 */
export function checkImports(module: WebAssembly.Module): void {
  const imports = WebAssembly.Module.imports(module).map(({ module, name }) => `${module}.${name}`)
  if (imports.join() === 'env.memory') return
  const what = `imports ${imports.join(', ') || 'nothing'}, only env.memory is due`
  throw usageError('wasm', `assembly/ ${what}`)
}
