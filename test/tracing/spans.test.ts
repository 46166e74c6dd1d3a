// Spans of batches at an HTTP receiver: complete, linked to the records' traces, and of no account
// to the pipeline when nobody takes them.

import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import { type Input, TOPICS, makeInputs, readTopic } from '../support/applications.ts'
import { expectExactlyOneOutcome } from '../support/outcomes.ts'
import { WorkerProcess } from '../support/worker-process.ts'

setDefaultTimeout(60_000)

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const RECORDS = 1000
const BATCH = 200

const spanOf = (i: number) => (i + 1).toString(16).padStart(16, '0')

/** Every tenth application has a trace; every hundredth one that is none. */
function sendTraced(bootstrapServers: string, inputs: readonly Input[]): void {
  const producer = new Producer({ 'bootstrap.servers': bootstrapServers, 'linger.ms': '5' })
  for (const [i, { partition, key, value }] of inputs.entries()) {
    const zeros = '0'.repeat(32)
    const traceparent = `00-${i % 100 === 50 ? zeros : TRACE}-${spanOf(i)}-01`
    const headers = i % 10 === 0 ? [['traceparent', Buffer.from(traceparent)] as const] : []
    expect(producer.produceWithHeaders(TOPICS.applications, partition, key, value, headers)).toBe(
      true,
    )
  }
  expect(producer.flush(30_000)).toBe(true)
  producer.destroy()
}

/** JSON of OTLP's ExportTraceServiceRequest, as far as it is looked at. */
type Attribute = { key: string; value: { stringValue?: string; intValue?: number | string } }
type Span = {
  traceId: string
  spanId: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: Attribute[]
  links: { traceId: string; spanId: string }[]
}
type Request_ = {
  resourceSpans: { resource: { attributes: Attribute[] }; scopeSpans: { spans: Span[] }[] }[]
}

function makeCluster(): MockCluster {
  const cluster = new MockCluster()
  for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, 1)
  return cluster
}

function start(cluster: MockCluster, url: string): WorkerProcess {
  return new WorkerProcess({
    'bootstrap.servers': cluster.bootstrapServers,
    'fetch.wait.max.ms': 10,
    'batch.records': BATCH,
    'trace.export.url': url,
  })
}

test('a span for each batch, linked to the traces of its records', async () => {
  const requests: Request_[] = []
  const paths = new Set<string>()
  using receiver = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      paths.add(`${request.method} ${new URL(request.url).pathname}`)
      requests.push((await request.json()) as Request_)
      return Response.json({})
    },
  })
  using cluster = makeCluster()
  const inputs = makeInputs(RECORDS, 1, 0.05)
  const since = BigInt(Date.now()) * 1_000_000n
  sendTraced(cluster.bootstrapServers, inputs)
  await using worker = start(cluster, `${receiver.url.origin}/v1/traces`)
  await worker.reaches('loan_records_total', RECORDS)
  const batches = await worker.metric('loan_batches_total')
  await worker.reaches('loan_spans_total', batches)
  expect(await worker.stop()).toBe(0)
  expect([...paths]).toEqual(['POST /v1/traces'])
  const resources = requests.flatMap(({ resourceSpans }) => resourceSpans)
  const spans = resources.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans))
  expect(spans.length).toBe(batches)
  const textOf = ({ attributes }: { attributes: Attribute[] }, name: string) =>
    attributes.find(({ key }) => key === name)?.value.stringValue
  const numberOf = (span: Span, name: string) =>
    Number(span.attributes.find(({ key }) => key === name)?.value.intValue)
  expect(resources.map(({ resource }) => textOf(resource, 'service.name'))).toContain('loanstream')
  const sum = (name: string) => spans.reduce((total, span) => total + numberOf(span, name), 0)
  const letters = readTopic(cluster.bootstrapServers, TOPICS.deadLetters, 1).flat()
  expect(sum('messaging.batch.message_count')).toBe(RECORDS)
  expect(sum('loanstream.dead_letters')).toBe(letters.length)
  expect(sum('loanstream.decided')).toBe(RECORDS - letters.length)
  for (const span of spans) {
    expect(span.name).toBe(`process ${TOPICS.applications}`)
    // SPAN_KIND_CONSUMER
    expect(span.kind).toBe(5)
    expect(span.traceId).toMatch(/^[0-9a-f]{32}$/)
    const [from, until] = [BigInt(span.startTimeUnixNano), BigInt(span.endTimeUnixNano)]
    expect(since < from && from < until && until <= BigInt(Date.now()) * 1_000_000n).toBe(true)
  }
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length)
  // No record stands behind two spans, and what is no trace context is no link.
  const due = inputs.flatMap((_, i) => (i % 10 === 0 && i % 100 !== 50 ? [i] : []))
  const links = spans.flatMap((span) => span.links)
  expect(links.map(({ spanId }) => spanId).sort()).toEqual(due.map(spanOf).sort())
  expect(new Set(links.map(({ traceId }) => traceId))).toEqual(new Set([TRACE]))
})

test.each([
  ['refuses', () => new Response('no', { status: 400 })],
  ['breaks down', () => new Response('no', { status: 500 })],
  ['hangs', () => new Promise<Response>(() => {})],
])('a collector that %s costs spans, and nothing else', async (_, answer) => {
  using receiver = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: answer })
  using cluster = makeCluster()
  const inputs = makeInputs(RECORDS, 1, 0.05)
  sendTraced(cluster.bootstrapServers, inputs)
  await using worker = start(cluster, `${receiver.url.origin}/v1/traces`)
  await worker.reaches('loan_records_total', RECORDS)
  await worker.logged('spans are dropped')
  const batches = await worker.metric('loan_batches_total')
  await worker.reaches('loan_spans_total', batches)
  expect(await worker.stop()).toBe(0)
  const decisions = readTopic(cluster.bootstrapServers, TOPICS.decisions, 1)
  const letters = readTopic(cluster.bootstrapServers, TOPICS.deadLetters, 1).flat()
  expectExactlyOneOutcome(inputs, decisions, letters)
})
