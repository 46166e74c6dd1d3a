// A model as one WebAssembly module that needs nothing: the kernels of assembly/standalone.ts, and
// the artefact's tables as a data segment in their memory. It is tried before it is written.

import { readFileSync } from 'node:fs'
import { assert, messageOf, usageError } from '../errors.ts'
import type { Artefact } from '../scorer/artefact.ts'
import { type Forest, rawScore } from './forest.ts'
import { withData } from './wasm-sections.ts'

/** Custom section with what the module is, as JSON: see identify. */
const SECTION = 'loanstream.model'

const HOSTILE = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  0,
  -0,
  Number.MAX_VALUE,
  Number.MIN_VALUE,
]
/** Walks through a tree that the reference makes for the trial. */
const WALKS_MAX = 2_000_000
/** For each of the kernels, and for several of them one after the other. */
const BATCHES = [1, 16, 32, 64, 128, 7, 250]

type Exports = {
  memory: WebAssembly.Memory
  features(): number
  rows(n: number): number
  score(n: number): number
}

/**
 * Puts an artefact's tables into the kernels. Same artefact and kernels, same bytes.
 *
 * @param kernelsPath  build/standalone.wasm
 * @throws OperatingError kind 'usage', code 'wasm' when the kernels are missing, code 'parity' when
 *   the module does not score as the reference does
 */
export function makeStandalone(
  forest: Forest,
  artefact: Artefact,
  kernelsPath: string,
): Uint8Array<ArrayBuffer> {
  const kernels = readKernels(kernelsPath)
  const exports = new WebAssembly.Instance(new WebAssembly.Module(kernels)).exports
  const at = exports['TABLES_AT']
  assert(at instanceof WebAssembly.Global, 'the kernels say where the tables go')
  const content = new TextEncoder().encode(JSON.stringify(identify(artefact)))
  const custom = { name: SECTION, content }
  const module = new Uint8Array(withData(kernels, Number(at.value), artefact.tables, custom))
  tryModule(forest, artefact.manifest.name, module)
  return module
}

function readKernels(path: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(readFileSync(path))
  } catch (error) {
    const what = `cannot read ${path}: ${messageOf(error)}; "bun run build" makes it`
    throw usageError('wasm', what, error)
  }
}

function identify({ manifest }: Artefact) {
  const { name, model, source, features, compiler, score } = manifest
  const names = features.map((feature) => feature.name)
  return { name, model, source: source.sha256, features: names, score, compiler }
}

/** Scores rows of the model's own thresholds and of hostile values, in batches of many sizes. */
function tryModule(forest: Forest, name: string, bytes: Uint8Array<ArrayBuffer>): void {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes))
  const module = instance.exports as unknown as Exports
  const width = module.features()
  const lists = valuesOf(forest)
  let turn = 0
  const most = WALKS_MAX / Math.max(1, forest.trees.length)
  for (const count of BATCHES) {
    if (turn > 0 && turn + count > most) continue
    const rows = Array.from({ length: count }, () => {
      turn++
      // Coprime to most lengths, so that the features do not walk in step.
      return lists.map((list, i) => list[(turn * 7919 + i * 104729) % list.length]!)
    })
    const rowsAt = module.rows(count)
    new Float64Array(module.memory.buffer, rowsAt, count * width).set(rows.flat())
    const margins = new Float64Array(module.memory.buffer, module.score(count), count)
    for (const [i, row] of rows.entries()) {
      const due = rawScore(forest, row)
      if (Object.is(margins[i], due)) continue
      const what = `model.wasm scores ${margins[i]}, the reference ${due}, on [${row.join(', ')}]`
      throw usageError('parity', `model ${name}: ${what}`)
    }
  }
}

/** By feature what it is compared with, and hostile values. */
function valuesOf(forest: Forest): number[][] {
  const values = forest.features.map(() => new Set(HOSTILE))
  for (const { splits } of forest.trees) {
    for (const { feature, threshold, categories } of splits) {
      for (const value of categories?.ids ?? [threshold]) values[feature]!.add(value)
    }
  }
  return values.map((set) => [...set])
}
