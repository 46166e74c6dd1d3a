// Configuration: our few settings, typed and with units, and librdkafka's under their own names.
// Origins, later ones win: defaults, the file, LOANSTREAM_… in the environment, --set. An unknown
// key is refused with its nearest neighbour; every complaint names key and origin.

import { existsSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import { REGISTRY_SETTINGS, checkRegistry } from './config/registry.ts'
import { address, host, int, setting, text, topic } from './config/setting.ts'
import { messageOf, usageError } from './errors.ts'
import { nearest } from './nearest.ts'
import type { Property } from './rdkafka/properties.ts'
import { fileKeys, hide, isSecret, secretFromFile, secretOfFile } from './secrets.ts'
import { parseToml } from './toml.ts'

/** Our own settings. The README's table is held against this one by a test. */
export const SETTINGS = {
  'topic.applications': setting(topic, 'loan_applications', '', 'applications are read from it'),
  'topic.decisions': setting(topic, 'loan_decisions', '', 'decisions go to it, same partition'),
  'topic.dead.letters': setting(topic, 'loan_applications.dlq', '', 'undecidable records go to it'),
  'topic.challenger': setting(
    topic,
    'loan_decisions.challenger',
    '',
    "a challenger's decisions go to it, same partition",
  ),
  'topic.dead.letters.sent': setting(
    topic,
    'loan_applications.dlq.sent',
    '',
    'which dead letters `dlq replay` has sent; compacted',
  ),
  'topic.referred': setting(
    topic.or(z.literal('')),
    '',
    '',
    'referred decisions go to it as well, same partition; empty: none',
  ),
  'topic.partitions': setting(int(1, 100_000), 4, '', 'partitions that `topics` creates'),
  'topic.replication.factor': setting(int(1, 100), 3, '', 'replicas that `topics` creates'),
  'topic.min.insync.replicas': setting(int(1, 100), 2, '', 'replicas that must have a record'),
  'topic.retention.ms': setting(
    int(-1, 2 ** 53 - 1),
    604_800_000,
    'ms',
    'how long Kafka keeps records; -1: for ever',
  ),
  delivery: setting(
    z.enum(['exactly-once', 'at-least-once']),
    'exactly-once',
    '',
    'transactions, or lowest latency',
  ),
  'commit.interval.ms': setting(
    int(1, 60_000),
    100,
    'ms',
    'time between two commits, while there are records',
  ),
  'commit.interval.behind.ms': setting(
    int(1, 60_000),
    500,
    'ms',
    'the same, of a transaction while more is at hand; the longer of both',
  ),
  'commit.records': setting(
    int(1, 10_000_000),
    100_000,
    'records',
    'records after which a commit comes sooner',
  ),
  'batch.records': setting(int(1, 65_536), 256, 'records', 'most records decided in one call'),
  'batch.bytes': setting(
    int(1024, 256 * 1024 * 1024),
    2_097_152,
    'bytes',
    'most input of a batch; a larger record is a dead letter',
  ),
  'broker.timeout.ms': setting(
    int(1000, 600_000),
    30_000,
    'ms',
    'longest wait for the broker in one call',
  ),
  'shutdown.timeout.ms': setting(
    int(100, 600_000),
    30_000,
    'ms',
    'longest orderly stop; then the process exits with 1',
  ),
  'progress.timeout.ms': setting(
    int(1000, 3_600_000),
    60_000,
    'ms',
    'a partition with lag and no progress for so long is begun anew',
  ),
  'workers.prestart': setting(
    int(0, 256),
    2,
    'threads',
    'workers started before the group is joined',
  ),
  'transactional.id.prefix': setting(
    text,
    'loanstream',
    '',
    'transactional ids are prefix-group-topic-partition',
  ),
  'trace.context': setting(
    z.enum(['on', 'off']),
    'off',
    '',
    "an application's trace context goes onto its decision",
  ),
  'trace.export.url': setting(
    address,
    '',
    '',
    'OTLP/HTTP: a span of each batch goes to it; empty: none',
  ),
  'schemas.path': setting(text, 'schemas', 'folder', 'schema files, one folder a record'),
  'schemas.watch.interval.ms': setting(
    int(0, 3_600_000),
    1000,
    'ms',
    'how often to look for new versions in schemas.path; 0: never',
  ),
  'schemas.raw.path': setting(
    z.string(),
    '',
    'file',
    'schema of applications without framing; empty: none',
  ),
  ...REGISTRY_SETTINGS,
  'model.path': setting(text, 'build/models/default', 'folder', 'model artefact'),
  'model.watch.interval.ms': setting(
    int(0, 3_600_000),
    1000,
    'ms',
    'how often to look for new artefacts or a new policy; 0: never',
  ),
  'challenger.model.path': setting(
    z.string(),
    '',
    'folder',
    'artefact of the challenger; empty: none',
  ),
  'policy.path': setting(text, 'models/default/policy.toml', 'file', 'policy'),
  'http.host': setting(host, '127.0.0.1', '', 'address the HTTP server listens on'),
  'http.port': setting(int(0, 65_535), 8080, '', 'its port; 0: any free one'),
  'http.token': setting(
    z.string().regex(/^([A-Za-z0-9._~+/-]+=*)?$/, 'must be a token of RFC 6750'),
    '',
    '',
    'bearer token of /model, /policy and /challenger; empty: they are refused',
  ),
  'http.intake': setting(
    z.enum(['off', 'on']),
    'off',
    '',
    'whether applications are taken at /apply and /applications',
  ),
  'log.level': setting(
    z.enum(['debug', 'info', 'warn', 'error']),
    'info',
    '',
    'least level that is logged',
  ),
  'log.format': setting(
    z.enum(['auto', 'json', 'pretty']),
    'auto',
    '',
    'auto: pretty on a terminal',
  ),
} as const

export type SettingName = keyof typeof SETTINGS
export type Settings = { [K in SettingName]: z.output<(typeof SETTINGS)[K]['type']> }

export type Config = {
  settings: Settings
  /** librdkafka's properties as given, by client, without our defaults. */
  consumer: Record<string, string>
  producer: Record<string, string>
  /** Where each value that is not a default came from, by the key as it was written. */
  origins: Map<string, string>
  /** The same for librdkafka's properties, by client and by the name they go by here. */
  propertyOrigins: Record<'consumer' | 'producer', Map<string, string>>
}

/** librdkafka's properties that the worker's guarantees rest on, and why they cannot be set. */
export const RESERVED: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'enable.auto.commit': 'offsets are committed with the decisions',
    'auto.commit.enable': 'offsets are committed with the decisions',
    'offset.store.method': 'offsets are committed with the decisions',
    'enable.auto.offset.store': 'offsets are committed with the decisions',
    'auto.commit.interval.ms': 'offsets are committed with the decisions; see commit.interval.ms',
    'enable.partition.eof': 'the lag rests on it',
    'isolation.level': 'applications are read committed',
    'transactional.id': 'it belongs to a partition; see transactional.id.prefix',
    'enable.idempotence': 'order rests on it',
    'log.queue': 'librdkafka logs into our log',
    'delivery.report.only.error': 'failed deliveries are watched by us',
    'test.mock.num.brokers': 'a worker runs on a real Kafka; "bun run demo" has brokers of its own',
    'test.mock.broker.rtt': 'a worker runs on a real Kafka',
  }),
)

