// Step 3: assembly/ compiled to build/loanstream.wasm, the one module for every model, and to
// build/standalone.wasm, the kernels that `model build --standalone` adds a model to.

import { readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { usageError } from '../errors.ts'
import { loadModule } from '../scorer/module.ts'
import { reasonOf, runCommand } from './command.ts'
import type { Context, Step } from './context.ts'
import { timeSince } from './report.ts'
import { hasStamp, hashOf, writeWhole } from './stamp.ts'

const COMPILE_MS_MAX = 5 * 60_000

/** A module to be made: from which source, how, and what it may take from the host. */
type ModuleKind = {
  entry: string
  /** Name in build/, without the extension. */
  name: string
  flags: string
  imports: string
}

// abort is left out, as nothing in the modules may end the worker: bad records are data.
const FLAGS = '-O3 --noAssert --enable simd --runtime stub --initialMemory 1 --use abort='

/** The memory comes from the host, which lays it out (assembly/layout.ts). */
const PATH: ModuleKind = {
  entry: 'assembly/index.ts',
  name: 'loanstream',
  // With the names of its functions, for profiles; they change nothing of the code.
  flags: `${FLAGS} --enable relaxed-simd --importMemory --debug`,
  imports: 'env.memory',
}

/**
 * The memory is its own: `model build --standalone` puts a model's tables in. Without relaxed SIMD,
 * which Node 20 does not have; where the kernels use it, both give the same bits.
 */
const STANDALONE: ModuleKind = {
  entry: 'assembly/standalone.ts',
  name: 'standalone',
  flags: FLAGS,
  imports: '',
}

export function modulePath(buildFolder: string): string {
  return join(buildFolder, `${PATH.name}.wasm`)
}

export function wasm(context: Context): Step {
  return compileStep(context, PATH)
}

/** The kernels alone, for models that are to score outside: a step of its own. */
export function standaloneWasm(context: Context): Step {
  return compileStep(context, STANDALONE)
}

function compileStep(context: Context, kind: ModuleKind): Step {
  const { projectFolder, buildFolder, report } = context
  const target = join(buildFolder, `${kind.name}.wasm`)
  const stampPath = join(buildFolder, 'stamps', kind === PATH ? 'wasm' : `wasm-${kind.name}`)
  const compiler = join(projectFolder, 'node_modules', 'assemblyscript')
  const flags = kind.flags.split(' ')
  const sourceStamp = () => {
    const manifest = readFileSync(join(compiler, 'package.json'), 'utf8')
    const { version } = JSON.parse(manifest) as { version: string }
    return hashOf(projectFolder, [join(projectFolder, 'assembly')], [version, ...flags])
  }
  /** The module is part of it: what was damaged since is made again. */
  const stamp = (source: string) => hashOf(buildFolder, [target], [source])
  const run = async () => {
    const start = performance.now()
    report.passing(`compiling ${kind.entry}`)
    const source = sourceStamp()
    const temporary = `${target}.${process.pid}.tmp`
    const program = [process.execPath, join(compiler, 'bin', 'asc.js'), kind.entry]
    const outcome = await runCommand([...program, ...flags, '-o', temporary], {
      folder: projectFolder,
      environment: context.environment,
      timeoutMs: COMPILE_MS_MAX,
    })
    try {
      if (outcome.exitCode !== 0) {
        throw usageError('wasm', `assembly/ does not compile: ${reasonOf(outcome)}`)
      }
      checkImports(loadModule(temporary), kind.imports)
      renameSync(temporary, target)
    } finally {
      rmSync(temporary, { force: true })
    }
    writeWhole(stampPath, stamp(source))
    report.line(
      `build/${kind.name}.wasm compiled, ${statSync(target).size} bytes, ${timeSince(start)}`,
    )
  }
  return {
    isDone: () => !context.forceBuild && hasStamp(stampPath, stamp(sourceStamp())),
    run,
  }
}

/**
 * Checks that the module takes nothing from the host but what is due, by default its memory.
 *
 * @throws OperatingError kind 'usage', code 'wasm'
 */
export function checkImports(module: WebAssembly.Module, due = PATH.imports): void {
  const imports = WebAssembly.Module.imports(module).map(({ module, name }) => `${module}.${name}`)
  if (imports.join() === due) return
  const what = `imports ${imports.join(', ') || 'nothing'}, ${due ? `only ${due}` : 'nothing'} is due`
  throw usageError('wasm', `assembly/ ${what}`)
}
