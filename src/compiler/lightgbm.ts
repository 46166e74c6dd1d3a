// LightGBM's text model, versions 3 and 4, as a forest. Source: LightGBM, GBDT::SaveModelToString
// (src/boosting/gbdt_model_text.cpp) and Tree::ToString (src/io/tree.cpp).
//
// What would not be scored exactly is refused with line and tree, never approximated.

import { nextDown } from '../doubles.ts'
import { usageError } from '../errors.ts'
import {
  type Categories,
  type Forest,
  type Missing,
  type Split,
  type Tree,
  ZERO_THRESHOLD,
} from './forest.ts'
import { readObjective } from './lightgbm-objective.ts'

/** Bits of decision_type: categorical, default left, and two of the missing type. */
const CATEGORICAL = 1
const DEFAULT_LEFT = 2
const MISSING_TYPES: readonly (Missing | undefined)[] = ['none', 'zero', 'nan', undefined]
/** LightGBM reads a category as an int32: words of 32 bits that can hold one. */
const CATEGORY_WORDS_MAX = 2 ** 26

type Entry = { value: string; line: number }
/** Where a section begins in the text, and its entries by key. */
type Section = { name: string; line: number; at: number; entries: Map<string, Entry> }

/**
 * Parses a model.
 *
 * @param place  how errors name it, such as the file's path
 * @throws OperatingError kind 'usage', code 'model', with file, line and reason
 */
export function parseLightGbm(text: string, place: string): Forest {
  return new Parser(place).forest(text)
}

class Parser {
  private readonly place: string

  constructor(place: string) {
    this.place = place
  }

  forest(text: string): Forest {
    const { sections, end } = this.sections(text)
    const [header, ...trees] = sections
    if (!header || header.name !== 'tree') throw this.error(1, 'is no LightGBM text model')
    const version = this.get(header, 'version')
    if (version.value !== 'v3' && version.value !== 'v4') {
      throw this.error(version.line, `version ${version.value} is not read, v3 and v4 are`)
    }
    this.expect(header, 'num_class', '1')
    this.expect(header, 'num_tree_per_iteration', '1')
    const objective = this.get(header, 'objective')
    const link = readObjective(objective.value, (value) => this.number(value, objective.line))
    if (typeof link === 'string') throw this.error(objective.line, link)
    const features = this.features(header)
    const sizes = this.get(header, 'tree_sizes')
    const stated = sizes.value === '' ? [] : sizes.value.split(' ')
    if (stated.length !== trees.length) {
      const what = `states ${stated.length} trees, the file holds ${trees.length}`
      throw this.error(sizes.line, what)
    }
    for (const [i, { name, line }] of trees.entries()) {
      if (name !== `tree ${i}`) throw this.error(line, `Tree=${i} is due, is ${name}`)
    }
    const forest = {
      features,
      sigmoid: link.sigmoid,
      ...(link.identity ? { identity: true } : {}),
      ...(header.entries.has('average_output') ? { averaged: true } : {}),
      trees: trees.map((section) => this.tree(section, features.length)),
    }
    this.checkSizes(stated, trees, end)
    return forest
  }

  /** LightGBM finds its trees by them, and loads no file whose trees are longer or shorter. */
  private checkSizes(stated: readonly string[], trees: readonly Section[], end: number): void {
    for (const [i, { name, line, at }] of trees.entries()) {
      const size = (trees[i + 1]?.at ?? end) - at
      if (size === Number(stated[i])) continue
      const what = `${name} has ${size} bytes, tree_sizes says ${stated[i]}: the file was edited`
      throw this.error(line, what)
    }
  }

  private features(header: Section): string[] {
    const names = this.get(header, 'feature_names')
    const features = names.value.split(' ')
    const most = this.get(header, 'max_feature_idx')
    if (this.number(most.value, most.line) !== features.length - 1) {
      const what = `max_feature_idx is ${most.value}, there are ${features.length} names`
      throw this.error(names.line, what)
    }
    const twice = features.find((name, i) => features.indexOf(name) !== i)
    if (twice !== undefined) throw this.error(names.line, `two features are named "${twice}"`)
    return features
  }

