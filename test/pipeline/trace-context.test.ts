// The trace context of an application goes onto its decision, record by record, and no other does.

import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILD } from '../../src/paths.ts'
import { cString, libraryPath, openLibrary, rd } from '../../src/rdkafka/library.ts'
import { addressOf } from '../../src/rdkafka/memory.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import type { Header } from '../../src/rdkafka/record-reader.ts'
import {
  MESSAGE_BYTES,
  MESSAGE_KEY,
  MESSAGE_KEY_LEN,
  MESSAGE_LEN,
  MESSAGE_PAYLOAD,
} from '../../src/rdkafka/structs.ts'
import {
  type Input,
  TOPICS,
  expectedOutcomes,
  header,
  makeInputs,
  readTopic,
} from '../support/applications.ts'
import { expectExactlyOneOutcome } from '../support/outcomes.ts'
import { WorkerProcess } from '../support/worker-process.ts'

setDefaultTimeout(60_000)

const REFERRED = 'loan_decisions.referred'

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

/** Example of the recommendation, with the record's number as the span. */
const traceparent = (i: number) =>
  `00-4bf92f3577b34da6a3ce929d0e0e4736-${i.toString(16).padStart(16, '0')}-01`

/** Headers of the application at an index, and of them those that its decision shall have. */
function headersOf(i: number): { sent: Header[]; due: Header[] } {
  const own: Header = ['traceparent', traceparent(i)]
  const state: Header = ['tracestate', `vendor=${i}`]
  const cases: { sent: Header[]; due: Header[] }[] = [
    { sent: [], due: [] },
    { sent: [own], due: [own] },
    { sent: [['other', 'x'], state, own], due: [own, state] },
    { sent: [['traceparent', 'short']], due: [] },
    { sent: [['other', 'x']], due: [] },
    { sent: [own, ['tracestate', 'x'.repeat(600)]], due: [own] },
    { sent: [['traceparent', traceparent(0)], own], due: [own] },
    { sent: [state], due: [] },
  ]
  // Runs of records without any lie between.
  return i % 100 < 40 ? { sent: [], due: [] } : cases[i % cases.length]!
}

function sendWithHeaders(bootstrapServers: string, inputs: readonly Input[]): void {
  const producer = new Producer({ 'bootstrap.servers': bootstrapServers, 'linger.ms': '5' })
  for (const [i, { partition, key, value }] of inputs.entries()) {
    const message = new BigUint64Array(MESSAGE_BYTES / 8)
    message[MESSAGE_PAYLOAD / 8] = BigInt(value.length > 0 ? addressOf(value) : 0)
    message[MESSAGE_LEN / 8] = BigInt(value.length)
    message[MESSAGE_KEY / 8] = BigInt(addressOf(key))
    message[MESSAGE_KEY_LEN / 8] = BigInt(key.length)
    const headers = rd.rd_kafka_headers_new(4)!
    for (const [name, text] of headersOf(i).sent) {
      rd.rd_kafka_header_add(headers, cString(name), -1, cString(text), text.length)
    }
    const at = addressOf(message)
    expect(producer.produceMessage(TOPICS.applications, partition, at, headers)).toBe(true)
  }
  expect(producer.flush(30_000)).toBe(true)
  producer.destroy()
}

test.each([
  ['exactly-once', 'on'],
  ['at-least-once', 'on'],
  ['exactly-once', 'off'],
])('%s, trace.context %s', async (delivery, setting) => {
  using cluster = new MockCluster()
  for (const topic of [...Object.values(TOPICS), REFERRED]) cluster.createTopic(topic, 1)
  const inputs = makeInputs(2000, 1, 0.05)
  sendWithHeaders(cluster.bootstrapServers, inputs)
  await using worker = new WorkerProcess({
    'bootstrap.servers': cluster.bootstrapServers,
    'fetch.wait.max.ms': 10,
    // The queue is full now and then.
    'queue.buffering.max.messages': 100,
    'batch.records': 150,
    'trace.context': setting,
    'topic.referred': REFERRED,
    delivery,
  })
  await worker.reaches('loan_records_total', inputs.length)
  expect(await worker.stop()).toBe(0)
  const [decisions] = readTopic(cluster.bootstrapServers, TOPICS.decisions, 1)
  const letters = readTopic(cluster.bootstrapServers, TOPICS.deadLetters, 1).flat()
  expectExactlyOneOutcome(inputs, [decisions!], letters)
  const [outcomes] = expectedOutcomes(inputs, TOPICS.applications)
  const indices = outcomes!.flatMap((outcome, i) => ('decision' in outcome ? [i] : []))
  const due = indices.map((i) => (setting === 'on' ? headersOf(i).due : []))
  expect(due.flat().length > 500).toBe(setting === 'on')
  expect(decisions!.map(({ headers }) => headers)).toEqual(due)
  // A referred decision has its application's on both topics.
  const [referred] = readTopic(cluster.bootstrapServers, REFERRED, 1)
  const byId = new Map(decisions!.map((decision) => [String(decision.key), decision]))
  const headersOfBoth = referred!.map(({ key }) => byId.get(String(key))!.headers)
  expect(referred!.map(({ headers }) => headers)).toEqual(headersOfBoth)
  expect(headersOfBoth.flat().length > 50).toBe(setting === 'on')
  // A dead letter has all of its record's.
  for (const letter of letters) {
    const { sent } = headersOf(Number(header(letter, 'loanstream.offset')))
    expect(letter.headers.slice(0, sent.length)).toEqual(sent)
  }
})
