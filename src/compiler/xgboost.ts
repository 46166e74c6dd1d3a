// XGBoost's model, versions 2 and 3, from JSON or UBJ as a forest. Source: XGBoost, the schema of
// its documentation (doc/model.schema) and LearnerIO::LoadModel (src/learner.cc).
//
// What would not be scored exactly is refused with the JSON path and node, never approximated.

import { OperatingError, usageError } from '../errors.ts'
import { parseJson } from '../json.ts'
import { floatLogit } from './float32.ts'
import type { Forest } from './forest.ts'
import { parseUbjson } from './ubjson.ts'
import { Place } from './xgboost-document.ts'
import { readTree } from './xgboost-tree.ts'

/** What is added to the leaves, and what the sum means. */
const OBJECTIVES: ReadonlyMap<string, { base: 'probability' | 'margin'; identity: boolean }> =
  new Map([
    ['binary:logistic', { base: 'probability', identity: false }],
    ['reg:logistic', { base: 'probability', identity: false }],
    ['binary:logitraw', { base: 'margin', identity: false }],
    ['reg:squarederror', { base: 'margin', identity: true }],
  ])

const REFUSED: readonly [name: RegExp, why: string][] = [
  [/^multi:/, 'is for several classes'],
  [/^rank:/, 'ranks, and its scores mean nothing by themselves'],
  [/^survival:/, 'predicts a time, which is not read'],
  [/^(count:|reg:gamma$|reg:tweedie$)/, 'has a log link, which is not read'],
  [/^binary:hinge$/, 'predicts a class and no probability'],
]

/**
 * Parses a model in JSON.
 *
 * @param place  how errors name it, such as the file's path
 * @throws OperatingError kind 'usage', with file and line, or file and JSON path, and reason
 */
export function parseXgboostJson(text: string, place: string): Forest {
  return readModel(parseDocument(text, place), place)
}

/** Parses a model in UBJ; what is wrong in the bytes is refused with the offset. */
export function parseXgboostUbj(bytes: Uint8Array, place: string): Forest {
  return readModel(parseUbjson(bytes, place), place)
}

/** XGBoost writes NaN and Infinity, mostly where nothing reads them. */
function parseDocument(text: string, place: string): unknown {
  // As long as before, so that errors keep their line; an empty array is no number.
  const plain = text.replace(/"(?:[^"\\]|\\[^])*(?:"|\\?$)|NaN|Infinity/g, (found) =>
    found === 'NaN' ? '[] ' : found === 'Infinity' ? '1e999   ' : found,
  )
  try {
    const value: unknown = JSON.parse(plain)
    return value
  } catch (error) {
    throw locate(error, plain, place)
  }
}

/** The same error with line and column, which JSON.parse does not say. */
function locate(error: unknown, text: string, place: string): OperatingError {
  try {
    parseJson(text, place)
  } catch (located) {
    // What is nested too deeply for one parser may be so for the other.
    if (located instanceof OperatingError) return located
  }
  return usageError('model', `${place}:1: is no JSON that can be read`, error)
}

function readModel(document: unknown, place: string): Forest {
  const root = new Place(document, place)
  const version = readVersion(root.get('version'))
  const learner = root.get('learner')
  const parameters = learner.get('learner_model_param')
  expectOne(parameters.get('num_class'), 'several classes are not read')
  expectOne(parameters.find('num_target'), 'several targets are not read')
  const name = learner.get('objective').get('name')
  const objective = OBJECTIVES.get(name.text())
  if (!objective) {
    const why = REFUSED.find(([pattern]) => pattern.test(name.text()))?.[1] ?? 'is not read'
    throw name.error(`the objective "${name.text()}" ${why}`)
  }
  const features = readFeatures(learner, parameters.get('num_feature').count())
  const model = readTrees(learner.get('gradient_booster'))
  checkIterations(learner, model)
  const trees = model.get('trees').array()
  const score = readBaseScore(parameters.get('base_score'))
  return {
    features,
    trees: trees.map((tree, i) => readTree(tree, i, features.length)),
    sigmoid: 1,
    base: objective.base === 'margin' ? score.value : readMargin(score, version),
    float32: true,
    ...(objective.identity ? { identity: true } : {}),
  }
}

