// Health and metrics, answered from counters as a worker would leave them.

import { expect, test } from 'bun:test'
import { makeApp } from '../../src/http/app.ts'
import { Counters } from '../../src/metrics/counters.ts'
import { modelHost } from '../support/model-host.ts'
import type { PartitionStatus, Status } from '../../src/status.ts'

const PARTITION: PartitionStatus = {
  topic: 'loan_applications',
  partition: 3,
  position: 1200,
  committed: 1100,
  lag: 7,
  stage: 'produce',
  progressAgoMs: 40,
  firstDecisionMs: 130,
  healthy: true,
}

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
    policy: { name: 'p', hash: 'bb' },
    reasons: [
      { code: 'FIRST', fields: [] },
      { code: 'SECOND', fields: [] },
    ],
    rebalances: 2,
    partitions: () => parts.all ?? [PARTITION],
    counters: () => [counters],
    ...parts,
  }
}

const get = (status: Status, path: string) => makeApp(status, modelHost(), '').request(path)

test('a process whose partitions move is alive, ready and healthy', async () => {
  for (const path of ['/livez', '/readyz', '/healthz']) {
    expect((await get(statusOf(), path)).status).toBe(200)
  }
})

test('a partition without progress makes the process not alive, and names itself and its stage', async () => {
  const status = statusOf({ all: [PARTITION, { ...PARTITION, partition: 4, healthy: false }] })
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
    'loan_dead_letters_total{class="unknown_schema"} 0',
    'loan_reasons_total{code="SECOND"} 6',
    'loan_records_total 40',
    'loan_rebalances_total 2',
    'loan_ready 1',
    'loan_consumer_lag_records{topic="loan_applications",partition="3"} 7',
    'loan_partition_healthy{topic="loan_applications",partition="3"} 1',
  ]) {
    expect(lines).toContain(line)
  }
  expect(lines.some((line) => line.startsWith('loanstream_info{version="1.2.3"'))).toBe(true)
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
