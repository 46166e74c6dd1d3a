// The latest dead letters, as the monitor page gets them.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { LatestLetters } from '../../src/letters.ts'
import { BUILD, fromRoot } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import { makeInputs } from '../support/applications.ts'

setDefaultTimeout(60_000)

const TOPIC = 'letters'
let cluster: MockCluster

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
  cluster = new MockCluster()
  cluster.createTopic(TOPIC, 3)
})

afterAll(() => cluster[Symbol.dispose]())

function read(more: { topic?: string; bootstrap?: string; timeoutMs?: number } = {}) {
  const bootstrap = more.bootstrap ?? cluster.bootstrapServers
  return new LatestLetters({
    library: libraryPath(BUILD),
    properties: { 'bootstrap.servers': bootstrap, 'group.id': 'look' },
    timeoutMs: more.timeoutMs ?? 10_000,
    topic: more.topic ?? TOPIC,
    schemas: fromRoot('schemas'),
  }).read()
}

const messageOf = (call: Promise<unknown>) =>
  call.then(
    () => 'it was read',
    (error: Error) => error.message,
  )

const bytes = (text: string) => new TextEncoder().encode(text)

function headersOf(name: string, offset: number): [string, Uint8Array][] {
  return [
    ['trace', bytes('\u001b[31mred')],
    ['loanstream.error.class', bytes(name)],
    ['loanstream.error.message', bytes('the value ends')],
    ['loanstream.error.byte', bytes('20')],
    ['loanstream.topic', bytes('applications')],
    ['loanstream.partition', bytes('0')],
    ['loanstream.offset', bytes(String(offset))],
  ]
}

test('a topic without letters has none, in all its partitions', async () => {
  expect(await read()).toEqual({ topic: TOPIC, letters: [], looked: 0, partitions: [3, 3] })
})

test('the newest four of each class, with fields up to the fault, and nothing that steers', async () => {
  const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
  const cut = makeInputs(1, 1)[0]!.value.slice(0, 60)
  for (let i = 0; i < 7; i++) {
    producer.produceWithHeaders(TOPIC, i % 3, bytes(`key ${i}`), cut, headersOf('truncated', i))
    // So that each has a time of its own: the newest are told by it.
    await Bun.sleep(5)
  }
  producer.produceWithHeaders(TOPIC, 0, null, null, headersOf('no-value', 7))
  producer.produceWithHeaders(TOPIC, 1, bytes('someone'), bytes('else'), [])
  expect(producer.flush(10_000)).toBeTrue()
  producer.destroy()

  const { letters, looked } = await read()
  expect(looked).toBe(9)
  const truncated = letters.filter((letter) => letter.class === 'truncated')
  expect(truncated.map(({ record }) => record)).toEqual([
    'applications/0/6',
    'applications/0/5',
    'applications/0/4',
    'applications/0/3',
  ])
  const [first] = truncated
  expect(first).toMatchObject({
    message: 'the value ends',
    byte: 20,
    key: '"key 6"',
    headers: [['trace', expect.stringContaining('001b[31mred')]],
    bytes: 60,
    fault: expect.stringContaining('truncated'),
  })
  expect(first!.fields[0]).toMatchObject({ byte: 10, field: 'application_id' })
  expect(first!.hex.length).toBe(4)
  const others = letters.filter((letter) => letter.class !== 'truncated')
  const sizes = Object.fromEntries(others.map((letter) => [letter.class, letter.bytes]))
  expect(sizes).toEqual({ foreign: 4, 'no-value': null })
})

test('a topic that is not there and a broker that does not answer are told', async () => {
  const none = await messageOf(read({ topic: 'nothing' }))
  expect(none).toBe('dead letters cannot be read: topic nothing does not exist')
  const away = await messageOf(read({ bootstrap: '127.0.0.1:1', timeoutMs: 500 }))
  expect(away).toContain('dead letters cannot be read')
})

test('those who ask at the same time get the same answer', async () => {
  const letters = new LatestLetters({
    library: libraryPath(BUILD),
    properties: { 'bootstrap.servers': cluster.bootstrapServers, 'group.id': 'look' },
    timeoutMs: 10_000,
    topic: TOPIC,
    schemas: fromRoot('schemas'),
  })
  const [one, two] = await Promise.all([letters.read(), letters.read()])
  expect(one).toBe(two)
  expect(await letters.read()).toBe(one)
})
