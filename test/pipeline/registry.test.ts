// A worker whose records name their schemas in a registry, a real one: what comes out, and what it
// does when the registry is down, refuses it, or does not know what a record names.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SCHEMA_ID_HEADER, registryHeader } from '../../src/avro/schema-id.ts'
import type { Json } from '../../src/avro/schema.ts'
import { BUILD, fromRoot } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { RegistryClient } from '../../src/registry/client.ts'
import {
  type Input,
  TOPICS,
  expectedOutcomes,
  header,
  makeInputs,
  readTopic,
  send,
} from '../support/applications.ts'
import { type CliResult, cli } from '../support/cli.ts'
import { applicationSchema, decisionSchema } from '../support/engine.ts'
import { sendWithHeaders } from '../support/produce-headers.ts'
import { RegistryFront } from '../support/registry-front.ts'
import { Registry } from '../support/registry.ts'
import { WorkerProcess } from '../support/worker-process.ts'

setDefaultTimeout(120_000)

const PARTITIONS = 2
const SINGLE_OBJECT_BYTES = 10

const reason = Registry.unavailable()

/** The record with a registry's id in place of the fingerprint. */
function withId(id: number, { value, ...input }: Input): Input {
  const body = value.subarray(SINGLE_OBJECT_BYTES)
  return { ...input, value: new Uint8Array([...registryHeader(id), ...body]) }
}

function makeCluster(): MockCluster {
  const cluster = new MockCluster()
  for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, PARTITIONS)
  return cluster
}

function settings(cluster: MockCluster, front: RegistryFront) {
  return {
    'bootstrap.servers': cluster.bootstrapServers,
    'fetch.wait.max.ms': 10,
    'session.timeout.ms': 3000,
    'heartbeat.interval.ms': 300,
    'schema.registry.url': front.url,
  }
}

/** A command under a worker's settings. */
function command(
  args: readonly string[],
  own: Record<string, string | number>,
): Promise<CliResult> {
  const sets = Object.entries(own).flatMap(([name, value]) => ['--set', `${name}=${value}`])
  return cli([...args, ...sets])
}

/** By partition the decisions' bytes, as hexadecimal text. */
function decisionsOf(cluster: MockCluster): string[][] {
  const read = readTopic(cluster.bootstrapServers, TOPICS.decisions, PARTITIONS)
  return read.map((records) => records.map(({ value }) => value!.toHex()))
}

/** What decisions the same applications get as single objects. */
function expectedDecisions(inputs: readonly Input[]): string[][] {
  return expectedOutcomes(inputs, TOPICS.applications).map((outcomes) =>
    outcomes.flatMap((outcome) => ('decision' in outcome ? [outcome.decision.toHex()] : [])),
  )
}

function deadLetters(cluster: MockCluster) {
  const letters = readTopic(cluster.bootstrapServers, TOPICS.deadLetters, PARTITIONS).flat()
  return letters.map((letter) =>
    ['class', 'message', 'byte'].map((name) => header(letter, `loanstream.error.${name}`)),
  )
}

