// A tree of an XGBoost model. Source: XGBoost, RegTree::LoadModel (src/tree/tree_model.cc) and
// GetNextNode (src/predictor/predict_fn.h).

import { floatThreshold } from './float32.ts'
import type { Categories, Split, Tree } from './forest.ts'
import type { Place } from './xgboost-document.ts'

/** kInvalidNodeId: the child of a leaf, and the mark of a root's parent. */
const NO_CHILD = -1
const NO_PARENT = 2147483647
const CATEGORICAL = 1
/** From here on no float is told from the next category (OutOfRangeCat). */
const CATEGORIES_MAX = 2 ** 24

/**
 * Reads a tree. Splits and leaves are numbered anew, parents first: a file may hold nodes that were
 * pruned, in any order.
 *
 * @throws OperatingError kind 'usage', code 'model', with file, JSON path and node
 */
export function readTree(place: Place, index: number, featureCount: number): Tree {
  return new TreeReader(place, featureCount).tree(index)
}

class TreeReader {
  private readonly place: Place
  private readonly featureCount: number
  private readonly nodeCount: number
  private readonly sets: ReadonlyMap<number, Categories>
  private readonly lists = new Map<string, readonly unknown[]>()

  constructor(place: Place, featureCount: number) {
    this.place = place
    this.featureCount = featureCount
    const parameters = place.get('tree_param')
    if (parameters.get('size_leaf_vector').count() > 1) {
      throw parameters.get('size_leaf_vector').error('leaves that are vectors are not read')
    }
    this.nodeCount = parameters.get('num_nodes').count()
    if (this.nodeCount === 0) throw parameters.get('num_nodes').error('a tree has a node at least')
    this.sets = this.categorySets()
  }

  tree(index: number): Tree {
    const id = this.place.get('id')
    if (id.value !== index) throw id.error(`${index} is due, is ${JSON.stringify(id.value)}`)
    const tree: Tree = { splits: [], leaves: [] }
    const reached = new Set<number>()
    // A node waits with the place that its number goes to.
    const waiting: { node: number; parent: number; settle: (child: number) => void }[] = [
      { node: 0, parent: NO_PARENT, settle: () => undefined },
    ]
    while (waiting.length > 0) {
      const { node, parent, settle } = waiting.pop()!
      if (reached.has(node)) throw this.error(node, 'is reached twice')
      reached.add(node)
      const stated = this.whole('parents', node)
      if (stated !== parent) throw this.error(node, `parent is ${stated}, reached from ${parent}`)
      const left = this.whole('left_children', node)
      if (left === NO_CHILD) {
        settle(~tree.leaves.length)
        tree.leaves.push(this.leaf(node))
        continue
      }
      const right = this.whole('right_children', node)
      if (left < 0 || left + 1 >= this.nodeCount) {
        throw this.error(node, `child ${left} is not among the ${this.nodeCount} nodes`)
      }
      // Where a value is not missing, XGBoost takes the node after the left child.
      if (right !== left + 1) throw this.error(node, `child ${right} is not next to child ${left}`)
      const split = this.split(node)
      settle(tree.splits.length)
      tree.splits.push(split)
      waiting.push({ node: right, parent: node, settle: (child) => (split.right = child) })
      waiting.push({ node: left, parent: node, settle: (child) => (split.left = child) })
    }
    const deleted = this.place.get('tree_param').get('num_deleted')
    if (deleted.count() !== this.nodeCount - reached.size) {
      const what = `${this.nodeCount - reached.size} of ${this.nodeCount} nodes are out of reach`
      throw deleted.error(`is ${deleted.count()}, but ${what}`)
    }
    return tree
  }

  private leaf(node: number): number {
    const right = this.whole('right_children', node)
    if (right !== NO_CHILD) throw this.error(node, `has the one child ${right}`)
    const value = this.float('split_conditions', node)
    if (!Number.isFinite(value)) throw this.error(node, 'leaf value is not finite')
    return value
  }

  private split(node: number): Split {
    const feature = this.whole('split_indices', node)
    if (feature < 0 || feature >= this.featureCount) {
      throw this.error(node, `feature ${feature} is not among the ${this.featureCount}`)
    }
    const side = this.whole('default_left', node)
    if (side !== 0 && side !== 1) throw this.error(node, `default_left ${side} is neither 0 nor 1`)
    const common = { feature, missing: 'nan' as const, defaultLeft: side === 1, left: 0, right: 0 }
    const type = this.whole('split_type', node)
    const categories = this.sets.get(node)
    if (type !== 0 && type !== CATEGORICAL) throw this.error(node, `split type ${type} is unknown`)
    if ((type === CATEGORICAL) !== (categories !== undefined)) {
      const what = categories ? 'is numeric and has categories' : 'is categorical without any'
      throw this.error(node, what)
    }
    if (categories) return { ...common, threshold: 0, categories }
    const threshold = this.float('split_conditions', node)
    if (threshold === Number.NEGATIVE_INFINITY) {
      throw this.error(node, 'split condition is -infinity, which nothing is less than')
    }
    return { ...common, threshold: floatThreshold(threshold) }
  }

  /** Categories that go right, by node. Source: XGBoost, RegTree::LoadCategoricalSplit. */
  private categorySets(): Map<number, Categories> {
    const places = this.place.get('categories_nodes').array()
    const sizes = this.place.get('categories_sizes').entries(places.length)
    const segments = this.place.get('categories_segments').entries(places.length)
    const all = this.place.get('categories')
    const ids = all.entries(all.array().length)
    const sets = new Map<number, Categories>()
    let next = 0
    let last = -1
    for (const [i, place] of places.entries()) {
      const node = place.count()
      if (node <= last || node >= this.nodeCount) throw place.error(`node ${node} is out of order`)
      last = node
      const size = sizes[i]
      if (segments[i] !== next || typeof size !== 'number' || !(size > 0)) {
        throw this.error(node, 'categories are not those after the node before')
      }
      const own = ids.slice(next, next + size)
      next += size
      if (own.length !== size || !own.every(isCategory)) {
        throw this.error(node, `categories must be ${size} whole numbers from 0 on`)
      }
      if (!own.every((id, k) => k === 0 || own[k - 1]! < id)) {
        throw this.error(node, 'categories must ascend')
      }
      sets.set(node, { ids: own, listedLeft: false, float32: true })
    }
    if (next !== ids.length) throw all.error(`holds ${ids.length} values, ${next} are due`)
    return sets
  }

  private whole(key: string, node: number): number {
    const value = this.entry(key, node)
    if (typeof value === 'number' && Number.isInteger(value)) return value
    throw this.error(node, `${key} ${JSON.stringify(value)} is no whole number`)
  }

  private float(key: string, node: number): number {
    const value = this.entry(key, node)
    if (typeof value === 'number' && !Number.isNaN(value)) return Math.fround(value)
    throw this.error(node, `${key} ${JSON.stringify(value)} is no number`)
  }

  private entry(key: string, node: number): unknown {
    let list = this.lists.get(key)
    if (!list) {
      list = this.place.get(key).entries(this.nodeCount)
      this.lists.set(key, list)
    }
    return list[node]
  }

  private error(node: number, what: string) {
    return this.place.error(`node ${node}: ${what}`)
  }
}

function isCategory(id: unknown): id is number {
  return typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < CATEGORIES_MAX
}
