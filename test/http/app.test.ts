// Health and metrics, answered from counters as a worker would leave them.

import { expect, test } from 'bun:test'
import { challengerCounts } from '../../src/metrics/challenger.ts'
import { makeApp } from '../../src/http/app.ts'
import { Counters } from '../../src/metrics/counters.ts'
import { modelHost } from '../support/model-host.ts'
import { partition } from '../support/status.ts'
import type { PartitionStatus, Status } from '../../src/status.ts'

function statusOf(parts: Partial<Status> & { all?: PartitionStatus[] } = {}): Status {
  const counters = new Counters()
  counters.add('records', 40)
  counters.addOutcome(0, 30)
  counters.addOutcome(1, 6)
  counters.addOutcome(2, 4)
  counters.addReason(1, 6)
  counters.addDeadLetter('truncated')
  counters.observe('decide', 3_000)
  counters.observe('decide', 20e9)
  return {
    phase: 'running',
    notReady: '',
    version: { program: '1.2.3', librdkafka: '2.15.1' },
    model: { name: 'm', hash: 'aa' },
    challenger: undefined,
    policy: { name: 'p', hash: 'bb' },
    reasonCodes: ['FIRST', 'SECOND'],
    rebalances: 2,
    rejoins: 1,
    wedged: new Map([['commit', 3]]),
    partitions: () => parts.all ?? [partition(3)],
    counters: () => [counters],
    samples: () => [],
    ...parts,
  }
}

const get = (status: Status, path: string) => makeApp(status, modelHost(), '').request(path)

test('a process whose partitions move is alive, ready and healthy', async () => {
  for (const path of ['/livez', '/readyz', '/startupz', '/healthz']) {
    expect((await get(statusOf(), path)).status).toBe(200)
  }
})

test('a partition without progress makes the process not alive, and names itself and its stage', async () => {
  const status = statusOf({ all: [partition(3), partition(4, { healthy: false })] })
  const live = await get(status, '/livez')
  expect(live.status).toBe(503)
  expect(await live.text()).toBe('loan_applications 4: no progress in produce\n')
  expect((await get(status, '/healthz')).status).toBe(503)
})

test('a process that is not ready says why', async () => {
  const response = await get(statusOf({ notReady: 'waiting for a broker' }), '/readyz')
  expect(response.status).toBe(503)
  expect(await response.text()).toBe('waiting for a broker\n')
})

test('a process that still loads is not started; one that waits for brokers is', async () => {
  const starting = statusOf({ phase: 'starting', notReady: 'starting' })
  expect((await get(starting, '/startupz')).status).toBe(503)
  const waiting = statusOf({ phase: 'waiting', notReady: 'waiting for a broker' })
  expect((await get(waiting, '/startupz')).status).toBe(200)
})

test('/healthz tells position, lag, last progress and stage of each partition', async () => {
  const body = (await (await get(statusOf(), '/healthz')).json()) as {
    partitions: Record<string, unknown>[]
  }
  expect(body.partitions[0]).toMatchObject({
    topic: 'loan_applications',
    partition: 3,
    position: 1200,
    committed: 1100,
    lag: 7,
    stage: 'produce',
    healthy: true,
  })
  const ago = Date.now() - Date.parse(String(body.partitions[0]!['last_progress']))
  expect(ago).toBeGreaterThanOrEqual(40)
  expect(ago).toBeLessThan(5000)
})

test('/metrics holds decisions by outcome, dead letters by class, reasons, lag and versions', async () => {
  const response = await get(statusOf(), '/metrics')
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4')
  const lines = (await response.text()).split('\n')
  for (const line of [
    'loan_decisions_total{decision="approved"} 30',
    'loan_decisions_total{decision="rejected"} 6',
    'loan_decisions_total{decision="referred"} 4',
    'loan_dead_letters_total{class="truncated"} 1',
    'loan_dead_letters_total{class="unknown-schema"} 0',
    'loan_reasons_total{code="SECOND"} 6',
    'loan_records_total 40',
    'loan_rebalances_total 2',
    'loan_rejoins_total 1',
    'loan_wedged_total{stage="commit"} 3',
    'loan_ready 1',
    'loan_consumer_lag_records{topic="loan_applications",partition="3"} 7',
    'loan_consumer_lag_seconds{topic="loan_applications",partition="3"} 0.4',
    'loan_partition_healthy{topic="loan_applications",partition="3"} 1',
  ]) {
    expect(lines).toContain(line)
  }
  expect(lines.some((line) => line.startsWith('loan_build_info{version="1.2.3"'))).toBe(true)
})

