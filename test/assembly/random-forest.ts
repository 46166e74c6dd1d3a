// Random forests, as hostile to the quantiser and the kernels as the format allows, and rows that
// stand on their thresholds, next to them and far away.

import {
  type Categories,
  type Forest,
  type Missing,
  type Split,
  type Tree,
  ZERO_THRESHOLD,
} from '../../src/compiler/forest.ts'
import { doubleOf, neighbour } from '../support/engine.ts'

export const SPECIALS = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  0,
  -0,
  5e-324,
  -5e-324,
  2.2250738585072014e-308,
  2.225073858507201e-308,
  ZERO_THRESHOLD,
  -ZERO_THRESHOLD,
  neighbour(ZERO_THRESHOLD, 1),
  neighbour(ZERO_THRESHOLD, -1),
  neighbour(-ZERO_THRESHOLD, 1),
  neighbour(-ZERO_THRESHOLD, -1),
  1e-35,
  1e299,
  -1e299,
  1e300,
  -1e300,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  1,
  -1,
  2 ** 53,
]
const THRESHOLDS = SPECIALS.filter((x) => !Number.isNaN(x))
const MISSING: readonly Missing[] = ['none', 'nan', 'zero']

export type ForestShape = {
  features: number
  trees: number
  /** Leaves of a tree are drawn up to so many; 1 makes constants. */
  leaves: number
  /** Distinct thresholds a feature has at most. */
  thresholds: number
  /** Whether some splits go by category. */
  categories?: boolean
  /** Whether no tree is a chain of splits. */
  bushy?: boolean
}

export class ForestMaker {
  private readonly random: () => number

  constructor(random: () => number) {
    this.random = random
  }

  below(bound: number): number {
    return Math.floor(this.random() * bound)
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  forest(shape: ForestShape): Forest {
    const pools = Array.from({ length: shape.features }, () => this.pool(shape.thresholds))
    const missing = this.below(2) ? undefined : this.pick(MISSING)
    const trees = Array.from({ length: shape.trees }, () => this.tree(shape, pools, missing))
    return {
      features: pools.map((_, i) => `f${i}`),
      trees,
      sigmoid: 1,
    }
  }

  /** Thresholds of one feature, of one of the kinds that a quantiser might trip over. */
  private pool(count: number): number[] {
    const size = 1 + this.below(count)
    const from = this.pick([0, 1, -1, 1e-300, 1e300, 12345.678, ZERO_THRESHOLD])
    switch (this.below(7)) {
      case 0:
        return THRESHOLDS
      case 1: {
        // Neighbouring doubles.
        let x = from
        return Array.from({ length: size }, () => (x = neighbour(x, 1)))
      }
      case 2:
        // Powers: most in the lowest cell.
        return Array.from({ length: size }, (_, i) => 2 ** (i % 2000) * 5e-300)
      case 3:
        return Array.from({ length: size }, () => this.anyDouble())
      case 4:
        // Two crowds far apart.
        return Array.from({ length: size }, (_, i) => (i % 2 ? 1e15 : 0) + i * 1e-3)
      case 5:
        return [...Array.from({ length: size }, (_, i) => i - size / 2), ...THRESHOLDS]
      default:
        return Array.from({ length: size }, () => from + this.random() * 100)
    }
  }

  private anyDouble(): number {
    for (;;) {
      const bits = (BigInt(this.below(2 ** 32)) << 32n) | BigInt(this.below(2 ** 32))
      const value = doubleOf(bits)
      if (!Number.isNaN(value)) return value
    }
  }

  /** As the trainer grows it: each split turns one leaf into two. Leaves are numbered at random. */
  private tree(shape: ForestShape, pools: readonly number[][], missing: Missing | undefined): Tree {
    const leafCount = 1 + this.below(shape.leaves)
    const isLopsided = !shape.bushy && this.below(3) === 0
    const numbers = this.shuffled(leafCount)
    const splits: Split[] = []
    // Where each leaf hangs, so that a split can take its place.
    const hooks: ((child: number) => void)[] = [() => undefined]
    for (let k = 0; k < leafCount - 1; k++) {
      const leaf = isLopsided ? k : this.below(k + 1)
      const feature = this.below(shape.features)
      const split: Split = {
        ...(shape.categories && this.below(2) ? { categories: this.categories() } : {}),
        feature,
        threshold: this.pick(pools[feature]!),
        missing: missing ?? this.pick(MISSING),
        defaultLeft: this.below(2) === 1,
        left: ~numbers[leaf]!,
        right: ~numbers[k + 1]!,
      }
      hooks[leaf]!(k)
      hooks[leaf] = (child) => (split.left = child)
      hooks[k + 1] = (child) => (split.right = child)
      splits.push(split)
    }
    const leaves = Array.from({ length: leafCount }, () => this.leafValue())
    return { splits, leaves }
  }

  private categories(): Categories {
    const ids = new Set(Array.from({ length: 1 + this.below(9) }, () => this.below(70)))
    if (this.below(9) === 0) ids.add(100_000)
    return {
      ids: [...ids].sort((a, b) => a - b),
      listedLeft: this.below(2) === 1,
      float32: this.below(2) === 1,
    }
  }

  private leafValue(): number {
    switch (this.below(12)) {
      case 0:
        return this.pick([0, -0, 5e-324, -5e-324, 1e300, -1e300])
      case 1:
        return this.anyFinite()
      default:
        return this.random() - 0.5
    }
  }

  private anyFinite(): number {
    for (;;) {
      const value = this.anyDouble()
      if (Number.isFinite(value)) return value
    }
  }

  private shuffled(count: number): number[] {
    const items = Array.from({ length: count }, (_, i) => i)
    for (let i = count - 1; i > 0; i--) {
      const j = this.below(i + 1)
      ;[items[i], items[j]] = [items[j]!, items[i]!]
    }
    return items
  }

  rows(forest: Forest, count: number): number[][] {
    const thresholds = forest.features.map(() => [0])
    for (const tree of forest.trees) {
      for (const split of tree.splits) {
        const ids = split.categories?.ids ?? []
        const fractions = ids.flatMap((id) => [id, id + 0.75, id + 1 - 1e-12])
        thresholds[split.feature]!.push(split.threshold, ...fractions, -0.5)
      }
    }
    return Array.from({ length: count }, () => thresholds.map((list) => this.value(list)))
  }

  private value(thresholds: readonly number[]): number {
    const threshold = this.pick(thresholds)
    switch (this.below(10)) {
      case 0:
        return this.pick(SPECIALS)
      case 1:
        return Number.NaN
      case 2:
        return this.anyDouble()
      case 3:
        return threshold + this.random() - 0.5
      case 4:
      case 5:
        return neighbour(threshold, 1)
      case 6:
      case 7:
        return neighbour(threshold, -1)
      default:
        return threshold
    }
  }
}
