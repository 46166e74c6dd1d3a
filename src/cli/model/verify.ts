// `model verify`: the parity report. Of a trainer's model everything is done again; of an artefact
// its files are held against its manifest, against a build of its source where that is given, and
// either way the trainer's own predictions are scored.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildModel } from '../../compiler/artefact.ts'
import { OperatingError, usageError } from '../../errors.ts'
import { sha256Hex } from '../../hash.ts'
import { type Artefact, type ArtefactManifest, scoreAlike } from '../../scorer/artefact.ts'
import type { Output } from '../output.ts'
import { type Comparison, compareExpected, differenceText } from './expected.ts'
import { type LoadedModel, loadModel } from './load.ts'

export type VerifyOptions = {
  manifest?: string
  expected?: string
  /** The trainer's model that an artefact was built from. */
  source?: string
  json: boolean
}

type Report = {
  ok: boolean
  name: string
  model: string
  /** Whether the probes were scored now, or the artefact's manifest states them. */
  probed: 'now' | 'at the build'
  probes: number
  leaves: number
  leaves_reached: number
  /** Whether a build of the source gave the same bytes; null when none was given. */
  rebuilt: boolean | null
  expected: Comparison | null
  problems: string[]
}

export async function verify(
  path: string,
  options: VerifyOptions,
  output: Output,
): Promise<number> {
  const report = await reportOn(path, options)
  if (options.json) output.print(`${JSON.stringify(report)}\n`)
  else output.print(`${reportText(report, options)}\n`)
  return report.ok ? 0 : 1
}

async function reportOn(path: string, options: VerifyOptions): Promise<Report> {
  const loaded = tryLoad(path, options.manifest)
  if (loaded instanceof OperatingError) return failed(path, loaded.message)
  const { artefact, built, module } = loaded
  if (built && options.source !== undefined) {
    throw usageError('option', '--source is for an artefact; this is a model itself')
  }
  const problems = built ? [] : standaloneProblems(path, artefact.manifest)
  let rebuilt: boolean | null = null
  if (options.source !== undefined) {
    const again = buildModel(options.source, module, { manifest: options.manifest })
    const differing = differingPart(artefact, again.artefact)
    rebuilt = differing === undefined
    if (differing) problems.push(`${path}: ${differing} is not what ${options.source} builds to`)
  }
  const expected = options.expected
    ? await compareExpected(options.expected, module, artefact, built?.forest)
    : null
  if (expected) {
    for (const difference of expected.first) {
      problems.push(differenceText(options.expected!, difference))
    }
  }
  const { manifest } = artefact
  return {
    ok: problems.length === 0,
    name: manifest.name,
    model: manifest.model,
    probed: built || rebuilt ? 'now' : 'at the build',
    ...manifest.parity,
    leaves: manifest.leaves,
    rebuilt,
    expected,
    problems,
  }
}

/** A model that scores otherwise than its source is what this command is there to report. */
function tryLoad(path: string, manifest: string | undefined): LoadedModel | OperatingError {
  try {
    return loadModel(path, manifest)
  } catch (error) {
    if (error instanceof OperatingError && error.code === 'parity') return error
    throw error
  }
}

function failed(path: string, problem: string): Report {
  const nothing = { probes: 0, leaves: 0, leaves_reached: 0, rebuilt: null, expected: null }
  return { ok: false, name: path, model: '', probed: 'now', ...nothing, problems: [problem] }
}

/** model.wasm is not loaded with its artefact, so its hash is checked here. */
function standaloneProblems(folder: string, { standalone }: ArtefactManifest): string[] {
  if (!standalone) return []
  const path = join(folder, standalone.file)
  if (!existsSync(path)) return [`${path}: is not there`]
  const actual = sha256Hex(readFileSync(path))
  if (actual === standalone.sha256) return []
  return [`${path}: has SHA-256 ${actual}, the manifest states ${standalone.sha256}`]
}

/** Name of what differs between two artefacts, where the module that stands alone is no part. */
function differingPart(a: Artefact, b: Artefact): string | undefined {
  if (!scoreAlike(a, b)) return a.manifest.tables.file
  const keys = Object.keys(b.manifest) as (keyof ArtefactManifest)[]
  const key = keys.find((name) => !Bun.deepEquals(a.manifest[name], b.manifest[name]))
  return key === undefined ? undefined : `manifest.json: ${key}`
}

function reportText(report: Report, options: VerifyOptions): string {
  const { expected, problems, rebuilt } = report
  const lines = [`${report.name}: ${report.ok ? 'scores as its source does' : 'DIFFERS'}`]
  if (report.model !== '') {
    const leaves = `${report.leaves_reached} of ${report.leaves} leaves reached`
    lines.push(`  model     ${report.model}`)
    lines.push(`  probes    ${report.probes}, ${report.probed}; ${leaves}`)
  }
  if (rebuilt !== null) {
    lines.push(`  source    ${rebuilt ? 'builds to the same bytes' : 'builds to other bytes'}`)
  }
  if (expected) {
    const { rows, differing } = expected
    lines.push(`  expected  ${rows} rows of ${options.expected}, ${differing} differ`)
  }
  return [...lines, ...problems.map((problem) => `  ${problem}`)].join('\n')
}
