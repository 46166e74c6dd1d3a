// What the monitor page is told: rates, latency, regions, drift and decisions, from counters and
// samples as a worker leaves them.

import { describe, expect, test } from 'bun:test'
import { loadSchemaVersions } from '../../src/avro/schema-files.ts'
import { makeApp } from '../../src/http/app.ts'
import { BUCKETS } from '../../src/metrics/counters.ts'
import { Distributions } from '../../src/monitor/distributions.ts'
import type { Frame, Hello } from '../../src/monitor/frame.ts'
import { DecayingHistogram, populationStability } from '../../src/monitor/histogram.ts'
import { Monitor } from '../../src/monitor/monitor.ts'
import { quantile } from '../../src/monitor/quantiles.ts'
import { fromRoot } from '../../src/paths.ts'
import { decisionSchema } from '../support/engine.ts'
import { MODEL_FOLDER, modelHost } from '../support/model-host.ts'
import { FakeWorker, partition } from '../support/status.ts'

const applications = loadSchemaVersions(fromRoot('schemas/loan_application'))

function setUp(folder = MODEL_FOLDER) {
  const worker = new FakeWorker()
  const status = worker.status()
  const models = { model: { version: { hash: status.model.hash, path: folder } } }
  const log = { warn: () => undefined }
  const decision = decisionSchema
  const monitor = new Monitor({ status, models, applications, decision, log })
  return { worker, monitor }
}

class Watcher {
  private readonly reader

  constructor(monitor: Monitor, signedIn = false) {
    this.reader = monitor.watch({ signedIn, canSignIn: true })!.getReader()
  }

  private async event<T>(name: string): Promise<T> {
    for (;;) {
      const text = new TextDecoder().decode((await this.reader.read()).value)
      const found = new RegExp(`^event: ${name}\ndata: (.*)\n\n$`).exec(text)
      if (found) return JSON.parse(found[1]!) as T
    }
  }

  hello = () => this.event<Hello>('hello')
  frame = () => this.event<Frame>('frame')
}

test('rates, latency, regions and decisions reach a viewer; what came before is in the hello', async () => {
  const { worker, monitor } = setUp()
  monitor.turn(1_000)
  worker.decide(5)
  monitor.turn(2_000)
  const watcher = new Watcher(monitor)
  const hello = await watcher.hello()
  expect(hello.history.atMs).toEqual([1_000, 2_000])
  expect(hello.history.rates.map((line) => line[1])).toEqual([200, 70, 50])
  expect(hello.decisions.length).toBe(5)
  worker.decide(1)
  monitor.turn(4_000)
  const frame = await watcher.frame()
  expect(frame.tick.rates).toEqual([20, 7, 5])
  expect(frame.tick.latency[0]).toBeGreaterThan(0.0025)
  expect(frame.tick.latency[2]).toBeLessThanOrEqual(0.005)
  expect(frame.outcomes).toEqual([240, 84, 60])
  expect(frame.decisions.length).toBe(1)
  expect(frame.partitions).toMatchObject([{ partition: 0, lag: 7, stage: 'produce' }])
  const weights = frame.regions.flatMap(({ outcomes }) => outcomes)
  expect(weights.reduce((a, b) => a + b)).toBeCloseTo(6 * 64, -1)
})

test('identifiers are whole for who is signed in, and masked for others', async () => {
  const { worker, monitor } = setUp()
  const [guest, own] = [new Watcher(monitor), new Watcher(monitor, true)]
  worker.decide(3)
  monitor.turn(1_000)
  worker.decide(3)
  const late = [new Watcher(monitor), new Watcher(monitor, true)]
  const masked = (await guest.frame()).decisions
  const whole = (await own.frame()).decisions
  expect(whole.every(({ id, offset }) => id.length === 36 && offset >= 0)).toBeTrue()
  for (const [i, { id, offset }] of masked.entries()) {
    expect(id).toBe(`…${whole[i]!.id.slice(-4)}`)
    expect(offset).toBe(-1)
  }
  expect((await late[0]!.hello()).decisions).toEqual(masked)
  expect((await late[1]!.hello()).decisions).toEqual(whole)
})

