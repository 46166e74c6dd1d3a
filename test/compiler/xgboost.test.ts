// XGBoost's models: those that XGBoost trained (test/fixtures/make_xgboost.py) score its own
// margins to the last bit; every way in which one may be damaged or of another kind is refused with
// file and JSON path.

import { describe, expect, test } from 'bun:test'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { OperatingError } from '../../src/errors.ts'
import { rawScore } from '../../src/compiler/forest.ts'
import { parseModel } from '../../src/compiler/model-file.ts'
import { parseXgboostJson } from '../../src/compiler/xgboost.ts'
import { bitsOf, refusal, runs } from '../support/engine.ts'

const FOLDER = join(import.meta.dir, '../fixtures/xgboost')
const FILES = readdirSync(FOLDER)
  .filter((name) => /\.(json|ubj)$/.test(name))
  .sort()

function load(file: string) {
  const { format, forest } = parseModel(readFileSync(join(FOLDER, file)), file)
  const [header, ...lines] = readFileSync(join(FOLDER, file.replace(/\..*/, '.csv')), 'utf8')
    .trim()
    .split('\n')
  const table = lines.map((line) => line.split(',').map(Number))
  return { file, format, forest, names: header!.split(',').slice(0, -1), table }
}

const FIXTURES = FILES.map(load)

test('the fixture is whole, and covers what it is for', () => {
  expect(FIXTURES.length).toBe(60)
  const formats = FIXTURES.map(({ format }) => format)
  expect(new Set(formats)).toEqual(new Set(['xgboost-json', 'xgboost-ubj']))
  const text = FILES.filter((file) => file.endsWith('.json'))
    .map((file) => readFileSync(join(FOLDER, file), 'utf8'))
    .join('')
  const parts = [
    '"version":[2,1,4]',
    '"version":[3,2,0]',
    '"base_score":"[5E-1]"',
    '"base_score":"5E-1"',
    '"num_parallel_tree":"3"',
    '"num_deleted":"10"',
    '"feature_names":[]',
    'binary:logistic',
    'reg:logistic',
    'binary:logitraw',
    'reg:squarederror',
    'NaN',
  ]
  expect(parts.filter((part) => !text.includes(part))).toEqual([])
  const splits = FIXTURES.flatMap(({ forest }) => forest.trees.flatMap((tree) => tree.splits))
  const kinds = splits.map((split) => `${split.categories !== undefined} ${split.defaultLeft}`)
  expect(new Set(kinds).size).toBe(4)
  const sets = splits.flatMap((split) => split.categories ?? [])
  expect(Math.max(...sets.map((set) => set.ids.length))).toBeGreaterThan(100)
})

test.each(FIXTURES)('model $file scores as XGBoost does', ({ forest, names, table }) => {
  expect(forest.features).toEqual(names)
  const wrong = table.flatMap((row) => {
    const due = row[names.length]!
    const actual = rawScore(forest, row.slice(0, names.length))
    return bitsOf(actual) === bitsOf(due) ? [] : [`[${row.join(', ')}] scores ${actual}`]
  })
  expect(wrong).toEqual([])
})

describe('real models of other kinds are refused', () => {
  const KINDS: [file: string, why: string][] = [
    ['dart', 'learner.gradient_booster.name: DART, which weighs its trees, is not read'],
    [
      'early-stopped',
      'learner.attributes.best_iteration: the model was stopped early and holds 5 rounds; ' +
        'which are meant? Save booster[:3], or remove the attribute',
    ],
    [
      'gamma',
      'learner.objective.name: the objective "reg:gamma" has a log link, which is not read',
    ],
    ['gblinear', 'learner.gradient_booster.name: gblinear has no trees'],
    [
      'hinge',
      'learner.objective.name: the objective "binary:hinge" predicts a class and no probability',
    ],
    ['multiclass', 'learner.learner_model_param.num_class: several classes are not read'],
    [
      'poisson',
      'learner.objective.name: the objective "count:poisson" has a log link, which is not read',
    ],
    [
      'rank',
      'learner.objective.name: the objective "rank:ndcg" ranks, and its scores mean nothing by ' +
        'themselves',
    ],
    ['targets', 'learner.learner_model_param.num_target: several targets are not read'],
    ['vector-leaves', 'learner.learner_model_param.num_target: several targets are not read'],
  ]
  test.each(KINDS)('%s', (file, why) => {
    const bytes = readFileSync(join(FOLDER, 'refused', `${file}.json`))
    expect(refusal(() => parseModel(bytes, 'm.json')).message).toBe(`m.json: ${why}`)
  })

  test('and the list is whole', () => {
    const files = readdirSync(join(FOLDER, 'refused')).map((name) => name.replace('.json', ''))
    expect(files.sort()).toEqual(KINDS.map(([file]) => file))
  })
})

