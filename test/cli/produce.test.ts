// `produce`: what reaches the topic, under which key, on which partition.

import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { RecordReader } from '../../src/rdkafka/record-reader.ts'
import { TOPICS } from '../support/applications.ts'
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
  const row = (id: string) =>
    JSON.stringify({
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

test('a rate is kept', async () => {
  using cluster = makeCluster()
  const { out } = await produce(cluster, '--generate', '1500', '--rate', '1000')
  // Slower is the machine's doing; faster would be ours.
  expect((JSON.parse(out) as { seconds: number }).seconds).toBeGreaterThan(1.3)
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
