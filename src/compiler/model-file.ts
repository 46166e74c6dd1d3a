// A model file of any trainer that is read: recognised by its content, whatever its name.

import { usageError } from '../errors.ts'
import type { Forest } from './forest.ts'
import { parseLightGbm } from './lightgbm.ts'
import { parseXgboostJson, parseXgboostUbj } from './xgboost.ts'

export type ModelFile = {
  format: 'lightgbm-text' | 'xgboost-json' | 'xgboost-ubj'
  forest: Forest
}

const XGBOOST_DUMP = 'is a dump of XGBoost, which rounds: save the model as JSON or UBJ'

/** How files that are not read begin, and what to do about it. */
const OTHER_BYTES: readonly [start: readonly number[], what: string][] = [
  [[0x80], 'is a Python pickle, which can run code: save the model by its trainer'],
  // Field 1 of the protocol buffer, the version; no text begins with a backspace.
  [[0x08], 'is an ONNX model, which rounds: take the model it was made of'],
  [[0x50, 0x4b, 0x03, 0x04], 'is a ZIP archive: unpack it'],
  [[0x1f, 0x8b], 'is compressed: unpack it'],
]
const OTHER_TEXT: readonly [start: RegExp, what: string][] = [
  [/^CBM1/, 'is a CatBoost model, which is not read'],
  [/^(binf|bs64)/, "is XGBoost's old binary format: save the model as JSON or UBJ"],
  [/^booster\[/, XGBOOST_DUMP],
  [/^\s*\[/, XGBOOST_DUMP],
  [/^\s*<(\?xml|PMML)/, 'is XML, which is not read'],
]

/** Keys at the top of JSON that others write. */
const OTHER_JSON: readonly [key: RegExp, what: string][] = [
  [/"tree_info"/, 'is a dump of LightGBM: save the model as text'],
  [/"(oblivious_trees|features_info)"/, 'is a CatBoost model, which is not read'],
]

/**
 * Reads a model.
 *
 * @param place  how errors name it, such as the file's path
 * @throws OperatingError kind 'usage', with file, line, offset or JSON path, and reason
 */
export function parseModel(bytes: Uint8Array, place: string): ModelFile {
  const start = Buffer.from(bytes.subarray(0, 4096)).toString('latin1')
  // A UBJ object begins with the int64 length of its first key, JSON with a quote or blanks.
  if (start.startsWith('{L\0')) {
    return { format: 'xgboost-ubj', forest: parseXgboostUbj(bytes, place) }
  }
  const other =
    OTHER_BYTES.find(([mark]) => mark.every((byte, i) => bytes[i] === byte)) ??
    OTHER_TEXT.find(([pattern]) => pattern.test(start))
  if (other) throw usageError('model', `${place}: ${other[1]}`)
  if (/^tree\r?\n/.test(start)) {
    return { format: 'lightgbm-text', forest: parseLightGbm(decode(bytes, place), place) }
  }
  if (/^\s*\{/.test(start)) {
    const foreign = OTHER_JSON.find(([key]) => key.test(start))
    if (foreign && !start.includes('"learner"')) {
      throw usageError('model', `${place}: ${foreign[1]}`)
    }
    return { format: 'xgboost-json', forest: parseXgboostJson(decode(bytes, place), place) }
  }
  const read = 'LightGBM text, XGBoost JSON and XGBoost UBJ are read'
  throw usageError('model', `${place}:1: is no model that is known; ${read}`)
}

function decode(bytes: Uint8Array, place: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw usageError('model', `${place}: is not UTF-8`, error)
  }
}