  /** Header and trees, and where the line begins that ends the trees. */
  private sections(text: string): { sections: Section[]; end: number } {
    const sections: Section[] = []
    let lineNumber = 0
    let next = 0
    for (const raw of text.split('\n')) {
      lineNumber++
      const at = next
      // Lines that end as Windows has them count as LightGBM wrote them.
      next += raw.length + (raw.endsWith('\r') ? 0 : 1)
      const line = raw.trimEnd()
      if (line === 'end of trees') return { sections, end: at }
      if (line === '') continue
      const equals = line.indexOf('=')
      const key = equals < 0 ? line : line.slice(0, equals)
      const value = equals < 0 ? '' : line.slice(equals + 1)
      const current = sections[sections.length - 1]
      if (!current || key === 'Tree') {
        const name = key === 'Tree' ? `tree ${value}` : key
        sections.push({ name, line: lineNumber, at, entries: new Map() })
      } else if (current.entries.has(key)) {
        throw this.error(lineNumber, `repeats ${key}`)
      } else {
        current.entries.set(key, { value: value.trim(), line: lineNumber })
      }
    }
    throw this.error(lineNumber, 'ends before "end of trees": the file is cut short')
  }

  private tree(section: Section, featureCount: number): Tree {
    const leafCount = this.number(this.get(section, 'num_leaves').value, section.line)
    if (section.entries.has('is_linear')) {
      this.expect(section, 'is_linear', '0', `${section.name}: linear trees are not read`)
    }
    const leaves = this.numbers(section, 'leaf_value', leafCount)
    if (!leaves.every(Number.isFinite)) {
      throw this.error(this.get(section, 'leaf_value').line, 'a leaf_value is not finite')
    }
    const sets = this.categorySets(section)
    const count = leafCount - 1
    const splits = count === 0 ? [] : this.splits(section, count, featureCount, sets)
    const categorical = splits.filter((split) => split.categories).length
    if (categorical !== sets.length) {
      const what = `num_cat is ${sets.length}, there are ${categorical} categorical splits`
      throw this.error(this.get(section, 'num_cat').line, `${section.name}: ${what}`)
    }
    this.checkShape(section, splits, leafCount)
    return { splits, leaves }
  }

  private splits(
    section: Section,
    count: number,
    featureCount: number,
    sets: readonly Categories[],
  ): Split[] {
    const feature = this.numbers(section, 'split_feature', count)
    const threshold = this.numbers(section, 'threshold', count)
    const type = this.numbers(section, 'decision_type', count)
    const left = this.numbers(section, 'left_child', count)
    const right = this.numbers(section, 'right_child', count)
    return feature.map((f, k): Split => {
      const at = `${section.name}, split ${k}`
      const missing = MISSING_TYPES[(type[k]! >> 2) & 3]
      if (!missing || !Number.isInteger(type[k]) || type[k]! < 0 || type[k]! > 15) {
        throw this.error(section.line, `${at}: decision type ${type[k]} is unknown`)
      }
      if (!Number.isInteger(f) || f < 0 || f >= featureCount) {
        throw this.error(section.line, `${at}: feature ${f} is not among the ${featureCount}`)
      }
      const split = { feature: f, left: left[k]!, right: right[k]! }
      if (type[k]! & CATEGORICAL) {
        const categories = sets[threshold[k]!]
        if (categories) {
          // A missing value is in no set: it goes right, whatever the missing type.
          return { ...split, threshold: 0, categories, missing: 'none', defaultLeft: false }
        }
        const what = `category set ${threshold[k]} is not among the ${sets.length}`
        throw this.error(section.line, `${at}: ${what}`)
      }
      const defaultLeft = (type[k]! & DEFAULT_LEFT) !== 0
      return { ...split, threshold: asPredicted(threshold[k]!), missing, defaultLeft }
    })
  }