test('a partition whose records wait for the schema registry is a metric of its own', async () => {
  const all = [partition(3), partition(4, { waitsFor: 'no answer' })]
  const lines = (await (await get(statusOf({ all }), '/metrics')).text()).split('\n')
  const waits = lines.filter((line) => line.startsWith('loan_partition_waits_for_registry{'))
  expect(waits.map((line) => line.slice(line.indexOf('partition=')))).toEqual([
    'partition="3"} 0',
    'partition="4"} 1',
  ])
})

test('a histogram is cumulative, starts at 1 µs, and ends in +Inf with the count', async () => {
  const text = await (await get(statusOf(), '/metrics')).text()
  const buckets = text
    .split('\n')
    .filter((line) => line.startsWith('loan_stage_duration_seconds_bucket{stage="decide"'))
    .map((line) => ({ le: /le="([^"]+)"/.exec(line)![1]!, count: Number(line.split(' ').at(-1)) }))
  expect(buckets[0]).toEqual({ le: '0.000001', count: 0 })
  expect(buckets.find(({ le }) => le === '0.000005')!.count).toBe(1)
  expect(buckets.find(({ le }) => le === '10')!.count).toBe(1)
  expect(buckets.at(-1)).toEqual({ le: '+Inf', count: 2 })
  expect(text).toContain('loan_stage_duration_seconds_count{stage="decide"} 2')
})

test('scraping twice gives the same: totals do not add up over scrapes', async () => {
  const app = makeApp(statusOf(), modelHost(), '')
  const counts = async () => {
    const text = await (await app.request('/metrics')).text()
    return text.split('\n').filter((line) => line.startsWith('loan_') && line.includes('_total'))
  }
  expect(await counts()).toEqual(await counts())
})

test('without partitions there is nothing stale to see', async () => {
  const status = statusOf({ all: [] })
  expect((await get(status, '/livez')).status).toBe(200)
  expect(await (await get(status, '/metrics')).text()).not.toContain('loan_consumer_position{')
})

test('other paths are not found, and answers carry security headers', async () => {
  const response = await get(statusOf(), '/nothing')
  expect(response.status).toBe(404)
  expect(response.headers.get('x-content-type-options')).toBe('nosniff')
})

/** A worker's counters since a program, with so many records of one pair. */
function challenged(since: number, pair: number, count: number): Counters {
  const counters = new Counters()
  counters.startChallenger(since)
  counters.addChallengerOutcome(pair % 3, count)
  counters.addPair(pair, count)
  counters.add('challengerErrors', 1)
  counters.add('challengerDropped', 2)
  return counters
}

test('a challenger is in health and metrics, with its outcomes and how they compare', async () => {
  const workers = [challenged(4, 1, 10), challenged(4, 8, 5)]
  const status = statusOf({ challenger: { name: 'rival', hash: 'cc' }, counters: () => workers })
  const health = (await (await get(status, '/healthz')).json()) as { challenger: unknown }
  expect(health.challenger).toEqual({ name: 'rival', hash: 'cc', workers_off: 0 })
  const lines = (await (await get(status, '/metrics')).text()).split('\n')
  for (const line of [
    'loan_challenger_decisions_total{decision="rejected"} 10',
    'loan_challenger_decisions_total{decision="referred"} 5',
    'loan_challenger_pairs_total{champion="approved",challenger="rejected"} 10',
    'loan_challenger_pairs_total{champion="referred",challenger="referred"} 5',
    'loan_challenger_pairs_total{champion="rejected",challenger="approved"} 0',
    'loan_challenger_dropped_total 4',
    'loan_challenger_errors_total 2',
    'loan_challenger_on 1',
    'loan_challenger_info{model="rival",model_hash="cc"} 1',
  ]) {
    expect(lines).toContain(line)
  }
})

test('a challenger that a worker has given up is not on, nor one that there is not', async () => {
  const counters = challenged(1, 0, 1)
  counters.set('challengerOff', 1)
  const given = { counters: () => [counters] }
  const up = statusOf({ ...given, challenger: { name: 'rival', hash: 'cc' } })
  for (const status of [up, statusOf(given)]) {
    const lines = (await (await get(status, '/metrics')).text()).split('\n')
    expect(lines).toContain('loan_challenger_on 0')
  }
  // Given up under a program that the worker has yet to leave: the next one is not off.
  counters.programWanted = 2
  expect(challengerCounts([counters]).workersOff).toBe(0)
})

test('pairs of models before do not count, their errors and losses do', () => {
  const counts = challengerCounts([challenged(2, 0, 7), challenged(3, 4, 11)])
  expect(counts.pairs).toEqual([0, 0, 0, 0, 11, 0, 0, 0, 0])
  expect(counts.outcomes).toEqual([0, 11, 0])
  expect([counts.errors, counts.dropped]).toEqual([2, 4])
})
