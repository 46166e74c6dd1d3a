// A worker thread: one WebAssembly engine, and one partition at a time. It lives as long as the
// process; ending a worker under load takes the host down (oven-sh/bun#41022).

import { deserialize } from 'bun:jsc'
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { OperatingError, assert, messageOf } from './errors.ts'
import { COMMAND_ABANDON, COMMAND_RESTART, Counters } from './metrics/counters.ts'
import { SampleRing } from './metrics/samples.ts'
import { AtLeastOnce } from './pipeline/at-least-once.ts'
import { BatchSpans } from './pipeline/batch-spans.ts'
import { Challenger } from './pipeline/challenger.ts'
import type { Delivery } from './pipeline/delivery.ts'
import { PartitionLoop } from './pipeline/loop.ts'
import { Outbox } from './pipeline/outbox.ts'
import { Sampler } from './pipeline/sampler.ts'
import { Transaction } from './pipeline/transaction.ts'
import { WantedSchemas } from './pipeline/wanted-schemas.ts'
import type {
  FromWorker,
  LogLevel,
  NewProgram,
  ToWorker,
  UnknownSchemas,
  WorkerSettings,
} from './protocol.ts'
import { deliveryProperties } from './rdkafka/conf.ts'
import type { KafkaEvent } from './rdkafka/event.ts'
import { openLibrary } from './rdkafka/library.ts'
import { addressOf } from './rdkafka/memory.ts'
import { PartitionSource } from './rdkafka/partition-source.ts'
import { Producer } from './rdkafka/producer.ts'
import { Engine } from './scorer/engine.ts'
import type { Program } from './scorer/program.ts'

declare const self: Worker

type ToLoop = NewProgram | UnknownSchemas
type Assignment = Extract<ToWorker, { type: 'assign' }>

/** librdkafka's log levels are syslog's. */
const SYSLOG_ERROR = 3
const SYSLOG_WARNING = 4
const SYSLOG_INFO = 6

let module: WebAssembly.Module | undefined
let engine: Engine | undefined
let counters: Counters | undefined
let samples: SampleRing | undefined
let settings: WorkerSettings | undefined
let programs: MessagePort | undefined
const schemas = new WantedSchemas((ids) => post({ type: 'schemas', ids }))

function post(message: FromWorker): void {
  self.postMessage(message)
}

function log(level: LogLevel, message: string, fields: Record<string, unknown> = {}): void {
  post({ type: 'log', level, message, fields })
}

self.onmessage = ({ data }: MessageEvent<ToWorker>) => {
  try {
    if (data.type === 'init') {
      init(data)
      post({ type: 'ready' })
    } else {
      serve(data)
    }
  } catch (error) {
    const isOurs = error instanceof OperatingError
    // Trying again mends neither a setting nor a mistake of ours.
    const fatal = !isOurs || error.kind === 'usage'
    const code = isOurs ? error.code : 'assertion'
    const message = !isOurs && error instanceof Error ? (error.stack ?? '') : messageOf(error)
    post({ type: 'failed', fatal, code, message })
  }
}

function init(message: Extract<ToWorker, { type: 'init' }>): void {
  openLibrary(message.library)
  settings = message.settings
  counters = new Counters(message.counters)
  samples = new SampleRing(message.samples)
  module = message.module
  programs = message.programs as unknown as MessagePort
  engine = makeEngine(message.program)
}

function makeEngine(program: Program): Engine {
  assert(module && settings, 'a worker is initialised before it makes an engine')
  const size = { records: settings.loop.batchRecords, inputBytes: settings.inputBytes }
  counters?.set('challengerOff', 0)
  try {
    return new Engine(module, program, size, addressOf)
  } catch (error) {
    if (!program.challenger) throw error
    // The champion goes on, whatever is wrong with the other: there may be no memory for both.
    log('error', `the challenger is off: ${messageOf(error)}`)
    counters?.add('challengerErrors', 1)
    counters?.set('challengerOff', 1)
    return new Engine(module, { ...program, challenger: undefined }, size, addressOf)
  }
}

