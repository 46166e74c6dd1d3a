// Schema files that change under a running worker: a version that is dropped in can be read at
// once, the newest is what all are read as, and what does not go with the model is refused.

import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ApplicationEncoder } from '../../src/applications/application.ts'
import { Generator } from '../../src/applications/generator.ts'
import { loadSchemaVersions } from '../../src/avro/schema-files.ts'
import type { Json } from '../../src/avro/schema.ts'
import { BUILD, MODULE_PATH, fromRoot } from '../../src/paths.ts'
import { Decider } from '../../src/pipeline/decider.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { loadModule } from '../../src/scorer/module.ts'
import { loadProgram } from '../../src/scorer/program.ts'
import { TOPICS, header, readTopic, send } from '../support/applications.ts'
import { MODEL_FOLDER } from '../support/model-host.ts'
import { WorkerProcess } from '../support/worker-process.ts'

setDefaultTimeout(60_000)

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

type SchemaJson = { fields: { [key: string]: Json }[] }

class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'loanstream-schemas-'))

  constructor() {
    cpSync(fromRoot('schemas'), this.path, { recursive: true })
  }

  /** Writes a version of a record, made from its first. */
  put(version: number, change: (schema: SchemaJson) => void, record = 'loan_application'): void {
    const first = readFileSync(fromRoot(`schemas/${record}/1.avsc`), 'utf8')
    const schema = JSON.parse(first) as SchemaJson
    change(schema)
    writeFileSync(join(this.path, record, `${version}.avsc`), JSON.stringify(schema))
  }

  /** Applications as the newest but so many versions has them. */
  records(count: number, seed: number, before = 0): Uint8Array[] {
    const schema = loadSchemaVersions(join(this.path, 'loan_application')).at(-1 - before)!
    const generator = new Generator(seed)
    const encoder = new ApplicationEncoder(schema)
    return Array.from({ length: count }, (_, i) => {
      return encoder.encode(generator.next(1_767_225_600_000_000 + i))
    })
  }

  program() {
    const policy = fromRoot('models/default/policy.toml')
    return loadProgram({ schemas: this.path, model: MODEL_FOLDER, policy })
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true })
  }
}

const rename = (from: string, to: string) => (schema: SchemaJson) => {
  const field = schema.fields.find(({ name }) => name === from)!
  Object.assign(field, { name: to, aliases: [from] })
}
const addChannel = (schema: SchemaJson) =>
  schema.fields.unshift({ name: 'channel', type: 'string', default: 'branch' })

function setUp(folder: Folder, more: { [key: string]: string | number }) {
  const cluster = new MockCluster()
  for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, 1)
  const worker = new WorkerProcess({
    'bootstrap.servers': cluster.bootstrapServers,
    'fetch.wait.max.ms': 10,
    'schemas.path': folder.path,
    ...more,
  })
  return { cluster, worker }
}

const sendAll = (cluster: MockCluster, values: readonly Uint8Array[]) =>
  send(
    cluster.bootstrapServers,
    values.map((value) => ({ partition: 0, key: Buffer.from('k'), value })),
  )

test('a version that is dropped in is read without a restart, beside the older one', async () => {
  using folder = new Folder()
  const { cluster, worker } = setUp(folder, { 'schemas.watch.interval.ms': 50 })
  using _ = cluster
  await using __ = worker
  const old = folder.records(200, 1)
  sendAll(cluster, old)
  await worker.reaches('loan_decisions_total', 200)
  folder.put(2, addChannel)
  await worker.logged('schemas changed')
  const mixed = folder.records(200, 2).flatMap((value, i) => [value, folder.records(1, i, 1)[0]!])
  sendAll(cluster, mixed)
  await worker.reaches('loan_decisions_total', 600)
  expect(await worker.metric('loan_dead_letters_total')).toBe(0)
  expect(await worker.metric('loan_schema_changes_total')).toBe(1)
  expect(await worker.metric('loan_model_changes_total')).toBe(0)
  expect(await worker.stop()).toBe(0)
  const decider = new Decider(loadModule(MODULE_PATH), folder.program(), TOPICS.applications, 0)
  const expected = decider.decide([...old, ...mixed], 0n)
  const [decisions] = readTopic(cluster.bootstrapServers, TOPICS.decisions, 1)
  expect(decisions!.map(({ value }) => value!.toHex())).toEqual(
    expected.map((outcome) => ('decision' in outcome ? outcome.decision.toHex() : '')),
  )
})