/** A setting whose value, when it is refused, may hold a secret. */
const HOLDS_SECRET: ReadonlySet<string> = new Set(['schema.registry.url', 'trace.export.url'])

/** librdkafka's properties that it takes empty, only to fail later without them. */
const NOT_EMPTY: ReadonlySet<string> = new Set(['bootstrap.servers', 'group.id'])

type Origin = { name: string; values: Map<string, unknown> }

export type ConfigInput = {
  /** File that must exist; undefined: loanstream.toml where it exists; false: none is read. */
  file: string | false | undefined
  environment: Readonly<Record<string, string | undefined>>
  /** key=value, as --set gives them. */
  sets: readonly string[]
  properties: ReadonlyMap<string, Property>
}

/** librdkafka's default of transaction.timeout.ms. */
const TRANSACTION_TIMEOUT_MS = 60_000

const DEFAULT_FILE = 'loanstream.toml'
const PREFIX = 'LOANSTREAM_'
/** Names in the environment that are no settings. */
const NOT_SETTINGS = new Set(['LOANSTREAM_CONFIG', 'LOANSTREAM_CACHE', 'LOANSTREAM_PREBUILT_HOST'])

/**
 * Puts the configuration together.
 *
 * @throws OperatingError kind 'usage', code 'config' or 'toml', naming key, nearest key and origin
 */