/** Root, a categorical split left of it and a leaf right; two leaves below. */
const TREE = {
  categories: [0, 2],
  categories_nodes: [1],
  categories_segments: [0],
  categories_sizes: [2],
  default_left: [0, 1, 0, 0, 0],
  id: 0,
  left_children: [1, 3, -1, -1, -1],
  parents: [2147483647, 0, 0, 1, 1],
  right_children: [2, 4, -1, -1, -1],
  split_conditions: [0.5, 0, 1, 2, 3],
  split_indices: [0, 1, 0, 0, 0],
  split_type: [0, 1, 0, 0, 0],
  tree_param: { num_deleted: '0', num_feature: '2', num_nodes: '5', size_leaf_vector: '1' },
}
const MODEL = {
  learner: {
    attributes: {},
    feature_names: ['a', 'b'],
    feature_types: ['float', 'c'],
    gradient_booster: {
      model: {
        gbtree_model_param: { num_parallel_tree: '1', num_trees: '1' },
        tree_info: [0],
        trees: [TREE],
      },
      name: 'gbtree',
    },
    learner_model_param: {
      base_score: '[5E-1]',
      num_class: '0',
      num_feature: '2',
      num_target: '1',
    },
    objective: { name: 'binary:logistic' },
  },
  version: [3, 2, 0],
}

const LEARNER = 'learner.learner_model_param'
const BOOSTER = 'learner.gradient_booster'
const FIRST = `${BOOSTER}.model.trees[0]`

/** The model with one value changed, or left out when it is undefined. */
function modelWith(path: string, value: unknown): string {
  const keys = path.split(/[.[\]]+/).filter((key) => key !== '')
  const change = (node: unknown, depth: number): unknown => {
    if (depth === keys.length) return value
    const key = keys[depth]!
    if (Array.isArray(node)) {
      return node.map((item: unknown, i) => (String(i) === key ? change(item, depth + 1) : item))
    }
    const members = node as Record<string, unknown>
    return { ...members, [key]: change(members[key], depth + 1) }
  }
  return JSON.stringify(change(MODEL, 0))
}

test('a model is read as it stands', () => {
  expect(parseXgboostJson(JSON.stringify(MODEL), 'm')).toEqual({
    features: ['a', 'b'],
    sigmoid: 1,
    base: -0,
    float32: true,
    trees: [
      {
        splits: [
          // Halfway between 0.5, the even float, and the one before it.
          {
            feature: 0,
            threshold: 0.49999998509883875,
            missing: 'nan',
            defaultLeft: false,
            left: 1,
            right: -3,
          },
          {
            feature: 1,
            threshold: 0,
            categories: { ids: [0, 2], listedLeft: false, float32: true },
            missing: 'nan',
            defaultLeft: true,
            left: -1,
            right: -2,
          },
        ],
        leaves: [2, 3, 1],
      },
    ],
  })
})

