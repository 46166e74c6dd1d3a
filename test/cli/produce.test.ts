// `produce`: what reaches the topic, under which key, on which partition.

import { afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeContainer } from '../../src/applications/container-file.ts'
import { BUILD, ROOT } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { RecordReader } from '../../src/rdkafka/record-reader.ts'
import { TOPICS, defaultProgram, makeInputs } from '../support/applications.ts'
import { cli } from '../support/cli.ts'

setDefaultTimeout(60_000)

const PARTITIONS = 6
const folder = mkdtempSync(join(tmpdir(), 'loanstream-produce-'))

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

function makeCluster(): MockCluster {
  const cluster = new MockCluster()
  cluster.createTopic(TOPICS.applications, PARTITIONS)
  return cluster
}

function readKeys(cluster: MockCluster): { partition: number; key: string }[] {
  const all = Array.from({ length: PARTITIONS }, (_, i) => i)
  const properties = { 'bootstrap.servers': cluster.bootstrapServers, 'fetch.wait.max.ms': '5' }
  using reader = new RecordReader(properties, TOPICS.applications, all, 'earliest')
  const keys: { partition: number; key: string }[] = []
  while (reader.ended.size < PARTITIONS) {
    for (const { partition, key } of reader.read(100)) {
      keys.push({ partition, key: new TextDecoder().decode(key!) })
    }
  }
  return keys
}

function produce(cluster: MockCluster, ...args: string[]) {
  return cli([
    'produce',
    ...args,
    '--json',
    '--set',
    `bootstrap.servers=${cluster.bootstrapServers}`,
  ])
}

/** A good application as a line of JSON. */
function row(id: string): string {
  return JSON.stringify({
    application_id: id,
    submitted_at: 1,
    region: '9',
    loan_amount: 5000,
    annual_income: 50000,
    credit_score: 700,
    debt_to_income: 10,
    delinquencies_2y: 0,
    inquiries_6m: 0,
    open_accounts: 5,
    total_accounts: 9,
    public_records: 0,
    bankruptcies: 0,
    revolving_balance: 100,
    mortgage_accounts: 0,
    total_balance: 1000,
    revolving_limit: 5000,
    accounts_opened_24m: 1,
    months_since_oldest_revolving: 90,
    average_balance: 200,
    active_revolving_accounts: 2,
  })
}

const started: Bun.Subprocess[] = []

// One that does not hear its signal must not outlive its test.
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
})

/** `produce` that can be signalled. */
function start(bootstrapServers: string, ...args: string[]) {
  const set = ['--json', '--set', `bootstrap.servers=${bootstrapServers}`]
  const child = Bun.spawn([process.execPath, 'src/main.ts', 'produce', ...args, ...set], {
    cwd: ROOT,
    stdout: 'pipe',
    stderr: 'ignore',
  })
  started.push(child)
  return child
}

test('--generate sends as many as asked, keyed by the application', async () => {
  using cluster = makeCluster()
  const { code, out } = await produce(cluster, '--generate', '2000')
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ sent: 2000, bad: 0, undelivered: 0 })
  const keys = readKeys(cluster)
  expect(keys.length).toBe(2000)
  expect(new Set(keys.map(({ key }) => key)).size).toBe(2000)
  expect(new Set(keys.map(({ partition }) => partition)).size).toBe(PARTITIONS)
})

test('--key region puts a region on one partition', async () => {
  using cluster = makeCluster()
  expect((await produce(cluster, '--generate', '1000', '--key', 'region')).code).toBe(0)
  const partitionOf = new Map<string, number>()
  for (const { partition, key } of readKeys(cluster)) {
    expect(key).toMatch(/^\d$/)
    expect(partitionOf.get(key) ?? partition).toBe(partition)
    partitionOf.set(key, partition)
  }
  expect(partitionOf.size).toBe(10)
})

// murmur2 of the key as Kafka's Java client computes it (Apache Kafka, UtilsTest.testMurmur2); the
// partition is its lower 31 bits modulo the number of partitions.
const JAVA_MURMUR2: Readonly<Record<string, number>> = {
  '21': -973932308,
  foobar: -790332482,
  'a-little-bit-long-string': -985981536,
  'a-little-bit-longer-string': -1486304829,
  lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
}