export function loadConfig(input: ConfigInput): Config {
  const names = new Names(input.properties)
  const config: Config = {
    settings: defaults(),
    consumer: {},
    producer: {},
    origins: new Map(),
    propertyOrigins: { consumer: new Map(), producer: new Map() },
  }
  for (const origin of [fileOrigin(input), environmentOrigin(input, names), setOrigin(input)]) {
    // What is for one of the clients outweighs what is for both, whichever was written first.
    const scopedLast = [...origin.values].sort(
      ([a], [b]) => Number(isScoped(a)) - Number(isScoped(b)),
    )
    for (const [key, value] of scopedLast) {
      const secret = secretOfFile(key)
      const given = secret === undefined ? value : secretFromFile(key, secret, origin)
      apply(config, names, secret ?? key, given, origin.name)
      config.origins.set(secret ?? key, origin.name)
    }
  }
  checkTopics(config)
  checkRegistry(config)
  checkCommitInterval(config)
  return config
}

/** Settings that name a topic of the live stream; '' is none. */
export const TOPIC_SETTINGS = [
  'topic.applications',
  'topic.decisions',
  'topic.dead.letters',
  'topic.challenger',
  'topic.dead.letters.sent',
  'topic.referred',
] as const satisfies readonly SettingName[]

/** What cannot be decided must not come back, nor a challenger's decisions be the live ones. */
function checkTopics({ settings, origins }: Config): void {
  const taken = new Map<string, string>()
  for (const key of TOPIC_SETTINGS) {
    if (settings[key] === '') continue
    const other = taken.get(settings[key])
    if (other) {
      const origin = origins.get(key) ?? origins.get(other) ?? 'defaults'
      const what = `${key} is "${settings[key]}", which ${other} is already`
      throw usageError('config', `${what} (from ${origin})`)
    }
    taken.set(settings[key], key)
  }
}

/** The broker aborts a transaction that is open for longer, and all would begin anew for ever. */
function checkCommitInterval({ settings, producer, origins }: Config): void {
  if (settings.delivery !== 'exactly-once') return
  const longest = Number(producer['transaction.timeout.ms'] ?? TRANSACTION_TIMEOUT_MS)
  for (const key of ['commit.interval.ms', 'commit.interval.behind.ms'] as const) {
    if (settings[key] < longest) continue
    const origin = origins.get(key) ?? 'defaults'
    const what = `is ${settings[key]}: must be less than transaction.timeout.ms`
    throw usageError('config', `${key} ${what}, which is ${longest} (from ${origin})`)
  }
}

function isScoped(key: string): boolean {
  return /^(consumer|producer)\./.test(key)
}

/** A setting's value, as text or typed, checked. */
function apply(config: Config, names: Names, key: string, value: unknown, origin: string): void {
  if (isSecret(key)) hide(String(value))
  if (Object.hasOwn(SETTINGS, key)) {
    const parsed = SETTINGS[key as SettingName].type.safeParse(value)
    if (!parsed.success) {
      const shown = isSecret(key) || HOLDS_SECRET.has(key) ? 'not valid' : JSON.stringify(value)
      const what = `is ${shown}: ${parsed.error.issues[0]!.message}`
      throw usageError('config', `${key} ${what} (from ${origin})`)
    }
    Object.assign(config.settings, { [key]: parsed.data })
    return
  }
  const reserved = RESERVED.get(key.replace(/^(consumer|producer)\./, ''))
  if (reserved) throw usageError('config', `${key} cannot be set: ${reserved} (from ${origin})`)
  if (isTable(value) && names.isPrefix(key)) return
  const { property, client } = names.property(key, origin)
  if (!['string', 'number', 'boolean', 'bigint'].includes(typeof value)) {
    throw usageError('config', `${key} must be a single value (from ${origin})`)
  }
  const scope = client ?? property.scope
  const name = names.usual(property.name)
  if (NOT_EMPTY.has(name) && String(value).trim() === '') {
    throw usageError('config', `${key} is empty (from ${origin})`)
  }
  for (const each of ['consumer', 'producer'] as const) {
    if (scope !== 'both' && scope !== each) continue
    config[each][name] = String(value)
    config.propertyOrigins[each].set(name, origin)
  }
}

function defaults(): Settings {
  const entries = Object.entries(SETTINGS).map(([key, definition]) => [key, definition.default])
  return Object.fromEntries(entries) as Settings
}

function fileOrigin(input: ConfigInput): Origin {
  if (input.file === false) return { name: 'no file', values: new Map() }
  const asked = input.file ?? input.environment['LOANSTREAM_CONFIG']
  const path = asked ?? DEFAULT_FILE
  if (asked === undefined && !existsSync(path)) return { name: path, values: new Map() }
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    throw usageError('config', `cannot read ${path}: ${messageOf(error)}`, error)
  }
  return { name: path, values: new Map(flatten(parseToml(content, path), '')) }
}

