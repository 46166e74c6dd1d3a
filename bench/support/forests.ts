// Forests of any size, the same for the same seed, that cost what a trained model of that size
// costs: grown leaf by leaf where most rows are, thresholds from at most 255 quantiles a feature,
// few features with most of the splits. And rows as the forest expects them.

import { Random } from '../../src/applications/random.ts'
import type { Forest, Split, Tree } from '../../src/compiler/forest.ts'

export type ForestSize = {
  trees: number
  leaves: number
  features: number
}

/** LightGBM's default of max_bin. */
const QUANTILES = 255
/** Every tenth feature is missing in so many rows. */
const MISSING_SHARE = 0.1

/** A leaf while the tree grows: the box of rows in it, by feature, in numbers of quantiles. */
type Box = {
  /** Share of all rows. */
  share: number
  /** Random factor of how much a split gains here. */
  luck: number
  from: number[]
  to: number[]
  /** Puts a split where the leaf is. */
  hang: (split: number) => void
}

export function makeForest({ trees, leaves, features }: ForestSize, seed = 1): Forest {
  const random = new Random(seed)
  // Feature i is split by in proportion to 1 / (i + 2).
  const weights = Array.from({ length: features }, (_, i) => 1 / (i + 2))
  const sum = weights.reduce((a, b) => a + b, 0)
  const pickFeature = () => {
    let left = random.uniform() * sum
    return Math.max(
      0,
      weights.findIndex((weight) => (left -= weight) < 0),
    )
  }
  return {
    features: weights.map((_, i) => `f${i}`),
    trees: Array.from({ length: trees }, () => growTree(random, leaves, features, pickFeature)),
    sigmoid: 1,
  }
}

function growTree(
  random: Random,
  leafCount: number,
  features: number,
  pickFeature: () => number,
): Tree {
  const splits: Split[] = []
  const boxes: Box[] = [
    {
      share: 1,
      luck: 1,
      from: Array.from({ length: features }, () => 0),
      to: Array.from({ length: features }, (_, i) => quantilesOf(i)),
      hang: () => undefined,
    },
  ]
  while (boxes.length < leafCount) {
    const gains = boxes.map(({ share, luck }) => share * luck)
    const leaf = gains.indexOf(Math.max(...gains))
    const box = boxes[leaf]!
    let feature = pickFeature()
    while (box.to[feature]! - box.from[feature]! < 2) feature = pickFeature()
    const [from, to] = [box.from[feature]!, box.to[feature]!]
    const at = from + 1 + Math.floor(random.uniform() * (to - from - 1))
    const split: Split = {
      feature,
      threshold: valueAt(feature, at / quantilesOf(feature)),
      missing: isMissing(feature) ? 'nan' : 'none',
      defaultLeft: random.uniform() < 0.5,
      left: ~leaf,
      right: ~boxes.length,
    }
    const number = splits.push(split) - 1
    box.hang(number)
    const share = (box.share * (at - from)) / (to - from)
    const luck = () => 0.2 + random.uniform()
    boxes.push({
      share: box.share - share,
      luck: luck(),
      from: box.from.with(feature, at),
      to: box.to,
      hang: (child) => (split.right = child),
    })
    boxes[leaf] = {
      share,
      luck: luck(),
      from: box.from,
      to: box.to.with(feature, at),
      hang: (child) => (split.left = child),
    }
  }
  return { splits, leaves: boxes.map(() => random.normal() * 0.05) }
}

/** Rows that spread evenly over the quantiles. */
export function makeRows(features: number, count: number, seed = 2): Float64Array {
  const random = new Random(seed)
  return Float64Array.from({ length: count * features }, (_, i) => {
    const feature = i % features
    const quantile = random.uniform()
    const missing = isMissing(feature) && random.uniform() < MISSING_SHARE
    return missing ? Number.NaN : valueAt(feature, quantile)
  })
}

function isMissing(feature: number): boolean {
  return feature % 10 === 4
}

/** A third of the features are counts, with few values. */
function quantilesOf(feature: number): number {
  return feature % 3 === 2 ? 24 : QUANTILES
}

/** The others are even or with a long tail. */
function valueAt(feature: number, quantile: number): number {
  if (feature % 3 === 0) return quantile * 100
  if (feature % 3 === 1) return Math.exp(8 * quantile)
  return Math.floor(quantile * 24) + 0.5
}
