// Step 4: every model, the project's own and the bench's, compiled to an artefact in build/.

import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import packageJson from '../../package.json'
import { usageError } from '../errors.ts'
import type { BuildResult } from './build-models.ts'
import { reasonOf, runCommand } from './command.ts'
import type { Context, Step } from './context.ts'
import { timeSince } from './report.ts'
import { hasStamp, hashOf, readJsonIfThere, writeWhole } from './stamp.ts'
import { modulePath } from './wasm.ts'

const BUILD_MS_MAX = 10 * 60_000

export type ModelFolder = { source: string; target: string }

export function models(context: Context): Step {
  const { projectFolder, buildFolder } = context
  const due = () =>
    modelFolders(projectFolder, buildFolder).filter((model) => isDue(context, model))
  return { isDone: () => due().length === 0, run: () => build(context, due()) }
}

/** Where models are, and where their artefacts go. */
export function modelFolders(projectFolder: string, buildFolder: string): ModelFolder[] {
  const names = readdirSync(join(projectFolder, 'models')).sort()
  return [...names.map((name) => join('models', name)), join('bench', 'model')]
    .map((path) => ({ source: join(projectFolder, path), target: join(buildFolder, path) }))
    .filter(({ source }) => existsSync(join(source, 'manifest.json')))
}

function isDue(context: Context, model: ModelFolder): boolean {
  if (context.forceBuild) return true
  const stamp = stampOf(context, model, sourceStampOf(context, model))
  return !hasStamp(stampPath(context, model), stamp)
}

function stampPath({ buildFolder }: Context, { target }: ModelFolder): string {
  return join(buildFolder, 'stamps', relative(buildFolder, target).replaceAll('/', '-'))
}

/** The artefact is part of it: what was damaged since is made again. */
function stampOf({ buildFolder }: Context, { target }: ModelFolder, source: string): string {
  return hashOf(buildFolder, [target], [source])
}

/** From the source, from what compiles it, and from what proved it. */
function sourceStampOf({ projectFolder, buildFolder }: Context, { source }: ModelFolder): string {
  const compiler = ['src/compiler', 'assembly'].map((path) => join(projectFolder, path))
  const figures = existsSync(join(source, 'training.json')) ? ['training.json'] : []
  const names = ['manifest.json', ...figures, ...sourceFiles(source)]
  const files = names.map((name) => join(source, name))
  const also = [packageJson.version]
  return hashOf(projectFolder, [...compiler, modulePath(buildFolder), ...files], also)
}

/** The files that the manifest names; one that cannot be read is for the compiler to tell. */
function sourceFiles(folder: string): string[] {
  const manifest = readJsonIfThere(join(folder, 'manifest.json')) as Record<string, unknown> | null
  const nested = [manifest?.['reasons'], manifest?.['reference']].map((part) => {
    return (part as Record<string, unknown> | null | undefined)?.['file']
  })
  const names = [manifest?.['source'], ...nested].filter((name) => typeof name === 'string')
  return names.filter((name) => existsSync(join(folder, name)))
}

/** In a process of its own: this one may have started before there were any packages. */
async function build(context: Context, due: readonly ModelFolder[]): Promise<void> {
  const { projectFolder, buildFolder, report } = context
  const sources = due.map((model) => sourceStampOf(context, model))
  report.passing('compiling the models')
  let start = performance.now()
  let built = 0
  let refused: string | undefined
  const onLine = (line: string) => {
    const result = JSON.parse(line) as BuildResult
    if ('refused' in result) {
      refused = result.refused
      return
    }
    const model = due[built]!
    writeWhole(stampPath(context, model), stampOf(context, model, sources[built]!))
    const parity = `${result.probes} probes score as the source does`
    const size = `${result.trees} trees, ${result.bytes} bytes`
    const name = `build/${relative(buildFolder, model.target)}`
    report.line(`${name} compiled, ${size}, ${parity}, ${timeSince(start)}`)
    start = performance.now()
    built += 1
  }
  const program = [
    process.execPath,
    join(import.meta.dir, 'build-models.ts'),
    modulePath(buildFolder),
  ]
  const folders = due.flatMap(({ source, target }) => {
    return [source, target].map((path) => relative(projectFolder, path))
  })
  const outcome = await runCommand([...program, ...folders], {
    folder: projectFolder,
    environment: context.environment,
    timeoutMs: BUILD_MS_MAX,
    onLine,
  })
  if (refused !== undefined) throw usageError('model', refused)
  if (outcome.exitCode !== 0) {
    throw usageError('model', `the model compiler ended: ${reasonOf(outcome)}`)
  }
}
