// What the page shows of applicants: a decision explained, dead letters opened. Who may see it, and
// what is answered when it cannot be.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { loadSchemaVersions } from '../../src/avro/schema-files.ts'
import { OperatingError } from '../../src/errors.ts'
import { Explainer } from '../../src/explain/explainer.ts'
import { type Explanation, explain } from '../../src/explain/explanation.ts'
import { makeApp } from '../../src/http/app.ts'
import { Monitor } from '../../src/monitor/monitor.ts'
import type { Letters } from '../../src/letters/view.ts'
import { fromRoot } from '../../src/paths.ts'
import { loadArtefact } from '../../src/scorer/artefact.ts'
import { decisionSchema, wasmModule } from '../support/engine.ts'
import { MODEL_FOLDER, OTHER_MODEL_FOLDER, modelHost } from '../support/model-host.ts'
import { FakeWorker } from '../support/status.ts'

setDefaultTimeout(60_000)

const TOKEN = 'inside-token'
const AS_OPERATOR = { headers: { Authorization: `Bearer ${TOKEN}` } }
const applications = loadSchemaVersions(fromRoot('schemas/loan_application'))
/** Records of FakeWorker's batches, of each of which one is a sample. */
const BATCH = 64
const NONE: Letters = { topic: 't', letters: [], looked: 0, partitions: [1, 1] }

function setUp(token = TOKEN, read = () => Promise.resolve(NONE), nowMs = () => 0) {
  const worker = new FakeWorker()
  const models = modelHost()
  const log = { warn: () => undefined }
  const status = worker.status()
  const monitor = new Monitor({ status, models, applications, decision: decisionSchema, log })
  const inside = { explainer: new Explainer(wasmModule, models, nowMs), letters: { read } }
  const app = makeApp(status, models, token, { monitor, inside })
  worker.decide(10)
  monitor.turn(1000)
  const [sample] = keptBelow(monitor, 10 * BATCH)
  return { worker, models, monitor, app, sample: sample! }
}

/** Kept decisions of partition 0, oldest first. */
function keptBelow(monitor: Monitor, until: number) {
  const offsets = Array.from({ length: until }, (_, offset) => offset)
  return offsets.flatMap((offset) => monitor.kept.find(0, offset)?.decided ?? [])
}

const pathOf = ({ partition, offset }: { partition: number; offset: number }) =>
  `/decisions/${partition}/${offset}`

test('a sampled decision is explained just as `explain` does it', async () => {
  const { app, monitor, worker, sample } = setUp()
  const response = await app.request(pathOf(sample), AS_OPERATOR)
  expect(response.status).toBe(200)
  expect(response.headers.get('cache-control')).toBe('no-store')
  const shown = (await response.json()) as Explanation
  const { value } = monitor.kept.find(sample.partition, sample.offset)!
  const place = { topic: sample.topic, partition: sample.partition, offset: sample.offset }
  const { manifest } = loadArtefact(MODEL_FOLDER)
  const due = explain(wasmModule, worker.program, manifest, value, undefined, place)
  expect(shown).toEqual(JSON.parse(JSON.stringify(due)) as Explanation)
  expect(shown.decision.application_id).toBe(sample.application_id)
  const sum = shown.features.reduce((total, { contribution }) => total + contribution!, 0)
  expect(shown.reference!.margin + sum).toBeCloseTo(shown.decision.margin, 9)
})

test('only who is signed in sees it, and nobody where there is no token', async () => {
  const { app, sample } = setUp()
  const closed = setUp('')
  for (const path of [pathOf(sample), '/dead-letters']) {
    expect((await app.request(path)).status).toBe(401)
    const wrong = { headers: { Authorization: 'Bearer wrong' } }
    expect((await app.request(path, wrong)).status).toBe(401)
    expect((await app.request(path, { ...AS_OPERATOR, method: 'POST' })).status).toBe(405)
    const answer = await closed.app.request(path, AS_OPERATOR)
    expect(answer.status).toBe(403)
    expect(await answer.text()).toContain('http.token')
  }
})

test('a decision that is none of the last, or no place at all, is not found', async () => {
  const { app } = setUp()
  for (const path of [
    '/decisions/0/999999',
    '/decisions/7/0',
    '/decisions/x/1',
    '/decisions/0/-1',
  ]) {
    expect((await app.request(path, AS_OPERATOR)).status).toBe(404)
  }
})

test('after a change of the model it is explained by the one before; after two it is refused', async () => {
  const { app, models, sample } = setUp()
  await models.model.load(OTHER_MODEL_FOLDER)
  const before = await app.request(pathOf(sample), AS_OPERATOR)
  expect(((await before.json()) as Explanation).model.hash).toBe(sample.model)
  await models.model.load(OTHER_MODEL_FOLDER)
  const gone = await app.request(pathOf(sample), AS_OPERATOR)
  expect(gone.status).toBe(409)
  expect(await gone.text()).toContain('not in memory any more')
})

test('an application that was too long to be kept cannot be explained, and says so', () => {
  const { sample } = setUp()
  const explainer = new Explainer(wasmModule, modelHost())
  expect(() => explainer.explain(sample, new Uint8Array(0))).toThrow('too long to be kept')
})

test('a decision that the same bytes do not make again is not explained as if they did', () => {
  const { monitor, sample } = setUp()
  const explainer = new Explainer(wasmModule, modelHost())
  const { value } = monitor.kept.find(sample.partition, sample.offset)!
  const other = { ...sample, score: sample.score + 1 }
  expect(() => explainer.explain(other, value)).toThrow('another decision')
})

test('there are five explanations a second: the rest is to come again', async () => {
  let nowMs = 0
  const { app, sample } = setUp(TOKEN, undefined, () => nowMs)
  const ask = async () => app.request(pathOf(sample), AS_OPERATOR)
  const answers = await Promise.all(Array.from({ length: 8 }, ask))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429, 429, 429])
  expect(answers.at(-1)!.headers.get('retry-after')).toBe('1')
  nowMs = 1000
  expect((await ask()).status).toBe(200)
})

test('the last 512 samples are kept, and no more', () => {
  const { worker, monitor, sample } = setUp()
  expect(keptBelow(monitor, 10 * BATCH).length).toBe(10)
  for (let turn = 2; turn < 22; turn++) {
    worker.decide(30)
    monitor.turn(turn * 1000)
  }
  expect(monitor.kept.find(sample.partition, sample.offset)).toBeUndefined()
  expect(keptBelow(monitor, 610 * BATCH).length).toBe(512)
})

test('dead letters that cannot be read are an answer that says why', async () => {
  const fault = new OperatingError('retriable', 'letters', 'dead letters cannot be read: no broker')
  const { app } = setUp(TOKEN, () => Promise.reject(fault))
  const answer = await app.request('/dead-letters', AS_OPERATOR)
  expect(answer.status).toBe(503)
  expect(await answer.text()).toContain('no broker')
})
