// LightGBM's text: what is read, and every way in which a file may be damaged or of another kind,
// each refused with file, line and reason. Where an edit is harmless, the table says why.

import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { OperatingError } from '../../src/errors.ts'
import { rawScore } from '../../src/compiler/forest.ts'
import { parseLightGbm } from '../../src/compiler/lightgbm.ts'
import { makeTables } from '../../src/compiler/tables.ts'
import { draws, refusal, runs } from '../support/engine.ts'
import { sized } from '../support/lightgbm-text.ts'

/** A model of two trees: three leaves, then one. Lines are counted from 1. */
const MODEL = `tree
version=v4
num_class=1
num_tree_per_iteration=1
label_index=0
max_feature_idx=1
objective=binary sigmoid:1
feature_names=a b
feature_infos=[0:1] [0:1]
tree_sizes=283 70

Tree=0
num_leaves=3
num_cat=0
split_feature=0 1
split_gain=2 1
threshold=0.5 -1e-35
decision_type=2 8
left_child=1 -1
right_child=-3 -2
leaf_value=0.25 -0.5 1e-3
leaf_weight=1 1 1
leaf_count=1 1 1
internal_value=0 0
internal_weight=0 0
internal_count=3 2
is_linear=0
shrinkage=0.1


Tree=1
num_leaves=1
num_cat=0
leaf_value=-2
is_linear=0
shrinkage=1


end of trees

feature_importances:
a=1

parameters:
[boosting: gbdt]
end of parameters

pandas_categorical:null
`

function edited(from: string, to: string): string {
  expect(MODEL).toContain(from)
  return MODEL.replace(from, to)
}

function lineOf(text: string): number {
  const lines = MODEL.split('\n')
  return lines.findIndex((line) => line === text) + 1
}

test('a model is read as it stands', () => {
  expect(parseLightGbm(MODEL, 'model.txt')).toEqual({
    features: ['a', 'b'],
    sigmoid: 1,
    trees: [
      {
        splits: [
          { feature: 0, threshold: 0.5, missing: 'none', defaultLeft: true, left: 1, right: -3 },
          {
            feature: 1,
            threshold: -1.0000000180025096e-35,
            missing: 'nan',
            defaultLeft: false,
            left: -1,
            right: -2,
          },
        ],
        leaves: [0.25, -0.5, 1e-3],
      },
      { splits: [], leaves: [-2] },
    ],
  })
})

