// A worker process put together from its configuration: program, WebAssembly, supervisor and HTTP
// server. Used by `worker` on a real Kafka and by `demo` on the embedded brokers.

import packageJson from '../package.json'
import type { Config, SettingName } from './config.ts'
import {
  challengerProperties,
  consumerProperties,
  producerProperties,
  readerProperties,
} from './config/clients.ts'
import { type SchemaVersion, loadSchemaFile } from './avro/schema-files.ts'
import type { SchemaId } from './avro/schema-id.ts'
import { idOfDecisions, useDecisionId, waitForDecisionId } from './decision-id.ts'
import { messageOf } from './errors.ts'
import { Explainer } from './explain/explainer.ts'
import { makeApp } from './http/app.ts'
import { serve } from './http/server.ts'
import type { Log } from './log.ts'
import { ModelHost } from './model-host.ts'
import { MODULE_PATH, fromRoot } from './paths.ts'
import { newest } from './avro/schema-files.ts'
import { Intake } from './intake/intake.ts'
import { openApi } from './intake/openapi.ts'
import { LatestLetters, type LettersSource } from './letters.ts'
import { Monitor } from './monitor/monitor.ts'
import type { UnknownId } from './pipeline/wanted-schemas.ts'
import type { WorkerSettings } from './protocol.ts'
import { CONSUMER, PRODUCER, checkClient, deliveryProperties } from './rdkafka/conf.ts'
import { SchemaLookup, type Waiting } from './registry/lookup.ts'
import { clientOf } from './registry/options.ts'
import { loadModule } from './scorer/module.ts'
import { loadArtefact } from './scorer/artefact.ts'
import { type ProgramFiles, type ProgramParts, loadParts, makeProgram } from './scorer/program.ts'
import { warmUp } from './scorer/warm-up.ts'
import { Supervisor } from './supervisor.ts'
import { SpanExporter } from './tracing/span-exporter.ts'

/** Longest that a partition which is let go waits for a challenger's last decisions. */
const CHALLENGER_CLOSE_MS = 1000
/** Longest wait for brokers of whoever looks at dead letters. */
const LETTERS_WAIT_MS = 8000

export type Runtime = {
  supervisor: Supervisor
  models: ModelHost
  /** Where the HTTP server listens, such as http://127.0.0.1:8080. */
  url: string
  /** Stops in order; false when it took too long. */
  stop(): Promise<boolean>
}

/** The files that decide, as the configuration names them; defaults lie in the project's folder. */
export function programFiles(config: Config): ProgramFiles {
  const path = (key: SettingName & `${string}.path`) => {
    const value = config.settings[key]
    return config.origins.has(key) ? value : fromRoot(value)
  }
  return {
    schemas: path('schemas.path'),
    model: path('model.path'),
    policy: path('policy.path'),
  }
}

/**
 * Loads and warms everything, listens, and starts the supervisor, which joins the group once a
 * broker and the topics are there.
 *
 * @throws OperatingError kind 'usage' when a file or setting is wrong: nothing runs then
 */
export async function startRuntime(
  config: Config,
  librdkafka: { library: string; version: string },
  log: Log,
  onFatal: (error: Error) => void,
): Promise<Runtime> {
  const { settings } = config
  const files = programFiles(config)
  const artefact = loadArtefact(files.model)
  const client = clientOf(settings)
  const parts = partsOf(config, files, client !== undefined)
  const program = makeProgram(parts, artefact)
  const module = loadModule(MODULE_PATH)
  const consumer = consumerProperties(config)
  const worker = workerSettings(config, consumer['group.id']!)
  checkClient(CONSUMER, consumer)
  const transactionalId = worker.delivery === 'exactly-once' ? 'check' : undefined
  checkClient(PRODUCER, { ...worker.producer, ...deliveryProperties(transactionalId) })
  warmUp(module, program)
  const spans = worker.spans ? await openSpans(config, consumer['group.id']!, log) : undefined
  const lookup = client && new SchemaLookup(client, settings['schema.registry.unknown.ms'])
  const supervisor: Supervisor = new Supervisor({
    program,
    module,
    library: librdkafka.library,
    versions: { program: packageJson.version, librdkafka: librdkafka.version },
    consumer,
    worker,
    topics: {
      applications: settings['topic.applications'],
      decisions: settings['topic.decisions'],
      deadLetters: settings['topic.dead.letters'],
      referred: settings['topic.referred'],
    },
    prestart: settings['workers.prestart'],
    shutdownTimeoutMs: settings['shutdown.timeout.ms'],
    progressTimeoutMs: settings['progress.timeout.ms'],
    log,
    bringSchemas: lookup && ((ids, waiting) => bring(lookup, models, ids, waiting, onFatal)),
    spans,
    onFatal,
  })
  const isById = settings['decisions.framing'] === 'registry'
  const decisionIdOf =
    client && isById
      ? (schema: SchemaVersion) => idOfDecisions(client, settings, schema)
      : undefined
  const { model: folder, schemas } = files
  const host = { module, parts, artefact, folder, schemas, log, decisionIdOf }
  const models: ModelHost = new ModelHost({ ...host, user: supervisor })
  const hasId = decisionIdOf ? await useDecisionId(models, decisionIdOf, supervisor, log) : true
  const challenger = settings['challenger.model.path']
  if (challenger !== '') {
    // What is wrong with it is logged: that must not keep the champion from starting.
    await models.challenge(challenger).catch(() => undefined)
  }
  const { applications, decisionSchema: decision } = parts
  const monitor = new Monitor({ status: supervisor, models, applications, decision, log })
  const intake =
    settings['http.intake'] === 'on'
      ? new Intake(config, newest(applications), decision, log)
      : undefined
  const description = intake && openApi(intake.fields, packageJson.version)
  const taking = intake && description && { intake, description }
  const inside = {
    explainer: new Explainer(module, models),
    letters: new LatestLetters(lettersSource(config, librdkafka.library, files.schemas)),
  }
  const pages = { monitor, intake: taking, inside }
  const app = makeApp(supervisor, models, settings['http.token'], pages)
  const server = serve(app, settings['http.host'], settings['http.port'])
  monitor.start()
  const watchMs = settings['model.watch.interval.ms']
  if (watchMs > 0) models.watch(watchMs)
  const schemasMs = settings['schemas.watch.interval.ms']
  if (schemasMs > 0) models.watchSchemas(schemasMs)
  const start = async () => {
    if (!hasId) await waitForDecisionId(models, decisionIdOf!, supervisor, log)
    if (supervisor.phase !== 'starting') return
    await supervisor.start()
  }
  start().catch((error: unknown) => {
    onFatal(error instanceof Error ? error : new Error(messageOf(error)))
  })
  const stop = async () => {
    models.close()
    monitor.stop()
    const inTime = await supervisor.stop()
    intake?.close()
    await spans?.close()
    await server.stop(true)
    return inTime
  }
  return { supervisor, models, url: server.url.origin, stop }
}