describe('is refused with file, JSON path and node', () => {
  const CASES: [path: string, value: unknown, message: string][] = [
    ['version', undefined, 'has no version'],
    ['version', [1, 7, 6], 'version: version 1.7 is not read, 2 and 3 are'],
    ['version', [4, 0, 0], 'version: version 4.0 is not read, 2 and 3 are'],
    ['version', [], 'version: version undefined.undefined is not read, 2 and 3 are'],
    ['version[1]', 'x', 'version[1]: "x" is no count'],
    ['learner', [], 'learner: is no object'],
    [`${LEARNER}.num_class`, '3', `${LEARNER}.num_class: several classes are not read`],
    [`${LEARNER}.num_target`, '2', `${LEARNER}.num_target: several targets are not read`],
    [`${LEARNER}.num_feature`, '1', 'learner.feature_names: holds 2 names, num_feature is 1'],
    [`${LEARNER}.num_feature`, '-1', `${LEARNER}.num_feature: "-1" is no count`],
    [`${LEARNER}.base_score`, '[]', `${LEARNER}.base_score: "[]" is no number`],
    [`${LEARNER}.base_score`, '', `${LEARNER}.base_score: "" is no number`],
    [`${LEARNER}.base_score`, 'nan', `${LEARNER}.base_score: "nan" is no number`],
    [`${LEARNER}.base_score`, '1e99', `${LEARNER}.base_score: "1e99" is no number`],
    [`${LEARNER}.base_score`, 0.5, `${LEARNER}.base_score: is no text`],
    [`${LEARNER}.base_score`, '1.5', `${LEARNER}.base_score: 1.5 is no probability`],
    [`${LEARNER}.base_score`, '-0.5', `${LEARNER}.base_score: -0.5 is no probability`],
    [
      `${LEARNER}.base_score`,
      '[5E-1,5E-1]',
      `${LEARNER}.base_score: several base scores are not read`,
    ],
    [
      'learner.objective.name',
      'multi:softmax',
      'learner.objective.name: the objective "multi:softmax" is for several classes',
    ],
    [
      'learner.objective.name',
      'reg:pseudohubererror',
      'learner.objective.name: the objective "reg:pseudohubererror" is not read',
    ],
    ['learner.feature_names', ['a', 'a'], 'learner.feature_names: two features are named "a"'],
    ['learner.feature_names', ['a', 1], 'learner.feature_names[1]: is no text'],
    [`${BOOSTER}.name`, 'other', `${BOOSTER}.name: "other" is not read`],
    [
      `${BOOSTER}.model.weight_drop`,
      [0.5],
      `${BOOSTER}.model.weight_drop: DART, which weighs its trees, is not read`,
    ],
    [
      `${BOOSTER}.model.gbtree_model_param.num_trees`,
      '2',
      `${BOOSTER}.model.trees: holds 1 trees, num_trees is 2`,
    ],
    [
      `${BOOSTER}.model.tree_info`,
      [1],
      `${BOOSTER}.model.tree_info: a tree is of another class than 0`,
    ],
    [`${BOOSTER}.model.tree_info`, [], `${BOOSTER}.model.tree_info: holds 0 values, 1 are due`],
    [`${FIRST}.id`, 1, `${FIRST}.id: 0 is due, is 1`],
    [
      `${FIRST}.tree_param.size_leaf_vector`,
      '3',
      `${FIRST}.tree_param.size_leaf_vector: leaves that are vectors are not read`,
    ],
    [`${FIRST}.tree_param.num_nodes`, '0', `${FIRST}.tree_param.num_nodes: a tree has a node`],
    [`${FIRST}.tree_param.num_nodes`, '6', `${FIRST}.parents: holds 5 values, 6 are due`],
    [
      `${FIRST}.tree_param.num_deleted`,
      '1',
      `${FIRST}.tree_param.num_deleted: is 1, but 0 of 5 nodes are out of reach`,
    ],
    [`${FIRST}.left_children[0]`, 0, `${FIRST}: node 0: child 2 is not next to child 0`],
    [`${FIRST}.left_children[0]`, 4, `${FIRST}: node 0: child 4 is not among the 5 nodes`],
    [`${FIRST}.left_children[0]`, -2, `${FIRST}: node 0: child -2 is not among the 5 nodes`],
    [`${FIRST}.left_children[0]`, 0.5, `${FIRST}: node 0: left_children 0.5 is no whole number`],
    [`${FIRST}.left_children[0]`, -1, `${FIRST}: node 0: has the one child 2`],
    [`${FIRST}.left_children[2]`, 0, `${FIRST}: node 2: child -1 is not next to child 0`],
    [`${FIRST}.right_children[0]`, 3, `${FIRST}: node 0: child 3 is not next to child 1`],
    [`${FIRST}.right_children[3]`, 1, `${FIRST}: node 3: has the one child 1`],
    [`${FIRST}.right_children`, [], `${FIRST}.right_children: holds 0 values, 5 are due`],
    [`${FIRST}.parents[3]`, 0, `${FIRST}: node 3: parent is 0, reached from 1`],
    [`${FIRST}.parents[0]`, 0, `${FIRST}: node 0: parent is 0, reached from 2147483647`],
    [`${FIRST}.split_indices[0]`, 2, `${FIRST}: node 0: feature 2 is not among the 2`],
    [`${FIRST}.split_indices[0]`, -1, `${FIRST}: node 0: feature -1 is not among the 2`],
    [`${FIRST}.default_left[1]`, 2, `${FIRST}: node 1: default_left 2 is neither 0 nor 1`],
    [`${FIRST}.split_type[0]`, 2, `${FIRST}: node 0: split type 2 is unknown`],
    [`${FIRST}.split_type[0]`, 1, `${FIRST}: node 0: is categorical without any`],
    [`${FIRST}.split_type[1]`, 0, `${FIRST}: node 1: is numeric and has categories`],
    [`${FIRST}.split_conditions[0]`, null, `${FIRST}: node 0: split_conditions null is no number`],
    [`${FIRST}.split_conditions[0]`, -1e39, `${FIRST}: node 0: split condition is -infinity`],
    [`${FIRST}.split_conditions[2]`, 1e39, `${FIRST}: node 2: leaf value is not finite`],
    [`${FIRST}.split_conditions`, undefined, `${FIRST}: has no split_conditions`],
    [`${FIRST}.categories`, [0], `${FIRST}: node 1: categories must be 2 whole numbers from 0 on`],
    [`${FIRST}.categories`, [0, 2, 3], `${FIRST}.categories: holds 3 values, 2 are due`],
    [`${FIRST}.categories`, [2, 0], `${FIRST}: node 1: categories must ascend`],
    [`${FIRST}.categories[1]`, 0, `${FIRST}: node 1: categories must ascend`],
    [`${FIRST}.categories[1]`, 0.5, `${FIRST}: node 1: categories must be 2 whole numbers`],
    [`${FIRST}.categories[1]`, 2 ** 24, `${FIRST}: node 1: categories must be 2 whole numbers`],
    [`${FIRST}.categories_nodes[0]`, 5, `${FIRST}.categories_nodes[0]: node 5 is out of order`],
    [`${FIRST}.categories_nodes[0]`, 0, `${FIRST}: node 0: is numeric and has categories`],
    [`${FIRST}.categories_segments[0]`, 1, `${FIRST}: node 1: categories are not those after`],
    [`${FIRST}.categories_sizes[0]`, 0, `${FIRST}: node 1: categories are not those after`],
    [`${FIRST}.categories_sizes`, [], `${FIRST}.categories_sizes: holds 0 values, 1 are due`],
  ]
  test.each(CASES)('%s as %p', (path, value, message) => {
    const error = refusal(() => parseXgboostJson(modelWith(path, value), 'm.json'))
    expect(error.message).toStartWith(`m.json: ${message}`)
    expect([error.kind, error.code]).toEqual(['usage', 'model'])
  })

  test('NaN where a split compares', () => {
    const text = JSON.stringify(MODEL).replace('"split_conditions":[0.5', '"split_conditions":[NaN')
    expect(refusal(() => parseXgboostJson(text, 'm')).message).toContain('node 0: split_conditions')
  })

  test('a node that two splits share', () => {
    const text = JSON.stringify(MODEL)
      .replace('"left_children":[1,3,', '"left_children":[1,0,')
      .replace('"right_children":[2,4,', '"right_children":[2,1,')
    expect(refusal(() => parseXgboostJson(text, 'm')).message).toContain('node 0: is reached twice')
  })
})

