// `topics`: makes the topics that are missing, and says what differs in those that are there.

import { Command } from 'commander'
import type { Config } from '../config.ts'
import { OperatingError, usageError } from '../errors.ts'
import { Admin, type TopicPlan } from '../rdkafka/admin.ts'
import { ERR_UNKNOWN_TOPIC_OR_PARTITION, KafkaError } from '../rdkafka/error.ts'
import {
  type ConfigOptions,
  type Context,
  configure,
  requireBroker,
  withConfigOptions,
} from './context.ts'

type TopicsOptions = ConfigOptions & { check: boolean; json: boolean }

export function topicsCommand(run: (action: () => Promise<number>) => void, context: Context) {
  const command = new Command('topics')
    .description('make the topics that are missing, and say what differs in the others')
    .option('--check', 'make nothing; exit with 1 when a topic is missing or differs', false)
    .option('--json', 'print one JSON object', false)
  return withConfigOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((options: TopicsOptions) => run(async () => topics(options, context)))
}

const EXAMPLES = `
Examples:
  bun run topics --set bootstrap.servers=broker1:9092
  bun run topics --check --json
  bun run topics --set topic.partitions=64 --set topic.replication.factor=3`

type Report = {
  topic: string
  state: 'made' | 'as it should be' | 'differs' | 'missing'
  differences: string[]
}

function topics(options: TopicsOptions, context: Context): number {
  const { config } = configure(options, context)
  requireBroker(config, ['producer'])
  const plans = topicPlans(config, inSyncReplicas(config))
  using admin = new Admin(config.producer, config.settings['broker.timeout.ms'])
  const reports = answered(config, () => reportOnAll(admin, plans, options.check))
  const ok = reports.every(({ state }) => state === 'made' || state === 'as it should be')
  if (options.json) {
    context.output.print(`${JSON.stringify({ ok, topics: reports })}\n`)
  } else {
    for (const { topic, state, differences } of reports) {
      context.output.print(`${topic}: ${[state, ...differences].join('\n  ')}\n`)
    }
  }
  return ok ? 0 : 1
}

/** Runs calls to the brokers; @throws OperatingError that names them when they do not answer. */
function answered<T>(config: Config, calls: () => T): T {
  try {
    return calls()
  } catch (error) {
    if (!(error instanceof OperatingError) || error.kind === 'usage') throw error
    const brokers = config.producer['bootstrap.servers']
    const message = `no answer from ${brokers}: ${error.message}`
    throw new OperatingError('retriable', 'broker', message, error)
  }
}

/**
 * As many as the setting says. More than there are replicas would refuse every record: asked for
 * that is a mistake; where only the default is more, as on a single broker, all replicas are meant.
 */
function inSyncReplicas({ settings, origins }: Config): number {
  const key = 'topic.min.insync.replicas'
  const wanted = settings[key]
  const replicas = settings['topic.replication.factor']
  if (wanted <= replicas) return wanted
  const what = `topic.replication.factor is ${replicas}`
  const origin = origins.get(key)
  if (origin !== undefined) {
    throw usageError('config', `${key} is ${wanted} (from ${origin}), ${what}: not more than that`)
  }
  process.stderr.write(`${what}, so ${key} is ${replicas} and not ${wanted}, its default\n`)
  return replicas
}

type Plans = {
  applications: TopicPlan
  decisions: TopicPlan
  deadLetters: TopicPlan
  challenger: TopicPlan | undefined
  referred: TopicPlan | undefined
}

/** The topics as the settings want them; the challenger's and the referred ones' when set. */
function topicPlans({ settings, origins }: Config, inSync: number): Plans {
  const wantsChallenger =
    settings['challenger.model.path'] !== '' || origins.has('topic.challenger')
  const plan = (topic: string) => ({
    topic,
    partitions: settings['topic.partitions'],
    replicationFactor: settings['topic.replication.factor'],
    config: {
      'retention.ms': String(settings['topic.retention.ms']),
      'min.insync.replicas': String(inSync),
    },
  })
  return {
    applications: plan(settings['topic.applications']),
    decisions: plan(settings['topic.decisions']),
    deadLetters: plan(settings['topic.dead.letters']),
    challenger: wantsChallenger ? plan(settings['topic.challenger']) : undefined,
    referred: settings['topic.referred'] === '' ? undefined : plan(settings['topic.referred']),
  }
}

