// Applications for tests, on a topic and as what must come of them: decided by the same program
// without Kafka, so that the bytes on the decisions' topic can be compared.

import { ApplicationEncoder } from '../../src/applications/application.ts'
import { Generator } from '../../src/applications/generator.ts'
import { Poison } from '../../src/applications/poison.ts'
import { MODULE_PATH, fromRoot } from '../../src/paths.ts'
import { Decider, type Outcome } from '../../src/pipeline/decider.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import type { KafkaRecord } from '../../src/rdkafka/record.ts'
import { type Header, RecordReader } from '../../src/rdkafka/record-reader.ts'
import { loadModule } from '../../src/scorer/module.ts'
import { type Program, loadProgram } from '../../src/scorer/program.ts'

export const TOPICS = {
  applications: 'loan_applications',
  decisions: 'loan_decisions',
  deadLetters: 'loan_applications.dlq',
} as const

/** Where a challenger's decisions go; beside the topics that every worker needs. */
export const CHALLENGER_TOPIC = 'loan_decisions.challenger'

/** @param model  folder of the artefact */
export function defaultProgram(model = fromRoot('build/models/default')): Program {
  return loadProgram({
    schemas: fromRoot('schemas'),
    model,
    policy: fromRoot('models/default/policy.toml'),
  })
}

export type Input = { partition: number; key: Uint8Array; value: Uint8Array }

/** Records for the topic, in order, spread over partitions; `poison` is the share of damaged ones. */
export function makeInputs(count: number, partitions: number, poison = 0, seed = 1): Input[] {
  const schema = defaultProgram().applicationSchema
  const generator = new Generator(seed)
  const encoder = new ApplicationEncoder(schema)
  const doses = new Poison(schema, poison, seed)
  return Array.from({ length: count }, (_, i) => {
    const application = generator.next(1_767_225_600_000_000 + i)
    const { bytes } = doses.dose(encoder.encode(application))
    const key = new TextEncoder().encode(String(application['application_id']))
    return { partition: i % partitions, key, value: bytes }
  })
}

/** Sends records and waits until all are delivered. */
export function send(
  bootstrapServers: string,
  inputs: readonly Input[],
  topic: string = TOPICS.applications,
): void {
  const producer = new Producer({ 'bootstrap.servers': bootstrapServers, 'linger.ms': '5' })
  for (const { partition, key, value } of inputs) {
    while (!producer.produce(topic, partition, key, value)) producer.poll(10)
  }
  if (!producer.flush(30_000)) throw new Error('records were not delivered')
  producer.destroy()
}

/** What must become of the inputs, by partition and offset, when each partition starts at 0. */
export function expectedOutcomes(
  inputs: readonly Input[],
  topic: string,
  program = defaultProgram(),
): Outcome[][] {
  const module = loadModule(MODULE_PATH)
  const partitions = Math.max(...inputs.map(({ partition }) => partition)) + 1
  return Array.from({ length: partitions }, (_, partition) => {
    const values = inputs.filter((input) => input.partition === partition).map((i) => i.value)
    return new Decider(module, program, topic, partition).decide(values, 0n)
  })
}

export type ReadRecord = KafkaRecord & { headers: Header[] }

/** Everything on a topic that is committed, by partition, in order. */
export function readTopic(
  bootstrapServers: string,
  topic: string,
  partitions: number,
  isolation: 'read_committed' | 'read_uncommitted' = 'read_committed',
  timeoutMs = 30_000,
): ReadRecord[][] {
  const all = Array.from({ length: partitions }, (_, i) => i)
  const properties = { 'bootstrap.servers': bootstrapServers, 'isolation.level': isolation }
  using reader = new RecordReader(properties, topic, all, 'earliest')
  const records: ReadRecord[][] = all.map(() => [])
  const deadline = Date.now() + timeoutMs
  while (reader.ended.size < partitions) {
    if (Date.now() > deadline) throw new Error(`the end of ${topic} was not reached`)
    reader.read(100, (record, headers) => {
      records[record.partition]!.push({ ...record, headers })
    })
  }
  return records
}

/**
 * Waits until more than so many records are committed, and some partition holds records of a
 * transaction that is still open.
 */
export async function untilUncommitted(
  bootstrapServers: string,
  topic: string,
  partitions: number,
  records: number,
  timeoutMs = 30_000,
): Promise<void> {
  const reader = (isolation: string) => {
    const properties = { 'bootstrap.servers': bootstrapServers, 'isolation.level': isolation }
    return new RecordReader(properties, topic, [0], 'latest')
  }
  using committed = reader('read_committed')
  using uncommitted = reader('read_uncommitted')
  const all = Array.from({ length: partitions }, (_, partition) => partition)
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const ends = all.map((partition) => committed.end(partition))
    const isOpen = all.some((partition) => uncommitted.end(partition) > ends[partition]!)
    if (isOpen && ends.reduce((sum, end) => sum + end) > records) return
    if (Date.now() > deadline) throw new Error(`no transaction was open on ${topic}`)
    await Bun.sleep(2)
  }
}

/** Text of a header. */
export function header(record: ReadRecord, name: string): string | undefined {
  return record.headers.find(([header]) => header === name)?.[1]
}
