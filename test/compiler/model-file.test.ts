// Which trainer a file is of is told from its content; what is not read says so in one sentence.

import { expect, test } from 'bun:test'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseModel } from '../../src/compiler/model-file.ts'
import { fromRoot } from '../../src/paths.ts'
import { refusal } from '../support/engine.ts'

const XGBOOST = join(import.meta.dir, '../fixtures/xgboost')

test('a LightGBM text, with line ends of either kind', () => {
  const text = readFileSync(fromRoot('models/default/model.txt'), 'utf8')
  for (const lines of [text, text.replaceAll('\n', '\r\n')]) {
    const { format, forest } = parseModel(Buffer.from(lines), 'm')
    expect([format, forest.trees.length]).toEqual(['lightgbm-text', 125])
  }
})

test.each(['json', 'ubj'])("XGBoost's %s, whatever the name", (kind) => {
  const file = readdirSync(XGBOOST).find((name) => name.endsWith(`.${kind}`))!
  expect(parseModel(readFileSync(join(XGBOOST, file)), 'model.bin').format).toBe(
    kind === 'json' ? 'xgboost-json' : 'xgboost-ubj',
  )
})

test('XGBoost JSON that a person laid out', () => {
  const file = readdirSync(XGBOOST).find((name) => name.endsWith('.json'))!
  const text = readFileSync(join(XGBOOST, file), 'utf8').replaceAll('NaN', '0')
  const laidOut = `\n${JSON.stringify(JSON.parse(text), null, 2)}\n`
  expect(parseModel(Buffer.from(laidOut), 'm').forest.trees.length).toBeGreaterThan(0)
})

const REFUSED: [what: string, content: string, message: string][] = [
  ['nothing', '', 'm:1: is no model that is known; LightGBM text, XGBoost JSON and XGBoost UBJ'],
  ['any text', 'hello', 'm:1: is no model that is known'],
  ['a pickle', '\x80\x04\x95', 'm: is a Python pickle, which can run code: save the model by its'],
  ['ONNX', '\x08\x0a\x12\x08skl2onnx', 'm: is an ONNX model'],
  ['CatBoost', 'CBM1\0', 'm: is a CatBoost model, which is not read'],
  ['CatBoost JSON', '{"features_info": {}', 'm: is a CatBoost model, which is not read'],
  ["LightGBM's dump", '{"name": "tree", "tree_info": []}', 'm: is a dump of LightGBM: save the'],
  ["XGBoost's dump", '[\n  { "nodeid": 0', 'm: is a dump of XGBoost, which rounds: save the model'],
  ["XGBoost's text dump", 'booster[0]:\n0:[f0<1]', 'm: is a dump of XGBoost, which rounds'],
  ["XGBoost's old format", 'binf\0\0\0\x3f', "m: is XGBoost's old binary format"],
  ['PMML', '<?xml version="1.0"?><PMML>', 'm: is XML, which is not read'],
  ['a ZIP archive', 'PK\x03\x04', 'm: is a ZIP archive: unpack it'],
  ['gzip', '\x1f\x8b\x08', 'm: is compressed: unpack it'],
  ['other JSON', '{"a": 1}', 'm: has no version'],
  ['JSON with a comma too many', '{\n"a": 1,\n}', 'm:3:1: property name expected'],
  ['JSON that is no UTF-8', '{"\xff": 1}', 'm: is not UTF-8'],
  ['LightGBM text that is no UTF-8', 'tree\nversion=\xff', 'm: is not UTF-8'],
  ['arrays in arrays', `{"version":${'['.repeat(200_000)}`, 'm:1'],
  ['objects in objects', '{"a":'.repeat(200_000), 'm:1'],
  ['quotes without an end', `{"a": "${'\\"'.repeat(100_000)}`, 'm:1'],
]
test.each(REFUSED)('%s is refused', (_, content, message) => {
  const error = refusal(() => parseModel(Buffer.from(content, 'latin1'), 'm'))
  expect(error.message).toStartWith(message)
  expect(error.kind).toBe('usage')
})