/** Nested tables as dotted keys: [http] port = 1 is http.port. An empty table stands for itself. */
function flatten(table: object, prefix: string): [key: string, value: unknown][] {
  return Object.entries(table).flatMap(([key, value]): [string, unknown][] => {
    const path = prefix === '' ? key : `${prefix}.${key}`
    return isTable(value) && Object.keys(value).length > 0 ? flatten(value, path) : [[path, value]]
  })
}

/** Dates are objects too. */
function isTable(value: unknown): value is object {
  return (
    value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date)
  )
}

function environmentOrigin(input: ConfigInput, names: Names): Origin {
  const values = new Map<string, unknown>()
  for (const [variable, value] of Object.entries(input.environment)) {
    if (!variable.startsWith(PREFIX) || NOT_SETTINGS.has(variable) || value === undefined) continue
    values.set(names.keyOfVariable(variable), value)
  }
  return { name: 'the environment', values }
}

function setOrigin(input: ConfigInput): Origin {
  const values = new Map<string, unknown>()
  for (const pair of input.sets) {
    const equals = pair.indexOf('=')
    if (equals < 1) {
      // What follows the name may be a secret.
      const name = /^[\w.=]*/.exec(pair)![0]
      const shown = name === pair ? pair : `${name}…`
      throw usageError('config', `--set ${shown}: must be key=value`)
    }
    values.set(pair.slice(0, equals), pair.slice(equals + 1))
  }
  return { name: '--set', values }
}

/** Variable in the environment of a key: commit.interval.ms is LOANSTREAM_COMMIT_INTERVAL_MS. */
export function variableOf(key: string): string {
  return PREFIX + key.replaceAll('.', '_').toUpperCase()
}

/** All keys there are: ours, librdkafka's, and those for one of the two clients alone. */
class Names {
  private readonly properties: ReadonlyMap<string, Property>
  /** Kafka's names of the properties for which librdkafka has one of its own too. */
  private readonly aliases = new Map<string, string>()

  constructor(properties: ReadonlyMap<string, Property>) {
    this.properties = properties
    for (const { name, description } of properties.values()) {
      const own = /^Alias for `([^`]+)`/.exec(description)?.[1]
      if (own !== undefined) this.aliases.set(own, name)
    }
  }

  /**
   * The one name that a property goes by here, however it was written, so that a later origin
   * replaces what an earlier one set: bootstrap.servers for metadata.broker.list.
   */
  usual(name: string): string {
    return this.aliases.get(name) ?? name
  }

  property(key: string, origin: string): { property: Property; client?: 'consumer' | 'producer' } {
    const scoped = /^(consumer|producer)\.(.+)$/.exec(key)
    const client = scoped?.[1] as 'consumer' | 'producer' | undefined
    const property = this.properties.get(scoped?.[2] ?? key)
    if (!property) throw unknown(key, nearestKey(key, this.keys()), origin)
    if (!client) return { property }
    if (property.scope !== 'both' && property.scope !== client) {
      const what = `${property.name} is a property of the ${property.scope}`
      throw usageError('config', `${key}: ${what} (from ${origin})`)
    }
    return { property, client }
  }

  /** Whether the key is the first part of others, so that an empty table of it says nothing. */
  isPrefix(key: string): boolean {
    return this.keys().some((known) => known.startsWith(`${key}.`))
  }

  keyOfVariable(variable: string): string {
    const key = this.keys().find((candidate) => variableOf(candidate) === variable)
    if (key) return key
    const variables = this.keys().map((candidate) => variableOf(candidate).slice(PREFIX.length))
    const meant = nearestKey(variable.slice(PREFIX.length), variables)
    throw unknown(variable, meant && PREFIX + meant, 'the environment')
  }

  private keys(): string[] {
    const own = Object.keys(SETTINGS)
    const theirs = [...this.properties.keys()]
    const scoped = theirs.flatMap((name) => [`consumer.${name}`, `producer.${name}`])
    const keys = [...own, ...theirs, ...scoped]
    return [...keys, ...fileKeys(keys)]
  }
}

/** What is for one client is compared without that: it would make all of them look alike. */
function nearestKey(key: string, keys: readonly string[]): string | undefined {
  const scope = /^(consumer|producer)[._]/i.exec(key)?.[0] ?? ''
  const names = keys.filter((k) => k.startsWith(scope)).map((k) => k.slice(scope.length))
  const meant = nearest(key.slice(scope.length), names)
  return meant && scope + meant
}

function unknown(name: string, meant: string | undefined, origin: string) {
  const lists = "README.md lists ours, librdkafka's CONFIGURATION.md its own"
  const help = meant === undefined ? lists : `the nearest is ${meant}`
  return usageError('config', `${name} is no setting; ${help} (from ${origin})`)
}