test('what the model, history or older records do not go with is refused, and the old set goes on', async () => {
  using folder = new Folder()
  const { cluster, worker } = setUp(folder, { 'schemas.watch.interval.ms': 50 })
  using _ = cluster
  await using __ = worker
  await worker.ready()
  const refused = async (why: string | RegExp, count: number) => {
    await worker.logged(why)
    await worker.reaches('loan_schema_changes_total', count)
  }
  folder.put(2, rename('annual_income', 'income'))
  await refused(/schemas refused, the old ones go on: .*rests on \\"annual_income\\"/, 1)
  const file = join(folder.path, 'loan_application/2.avsc')
  writeFileSync(file, '{"type": "rec')
  await refused(/schemas refused, the old ones go on: .*2\.avsc:1:10: /, 2)
  folder.put(2, (schema) => schema.fields.unshift({ name: 'channel', type: 'string' }))
  await refused('schema version 1 could no longer be read: ', 3)
  rmSync(file)
  folder.put(1, addChannel)
  await refused(/1\.avsc: was edited; a change belongs in a version of its own/, 4)
  const records = folder.records(5, 1)
  // Of the edited file nothing is known: its fingerprint is another.
  sendAll(cluster, records)
  await worker.reaches('loan_dead_letters_total', 5)
  folder.put(1, () => undefined)
  sendAll(cluster, folder.records(5, 1))
  await worker.reaches('loan_decisions_total', 5)
  expect(await worker.metric('loan_schema_changes_total')).toBe(4)
  expect((await worker.get('/readyz')).status).toBe(200)
  expect(await worker.stop()).toBe(0)
  const [letters] = readTopic(cluster.bootstrapServers, TOPICS.deadLetters, 1)
  expect(new Set(letters!.map((it) => header(it, 'loanstream.error.class')!))).toEqual(
    new Set(['unknown-schema']),
  )
})

test('SIGHUP looks at once; a type that others share, and the decision, change the same way', async () => {
  using folder = new Folder()
  const { cluster, worker } = setUp(folder, { 'schemas.watch.interval.ms': 0 })
  using _ = cluster
  await using __ = worker
  await worker.ready()
  const symbols = ['branch', 'web']
  const channel = { type: 'enum', name: 'loanstream.Channel', symbols }
  writeFileSync(join(folder.path, 'Channel.avsc'), JSON.stringify(channel))
  folder.put(2, (schema) =>
    schema.fields.push({ name: 'channel', type: 'loanstream.Channel', default: 'web' }),
  )
  const note = { name: 'note', type: 'string', default: 'none' }
  folder.put(2, (schema) => schema.fields.push(note), 'loan_decision')
  worker.process.kill('SIGHUP')
  await worker.logged('schemas changed')
  const records = folder.records(20, 3)
  sendAll(cluster, records)
  await worker.reaches('loan_decisions_total', 20)
  expect(await worker.stop()).toBe(0)
  const decider = new Decider(loadModule(MODULE_PATH), folder.program(), TOPICS.applications, 0)
  const [decisions] = readTopic(cluster.bootstrapServers, TOPICS.decisions, 1)
  expect(decisions!.map(({ value }) => value!.toHex())).toEqual(
    decider.decide(records, 0n).map((it) => ('decision' in it ? it.decision.toHex() : '')),
  )
})

test('records without framing are of the schema that is set, and resolved like any other', async () => {
  using folder = new Folder()
  const older = join(folder.path, 'raw.avsc.txt')
  cpSync(join(folder.path, 'loan_application/1.avsc'), older)
  const records = folder.records(40, 4)
  folder.put(2, addChannel)
  const { cluster, worker } = setUp(folder, { 'schemas.raw.path': older })
  using _ = cluster
  await using __ = worker
  sendAll(
    cluster,
    records.map((record, i) => (i % 2 === 0 ? record : record.subarray(10))),
  )
  await worker.reaches('loan_decisions_total', 40)
  expect(await worker.stop()).toBe(0)
  const decider = new Decider(loadModule(MODULE_PATH), folder.program(), TOPICS.applications, 0)
  const [decisions] = readTopic(cluster.bootstrapServers, TOPICS.decisions, 1)
  expect(decisions!.map(({ value }) => value!.toHex())).toEqual(
    decider.decide(records, 0n).map((it) => ('decision' in it ? it.decision.toHex() : '')),
  )
})