test('drift is told once there are enough samples, and is small for applications as in training', async () => {
  const { worker, monitor } = setUp()
  const watcher = new Watcher(monitor)
  worker.decide(20)
  monitor.turn(1_000)
  expect((await watcher.frame()).drift.every(({ psi }) => psi === null)).toBeTrue()
  for (let turn = 2; turn < 16; turn++) {
    worker.decide(30)
    monitor.turn(turn * 1000)
    await watcher.frame()
  }
  worker.decide(30)
  monitor.turn(20_000)
  const { drift, score, sampled } = await watcher.frame()
  expect(sampled).toBeGreaterThan(400)
  expect(drift.length).toBe(22)
  for (const { psi } of drift) expect(psi!).toBeLessThan(0.1)
  expect(score!.psi!).toBeLessThan(0.25)
  expect(score!.now.reduce((a, b) => a + b)).toBeCloseTo(1, 6)
  const app = makeApp(worker.status(), modelHost(), '', { monitor })
  const metrics = await (await app.request('/metrics')).text()
  const [index] = drift
  expect(metrics).toContain(
    `loan_feature_stability_index{feature="${index!.feature}"} ${index!.psi}`,
  )
  expect(metrics).toContain(`loan_score_stability_index ${score!.psi}`)
  expect(metrics).toContain('loan_monitor_viewers 1')
})

test('an artefact of another model has no figures to compare with', async () => {
  const { worker, monitor } = setUp(fromRoot('build/bench/model'))
  const watcher = new Watcher(monitor)
  worker.decide()
  monitor.turn(1_000)
  expect(await watcher.frame()).toMatchObject({ drift: [], score: null })
})

test('samples of another model count for the regions alone', () => {
  const { worker } = setUp()
  const other = new Distributions({ hash: 'other', path: MODEL_FOLDER })
  worker.decide()
  expect(worker.ring.waiting).toBe(1)
  expect(other.sampled).toBe(0)
  expect(other.driftViews()).toEqual([])
})

test('partitions without a known lag or position are told as such', async () => {
  const worker = new FakeWorker()
  const unknown = partition(3, { lag: undefined, lagSeconds: undefined, position: -1 })
  const status = worker.status([unknown])
  const models = { model: { version: { hash: status.model.hash, path: MODEL_FOLDER } } }
  const log = { warn: () => undefined }
  const monitor = new Monitor({ status, models, applications, decision: decisionSchema, log })
  const watcher = new Watcher(monitor)
  monitor.turn(1_000)
  const { partitions, tick } = await watcher.frame()
  expect(partitions).toMatchObject([{ partition: 3, lag: null, lagSeconds: null, position: -1 }])
  expect(tick.lag).toBe(0)
  expect(tick.latency).toEqual([null, null, null])
})

describe('the population stability index', () => {
  const training = { edges: [1, 2], shares: [0.5, 0.3, 0.1], missing: 0.1 }

  test('is 0 for the same shares', () => {
    expect(populationStability(training, [0.5, 0.3, 0.1, 0.1])).toBe(0)
  })

  test('is the sum of (now - before) ln(now / before)', () => {
    // By hand: -0.2 ln 0.6 + 0.2 ln (5/3), missing and the rest unchanged.
    const due = -0.2 * Math.log(0.3 / 0.5) + 0.2 * Math.log(0.5 / 0.3)
    expect(populationStability(training, [0.3, 0.5, 0.1, 0.1])).toBeCloseTo(due, 12)
  })

  test('stays finite when a bin is empty', () => {
    expect(populationStability(training, [0.9, 0, 0, 0.1])).toBeGreaterThan(0.25)
    expect(populationStability(training, [0.9, 0, 0, 0.1])).toBeLessThan(10)
  })
})

test('a value that equals an edge belongs to the bin below; missing values have their own', () => {
  const histogram = new DecayingHistogram([1, 2])
  for (const value of [0, 1, 1.5, 2, 2.5, Number.NaN]) histogram.add(value, 1)
  expect(histogram.shares()).toEqual([2, 2, 1, 1].map((count) => count / 6))
})

test('a sample counts half after five minutes', () => {
  const histogram = new DecayingHistogram([1])
  histogram.add(0, 1)
  for (let second = 0; second < 300; second++) histogram.decay()
  histogram.add(2, 0.5)
  const [below, above] = histogram.shares()
  expect(below).toBeCloseTo(0.5, 9)
  expect(above).toBeCloseTo(0.5, 9)
})

describe('a quantile', () => {
  const counts = BUCKETS.map(() => 0)
  counts.push(0)

  test('of nothing is none', () => {
    expect(quantile(counts, 0.5)).toBeNull()
  })

  test('is linear within its bucket, and the last bound beyond it', () => {
    const filled = counts.with(9, 100)
    expect(quantile(filled, 0.5)).toBeCloseTo((BUCKETS[8]! + BUCKETS[9]!) / 2, 12)
    expect(quantile(counts.with(BUCKETS.length, 5), 0.5)).toBe(10)
  })
})