describe('is refused with file, line and reason', () => {
  const TREE_0 = lineOf('Tree=0')
  const TREE_1 = lineOf('Tree=1')
  const CASES: [what: string, from: string, to: string, line: number, why: string][] = [
    ['no model at all', 'tree\n', 'forest\n', 1, 'is no LightGBM text model'],
    ['another version', 'version=v4', 'version=v5', 2, 'version v5 is not read, v3 and v4 are'],
    ['no version', 'version=v4\n', '', 1, 'tree has no version'],
    ['several classes', 'num_class=1', 'num_class=3', 3, 'num_class=3 is not read, 1 is'],
    [
      'several trees an iteration',
      'num_tree_per_iteration=1',
      'num_tree_per_iteration=3',
      4,
      'num_tree_per_iteration=3 is not read, 1 is',
    ],
    ['no objective', 'objective=binary sigmoid:1\n', '', 1, 'tree has no objective'],
    [
      'a log link',
      'objective=binary sigmoid:1',
      'objective=poisson',
      7,
      'the objective "poisson" has a log link, which is not read',
    ],
    [
      'a rank',
      'objective=binary sigmoid:1',
      'objective=lambdarank',
      7,
      'the objective "lambdarank" ranks, and its scores mean nothing by themselves',
    ],
    [
      'scores to be squared',
      'objective=binary sigmoid:1',
      'objective=regression sqrt',
      7,
      'the objective "regression sqrt" squares its scores, which is not read',
    ],
    [
      'a sigmoid that is none of the objective',
      'objective=binary sigmoid:1',
      'objective=cross_entropy sigmoid:1',
      7,
      'the objective "cross_entropy" has "sigmoid:1", which is not known',
    ],
    [
      'two features of one name',
      'feature_names=a b',
      'feature_names=a a',
      8,
      'two features are named "a"',
    ],
    [
      'an empty objective',
      'objective=binary sigmoid:1',
      'objective=',
      7,
      'the objective "" is not known',
    ],
    ['a sigmoid that is no number', 'sigmoid:1', 'sigmoid:one', 7, '"one" is no number'],
    ['no feature names', 'feature_names=a b\n', '', 1, 'tree has no feature_names'],
    ['more trees stated', '283 70', '283 70 100', 10, 'states 3 trees, the file holds 2'],
    ['fewer trees stated', '283 70', '283', 10, 'states 1 trees, the file holds 2'],
    ['no trees stated', 'tree_sizes=283 70', 'tree_sizes=', 10, 'states 0 trees, the file holds 2'],
    ['a key twice', 'num_leaves=3', 'num_leaves=3\nnum_leaves=3', 14, 'repeats num_leaves'],
    ['a header key twice', 'version=v4', 'version=v4\nversion=v3', 3, 'repeats version'],
    ['no leaves stated', 'num_leaves=3\n', '', TREE_0, 'tree 0 has no num_leaves'],
    ['leaves that are no number', 'num_leaves=3', 'num_leaves=x', TREE_0, '"x" is no number'],
    [
      'leaves that are no whole number',
      'num_leaves=3',
      'num_leaves=2.5',
      21,
      'leaf_value holds 3 values, 2.5 are due',
    ],
    [
      'more leaves stated',
      'num_leaves=3',
      'num_leaves=4',
      21,
      'leaf_value holds 3 values, 4 are due',
    ],
    [
      'fewer leaves stated',
      'num_leaves=3',
      'num_leaves=2',
      21,
      'leaf_value holds 3 values, 2 are due',
    ],
    ['no leaves', 'num_leaves=1', 'num_leaves=0', 34, 'leaf_value holds 1 values, 0 are due'],
    ['sets that are not there', 'num_cat=0', 'num_cat=1', TREE_0, 'tree 0 has no cat_boundaries'],
    ['half a set', 'num_cat=0', 'num_cat=0.5', 14, 'tree 0: num_cat=0.5 is no count'],
    ['linear trees', 'is_linear=0', 'is_linear=1', 27, 'tree 0: linear trees are not read'],
    ['no leaf values', 'leaf_value=0.25 -0.5 1e-3\n', '', TREE_0, 'tree 0 has no leaf_value'],
    [
      'a leaf value cut off',
      '0.25 -0.5 1e-3',
      '0.25 -0.5',
      21,
      'leaf_value holds 2 values, 3 are due',
    ],
    [
      'a leaf value that was edited',
      '0.25 -0.5',
      '0.125 -0.5',
      TREE_0,
      'tree 0 has 284 bytes, tree_sizes says 283: the file was edited',
    ],
    ['a leaf value that is nan', '0.25 -0.5 1e-3', '0.25 nan 1e-3', 21, '"nan" is no number'],
    ['a leaf value cut in its exponent', '-0.5 1e-3', '-0.5 1e-', 21, '"1e-" is no number'],
    ['a leaf value with a point at its end', '-0.5 1e-3', '-0.5 1.', 21, '"1." is no number'],
    ['a leaf value in hexadecimal', '-0.5 1e-3', '-0.5 0x1', 21, '"0x1" is no number'],
    ['a leaf value with a comma', '-0.5 1e-3', '-0,5 1e-3', 21, '"-0,5" is no number'],
    [
      'two blanks between values',
      '-0.5 1e-3',
      '-0.5  1e-3',
      21,
      'leaf_value holds 4 values, 3 are due',
    ],
    ['a threshold that is nan', 'threshold=0.5', 'threshold=nan', 17, '"nan" is no number'],
    [
      'a threshold left out',
      'threshold=0.5 ',
      'threshold=',
      17,
      'threshold holds 1 values, 2 are due',
    ],
    ['no thresholds', 'threshold=0.5 -1e-35\n', '', TREE_0, 'tree 0 has no threshold'],
    [
      'a feature beyond the last',
      'split_feature=0 1',
      'split_feature=0 2',
      TREE_0,
      'tree 0, split 1: feature 2 is not among the 2',
    ],
    [
      'a negative feature',
      'split_feature=0 1',
      'split_feature=0 -1',
      TREE_0,
      'tree 0, split 1: feature -1 is not among the 2',
    ],
    [
      'a feature that is no whole number',
      'split_feature=0 1',
      'split_feature=0.5 1',
      TREE_0,
      'tree 0, split 0: feature 0.5 is not among the 2',
    ],
    [
      'a categorical split',
      'decision_type=2 8',
      'decision_type=2 1',
      TREE_0,
      'tree 0, split 1: category set -1e-35 is not among the 0',
    ],
    [
      'an unknown missing type',
      'decision_type=2 8',
      'decision_type=2 12',
      TREE_0,
      'tree 0, split 1: decision type 12 is unknown',
    ],
    [
      'an unknown decision type',
      'decision_type=2 8',
      'decision_type=2 16',
      TREE_0,
      'tree 0, split 1: decision type 16 is unknown',
    ],
    [
      'a split that is its own child',
      'left_child=1 -1',
      'left_child=0 -1',
      TREE_0,
      'tree 0, split 0: child 0 is no tree',
    ],
    ['a cycle', 'left_child=1 -1', 'left_child=1 0', TREE_0, 'tree 0, split 1: child 0 is no tree'],
    [
      'a leaf twice',
      'right_child=-3 -2',
      'right_child=-3 -1',
      TREE_0,
      'tree 0, split 1: child -1 is no tree',
    ],
    [
      'a split twice',
      'right_child=-3 -2',
      'right_child=1 -2',
      TREE_0,
      'tree 0, split 0: child 1 is no tree',
    ],
    [
      'a leaf beyond the last',
      'right_child=-3 -2',
      'right_child=-4 -2',
      TREE_0,
      'tree 0, split 0: child -4 is no tree',
    ],
    [
      'a split beyond the last',
      'left_child=1 -1',
      'left_child=2 -1',
      TREE_0,
      'tree 0, split 0: child 2 is no tree',
    ],
    [
      'a child that is no whole number',
      'left_child=1 -1',
      'left_child=1 -1.5',
      TREE_0,
      'tree 0, split 1: child -1.5 is no tree',
    ],
    ['no left children', 'left_child=1 -1\n', '', TREE_0, 'tree 0 has no left_child'],
    ['a second tree without values', 'leaf_value=-2\n', '', TREE_1, 'tree 1 has no leaf_value'],
    ['one tree for two', 'Tree=1\n', '', 31, 'repeats num_leaves'],
    ['values over two lines', '-1e-35\n', '\n-1e-35\n', 17, 'threshold holds 1 values, 2 are due'],
    ['no end', 'end of trees\n', '', 0, 'ends before "end of trees": the file is cut short'],
  ]
  test.each(CASES)('%s', (_, from, to, line, why) => {
    const text = edited(from, to)
    const error = refusal(() => parseLightGbm(text, 'models/m/model.txt'))
    const place = line === 0 ? text.split('\n').length : line
    expect(error.message).toStartWith(`models/m/model.txt:${place}: ${why}`)
    expect([error.kind, error.code]).toEqual(['usage', 'model'])
  })

  test.each(['2.5', '-16'])('a decision type of %s', (type) => {
    const text = edited('decision_type=2 8', `decision_type=2 ${type}`)
    expect(refusal(() => parseLightGbm(text, 'model.txt')).message).toContain('decision type')
  })

  // inf - inf is NaN, and no margin.
  test.each(['inf', '-inf', '1e999'])('a leaf value of %s', (value) => {
    const text = edited('leaf_value=-2', `leaf_value=${value}`)
    expect(refusal(() => parseLightGbm(text, 'model.txt')).message).toContain('leaf_value')
  })

  // The probability would be 0.5 for everyone, fall with the margin, or be NaN.
  test.each(['0', '-1', 'inf'])('a sigmoid of %s', (sigmoid) => {
    const text = edited('sigmoid:1', `sigmoid:${sigmoid}`)
    expect(refusal(() => parseLightGbm(text, 'model.txt')).message).toContain('sigmoid')
  })

  // ~ works on 32 bits: ~-4294967297 is leaf 0 again.
  test('a child that is a leaf only in 32 bits', () => {
    const text = edited('left_child=1 -1', 'left_child=1 -4294967297')
    expect(refusal(() => parseLightGbm(text, 'model.txt')).message).toContain('is no tree')
  })

  // The header states how many features there are; a name lost or gained shifts all behind it. The
  // manifest catches it, unless it was made from the same damaged line.
  test('names that are not as many as max_feature_idx says', () => {
    const text = edited('max_feature_idx=1', 'max_feature_idx=2')
    expect(refusal(() => parseLightGbm(text, 'model.txt')).message).toContain('max_feature_idx')
  })

  // Trees are taken in the order of the file, and sums depend on it.
  test('trees out of order', () => {
    const text = edited('Tree=1', 'Tree=7')
    expect(refusal(() => parseLightGbm(text, 'model.txt')).message).toContain('Tree')
  })
})

