// `model inspect`: what a model is made of, and what it costs. The figures are the manifest's; the
// cost is measured here and now, on made-up rows: the kernels take the same steps for any row.

import { type ArtefactManifest } from '../../scorer/artefact.ts'
import { columnName } from '../../scorer/unit-scale.ts'
import { RowScorer, kernelsOf } from '../../scorer/row-scorer.ts'
import type { Output } from '../output.ts'
import { type LoadedModel, loadModel } from './load.ts'
import { textTable } from './text-table.ts'

export type InspectOptions = { manifest?: string; json: boolean }

const COST_ROWS = 1024
const COST_MS = 60

type Cost = { batch: number; lone: number }

export function inspect(path: string, options: InspectOptions, output: Output): number {
  const model = loadModel(path, options.manifest)
  const { manifest, tables } = model.artefact
  const cost = costOf(model)
  const kernels = kernelsOf(tables)
  if (options.json) {
    const costs = { [`rows_${COST_ROWS}`]: cost.batch, rows_1: cost.lone }
    output.print(`${JSON.stringify({ ...manifest, kernels, cost_us: costs })}\n`)
    return 0
  }
  const used = manifest.features.filter((feature) => feature.splits > 0).length
  const lines = [
    `${manifest.name} (${manifest.source.format}, model ${manifest.model})`,
    `  trees       ${manifest.trees}, of at most ${manifest.leaves_max} leaves, depth ${manifest.depth_max}`,
    `  leaves      ${manifest.leaves}; ${manifest.parity.leaves_reached} reached by ${manifest.parity.probes} probes`,
    `  features    ${manifest.features.length}, of which ${used} are used`,
    `  columns     ${manifest.columns} of a byte each`,
    `  tables      ${manifest.tables.bytes} bytes, ${manifest.pieces} trees or pieces of them, ` +
      `layout ${manifest.compiler.layout}`,
    `  kernels     ${kernels.join(', ')}`,
    `  cost a row  ${microseconds(cost.batch)} of ${COST_ROWS}, ` +
      `${microseconds(cost.lone)} alone (measured here, one core)`,
    '',
    ...featureTable(manifest),
  ]
  output.print(`${lines.join('\n')}\n`)
  return 0
}

/** By importance: share of the splits, and of the gain where the trainer's file states it. */
function featureTable({ features, splits }: ArtefactManifest): string[] {
  const hasGain = features.some(({ gain }) => gain !== undefined)
  const gainTotal = features.reduce((sum, { gain }) => sum + (gain ?? 0), 0)
  const sorted = features.toSorted((a, b) =>
    hasGain ? (b.gain ?? 0) - (a.gain ?? 0) : b.splits - a.splits,
  )
  const rows = sorted.map((feature) => [
    feature.name,
    feature.field === feature.name ? '' : columnName(feature),
    String(feature.splits),
    share(feature.splits, splits),
    ...(hasGain ? [share(feature.gain ?? 0, gainTotal)] : []),
    String(feature.thresholds),
    ...(features.some(({ categories }) => categories > 0) ? [String(feature.categories)] : []),
    String(feature.columns),
    feature.missing.map((side) => (side === 'none' ? 'is 0' : side)).join(', '),
  ])
  const categories = features.some((feature) => feature.categories > 0) ? ['categories'] : []
  const gain = hasGain ? ['gain %'] : []
  const numbers = ['splits', 'splits %', ...gain, 'thresholds', ...categories, 'columns']
  const header = ['feature', 'field, if another', ...numbers, 'missing']
  const note = hasGain ? [] : ['', 'The source states no gains: importance is by splits alone.']
  return [...textTable(header, rows, new Set(numbers)), ...note]
}

function share(part: number, total: number): string {
  return total > 0 ? ((100 * part) / total).toFixed(1) : '0.0'
}

function microseconds(us: number): string {
  return `${us.toFixed(us < 10 ? 2 : 1)} µs`
}

/** Least time a row, in µs, of several tries: what else the machine does only adds to it. */
function costOf({ artefact, module }: LoadedModel): Cost {
  const scorer = new RowScorer(module, artefact, COST_ROWS)
  const rows = Float64Array.from({ length: COST_ROWS * scorer.width }, (_, i) => (i * 7919) % 1009)
  return {
    batch: leastMs(() => scorer.score(rows, COST_ROWS)) * (1000 / COST_ROWS),
    lone: leastMs(() => scorer.score(rows, 1), COST_ROWS) * 1000,
  }
}

/** Least time of one call, in milliseconds. */
function leastMs(call: () => void, repeat = 1): number {
  let least = Number.POSITIVE_INFINITY
  const end = performance.now() + COST_MS
  do {
    const start = performance.now()
    for (let i = 0; i < repeat; i++) call()
    least = Math.min(least, (performance.now() - start) / repeat)
  } while (performance.now() < end)
  return least
}