function openSpans(config: Config, group: string, log: Log): Promise<SpanExporter> {
  return SpanExporter.open({
    url: config.settings['trace.export.url'],
    resource: { 'service.name': packageJson.name, 'service.version': packageJson.version },
    group,
    onWarning: (message) => log.warn(message),
  })
}

/** What decides beside the model, and how records may say which schema is theirs. */
export function partsOf(config: Config, files: ProgramFiles, hasRegistry: boolean): ProgramParts {
  const { settings } = config
  const raw = settings['schemas.raw.path']
  const headers = settings['schema.registry.headers']
  return {
    ...loadParts(files),
    raw: raw === '' ? undefined : loadSchemaFile(raw, files.schemas),
    registry: hasRegistry ? { headers, known: new Map(), decisionId: undefined } : undefined,
  }
}

/** A look takes little memory: it is beside what decides. */
function lettersSource(config: Config, library: string, schemas: string): LettersSource {
  const { settings } = config
  const { 'statistics.interval.ms': _, ...properties } = readerProperties(config)
  const small = { 'queued.max.messages.kbytes': '2048', 'queued.min.messages': '500' }
  const topic = settings['topic.dead.letters']
  const timeoutMs = Math.min(LETTERS_WAIT_MS, settings['broker.timeout.ms'])
  return { library, properties: { ...properties, ...small }, timeoutMs, topic, schemas }
}

/**
 * Has the model host know what the registry has; returns what it has not. A worker that asked gets
 * the program when it is posted, and need not wait until all others use it.
 */
async function bring(
  lookup: SchemaLookup,
  models: ModelHost,
  ids: readonly SchemaId[],
  waiting: Waiting,
  onFatal: (error: Error) => void,
): Promise<UnknownId[]> {
  const { found, unknown } = await lookup.bring(ids, waiting)
  if (found.size > 0) {
    models.learn(found).catch((error: unknown) => onFatal(new Error(messageOf(error))))
  }
  return unknown
}

function workerSettings(config: Config, group: string): WorkerSettings {
  const { settings } = config
  const timeoutMs = settings['broker.timeout.ms']
  const producer = producerProperties(config)
  return {
    producer,
    delivery: settings['delivery'],
    transactionalIdPrefix: `${settings['transactional.id.prefix']}-${group}`,
    inputBytes: settings['batch.bytes'],
    spans: settings['trace.export.url'] !== '',
    loop: {
      batchRecords: settings['batch.records'],
      hasReferredTopic: settings['topic.referred'] !== '',
      timeoutMs,
      traceContext: settings['trace.context'] === 'on',
    },
    challenger: {
      topic: settings['topic.challenger'],
      producer: { ...challengerProperties(config), ...deliveryProperties(undefined) },
      closeMs: Math.min(CHALLENGER_CLOSE_MS, settings['shutdown.timeout.ms'] / 4),
    },
    commits: {
      decisionsTopic: settings['topic.decisions'],
      referredTopic: settings['topic.referred'],
      deadLettersTopic: settings['topic.dead.letters'],
      commitIntervalMs: settings['commit.interval.ms'],
      behindIntervalMs: settings['commit.interval.behind.ms'],
      commitRecords: settings['commit.records'],
      requestRecords: Number(producer['batch.num.messages']),
      timeoutMs,
    },
  }
}