describe.skipIf(reason !== undefined)(`with a registry${reason ? ` (${reason})` : ''}`, () => {
  let registry: Registry
  let client: RegistryClient
  let id: number

  beforeAll(async () => {
    openLibrary(libraryPath(BUILD))
    registry = await Registry.start()
    client = new RegistryClient({ url: registry.url, timeoutMs: 10_000, unknownMs: 0 })
    id = await client.register('loan_applications-value', applicationSchema.json)
  })
  afterAll(async () => registry.stop())

  test('records of both framings on one partition are decided alike, in order', async () => {
    using cluster = makeCluster()
    using front = new RegistryFront(registry).up()
    const inputs = makeInputs(3000, PARTITIONS)
    send(
      cluster.bootstrapServers,
      inputs.map((input, i) => (i % 3 === 0 ? input : withId(id, input))),
    )
    await using worker = new WorkerProcess(settings(cluster, front))
    await worker.reaches('loan_records_total', inputs.length)
    expect(await worker.stop()).toBe(0)
    expect(decisionsOf(cluster)).toEqual(expectedDecisions(inputs))
    expect(front.paths).toEqual([`/schemas/ids/${id}`])
  })

  test('an id of no schema, and one of a schema that cannot be read, are dead letters', async () => {
    using cluster = makeCluster()
    using front = new RegistryFront(registry).up()
    const other: Json = { type: 'record', name: 'loanstream.LoanApplication', fields: [] }
    const foreign = await client.register('foreign', other)
    const primitive = await client.register('primitive', 'long')
    const inputs = makeInputs(10, 1)
    const ids = [4711, id, foreign, 0xffffffff, primitive, id, 4711, id, 0, 0x7fffffff]
    send(
      cluster.bootstrapServers,
      inputs.map((input, i) => withId(ids[i]!, input)),
    )
    await using worker = new WorkerProcess(settings(cluster, front))
    await worker.reaches('loan_records_total', inputs.length)
    expect((await worker.get('/readyz')).status).toBe(200)
    expect(await worker.stop()).toBe(0)
    const unknown = ['unknown-schema', 'the registry knows no schema 4711', '1']
    const message = (schema: number) =>
      expect.stringMatching(new RegExp(`^schema ${schema} of the registry cannot be read: `))
    expect(deadLetters(cluster)).toEqual([
      unknown,
      ['incompatible-schema', message(foreign), '1'],
      ['unknown-schema', '4294967295 is no id of a registry', '1'],
      ['incompatible-schema', message(primitive), '1'],
      unknown,
      ['unknown-schema', 'the registry knows no schema 0', '1'],
      ['unknown-schema', 'the registry knows no schema 2147483647', '1'],
    ] as never)
    const all = expectedDecisions(inputs)[0]!
    expect(decisionsOf(cluster)[0]!).toEqual(all.filter((_, i) => ids[i] === id))
    expect(front.paths.filter((path) => path === '/schemas/ids/4711').length).toBe(1)
  })

  test('an id that is registered later is known once its time is over', async () => {
    using cluster = makeCluster()
    using front = new RegistryFront(registry).up()
    const json = structuredClone(applicationSchema.json) as { fields: Json[] }
    json.fields.push({ name: 'channel', type: 'string', default: 'branch' })
    const next = (await client.register('probe', { type: 'fixed', name: 'F', size: 3 })) + 1
    const [early, late] = makeInputs(2, 1) as [Input, Input]
    const longer = (input: Input) => {
      return { ...input, value: new Uint8Array([...input.value, 2, 0x61]) }
    }
    await using worker = new WorkerProcess({
      ...settings(cluster, front),
      'schema.registry.unknown.ms': 100,
    })
    send(cluster.bootstrapServers, [withId(next, longer(early))])
    await worker.reaches('loan_dead_letters_total', 1)
    expect(await client.register('later', json as Json)).toBe(next)
    // What the worker and the process remember: the test's wait is longer than both together.
    await Bun.sleep(400)
    send(cluster.bootstrapServers, [withId(next, longer(late))])
    await worker.reaches('loan_decisions_total', 1)
    expect(await worker.stop()).toBe(0)
  })

  test('a registry that is down makes the partition wait and say why, and nothing else', async () => {
    using cluster = makeCluster()
    using front = new RegistryFront(registry)
    const inputs = makeInputs(2000, PARTITIONS)
    // Partition 1 has no record of the registry.
    const sent = inputs.map((input, i) => {
      return input.partition === 0 && i >= 1000 ? withId(id, input) : input
    })
    send(cluster.bootstrapServers, sent)
    await using worker = new WorkerProcess({
      ...settings(cluster, front),
      'progress.timeout.ms': 1000,
      'batch.records': 100,
    })
    await worker.logged(/partition 0 of loan_applications waits: registry http/, 30_000)
    await worker.reaches('loan_records_total', 1000)
    await worker.idle(1)
    const before = await worker.metric('loan_records_total')
    // Longer than progress.timeout.ms.
    await Bun.sleep(1500)
    const ready = await worker.get('/readyz')
    const text = await ready.text()
    expect([ready.status, text]).toEqual([
      503,
      expect.stringContaining(`partition 0 of loan_applications waits: registry ${front.url}`),
    ] as never)
    // No restart would help.
    expect((await worker.get('/livez')).status).toBe(200)
    const { partitions } = await worker.health()
    expect(partitions.map(({ stage, waits_for: why }) => [stage, why])).toEqual([
      ['schema', expect.stringContaining(`/schemas/ids/${id}`)],
      ['fetch', null],
    ] as never)
    expect(await worker.metric('loan_records_total')).toBe(before)
    expect(before).toBeLessThanOrEqual(1500)
    front.up()
    await worker.reaches('loan_records_total', 2000)
    await worker.ready()
    await worker.logged('the registry answers again')
    expect(await worker.metric('loan_dead_letters_total')).toBe(0)
    expect(await worker.stop()).toBe(0)
    expect(decisionsOf(cluster)).toEqual(expectedDecisions(inputs))
  })

  test('a stop while it waits is in order, and loses nothing', async () => {
    using cluster = makeCluster()
    using front = new RegistryFront(registry)
    const inputs = makeInputs(100, 1)
    const delivery = 'at-least-once'
    send(
      cluster.bootstrapServers,
      inputs.map((input, i) => (i < 50 ? input : withId(id, input))),
    )
    {
      await using worker = new WorkerProcess({ ...settings(cluster, front), delivery })
      await worker.logged('waits: registry', 30_000)
      expect(await worker.stop()).toBe(0)
    }
    front.up()
    await using worker = new WorkerProcess({ ...settings(cluster, front), delivery })
    await worker.caughtUp(PARTITIONS)
    expect(await worker.stop()).toBe(0)
    expect(decisionsOf(cluster)[0]!).toEqual(expectedDecisions(inputs)[0]!)
  })

  test('credentials that the registry does not take make it wait; they are in no log', async () => {
    using cluster = makeCluster()
    using front = new RegistryFront(registry).up()
    front.authorization = 'Bearer the-new-one'
    const inputs = makeInputs(10, 1)
    send(
      cluster.bootstrapServers,
      inputs.map((input) => withId(id, input)),
    )
    await using worker = new WorkerProcess({
      ...settings(cluster, front),
      'schema.registry.user': 'me',
      'schema.registry.password': 'my-secret',
    })
    await worker.logged('answered 401: Unauthorized', 30_000)
    expect((await worker.get('/readyz')).status).toBe(503)
    expect(worker.log).not.toContain('my-secret')
    expect(worker.log).not.toContain(Buffer.from('me:my-secret').toString('base64'))
    front.authorization = `Basic ${Buffer.from('me:my-secret').toString('base64')}`
    await worker.reaches('loan_decisions_total', 10)
    expect(await worker.stop()).toBe(0)
  })

  test('a GUID or an id in the header names the schema of a value that is the body alone', async () => {
    using cluster = makeCluster()
    using front = new RegistryFront(registry).up()
    const guid = '89791762-2336-4186-9674-299b90a802e2'
    front.guids.set(guid, id)
    const inputs = makeInputs(6, 1)
    const guidBytes = (text: string) => Buffer.from(`01${text.replaceAll('-', '')}`, 'hex')
    const headers: (Uint8Array | undefined)[] = [
      guidBytes(guid),
      registryHeader(id),
      undefined,
      guidBytes(guid.replace('8', '7')),
      Buffer.from('0102', 'hex'),
      guidBytes(guid),
    ]
    const records = inputs.map((input, i) => {
      const value = headers[i] ? input.value.subarray(SINGLE_OBJECT_BYTES) : input.value
      const named = headers[i] ? [[SCHEMA_ID_HEADER, headers[i]] as const] : []
      // The last of a name counts.
      const first = [SCHEMA_ID_HEADER, registryHeader(99)] as const
      return { ...input, value, headers: i === 5 ? [first, ...named] : named }
    })
    sendWithHeaders(cluster.bootstrapServers, TOPICS.applications, records)
    await using worker = new WorkerProcess({
      ...settings(cluster, front),
      'schema.registry.headers': 'true',
    })
    await worker.reaches('loan_records_total', inputs.length)
    expect(await worker.stop()).toBe(0)
    const expected = expectedDecisions(inputs)[0]!
    expect(decisionsOf(cluster)[0]!).toEqual(expected.filter((_, i) => i !== 3 && i !== 4))
    expect(deadLetters(cluster).map(([name]) => name!)).toEqual([
      'unknown-schema',
      'unknown-framing',
    ])
    const own = { ...settings(cluster, front), 'schema.registry.headers': 'true' }
    const verified = await command(['replay', '--verify', '--json'], own)
    expect(verified.err).toBe('')
    expect(JSON.parse(verified.out)).toMatchObject({ ok: true, equal: 4, dead_letters: 2 })
    for (const [offset, { key }] of inputs.entries()) {
      const due = Buffer.from(key).toString()
      const place = ['--partition', '0', '--offset', String(offset)]
      const { code, out } = await command(['explain', '--json', ...place], own)
      expect(code).toBe(offset === 3 || offset === 4 ? 1 : 0)
      if (code === 0) {
        expect(JSON.parse(out)).toMatchObject({ decision: { application_id: due, offset } })
      }
    }
    const letters = await command(['dlq', 'inspect', '--json'], own)
    const inspected = letters.out.trim().split('\n')
    expect(
      inspected.map((line) => (JSON.parse(line) as { now: string }).now.split(':')[0]!),
    ).toEqual(['unknown-schema', 'unknown-framing'])
    // The registry has come to know the GUID: what the letter holds can be read now.
    front.guids.set(guid.replace('8', '7'), id)
    const [first] = (await command(['dlq', 'inspect', '--json'], own)).out.split('\n')
    expect(JSON.parse(first!)).toMatchObject({
      now: 'it would be decided',
      attempt: { schema: expect.stringContaining('of the registry') },
    })
    expect((JSON.parse(first!) as { attempt: object }).attempt).not.toHaveProperty('fault')
  })

  test('what has no framing is replayed and explained by the one schema that is set', async () => {
    using cluster = makeCluster()
    using front = new RegistryFront(registry).up()
    const inputs = makeInputs(20, 1)
    const framed = inputs.map((input, i) => {
      const body = input.value.subarray(SINGLE_OBJECT_BYTES)
      const value = [input.value, body, Buffer.concat([registryHeader(id), body])][i % 3]!
      return { ...input, value }
    })
    send(cluster.bootstrapServers, framed)
    const own = {
      ...settings(cluster, front),
      'schemas.raw.path': fromRoot('schemas/loan_application/1.avsc'),
    }
    {
      await using worker = new WorkerProcess(own)
      await worker.reaches('loan_decisions_total', inputs.length)
      expect(await worker.stop()).toBe(0)
    }
    const verified = await command(['replay', '--verify', '--json'], own)
    expect(JSON.parse(verified.out)).toMatchObject({ ok: true, equal: inputs.length })
    const explained = await command(['explain', '--json', '--partition', '0', '--offset', '1'], own)
    expect(JSON.parse(explained.out)).toMatchObject({
      decision: { application_id: Buffer.from(inputs[1]!.key).toString() },
    })
    await front.down()
    const waits = { ...own, 'broker.timeout.ms': '1000' }
    const without = await command(['replay', '--verify', '--json'], waits)
    expect(without.code).toBe(1)
    expect(without.err).toContain('registry')
  })

  describe('decisions that start with an id', () => {
    const SUBJECT = 'loan_decisions-value'
    const byId = { 'decisions.framing': 'registry' }

    test('are refused at the start unless it is registered, or is to be', async () => {
      using cluster = makeCluster()
      using front = new RegistryFront(registry).up()
      await using worker = new WorkerProcess({ ...settings(cluster, front), ...byId })
      expect(await worker.exit()).toBe(2)
      expect(worker.log).toContain(`1.avsc under ${SUBJECT}; schema.registry.register`)
    })

    test('are written once the registry answers, and nothing before', async () => {
      using cluster = makeCluster()
      using front = new RegistryFront(registry)
      front.authorization = 'Bearer a-token'
      const inputs = makeInputs(10, 1)
      send(cluster.bootstrapServers, inputs)
      await using worker = new WorkerProcess({
        ...settings(cluster, front),
        ...byId,
        'schema.registry.register': 'true',
        'schema.registry.token': 'a-token',
      })
      await worker.logged('waiting for the schema registry: registry')
      const ready = await worker.get('/readyz')
      expect(await ready.text()).toContain('waiting for the schema registry')
      front.up()
      await worker.reaches('loan_decisions_total', 10)
      expect(await worker.stop()).toBe(0)
      const decisionId = await client.idOf(SUBJECT, decisionSchema.json)
      const start = registryHeader(decisionId!).toHex()
      const expected = expectedDecisions(inputs)[0]!.map((text) => start + text.slice(20))
      expect(decisionsOf(cluster)[0]!).toEqual(expected)
      const own = {
        ...settings(cluster, front),
        ...byId,
        'schema.registry.token': 'a-token',
      }
      const verified = await command(['replay', '--verify', '--json'], own)
      expect(JSON.parse(verified.out)).toMatchObject({ ok: true, equal: 10 })
      const output = join(mkdtempSync(join(tmpdir(), 'loanstream-registry-')), 'again.jsonl')
      expect((await command(['replay', '--output', output], own)).code).toBe(0)
      expect(readFileSync(output, 'utf8').trim().split('\n')).toHaveLength(10)
    })

    test('of a start that the registry refuses are none', async () => {
      using cluster = makeCluster()
      using front = new RegistryFront(registry).up()
      front.authorization = 'Bearer another'
      const token = { 'schema.registry.token': 'a-secret' }
      await using worker = new WorkerProcess({ ...settings(cluster, front), ...byId, ...token })
      expect(await worker.exit()).toBe(2)
      expect(worker.log).toContain('answered 401')
      expect(worker.log).not.toContain('a-secret')
    })
  })
})