type Version = { major: number; minor: number }

function readVersion(place: Place): Version {
  const [major, minor] = place.array().map((part) => part.count())
  if ((major !== 2 && major !== 3) || minor === undefined) {
    throw place.error(`version ${major}.${minor} is not read, 2 and 3 are`)
  }
  return { major, minor }
}

function expectOne(place: Place | undefined, why: string): void {
  if (place && place.count() > 1) throw place.error(why)
}

function readFeatures(learner: Place, count: number): string[] {
  const place = learner.find('feature_names')
  const names = place?.array().map((name) => name.text()) ?? []
  if (!place || names.length === 0) return Array.from({ length: count }, (_, i) => `f${i}`)
  if (names.length !== count) {
    throw place.error(`holds ${names.length} names, num_feature is ${count}`)
  }
  const known = new Set<string>()
  for (const name of names) {
    if (known.has(name)) throw place.error(`two features are named "${name}"`)
    known.add(name)
  }
  return names
}

/** The trees' model, once it is sure that its trees are added up as they are. */
function readTrees(booster: Place): Place {
  const name = booster.get('name')
  if (name.value === 'dart') throw name.error('DART, which weighs its trees, is not read')
  if (name.value === 'gblinear') throw name.error('gblinear has no trees')
  if (name.value !== 'gbtree') throw name.error(`${JSON.stringify(name.value)} is not read`)
  const model = booster.get('model')
  for (const place of [booster, model]) {
    const weights = place.find('weight_drop')
    if (weights) throw weights.error('DART, which weighs its trees, is not read')
  }
  const trees = model.get('trees')
  const stated = model.get('gbtree_model_param').get('num_trees')
  if (trees.array().length !== stated.count()) {
    throw trees.error(`holds ${trees.array().length} trees, num_trees is ${stated.count()}`)
  }
  const groups = model.get('tree_info')
  if (groups.entries(stated.count()).some((group) => group !== 0)) {
    throw groups.error('a tree is of another class than 0')
  }
  return model
}

/**
 * A model that was stopped early has two scores: of all its trees from Booster.predict, of the best
 * from XGBClassifier. The file does not say which is meant.
 */
function checkIterations(learner: Place, model: Place): void {
  const best = learner.find('attributes')?.find('best_iteration')
  if (!best) return
  const parallel = model.get('gbtree_model_param').find('num_parallel_tree')?.count() || 1
  const rounds = model.get('trees').array().length / parallel
  if (best.count() + 1 === rounds) return
  const what = `the model was stopped early and holds ${rounds} rounds; which are meant?`
  throw best.error(`${what} Save booster[:${best.count() + 1}], or remove the attribute`)
}

type BaseScore = { place: Place; value: number }

/** A number as a text, or one in brackets: "5E-1", "[5E-1]". */
function readBaseScore(place: Place): BaseScore {
  const text = place.text()
  const inner = /^\[(.*)\]$/.exec(text)?.[1] ?? text
  if (inner.includes(',')) throw place.error('several base scores are not read')
  const value = Math.fround(Number(inner))
  if (!/^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$/.test(inner) || !Number.isFinite(value)) {
    throw place.error(`${JSON.stringify(text)} is no number`)
  }
  return { place, value }
}

/** From 3.2 on a base score is kept 1e-6 away from 0 and 1. */
function readMargin({ place, value }: BaseScore, version: Version): number {
  const bounded = version.major > 3 || (version.major === 3 && version.minor >= 2)
  const within = bounded ? value >= 0 && value <= 1 : value > 0 && value < 1
  const margin = floatLogit(value, bounded)
  if (!within || !Number.isFinite(margin)) throw place.error(`${value} is no probability`)
  return margin
}