const NEW_TOPIC_TRIES = 20
const NEW_TOPIC_PAUSE_MS = 100

const MESSAGE_BYTES = 'max.message.bytes'
/** A dead letter is the record with its headers, and headers of ours that say why. */
const DEAD_LETTER_HEADERS_BYTES = 64 * 1024
/** Kafka keeps it in an int. */
const MESSAGE_BYTES_MAX = 2 ** 31 - 1

function reportOnAll(admin: Admin, plans: Plans, checkOnly: boolean): Report[] {
  const { applications, decisions, deadLetters, challenger, referred } = plans
  const optional = [challenger, referred].filter((plan) => plan !== undefined)
  const reports = [applications, decisions, ...optional].map((plan) =>
    reportOn(admin, plan, checkOnly),
  )
  const isThere = reports[0]!.state !== 'missing'
  const bytes = isThere ? messageBytesOf(admin, applications.topic) : undefined
  if (bytes === undefined) return [...reports, reportOn(admin, deadLetters, checkOnly)]
  // A record as large as its topic takes shall fit as a dead letter: else its value is dropped.
  const needed = Math.min(bytes + DEAD_LETTER_HEADERS_BYTES, MESSAGE_BYTES_MAX)
  return [...reports, reportOn(admin, deadLetters, checkOnly, needed)]
}

/** The topic may have been made a moment ago, and the broker that is asked not know it yet. */
function messageBytesOf(admin: Admin, topic: string): number | undefined {
  for (let tries = 1; ; tries++) {
    try {
      const value = admin.topicConfig(topic).get(MESSAGE_BYTES)
      return value === undefined ? undefined : Number(value)
    } catch (error) {
      const isNew =
        error instanceof KafkaError && error.kafkaCode === ERR_UNKNOWN_TOPIC_OR_PARTITION
      if (!isNew || tries === NEW_TOPIC_TRIES) throw error
      Bun.sleepSync(NEW_TOPIC_PAUSE_MS)
    }
  }
}

/** @param messageBytesMin  least max.message.bytes; undefined: whatever it is */
function reportOn(
  admin: Admin,
  wanted: TopicPlan,
  checkOnly: boolean,
  messageBytesMin?: number,
): Report {
  const { topic } = wanted
  const metadata = admin.topic(topic)
  if (!metadata) {
    if (checkOnly) return { topic, state: 'missing', differences: [] }
    const own = messageBytesMin === undefined ? {} : { [MESSAGE_BYTES]: String(messageBytesMin) }
    const plan = { ...wanted, config: { ...wanted.config, ...own } }
    admin.createTopic(plan)
    return { topic, state: 'made', differences: describe(plan) }
  }
  const differences: string[] = []
  const compare = (what: string, is: string | number | undefined, due: string | number) => {
    if (String(is) !== String(due)) differences.push(`${what} is ${is}, ${due} is wanted`)
  }
  compare('partitions', metadata.partitions, wanted.partitions)
  compare('replication factor', metadata.replicationFactor, wanted.replicationFactor)
  const config = admin.topicConfig(topic)
  for (const [name, due] of Object.entries(wanted.config)) compare(name, config.get(name), due)
  if (messageBytesMin !== undefined && Number(config.get(MESSAGE_BYTES)) < messageBytesMin) {
    const is = `${MESSAGE_BYTES} is ${config.get(MESSAGE_BYTES)}`
    differences.push(`${is}, at least ${messageBytesMin} is wanted, for a dead letter's headers`)
  }
  return { topic, state: differences.length > 0 ? 'differs' : 'as it should be', differences }
}

function describe(plan: TopicPlan): string[] {
  const config = Object.entries(plan.config).map(([name, value]) => `${name} ${value}`)
  return [`${plan.partitions} partitions, replication factor ${plan.replicationFactor}`, ...config]
}
