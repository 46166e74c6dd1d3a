// The attribution image: a forest turned to its reference rows, for assembly/attribution.ts, and
// the catalogue of reasons, for assembly/reasons.ts. Same input, same bytes.

import {
  ATTRIBUTION_AT_MOST,
  ATTRIBUTION_BINS_AT,
  ATTRIBUTION_BINS_BYTES,
  ATTRIBUTION_CAUSES_AT,
  ATTRIBUTION_COLUMNS_AT,
  ATTRIBUTION_DIVISOR,
  ATTRIBUTION_FACTORS_AT,
  ATTRIBUTION_FEATURES,
  ATTRIBUTION_HEADER_BYTES,
  ATTRIBUTION_MAGIC,
  ATTRIBUTION_MAGIC_VALUE,
  ATTRIBUTION_MARGIN,
  ATTRIBUTION_REASONS,
  ATTRIBUTION_REFERENCES,
  ATTRIBUTION_SIZE,
  ATTRIBUTION_TREES,
  ATTRIBUTION_VERSION,
  ATTRIBUTION_VERSION_VALUE,
  ATTRIBUTION_WEIGHTS_AT,
  CAUSE_BYTES,
  CAUSE_DENIAL,
  DIRECTION_ANY,
  DIRECTION_HIGH,
  DIRECTION_LOW,
  FACTOR_BYTES,
  FACTOR_DIRECTION,
  FACTOR_REASON,
  FACTOR_REFERENCE,
  FACTOR_VALUE_AT,
  WEIGHTS_BYTES,
} from '../../assembly/attribution-layout.ts'
import { BINS_BYTES_MIN, NODE_COLUMNS_MAX } from '../../assembly/layout.ts'
import { usageError } from '../errors.ts'
import { type Bins, type QuantiserEntry, biased, makeBins } from './bins.ts'
import type { Catalogue } from './catalogue.ts'
import { type Forest, type Tree, goesLeft, rawScores } from './forest.ts'
import { writeForks } from './forks.ts'
import { Image } from './image.ts'
import { hasLinks, writeLinks } from './links.ts'
import type { Reference } from './reference.ts'
import { rootOf } from './turned-tree.ts'

const FEATURES_MAX = 65535
const DIRECTIONS = { any: DIRECTION_ANY, high: DIRECTION_HIGH, low: DIRECTION_LOW }

/**
 * Lays out what explains a forest's scores.
 *
 * @param place  how errors name the model
 * @throws OperatingError kind 'usage', code 'reasons', when the forest is beyond the kernels
 */
export function makeAttribution(
  forest: Forest,
  { rows }: Reference,
  catalogue: Catalogue,
  place: string,
): Uint8Array {
  const bins = makeBins(forest)
  const { features, trees } = forest
  if (features.length > FEATURES_MAX || bins.columnCount > NODE_COLUMNS_MAX) {
    const what = `${features.length} features in ${bins.columnCount} columns`
    throw usageError('reasons', `${place}: ${what} are too many for reasons`)
  }
  const image = new Image()
  image.reserve(ATTRIBUTION_HEADER_BYTES)
  const factorsAt = writeFactors(image, forest, rows, catalogue)
  const causesAt = image.reserve(catalogue.reasons.length * CAUSE_BYTES)
  for (const [i, { hmda }] of catalogue.reasons.entries()) {
    image.u32(causesAt + i * CAUSE_BYTES + CAUSE_DENIAL, hmda)
  }
  const columnsAt = image.reserve(bins.columnCount)
  for (const { feature, columns } of bins.entries) {
    for (const { index } of columns)
      image.u8(columnsAt + index, reasonOf(forest, catalogue, feature))
  }
  const binsBytes = Math.max(BINS_BYTES_MIN, Math.ceil(bins.columnCount / 16) * 16)
  const binsAt = image.reserve(rows.length * binsBytes)
  for (const [i, row] of rows.entries()) writeBins(image, binsAt + i * binsBytes, bins, row)
  const most = Math.max(0, ...trees.map(featuresOnPath))
  const weightsAt = writeWeights(image, most)
  const weightsOf = (parted: number) => parted * (most + 1) * WEIGHTS_BYTES
  const write = hasLinks(trees, bins) ? writeLinks : writeForks
  write(image, trees, rows, bins, weightsOf)
  const averaged = forest.averaged ? Math.max(1, trees.length) : 1
  const margins = rawScores(forest, rows)
  image.u32(ATTRIBUTION_MAGIC, ATTRIBUTION_MAGIC_VALUE)
  image.u32(ATTRIBUTION_VERSION, ATTRIBUTION_VERSION_VALUE)
  image.u32(ATTRIBUTION_FEATURES, features.length)
  image.u32(ATTRIBUTION_TREES, trees.length)
  image.u32(ATTRIBUTION_REFERENCES, rows.length)
  image.u32(ATTRIBUTION_REASONS, catalogue.reasons.length)
  image.u32(ATTRIBUTION_AT_MOST, catalogue.at_most)
  image.u32(ATTRIBUTION_FACTORS_AT, factorsAt)
  image.u32(ATTRIBUTION_CAUSES_AT, causesAt)
  image.u32(ATTRIBUTION_COLUMNS_AT, columnsAt)
  image.u32(ATTRIBUTION_BINS_AT, binsAt)
  image.u32(ATTRIBUTION_BINS_BYTES, binsBytes)
  image.u32(ATTRIBUTION_WEIGHTS_AT, weightsAt)
  image.f64(ATTRIBUTION_DIVISOR, rows.length * averaged)
  image.f64(ATTRIBUTION_MARGIN, margins.reduce((sum, margin) => sum + margin, 0) / rows.length)
  const bytes = image.take()
  new DataView(bytes.buffer).setUint32(ATTRIBUTION_SIZE, bytes.length, true)
  return bytes
}