describe('real models of other kinds are refused', () => {
  const KINDS: [file: string, why: string][] = [
    ['multiclass', 'num_class=3 is not read, 1 is'],
    ['custom', 'tree has no objective'],
    ['cross-entropy-lambda', '"cross_entropy_lambda" predicts no probability, which is not read'],
    ['gamma', 'the objective "gamma" has a log link, which is not read'],
    ['lambdarank', '"lambdarank" ranks, and its scores mean nothing by themselves'],
    ['linear', 'tree 0: linear trees are not read'],
    ['multiclassova', 'num_class=3 is not read, 1 is'],
    ['poisson', 'the objective "poisson" has a log link, which is not read'],
    ['regression-sqrt', 'the objective "regression sqrt" squares its scores, which is not read'],
    ['tweedie', 'the objective "tweedie" has a log link, which is not read'],
  ]
  test.each(KINDS)('%s', (file, why) => {
    const path = join(import.meta.dir, `../fixtures/forests/refused/${file}.txt`)
    const error = refusal(() => parseLightGbm(readFileSync(path, 'utf8'), 'model.txt'))
    expect(error.message).toMatch(/^model\.txt:[0-9]+: /)
    expect(error.message).toEndWith(why)
  })
})

describe('is read all the same', () => {
  const expected = parseLightGbm(MODEL, 'model.txt')

  const HARMLESS: [why: string, text: string][] = [
    ['CRLF line ends hold the same values', MODEL.replaceAll('\n', '\r\n')],
    ['version 3 has the same keys', edited('version=v4', 'version=v3')],
    ['version 3 has no is_linear', MODEL.replaceAll('is_linear=0\n', '')],
    [
      'what follows the trees describes the training',
      MODEL.slice(0, MODEL.indexOf('\nfeature_imp')),
    ],
    ['empty lines mean nothing', MODEL.replaceAll('num_cat=0\n', 'num_cat=0\n\n\n')],
    ['gains and counts are not needed to score', edited('split_gain=2 1', 'split_gain=nan 7')],
    [
      'the objective may stand without its sigmoid, which is 1',
      edited('binary sigmoid:1', 'binary'),
    ],
    ['a number may be written in another way', edited('threshold=0.5', 'threshold=5.0e-01')],
    ['blanks at the end of a line', edited('threshold=0.5 -1e-35', 'threshold=0.5 -1e-35  ')],
  ]
  test.each(HARMLESS)('%s', (_, text) => {
    expect(parseLightGbm(sized(text), 'model.txt')).toEqual(expected)
  })

  test('an infinite threshold, as LightGBM prints it', () => {
    for (const [text, value] of [
      ['inf', Number.POSITIVE_INFINITY],
      ['-inf', Number.NEGATIVE_INFINITY],
    ] as const) {
      const model = sized(edited('threshold=0.5', `threshold=${text}`))
      expect(parseLightGbm(model, 'model.txt').trees[0]!.splits[0]!.threshold).toBe(value)
    }
  })

  const SIGMOIDS: [text: string, sigmoid: number][] = [
    ['binary sigmoid:0.5', 0.5],
    ['binary sigmoid:2.25', 2.25],
    ['binary is_unbalance sigmoid:3', 3],
  ]
  test.each(SIGMOIDS)('the objective "%s"', (text, sigmoid) => {
    expect(parseLightGbm(edited('binary sigmoid:1', text), 'm').sigmoid).toBe(sigmoid)
  })

  test.each(['cross_entropy', 'xentropy'])('the objective %s, which is logistic', (name) => {
    expect(parseLightGbm(edited('binary sigmoid:1', name), 'm')).toEqual(expected)
  })

  test.each(['regression', 'regression_l1', 'huber', 'fair', 'quantile', 'mape'])(
    'the objective %s, whose score is what was to be predicted',
    (name) => {
      const forest = parseLightGbm(edited('binary sigmoid:1', name), 'm')
      expect(forest).toEqual({ ...expected, identity: true })
    },
  )

  test('a random forest', () => {
    const forest = parseLightGbm(edited('feature_names', 'average_output\nfeature_names'), 'm')
    expect(forest).toEqual({ ...expected, averaged: true })
  })

  const TYPES: [type: number, missing: string, defaultLeft: boolean][] = [
    [0, 'none', false],
    [2, 'none', true],
    [4, 'zero', false],
    [6, 'zero', true],
    [8, 'nan', false],
    [10, 'nan', true],
  ]
  test.each(TYPES)('decision type %d: missing type %s, default left %p', (type, missing, left) => {
    const text = sized(edited('decision_type=2', `decision_type=${type}`))
    const forest = parseLightGbm(text, 'm')
    expect(forest.trees[0]!.splits[0]).toMatchObject({ missing, defaultLeft: left })
  })

  test('a model without any trees', () => {
    const head = MODEL.slice(0, MODEL.indexOf('Tree=0')).replace('283 70', '')
    expect(parseLightGbm(`${head}\nend of trees\n`, 'm').trees).toEqual([])
  })
})

