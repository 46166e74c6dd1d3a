// `topics`: makes the topics that are missing, and says what differs in those that are there.

import { Command } from 'commander'
import type { Config } from '../config.ts'
import { OperatingError, usageError } from '../errors.ts'
import { Admin, type TopicPlan } from '../rdkafka/admin.ts'
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
  const { settings } = config
  const plans = topicPlans(config, inSyncReplicas(config))
  using admin = new Admin(config.producer, settings['broker.timeout.ms'])
  const reports = answered(config, () => {
    return plans.map((plan) => reportOn(admin, plan, options.check))
  })
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

/** The three topics as the settings want them. */
function topicPlans({ settings }: Config, inSync: number): TopicPlan[] {
  const names = [
    settings['topic.applications'],
    settings['topic.decisions'],
    settings['topic.dead.letters'],
  ]
  return names.map((topic) => ({
    topic,
    partitions: settings['topic.partitions'],
    replicationFactor: settings['topic.replication.factor'],
    config: {
      'retention.ms': String(settings['topic.retention.ms']),
      'min.insync.replicas': String(inSync),
    },
  }))
}

function reportOn(admin: Admin, plan: TopicPlan, checkOnly: boolean): Report {
  const { topic } = plan
  const metadata = admin.topic(topic)
  if (!metadata) {
    if (checkOnly) return { topic, state: 'missing', differences: [] }
    admin.createTopic(plan)
    return { topic, state: 'made', differences: describe(plan) }
  }
  const differences: string[] = []
  const compare = (what: string, is: string | number | undefined, wanted: string | number) => {
    if (String(is) !== String(wanted)) differences.push(`${what} is ${is}, ${wanted} is wanted`)
  }
  compare('partitions', metadata.partitions, plan.partitions)
  compare('replication factor', metadata.replicationFactor, plan.replicationFactor)
  const config = admin.topicConfig(topic)
  for (const [name, wanted] of Object.entries(plan.config)) compare(name, config.get(name), wanted)
  return { topic, state: differences.length > 0 ? 'differs' : 'as it should be', differences }
}

function describe(plan: TopicPlan): string[] {
  const config = Object.entries(plan.config).map(([name, value]) => `${name} ${value}`)
  return [`${plan.partitions} partitions, replication factor ${plan.replicationFactor}`, ...config]
}
