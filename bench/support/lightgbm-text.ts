// A forest as the text that LightGBM writes, for benches that start from a trainer's file.

import { assert } from '../../src/errors.ts'
import type { Forest, Split, Tree } from '../../src/compiler/forest.ts'

/** Version 4 of the format. Source: LightGBM, Tree::ToString (src/io/tree.cpp). */
export function lightGbmText(forest: Forest): string {
  const trees = forest.trees.map(treeText)
  const header = [
    'tree',
    'version=v4',
    'num_class=1',
    'num_tree_per_iteration=1',
    'label_index=0',
    `max_feature_idx=${forest.features.length - 1}`,
    `objective=binary sigmoid:${forest.sigmoid}`,
    `feature_names=${forest.features.join(' ')}`,
    `feature_infos=${forest.features.map(() => 'none').join(' ')}`,
    `tree_sizes=${trees.map((text) => text.length).join(' ')}`,
  ]
  return `${header.join('\n')}\n\n${trees.join('')}end of trees\n`
}

function treeText({ splits, leaves }: Tree, number: number): string {
  const list = (key: string, value: (split: Split) => number) =>
    `${key}=${splits.map(value).join(' ')}`
  const lines = [
    `Tree=${number}`,
    `num_leaves=${leaves.length}`,
    'num_cat=0',
    list('split_feature', (split) => split.feature),
    list('threshold', (split) => split.threshold),
    list('decision_type', decisionType),
    list('left_child', (split) => split.left),
    list('right_child', (split) => split.right),
    `leaf_value=${leaves.join(' ')}`,
    'is_linear=0',
    'shrinkage=1',
  ]
  return `${lines.join('\n')}\n\n\n`
}

function decisionType({ missing, defaultLeft, categories }: Split): number {
  assert(missing !== 'zero' && !categories, 'the forest has no zeros or categories to miss')
  return (missing === 'nan' ? 8 : 0) | (defaultLeft ? 2 : 0)
}