  /**
   * Sets of categories that go left, by number. Set i holds bit b of word w, w counted from
   * cat_boundaries[i], as category 32 w + b. Source: LightGBM, Tree::CategoricalDecision.
   */
  private categorySets(section: Section): Categories[] {
    const stated = this.get(section, 'num_cat')
    const count = this.number(stated.value, stated.line)
    if (!Number.isInteger(count) || count < 0) {
      throw this.error(stated.line, `${section.name}: num_cat=${stated.value} is no count`)
    }
    if (count === 0) return []
    const boundaries = this.numbers(section, 'cat_boundaries', count + 1)
    const ascends = (to: number, i: number) => {
      const size = to - (boundaries[i - 1] ?? to)
      return Number.isInteger(to) && size >= 0 && size <= CATEGORY_WORDS_MAX
    }
    if (boundaries[0] !== 0 || !boundaries.every(ascends)) {
      const what = 'cat_boundaries must be whole numbers that ascend from 0'
      throw this.error(this.get(section, 'cat_boundaries').line, `${section.name}: ${what}`)
    }
    const words = this.numbers(section, 'cat_threshold', boundaries[count]!)
    if (!words.every((word) => word === word >>> 0)) {
      const what = 'a cat_threshold is no word of 32 bits'
      throw this.error(this.get(section, 'cat_threshold').line, `${section.name}: ${what}`)
    }
    return boundaries.slice(1).map((to, i) => ({
      ids: bitsSet(words.slice(boundaries[i], to)),
      listedLeft: true,
      float32: false,
    }))
  }

  /** Every split but the root and every leaf must be the child of exactly one split before it. */
  private checkShape(section: Section, splits: readonly Split[], leafCount: number): void {
    const parents = new Set<number>()
    for (const [k, split] of splits.entries()) {
      for (const child of [split.left, split.right]) {
        const known = Number.isInteger(child) && child < splits.length && child >= -leafCount
        if (!known || (child >= 0 && child <= k) || parents.has(child)) {
          throw this.error(section.line, `${section.name}, split ${k}: child ${child} is no tree`)
        }
        parents.add(child)
      }
    }
  }

  private get(section: Section, key: string): Entry {
    const entry = section.entries.get(key)
    if (!entry) throw this.error(section.line, `${section.name} has no ${key}`)
    return entry
  }

  private expect(section: Section, key: string, value: string, why?: string): void {
    const entry = this.get(section, key)
    if (entry.value !== value) {
      throw this.error(entry.line, why ?? `${key}=${entry.value} is not read, ${value} is`)
    }
  }

  private numbers(section: Section, key: string, count: number): number[] {
    const { value, line } = this.get(section, key)
    const values = value === '' ? [] : value.split(' ')
    if (values.length !== count) {
      throw this.error(line, `${key} holds ${values.length} values, ${count} are due`)
    }
    return values.map((text) => this.number(text, line))
  }

  /** As C prints doubles; `Number` alone would turn "inf" into NaN. */
  private number(text: string, line: number): number {
    if (text === 'inf') return Number.POSITIVE_INFINITY
    if (text === '-inf') return Number.NEGATIVE_INFINITY
    if (!/^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$/.test(text)) {
      throw this.error(line, `"${text}" is no number`)
    }
    return Number(text)
  }

  private error(line: number, what: string) {
    return usageError('model', `${this.place}:${line}: ${what}`)
  }
}

/** Numbers of the bits that are set in words of 32, ascending. */
function bitsSet(words: readonly number[]): number[] {
  const bits = Array.from({ length: 32 }, (_, bit) => bit)
  return words.flatMap((word, w) =>
    bits.filter((bit) => (word >>> bit) & 1).map((bit) => w * 32 + bit),
  )
}

/**
 * The threshold that LightGBM's prediction compares with in effect. It drops |x| <= ZERO_THRESHOLD
 * from a row and reads 0 there, so nothing between two such thresholds tells values apart. Source:
 * LightGBM, RowPairFunctionFromDenseMatric (src/c_api.cpp).
 */
function asPredicted(threshold: number): number {
  if (Math.abs(threshold) > ZERO_THRESHOLD) return threshold
  if (threshold >= 0) return ZERO_THRESHOLD
  return nextDown(-ZERO_THRESHOLD)
}