test("a key's partition is the one that Java's client chooses; bad rows are told and skipped", async () => {
  using cluster = makeCluster()
  const path = join(folder, 'keys.jsonl')
  writeFileSync(path, [...Object.keys(JAVA_MURMUR2).map(row), '{}', 'nonsense'].join('\n'))
  const { code, out, err } = await produce(cluster, path)
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ sent: 5, bad: 2 })
  expect(err).toContain('keys.jsonl:6: ')
  expect(err).toContain('keys.jsonl:7: ')
  for (const { key, partition } of readKeys(cluster)) {
    expect({ key, partition }).toEqual({
      key,
      partition: (JAVA_MURMUR2[key]! & 0x7fffffff) % PARTITIONS,
    })
  }
})

test('--on-error stop ends at the first bad row with exit code 1', async () => {
  using cluster = makeCluster()
  const path = join(folder, 'bad.jsonl')
  writeFileSync(path, '{"loan_amount": "much"}\n')
  const { code, err } = await produce(cluster, path, '--on-error', 'stop')
  expect(code).toBe(1)
  expect(err).toContain('bad.jsonl:1: ')
})

test('--on-error stop delivers the rows before the bad one, and says where it ended', async () => {
  const path = join(folder, 'third.jsonl')
  writeFileSync(path, [row('a'), row('b'), '{"loan_amount": "much"}', row('c')].join('\n'))
  using cluster = makeCluster()
  const { code, out, err } = await produce(cluster, path, '--on-error', 'stop')
  expect(code).toBe(1)
  expect(err).toContain('third.jsonl:3: ')
  const place = `${path}:3`
  expect(JSON.parse(out)).toMatchObject({ sent: 2, bad: 0, undelivered: 0, stopped_at: place })
  expect(
    readKeys(cluster)
      .map(({ key }) => key)
      .sort(),
  ).toEqual(['a', 'b'])
  const set = `bootstrap.servers=${cluster.bootstrapServers}`
  const text = await cli(['produce', path, '--on-error', 'stop', '--set', set])
  expect(text.code).toBe(1)
  expect(text.err).toContain('2 sent to loan_applications')
  expect(text.err).toContain(`stopped at ${place}`)
})

test('a file that is damaged further on: what came before is delivered, exit code 2', async () => {
  const path = join(folder, 'torn.avro')
  const records = makeInputs(2000, 1).map(({ value }) => value)
  await writeContainer(path, defaultProgram().applicationSchema, records)
  truncateSync(path, statSync(path).size - 1)
  using cluster = makeCluster()
  const { code, out, err } = await produce(cluster, path)
  expect(code).toBe(2)
  expect(err).toContain('torn.avro')
  const { sent, undelivered } = JSON.parse(out) as { sent: number; undelivered: number }
  expect(undelivered).toBe(0)
  expect(sent).toBeGreaterThan(0)
  expect(readKeys(cluster).length).toBe(sent)
})

// Slower is the machine's doing; faster would be ours.
test.each([
  ['of many a second', ['--generate', '1500', '--rate', '1000'], 1.3],
  ['of few a second, one by one', ['--generate', '6', '--rate', '10'], 0.45],
  ['of less than one', ['--generate', '2', '--rate', '0.8'], 1.2],
])('a rate is kept: %s', async (_, args, secondsMin) => {
  using cluster = makeCluster()
  const { out } = await produce(cluster, ...args)
  const { seconds } = JSON.parse(out) as { seconds: number }
  expect(seconds).toBeGreaterThan(secondsMin)
  expect(seconds).toBeLessThan(secondsMin + 3)
})

test('rows are sent when they are due, not in bursts', async () => {
  using cluster = makeCluster()
  const running = start(cluster.bootstrapServers, '--generate', '1000', '--rate', '20')
  const properties = { 'bootstrap.servers': cluster.bootstrapServers, 'fetch.wait.max.ms': '5' }
  const all = Array.from({ length: PARTITIONS }, (_, i) => i)
  using reader = new RecordReader(properties, TOPICS.applications, all, 'earliest')
  let arrived = 0
  let arrivals = 0
  while (arrived < 40) {
    const count = reader.read(5).length
    arrived += count
    if (count > 0) arrivals++
    await Bun.sleep(1)
  }
  running.kill('SIGTERM')
  expect(await running.exited).toBe(1)
  // The first ones wait together until the producer has its id; a burst is a few arrivals in all.
  expect(arrivals).toBeGreaterThan(10)
})

