// No applicant's data in what a worker prints or serves, at the most verbose level, with records
// that are good and with records that are broken in every way.

import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { ApplicationEncoder } from '../../src/applications/application.ts'
import { Generator } from '../../src/applications/generator.ts'
import { POISON_KINDS, Poison } from '../../src/applications/poison.ts'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import {
  CHALLENGER_TOPIC,
  type Input,
  TOPICS,
  defaultProgram,
  readTopic,
  send,
} from '../support/applications.ts'
import { OTHER_MODEL_FOLDER } from '../support/model-host.ts'
import { WorkerProcess } from '../support/worker-process.ts'

setDefaultTimeout(60_000)

const ID = 'Pl4nted-Applicant'
const INCOME = 7_351_924.25
const AMOUNT = 31_416.75
/** As text, and as the bytes of a record would look when somebody prints them. */
const TRACES = [
  ID,
  Buffer.from(ID).toString('hex'),
  Buffer.from(ID).toString('base64').slice(0, 20),
  '7351924',
  '31416.75',
  doubleText(INCOME, 'hex'),
  doubleText(AMOUNT, 'hex'),
]

function doubleText(value: number, encoding: 'hex'): string {
  return Buffer.from(new Float64Array([value]).buffer).toString(encoding)
}

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
})

/** Good and broken records, each with what is to be found nowhere. */
function plantedInputs(count: number): Input[] {
  const schema = defaultProgram().applicationSchema
  const encoder = new ApplicationEncoder(schema)
  const generator = new Generator(1)
  const poison = new Poison(schema, 1, 1)
  return Array.from({ length: count }, (_, i) => {
    const id = `${ID}-${i}`
    const planted = { application_id: id, annual_income: INCOME, loan_amount: AMOUNT }
    const bytes = encoder.encode({ ...generator.next(1_767_225_600_000_000 + i), ...planted })
    const value = i % 2 === 0 ? bytes : poison.dose(bytes).bytes
    return { partition: 0, key: new TextEncoder().encode(id), value }
  })
}

test.each(['exactly-once', 'at-least-once'])('%s', async (delivery) => {
  using cluster = new MockCluster()
  for (const topic of [...Object.values(TOPICS), CHALLENGER_TOPIC]) cluster.createTopic(topic, 1)
  const inputs = plantedInputs(20 * POISON_KINDS.length)
  send(cluster.bootstrapServers, inputs)
  await using worker = new WorkerProcess({
    'bootstrap.servers': cluster.bootstrapServers,
    'fetch.wait.max.ms': 10,
    'log.level': 'debug',
    debug: 'all',
    'challenger.model.path': OTHER_MODEL_FOLDER,
    delivery,
  })
  // Failures are told too: of a commit, of a produce request.
  cluster.pushErrors('Produce', [7, 19])
  await worker.reaches('loan_records_total', inputs.length)
  const pages = ['/metrics', '/healthz', '/livez', '/readyz', '/model', '/challenger']
  const served = await Promise.all(pages.map(async (page) => (await worker.get(page)).text()))
  expect(await worker.stop()).toBe(0)
  expect(worker.log.length).toBeGreaterThan(50_000)
  const letters = readTopic(cluster.bootstrapServers, TOPICS.deadLetters, 1).flat()
  expect(letters.length).toBeGreaterThanOrEqual(inputs.length / 2)
  // What we say about a record holds none of its values either: headers are shown and indexed.
  const said = letters.flatMap(({ headers }) => headers.map((header) => header.join(': ')))
  const all = [worker.log, worker.output, ...served, ...said].join('\n')
  expect(TRACES.filter((trace) => all.includes(trace))).toEqual([])
  // The traces are those of the records: there they are found.
  const values = Buffer.concat(letters.map(({ value }) => value ?? new Uint8Array(0)))
  expect(values.includes(ID)).toBe(true)
  expect(values.toString('hex')).toContain(doubleText(INCOME, 'hex'))
})