describe('categories', () => {
  const SETS = 'cat_boundaries=0 2 3\ncat_threshold=2147483649 4 1\nis_linear=0'
  const CATEGORICAL = MODEL.replace('num_cat=0', 'num_cat=2')
    .replace('threshold=0.5 -1e-35', 'threshold=1 0')
    .replace('decision_type=2 8', 'decision_type=9 1')
    .replace('is_linear=0', SETS)
  const SETS_LINE = CATEGORICAL.split('\n').indexOf('cat_boundaries=0 2 3') + 1

  test('a set is bits in words of 32', () => {
    const splits = parseLightGbm(sized(CATEGORICAL), 'm').trees[0]!.splits
    expect(splits.map((split) => split.categories)).toEqual([
      { ids: [0], listedLeft: true, float32: false },
      { ids: [0, 31, 34], listedLeft: true, float32: false },
    ])
    // Whatever the missing type is: 9 says NaN, 1 says none.
    expect(splits.map((split) => split.missing)).toEqual(['none', 'none'])
  })

  const CASES: [from: string, to: string, line: number, why: string][] = [
    ['threshold=1 0', 'threshold=2 0', 12, 'tree 0, split 0: category set 2 is not among the 2'],
    ['threshold=1 0', 'threshold=-1 0', 12, 'tree 0, split 0: category set -1 is not among'],
    ['threshold=1 0', 'threshold=0.5 0', 12, 'tree 0, split 0: category set 0.5 is not among'],
    ['decision_type=9', 'decision_type=8', 14, 'tree 0: num_cat is 2, there are 1 categorical'],
    ['num_cat=2', 'num_cat=3', SETS_LINE, 'cat_boundaries holds 3 values, 4 are due'],
    ['num_cat=2', 'num_cat=-2', 14, 'tree 0: num_cat=-2 is no count'],
    ['num_cat=2', 'num_cat=inf', 14, 'tree 0: num_cat=inf is no count'],
    ['=0 2 3', '=0 2 4', SETS_LINE + 1, 'cat_threshold holds 3 values, 4 are due'],
    ['=0 2 3', '=0 4 3', SETS_LINE, 'tree 0: cat_boundaries must be whole numbers that ascend'],
    ['=0 2 3', '=0 1.5 3', SETS_LINE, 'tree 0: cat_boundaries must be whole numbers that'],
    ['=0 2 3', '=1 2 3', SETS_LINE, 'tree 0: cat_boundaries must be whole numbers that ascend'],
    ['=0 2 3', '=0 2 99999999999', SETS_LINE, 'tree 0: cat_boundaries must be whole numbers'],
    ['2147483649 4', '4294967296 4', SETS_LINE + 1, 'tree 0: a cat_threshold is no word of 32'],
    ['2147483649 4', '-1 4', SETS_LINE + 1, 'tree 0: a cat_threshold is no word of 32 bits'],
  ]
  test.each(CASES)('%s as %s is refused', (from, to, line, why) => {
    expect(CATEGORICAL).toContain(from)
    const error = refusal(() => parseLightGbm(CATEGORICAL.replace(from, to), 'm'))
    expect(error.message).toStartWith(`m:${line}: ${why}`)
  })

  test('a line left out is refused', () => {
    for (const line of SETS.split('\n').slice(0, 2)) {
      const text = CATEGORICAL.replace(`${line}\n`, '')
      expect(refusal(() => parseLightGbm(text, 'm')).message).toStartWith(
        'm:12: tree 0 has no cat_',
      )
    }
  })
})

