// A drill: a real cluster of three brokers, workers in one group, a steady stream of applications,
// and everything that can go wrong does, by a plan. At the end each application must have exactly
// one outcome.

import { join } from 'node:path'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { TOPICS } from '../support/applications.ts'
import { KafkaCluster } from '../support/kafka.ts'
import { Network } from '../support/network.ts'
import { Faults } from './faults.ts'
import { Feed } from './feed.ts'
import { Fleet, type Protocol } from './fleet.ts'
import { makePlan } from './plan.ts'
import { Outcomes, type Verdict, isClean } from './verdict.ts'

const BROKERS = 3
const PARTITIONS_FIRST = 4
const PARTITIONS_MAX = 7
const WORKERS = 3
const SESSION_TIMEOUT_MS = 6000
/** No new outcome for so long at the end: what is missing then is lost. */
const STALL_MS_MAX = 90_000
const DELIVERY_MS_MAX = 120_000

export type DrillOptions = {
  applications: number
  kills: number
  seconds: number
  seed: number
  protocol: Protocol
  /** Whether killed brokers come back before their session is over: see faults.ts. */
  hastyBrokers: boolean
  /** Folder for the workers' logs, and for the brokers' data when all is not well. */
  logs: string
}

export type DrillResult = { applications: number } & Verdict & {
    kills: number
    seed: number
    protocol: Protocol
    /** Workers that ended by themselves, or not in order when told to. */
    failures: number
  }

export type DrillHooks = {
  /** Told of each thing that happens, with the milliseconds since the start. */
  history(elapsedMs: number, what: string): void
  progress(applications: number): void
}

export async function runDrill(options: DrillOptions, hooks: DrillHooks): Promise<DrillResult> {
  const { applications, kills, seconds, seed, protocol } = options
  openLibrary(libraryPath(BUILD))
  const plan = makePlan(seed, kills, seconds)
  await using network = new Network(BROKERS)
  await using cluster = await startCluster(network)
  const servers = network.bootstrapServers
  await using fleet = new Fleet(workerSettings(servers, protocol), protocol, options.logs)
  for (let i = 0; i < WORKERS; i++) fleet.start()
  const feed = new Feed(servers, PARTITIONS_FIRST, seed)
  const started = performance.now()
  const tell = (what: string) => hooks.history(performance.now() - started, what)
  const { hastyBrokers } = options
  const limits = { workersMax: WORKERS + 1, partitionsMax: PARTITIONS_MAX, hastyBrokers }
  const faults = new Faults({ cluster, fleet, feed, network }, limits, tell)
  const progress = setInterval(() => hooks.progress(feed.count), 200)
  try {
    await Promise.all([feed.run(applications, seconds * 1000), faults.run(plan)])
    await faults.settle()
    tell('all applications are sent, no more faults')
    await feed.flush(DELIVERY_MS_MAX)
    using outcomes = new Outcomes(servers, feed.sent.length, PARTITIONS_FIRST)
    await readAll(outcomes, applications)
    tell(`${outcomes.count} outcomes are there`)
    await fleet.stopAll()
    while (!outcomes.read()) await Bun.sleep(0)
    const verdict = outcomes.judge(feed.sent)
    for (const bad of [...outcomes.repeats, ...fleet.failures]) tell(bad)
    const failures = fleet.failures.length
    if (!isClean(verdict)) cluster.keep(join(options.logs, 'brokers'))
    return { applications, ...verdict, kills: faults.kills, seed, protocol, failures }
  } finally {
    clearInterval(progress)
    feed.close()
  }
}

/** Reads until all are there, or nothing comes any more. */
async function readAll(outcomes: Outcomes, applications: number): Promise<void> {
  let lastAtMs = Date.now()
  let last = 0
  while (outcomes.count < applications && Date.now() - lastAtMs < STALL_MS_MAX) {
    outcomes.read()
    if (outcomes.count > last) lastAtMs = Date.now()
    last = outcomes.count
    await Bun.sleep(0)
  }
}

async function startCluster(network: Network): Promise<KafkaCluster> {
  const cluster = await KafkaCluster.start({
    nodes: BROKERS,
    flags: ['-Dlog4j2.level=INFO'],
    properties: ({ id, port }) => ({
      'advertised.listeners': network.advertise(id, port),
      'group.consumer.min.session.timeout.ms': String(SESSION_TIMEOUT_MS),
      'group.consumer.session.timeout.ms': String(SESSION_TIMEOUT_MS),
      'group.consumer.min.heartbeat.interval.ms': '300',
      'group.consumer.heartbeat.interval.ms': '300',
    }),
  })
  try {
    for (const topic of Object.values(TOPICS)) {
      await cluster.createTopic(topic, { partitions: PARTITIONS_FIRST })
    }
  } catch (error) {
    await cluster.stop()
    throw error
  }
  return cluster
}

function workerSettings(servers: string, protocol: Protocol): Record<string, string | number> {
  const group: Record<string, string | number> =
    protocol === 'consumer'
      ? { 'group.protocol': 'consumer' }
      : { 'session.timeout.ms': SESSION_TIMEOUT_MS }
  return { 'bootstrap.servers': servers, 'progress.timeout.ms': 20_000, ...group }
}
