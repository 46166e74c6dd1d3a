// `bun run package FOLDER`: the worker and every other command as a single executable, with what it
// reads beside it. It runs on a machine without Bun, packages or sources, of the same system and
// architecture.
//
//   FOLDER/loanstream              the commands, with Bun in it
//   FOLDER/build                   librdkafka, the WebAssembly modules, the models' artefacts
//   FOLDER/models, FOLDER/schemas  policies, model cards, schema files
//   FOLDER/src, FOLDER/node_modules  the pages, and their chart library

import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { OperatingError, messageOf, usageError } from '../errors.ts'
import { BUILD, ROOT } from '../paths.ts'
import { libraryPath } from '../rdkafka/library.ts'

const USAGE = `Usage: bun run package FOLDER

Writes the worker and all other commands as a single executable, FOLDER/loanstream, with models and
schemas beside it. FOLDER must be new or empty.
`
const OPTION = 'option'
/** The main thread's, and those of the threads. */
const ENTRY_POINTS = ['src/main.ts', 'src/worker.ts', 'src/letters/thread.ts']
/** What src/http/assets.ts reads. */
const PAGES = ['src/pages', 'node_modules/uplot/dist']

async function main(): Promise<void> {
  const { folder, help } = parse(process.argv.slice(2))
  if (help) {
    process.stdout.write(USAGE)
    return
  }
  const target = resolve(folder)
  if (existsSync(target) && readdirSync(target).length > 0) {
    throw usageError(OPTION, `${target} is not empty`)
  }
  mkdirSync(target, { recursive: true })
  await compile(join(target, 'loanstream'))
  const library = libraryPath(BUILD)
  const modules = ['loanstream.wasm', 'standalone.wasm'].map((name) => join(BUILD, name))
  for (const path of [library, ...modules, join(BUILD, 'models')]) copy(path, target)
  for (const name of ['models', 'schemas', 'LICENSE', ...PAGES]) copy(join(ROOT, name), target)
  process.stdout.write(`${target}\n`)
}

function parse(args: string[]): { folder: string; help: boolean } {
  try {
    const options = { help: { type: 'boolean', short: 'h', default: false } } as const
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true })
    if (values.help) return { folder: '', help: true }
    const [folder, ...more] = positionals
    if (folder && more.length === 0) return { folder, help: false }
  } catch (error) {
    throw usageError(OPTION, messageOf(error))
  }
  throw usageError(OPTION, 'give one folder: bun run package FOLDER')
}

async function compile(outfile: string): Promise<void> {
  const entrypoints = ENTRY_POINTS.map((path) => join(ROOT, path))
  const { success, logs } = await Bun.build({
    entrypoints,
    // The threads' paths are relative to that of the main thread's file.
    root: join(ROOT, 'src'),
    compile: { outfile },
    throw: false,
  })
  if (success) return
  throw new OperatingError('fatal', 'package', logs.map(String).join('\n'))
}

/** Links are followed: the library may lie in the cache. */
function copy(path: string, target: string): void {
  const place = path.slice(ROOT.length + 1)
  cpSync(path, join(target, place), { recursive: true, dereference: true })
}

try {
  await main()
} catch (error) {
  if (!(error instanceof OperatingError)) throw error
  process.stderr.write(`error: ${error.message}\n`)
  process.exit(error.code === OPTION ? 2 : 1)
}