/**
 * Takes the program that was last sent, if one was, as a new engine beside the one in use; and what
 * came of schemas that are waited for.
 */
function takeReplacement(topic: string, partition: number): Engine | undefined {
  const shared = counters!
  const isBehind = shared.programWanted !== shared.programUsed
  if (!isBehind && shared.stage !== 'schema') return undefined
  let latest: NewProgram | undefined
  for (;;) {
    const received = receiveMessageOnPort(programs!) as { message: ToLoop } | undefined
    if (!received) break
    const { message } = received
    if (message.type === 'program') latest = message
    else schemas.learn(message.unknown)
  }
  if (!latest) return undefined
  const program = deserialize(latest.program) as Program
  engine = makeEngine(program)
  engine.setPartition(topic, partition)
  if (program.challenger) shared.startChallenger(latest.number)
  shared.programUsed = latest.number
  return engine
}

function serve(assignment: Assignment) {
  assert(engine && counters && samples && settings, 'a worker is initialised before it is assigned')
  const { topic, partition } = assignment
  const shared = counters
  if (!takeReplacement(topic, partition)) engine.setPartition(topic, partition)
  const source = new PartitionSource(
    assignment.consumer,
    assignment.queue,
    topic,
    partition,
    engine,
  )
  const make = () => makeDelivery(settings!, source, assignment.deadLettersPartitions, shared)
  const challenger = makeChallenger(settings, topic, partition, shared)
  const hooks = {
    log,
    takeReplacement: () => takeReplacement(topic, partition),
    challenger,
    schemas,
    sampler: new Sampler(samples),
    spans: settings.spans
      ? new BatchSpans(shared, (span) => post({ type: 'span', span }))
      : undefined,
  }
  const loop = new PartitionLoop(engine, source, shared, make, settings.loop, hooks)
  try {
    post({ type: 'released', end: loop.run() })
  } finally {
    try {
      loop.close()
      challenger.close(settings.challenger.closeMs)
    } finally {
      post({ type: 'free' })
    }
  }
}

function makeChallenger(
  worker: WorkerSettings,
  topic: string,
  partition: number,
  shared: Counters,
): Challenger {
  return new Challenger(worker.challenger.topic, partition, shared, {
    log,
    makeProducer: () => new Producer(worker.challenger.producer),
    onEvent: (event) => logEvent(event, topic, partition, 'challenger'),
  })
}

function makeDelivery(
  worker: WorkerSettings,
  source: PartitionSource,
  deadLettersPartitions: number,
  shared: Counters,
): Delivery {
  const { topic, partition } = source
  const exactlyOnce = worker.delivery === 'exactly-once'
  const id = `${worker.transactionalIdPrefix}-${topic}-${partition}`
  const own = deliveryProperties(exactlyOnce ? id : undefined)
  const producer = new Producer({ ...worker.producer, ...own })
  const commits = { ...worker.commits, deadLettersPartitions }
  const outbox = new Outbox(producer, partition, commits, {
    onEvent: (event) => logEvent(event, topic, partition),
    isInterrupted: () => isInterruption(shared.command),
  })
  return exactlyOnce
    ? new Transaction(outbox, source, commits)
    : new AtLeastOnce(outbox, source, commits)
}

/** Commands that wait for nothing more from the broker. */
function isInterruption(command: number): boolean {
  return command === COMMAND_ABANDON || command === COMMAND_RESTART
}

function logEvent(event: KafkaEvent, topic: string, partition: number, client = 'producer'): void {
  const fields = { topic, partition, client }
  if (event.type === 'log') {
    const { level, facility, message } = event
    log(levelOf(level), message, { ...fields, facility })
  } else if (event.type === 'error') {
    log('warn', event.message, { ...fields, code: event.name })
  } else if (event.type === 'undelivered') {
    log('error', `${event.count} records were not delivered: ${event.message}`, fields)
  }
}

function levelOf(syslog: number): LogLevel {
  if (syslog <= SYSLOG_ERROR) return 'error'
  if (syslog <= SYSLOG_WARNING) return 'warn'
  return syslog <= SYSLOG_INFO ? 'info' : 'debug'
}

post({ type: 'loaded' })