function writeFactors(
  image: Image,
  forest: Forest,
  rows: readonly Float64Array[],
  catalogue: Catalogue,
): number {
  const factorsAt = image.reserve(forest.features.length * FACTOR_BYTES)
  for (const [i, feature] of forest.features.entries()) {
    const at = factorsAt + i * FACTOR_BYTES
    const reason = reasonOf(forest, catalogue, i)
    const direction = catalogue.reasons[reason]!.features[feature]!
    image.u32(at + FACTOR_VALUE_AT, i * 8)
    image.u32(at + FACTOR_REASON, reason)
    image.u32(at + FACTOR_DIRECTION, DIRECTIONS[direction])
    image.f64(at + FACTOR_REFERENCE, referenceValue(rows, i))
  }
  return factorsAt
}

/** Mean of the rows that have the feature; NaN when none has. */
function referenceValue(rows: readonly Float64Array[], feature: number): number {
  const known = rows.map((row) => row[feature]!).filter((x) => !Number.isNaN(x))
  return known.reduce((sum, x) => sum + x, 0) / known.length
}

function reasonOf(forest: Forest, catalogue: Catalogue, feature: number): number {
  const name = forest.features[feature]!
  return catalogue.reasons.findIndex(({ features }) => Object.hasOwn(features, name))
}

/** The bin of a column is the number of its thresholds at which the row goes right. */
function writeBins(image: Image, at: number, bins: Bins, row: Float64Array): void {
  for (const entry of bins.entries) {
    for (const { index, missingLeft } of entry.columns) {
      image.u8(at + index, biased(binOf(entry, missingLeft, row[entry.feature]!)))
    }
  }
}

function binOf(entry: QuantiserEntry, missingLeft: boolean, x: number): number {
  const { feature, missing, categories, thresholds } = entry
  const split = { feature, missing, defaultLeft: missingLeft, threshold: 0, left: 0, right: 0 }
  if (categories) return goesLeft({ ...split, categories }, x) ? 0 : 1
  return thresholds.filter((threshold) => !goesLeft({ ...split, threshold }, x)).length
}

/** Most different features on the way to a leaf. */
function featuresOnPath(tree: Tree): number {
  let most = 0
  const waiting: { node: number; seen: readonly number[] }[] = [{ node: rootOf(tree), seen: [] }]
  for (let item = waiting.pop(); item; item = waiting.pop()) {
    const { node, seen } = item
    if (node < 0) {
      most = Math.max(most, seen.length)
      continue
    }
    const { feature, left, right } = tree.splits[node]!
    const next = seen.includes(feature) ? seen : [...seen, feature]
    waiting.push({ node: left, seen: next }, { node: right, seen: next })
  }
  return most
}

/** By a, then b: (a - 1)! b! / (a + b)! and a! (b - 1)! / (a + b)!, and 0 where there is none. */
function writeWeights(image: Image, most: number): number {
  const side = most + 1
  const weightsAt = image.reserve(side * side * WEIGHTS_BYTES)
  for (let a = 0; a <= most; a++) {
    for (let b = 0; a + b <= most; b++) {
      const at = weightsAt + (a * side + b) * WEIGHTS_BYTES
      const orders = choose(a + b, a)
      image.f64(at, a > 0 ? 1 / (a * orders) : 0)
      image.f64(at + 8, b > 0 ? 1 / (b * orders) : 0)
    }
  }
  return weightsAt
}

function choose(n: number, k: number): number {
  let count = 1
  for (let i = 1; i <= k; i++) count = (count * (n - k + i)) / i
  return count
}