describe('base scores', () => {
  const CASES: [version: number[], base: string, objective: string, margin: number][] = [
    [[2, 1, 4], '5E-1', 'binary:logistic', -0],
    [[3, 0, 0], '2.5E-1', 'reg:logistic', Math.fround(-1.0986123)],
    [[3, 2, 0], '[2.5E-1]', 'binary:logistic', Math.fround(-1.0986123)],
    [[3, 2, 0], '[1]', 'binary:logistic', 13.745160102844238],
    [[3, 2, 0], '[-3.7E0]', 'reg:squarederror', Math.fround(-3.7)],
    [[2, 0, 3], '0.25', 'binary:logitraw', 0.25],
  ]
  test.each(CASES)('version %p, %s of %s', (version, base, objective, margin) => {
    const model = JSON.parse(modelWith(`${LEARNER}.base_score`, base)) as typeof MODEL
    const learner = { ...model.learner, objective: { name: objective } }
    const forest = parseXgboostJson(JSON.stringify({ ...model, learner, version }), 'm')
    expect(forest.base).toBe(margin)
    expect(forest.identity).toBe(objective === 'reg:squarederror' ? true : undefined)
  })

  // XGBoost stops there up to 3.0, and scores infinity in 3.1.
  test.each(['0', '1'])('%s before version 3.2', (base) => {
    const model = JSON.parse(modelWith(`${LEARNER}.base_score`, base)) as typeof MODEL
    const text = JSON.stringify({ ...model, version: [3, 1, 0] })
    expect(refusal(() => parseXgboostJson(text, 'm')).message).toContain('is no probability')
  })
})