test('cut short anywhere, a model is refused or was whole already', () => {
  const end = MODEL.indexOf('end of trees') + 'end of trees'.length
  for (let length = 0; length < MODEL.length; length++) {
    const text = MODEL.slice(0, length)
    if (length >= end) expect(parseLightGbm(text, 'm').trees.length).toBe(2)
    else expect(refusal(() => parseLightGbm(text, 'm')).message).toMatch(/^m:[0-9]+: /)
  }
})

test('a byte changed anywhere is refused in words, or leaves a forest that scores', () => {
  fc.assert(
    fc.property(
      fc.nat(MODEL.indexOf('end of trees') - 1),
      fc.constantFrom(...'0123456789-+.=eE \nabn'.split('')),
      (at, character) => {
        const text = MODEL.slice(0, at) + character + MODEL.slice(at + 1)
        try {
          const forest = parseLightGbm(text, 'm')
          makeTables(forest, 'm')
          for (const row of [
            [0, 0],
            [1, 1],
            [Number.NaN, -1],
          ]) {
            expect(typeof rawScore(forest, row)).toBe('number')
          }
        } catch (error) {
          expect(error).toBeInstanceOf(OperatingError)
        }
      },
    ),
    runs(2000),
  )
})

test('lines changed places, left out or doubled: refused in words, or the same forest', () => {
  const lines = MODEL.slice(0, MODEL.indexOf('\nfeature_imp')).split('\n')
  const expected = JSON.stringify(parseLightGbm(MODEL, 'm').trees)
  fc.assert(
    fc.property(fc.nat(lines.length - 1), fc.nat(lines.length - 1), fc.nat(2), (a, b, kind) => {
      const changed = [...lines]
      if (kind === 0) [changed[a], changed[b]] = [lines[b]!, lines[a]!]
      else if (kind === 1) changed.splice(a, 1)
      else changed.splice(b, 0, lines[a]!)
      let trees: string
      try {
        trees = JSON.stringify(parseLightGbm(changed.join('\n'), 'm').trees)
      } catch (error) {
        expect(error).toBeInstanceOf(OperatingError)
        return
      }
      // The two trees have keys of the same name: swapped between them, the counts fit no more but
      // for values that are as many. Those are another model, which its SHA-256 gives away.
      const isOfBoth = /^(num_leaves|leaf_value|num_cat|is_linear|shrinkage|Tree)=/
      if (!isOfBoth.test(lines[a]!) && !isOfBoth.test(lines[b]!)) expect(trees).toBe(expected)
    }),
    draws(1000),
  )
})

test('a tree that is too deep to be cut into pieces is refused when the tables are made', () => {
  // A chain with a category of its own at each split: nothing of the way down can be left out.
  const chain = (count: number) => ({
    features: ['a'],
    sigmoid: 1,
    trees: [
      { splits: [], leaves: [1] },
      {
        splits: Array.from({ length: count - 1 }, (_, k) => ({
          feature: 0,
          threshold: 0,
          categories: { ids: [k], listedLeft: true, float32: false },
          missing: 'none' as const,
          defaultLeft: false,
          left: ~k,
          right: k === count - 2 ? ~(count - 1) : k + 1,
        })),
        leaves: Array.from({ length: count }, (_, i) => i),
      },
    ],
  })
  expect(makeTables(chain(256), 'm').length).toBeGreaterThan(0)
  const error = refusal(() => makeTables(chain(257), 'models/m/model.txt'))
  expect(error.message).toBe(
    'models/m/model.txt: tree 1 has 257 leaves and is too deep to be cut into pieces',
  )
})