test('a rate counts rows, also those that are not sent', async () => {
  using cluster = makeCluster()
  const path = join(folder, 'all-bad.jsonl')
  writeFileSync(path, '{}\n'.repeat(11))
  const { out } = await produce(cluster, path, '--rate', '20')
  const { seconds, bad } = JSON.parse(out) as { seconds: number; bad: number }
  expect(bad).toBe(11)
  expect(seconds).toBeGreaterThan(0.45)
})

describe('a signal', () => {
  const NOWHERE = '127.0.0.1:1'
  /** What is well within the time-outs, and time enough for a busy machine to start. */
  const SOON_MS = 2500
  const STARTED_MS = 1500

  /** How long it takes from a signal to the end, and the summary. */
  async function signalled(running: ReturnType<typeof start>, afterMs = STARTED_MS) {
    await Bun.sleep(afterMs)
    const sentMs = performance.now()
    running.kill('SIGTERM')
    const code = await running.exited
    const ms = performance.now() - sentMs
    const out = await new Response(running.stdout).text()
    return { code, ms, summary: out === '' ? undefined : (JSON.parse(out) as unknown) }
  }

  test('ends the wait for a broker', async () => {
    const { code, ms, summary } = await signalled(start(NOWHERE, '--generate', '5'))
    expect(code).toBe(1)
    expect(ms).toBeLessThan(SOON_MS)
    expect(summary).toMatchObject({ sent: 0, signal: 'SIGTERM' })
  })

  test('ends the pause of a rate', async () => {
    using cluster = makeCluster()
    const running = start(cluster.bootstrapServers, '--generate', '5', '--rate', '0.01')
    const { code, ms, summary } = await signalled(running)
    expect(code).toBe(1)
    expect(ms).toBeLessThan(SOON_MS)
    expect(summary).toMatchObject({ sent: 1, undelivered: 0, signal: 'SIGTERM' })
  })

  test('is heard while it sends as fast as it goes', async () => {
    using cluster = makeCluster()
    const running = start(cluster.bootstrapServers, '--generate', '1000000000')
    const { code, ms, summary } = await signalled(running)
    expect(code).toBe(1)
    expect(ms).toBeLessThan(SOON_MS)
    expect(summary).toMatchObject({ undelivered: 0, signal: 'SIGTERM' })
  })

  /** Sends until the queue is full of what a broker that went does not take. */
  async function stuck(cluster: MockCluster, shutdownMs: number) {
    const running = start(
      cluster.bootstrapServers,
      '--generate',
      '1000000000',
      '--set',
      'queue.buffering.max.messages=1000',
      '--set',
      `shutdown.timeout.ms=${shutdownMs}`,
    )
    await Bun.sleep(STARTED_MS)
    cluster.setBrokerDown(1)
    return running
  }

  test('ends the wait for room in the queue, and waits no longer than the setting', async () => {
    using cluster = makeCluster()
    const { code, ms, summary } = await signalled(await stuck(cluster, 500), 500)
    expect(code).toBe(1)
    expect(ms).toBeGreaterThan(400)
    expect(ms).toBeLessThan(500 + SOON_MS)
    expect(summary).toMatchObject({ signal: 'SIGTERM' })
    expect((summary as { undelivered: number }).undelivered).toBeGreaterThan(0)
  })

  test('that is the second ends it at once', async () => {
    using cluster = makeCluster()
    const running = await stuck(cluster, 30_000)
    running.kill('SIGTERM')
    const { code, ms, summary } = await signalled(running, 1000)
    expect(code).toBe(1)
    expect(ms).toBeLessThan(500)
    expect(summary).toBeUndefined()
  })
})

test.each(['producer.bootstrap.servers', 'metadata.broker.list'])(
  'the broker may be given as %s',
  async (name) => {
    using cluster = makeCluster()
    const set = `${name}=${cluster.bootstrapServers}`
    const { code, out } = await cli(['produce', '--generate', '10', '--json', '--set', set])
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ sent: 10, undelivered: 0 })
  },
)

test('no broker within the time is exit code 1 and says where it looked', async () => {
  const { code, err } = await cli([
    'produce',
    '--generate',
    '1',
    '--set',
    'bootstrap.servers=127.0.0.1:1',
    '--set',
    'broker.timeout.ms=1500',
  ])
  expect(code).toBe(1)
  expect(err).toContain('no answer from 127.0.0.1:1')
})