/** Small models: two splits by threshold, and one by category. */
const BINARIES = ['03.ubj', '26.ubj'].map((file) => readFileSync(join(FOLDER, file)))

/** A forest that scores, or words. */
function readsOrRefuses(bytes: Uint8Array): boolean {
  try {
    const { forest } = parseModel(bytes, 'm')
    expect(
      typeof rawScore(
        forest,
        Array.from(forest.features, () => 0.5),
      ),
    ).toBe('number')
    return true
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    expect(error.message).toStartWith('m')
    return false
  }
}

test('JSON cut short anywhere is refused with its line', () => {
  const text = JSON.stringify(MODEL)
  for (let length = 1; length < text.length; length++) {
    const error = refusal(() => parseXgboostJson(text.slice(0, length), 'm'))
    expect(error.message).toMatch(/^m:1:/)
  }
})

test('UBJ cut short anywhere is refused', () => {
  for (const binary of BINARIES) {
    for (let length = 0; length < binary.length; length++) {
      expect(readsOrRefuses(binary.subarray(0, length))).toBeFalse()
    }
  }
})

test('bytes of UBJ changed anywhere: refused in words, or a forest that scores', () => {
  for (const binary of BINARIES) {
    for (let at = 0; at < binary.length; at++) {
      for (const flip of [1, 0x80, 0xff]) {
        const bytes = Uint8Array.from(binary)
        bytes[at]! ^= flip
        readsOrRefuses(bytes)
      }
    }
  }
})

test('a character of JSON changed anywhere: refused in words, or a forest that scores', () => {
  const text = JSON.stringify(MODEL)
  fc.assert(
    fc.property(
      fc.nat(text.length - 1),
      fc.constantFrom(...'0123456789-+.eE[]{}",:\\ NI'.split('')),
      (at, character) => {
        readsOrRefuses(Buffer.from(text.slice(0, at) + character + text.slice(at + 1)))
      },
    ),
    runs(2000),
  )
})
