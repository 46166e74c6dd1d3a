// Takes applications one at a time: checks them by the schema, sends them to the topic that all
// others come from, and finds the decisions. It decides nothing itself.

import { createHash } from 'node:crypto'
import { ApplicationEncoder, type Application } from '../applications/application.ts'
import { ApplicationChecker, type Problem } from '../applications/check.ts'
import { identify } from '../applications/identity.ts'
import type { SchemaVersion } from '../avro/schema-files.ts'
import type { Config } from '../config.ts'
import { DecisionDecoder, type DecisionRecord } from '../decisions.ts'
import { OperatingError } from '../errors.ts'
import type { Log } from '../log.ts'
import { nearest } from '../nearest.ts'
import { ANY_PARTITION, Producer } from '../rdkafka/producer.ts'
import { Answers } from './answers.ts'
import { type FormField, ID_FIELD, TIME_FIELD, formFields, rangeText } from './fields.ts'

/** Applications whose answers are kept, and keys that are remembered. */
const KEPT_MAX = 10_000
const METADATA_MS = 500
const DELIVERY_MS_MAX = 10_000
const DELIVERY_POLL_MS = 5

/** What is wrong with a field, and what would be right. */
export type FieldError = Problem & { range: string }

export type Taken = {
  id: string
  /** Undefined while there is none. */
  decision: DecisionRecord | undefined
  decided: Promise<DecisionRecord>
}

export type Submission =
  | { taken: Taken }
  | { problems: FieldError[] }
  /** The key was used for another application. */
  | { reused: true }

type Keyed = { body: string; submission: Promise<Submission> }

export class Intake {
  readonly fields: readonly FormField[]
  private readonly config: Config
  private readonly checker: ApplicationChecker
  private readonly encoder: ApplicationEncoder
  private readonly answers: Answers
  private readonly kept = new Map<string, Taken>()
  private readonly keys = new Map<string, Keyed>()
  private producer: Producer | undefined
  private undelivered = 0

  /** @throws OperatingError kind 'usage' when applications are not what a form can hold */
  constructor(config: Config, application: SchemaVersion, decision: SchemaVersion, log: Log) {
    this.config = config
    this.fields = formFields(application)
    this.checker = new ApplicationChecker(application)
    this.encoder = new ApplicationEncoder(application)
    this.answers = new Answers(config, new DecisionDecoder(decision), log)
  }

  /**
   * Takes an application.
   *
   * @param key  the same key and values again are the same application, and nothing is sent
   * @throws OperatingError kind 'retriable' when no broker took it in time
   */
  submit(values: Readonly<Record<string, unknown>>, key?: string): Promise<Submission> {
    if (key === undefined) return this.take(values, crypto.randomUUID())
    const body = digest(canonical(values))
    const known = this.keys.get(key)
    if (known) return known.body === body ? known.submission : Promise.resolve({ reused: true })
    // By the key, so that the same request at another process is the same application.
    const submission = this.take(values, identify(1, key))
    remember(this.keys, key, { body, submission })
    const forget = () => this.keys.delete(key)
    // What was not sent may be tried again under the same key.
    submission.then((result) => 'taken' in result || forget(), forget)
    return submission
  }

  /** An application that was taken here. */
  find(id: string): Taken | undefined {
    return this.kept.get(id)
  }

  private async take(values: Readonly<Record<string, unknown>>, id: string): Promise<Submission> {
    const own = { [ID_FIELD]: id, [TIME_FIELD]: Date.now() * 1000, ...values }
    const problems = [...this.strangers(values), ...this.problems(own)]
    if (problems.length > 0) return { problems }
    const checked = this.checker.check(own) as { application: Application }
    return { taken: await this.send(checked.application) }
  }

  private problems(values: Readonly<Record<string, unknown>>): FieldError[] {
    const checked = this.checker.check(values)
    if ('application' in checked) return []
    return checked.problems.map((problem) => {
      const field = this.fields.find(({ name }) => name === problem.field)!
      return { ...problem, range: rangeText(field) }
    })
  }

  /** Values of fields that there are not. */
  private strangers(values: Readonly<Record<string, unknown>>): FieldError[] {
    const names = [...this.checker.names]
    const strange = Object.keys(values).filter((name) => !this.checker.names.has(name))
    return strange.map((field) => {
      const meant = nearest(field, names)
      const help = meant === undefined ? '' : `; the nearest is ${meant}`
      return { field, message: `is no field${help}`, range: '' }
    })
  }

  private async send(application: Application): Promise<Taken> {
    const { settings } = this.config
    const id = String(application[ID_FIELD])
    const producer = this.openProducer()
    await this.answers.listen(this.partitionsOfDecisions(producer)).catch((error: unknown) => {
      throw unavailable(`decisions cannot be read: ${String(error)}`)
    })
    const decided = this.answers.answer(id)
    const bytes = this.encoder.encode(application)
    const key = new TextEncoder().encode(id)
    if (!producer.produce(settings['topic.applications'], ANY_PARTITION, key, bytes)) {
      throw unavailable('the queue to the brokers is full')
    }
    await this.delivered(producer)
    const taken: Taken = { id, decision: undefined, decided }
    void decided.then((decision) => (taken.decision = decision))
    remember(this.kept, id, taken)
    return taken
  }

  private openProducer(): Producer {
    this.producer ??= new Producer({
      // The Java client's, so that a key goes to the same partition whoever sends it.
      partitioner: 'murmur2_random',
      'linger.ms': '0',
      'message.timeout.ms': String(DELIVERY_MS_MAX),
      ...this.config.producer,
      'enable.idempotence': 'true',
    })
    return this.producer
  }

  private partitionsOfDecisions(producer: Producer): number {
    const topic = this.config.settings['topic.decisions']
    try {
      const metadata = producer.metadata(topic, METADATA_MS)
      if (metadata) return metadata.partitions
    } catch (error) {
      throw unavailable(`no broker answers: ${String(error)}`)
    }
    throw unavailable(`topic ${topic} does not exist`)
  }

  /** Waits until all that was sent is on the brokers. */
  private async delivered(producer: Producer): Promise<void> {
    const before = this.undelivered
    const deadline = Date.now() + DELIVERY_MS_MAX + 1000
    while (producer.outstanding > 0) {
      for (let event = producer.poll(0); event; event = producer.poll(0)) {
        if (event.type === 'undelivered') this.undelivered += event.count
      }
      if (this.undelivered > before || Date.now() > deadline) {
        throw unavailable('the brokers did not take the application')
      }
      await Bun.sleep(DELIVERY_POLL_MS)
    }
  }

  close(): void {
    this.answers.close()
    this.producer?.destroy()
    this.producer = undefined
  }
}

function unavailable(message: string): OperatingError {
  return new OperatingError('retriable', 'intake', message)
}

/** The oldest goes when there are too many. */
function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.set(key, value)
  if (map.size > KEPT_MAX) map.delete(map.keys().next().value!)
}

function canonical(values: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
