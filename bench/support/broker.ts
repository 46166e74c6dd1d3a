// A real broker with applications on it, and a worker process beside it: what the end-to-end
// benches have in common.

import { type Application, ApplicationEncoder } from '../../src/applications/application.ts'
import { Generator } from '../../src/applications/generator.ts'
import { BUILD, MODULE_PATH } from '../../src/paths.ts'
import { Decider } from '../../src/pipeline/decider.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import { RecordReader } from '../../src/rdkafka/record-reader.ts'
import { loadModule } from '../../src/scorer/module.ts'
import type { Program } from '../../src/scorer/program.ts'
import { KafkaCluster } from '../../test/support/kafka.ts'
import { WorkerProcess } from '../../test/support/worker-process.ts'
import { check } from '../bench.ts'
import { MODEL_FOLDER, benchProgram } from './engine.ts'

export const APPLICATIONS = 'loan_applications'
export const DECISIONS = 'loan_decisions'
export const DEAD_LETTERS = 'loan_applications.dlq'

/** Distinct applications, a multiple of 64; ids differ in every record. */
export const DISTINCT = 19_200
/** Where the id's 36 characters start: marker and fingerprint, then the id's length. */
export const ID_AT = 11
export const ID_BYTES = 36

/** @param config  of the topics, by Kafka's names */
export async function startBroker(
  partitions: number,
  config: Readonly<Record<string, string>> = {},
): Promise<KafkaCluster> {
  openLibrary(libraryPath(BUILD))
  const cluster = await KafkaCluster.start({ compiler: 'full' })
  for (const topic of [APPLICATIONS, DECISIONS, DEAD_LETTERS]) {
    await cluster.createTopic(topic, { partitions, config })
  }
  // A cluster's first transaction waits a second for its coordinator to come about.
  const producer = new Producer({
    'bootstrap.servers': cluster.bootstrapServers,
    'transactional.id': 'first',
  })
  producer.initTransactions(30_000)
  producer.destroy()
  return cluster
}

/** Application number i: one of the distinct ones under an id of its own. Reuses its buffer. */
export class NumberedApplications {
  readonly program: Program
  private readonly distinct: Uint8Array[]

  /** @param change  what is other than in the generator's */
  constructor(program = benchProgram(), change = (application: Application) => application) {
    this.program = program
    const generator = new Generator(1)
    const encoder = new ApplicationEncoder(this.program.applicationSchema)
    this.distinct = Array.from({ length: DISTINCT }, (_, i) =>
      encoder.encode(change(generator.next(i))),
    )
  }

  /** The record's value; its key is `key` of it. Valid until the same number modulo DISTINCT. */
  value(i: number): Uint8Array {
    const record = this.distinct[i % DISTINCT]!
    const id = `${i.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`
    new TextEncoder().encodeInto(id, record.subarray(ID_AT, ID_AT + ID_BYTES))
    return record
  }

  key(value: Uint8Array): Uint8Array {
    return value.subarray(ID_AT, ID_AT + ID_BYTES)
  }
}

/** Puts applications 0 to count - 1 on the topic, in turn over the partitions. */
export function preload(
  cluster: KafkaCluster,
  count: number,
  partitions: number,
  { topic = APPLICATIONS, applications = new NumberedApplications() } = {},
): void {
  const producer = new Producer({
    'bootstrap.servers': cluster.bootstrapServers,
    'linger.ms': '20',
    'batch.size': '131072',
    'queue.buffering.max.messages': '400000',
  })
  for (let i = 0; i < count; i++) {
    const value = applications.value(i)
    const key = applications.key(value)
    while (!producer.produce(topic, i % partitions, key, value)) producer.poll(10)
  }
  check(producer.flush(60_000), 'all applications are delivered')
  producer.destroy()
}

/** The worker with the bench's model. */
export function startWorker(
  cluster: KafkaCluster,
  group: string,
  more: Record<string, string | number> = {},
): WorkerProcess {
  return new WorkerProcess({
    'bootstrap.servers': cluster.bootstrapServers,
    'group.id': group,
    'model.path': MODEL_FOLDER,
    ...more,
  })
}

/** Where the decisions lie and what they are of, where it is not the bench's own. */
export type Decided = {
  applications?: NumberedApplications
  input?: string
  topic?: string
  /** One of so many is compared; all are counted. */
  every?: number
}

/**
 * Reads back every decision a read_committed consumer sees and compares its bytes with what the
 * program decides without Kafka.
 *
 * @returns the sum over the bytes' lengths, as a checksum
 */
export function checkDecisions(
  cluster: KafkaCluster,
  count: number,
  partitions: number,
  { input = APPLICATIONS, topic = DECISIONS, every = 1, ...decided }: Decided = {},
): number {
  const { applications = new NumberedApplications() } = decided
  const module = loadModule(MODULE_PATH)
  const deciders = Array.from(
    { length: partitions },
    (_, p) => new Decider(module, applications.program, input, p),
  )
  const all = deciders.map((_, p) => p)
  const properties = {
    'bootstrap.servers': cluster.bootstrapServers,
    'isolation.level': 'read_committed',
  }
  using reader = new RecordReader(properties, topic, all, 'earliest')
  const next = all.map(() => 0)
  let bytes = 0
  while (reader.ended.size < partitions) {
    for (const { partition, value } of reader.read(1000)) {
      const offset = next[partition]!++
      bytes += value!.length
      if (offset % every > 0) continue
      const application = applications.value(offset * partitions + partition)
      const [outcome] = deciders[partition]!.decide([application], BigInt(offset))
      const same = 'decision' in outcome! && Buffer.compare(outcome.decision, value!) === 0
      check(same, `decision ${offset} of partition ${partition} is not what it should be`)
    }
  }
  const read = next.reduce((sum, n) => sum + n, 0)
  check(read === count, `${read} decisions for ${count} applications`)
  return bytes
}
