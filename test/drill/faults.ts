// What goes wrong in a drill, done to the cluster, the workers and the network.

import { deliveryProperties } from '../../src/rdkafka/conf.ts'
import { API_KEYS } from '../../src/rdkafka/mock-cluster.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import { TOPICS } from '../support/applications.ts'
import type { KafkaCluster } from '../support/kafka.ts'
import type { Network } from '../support/network.ts'
import type { Feed } from './feed.ts'
import type { Fleet } from './fleet.ts'
import type { Fault } from './plan.ts'

/**
 * Longer than the brokers' session. One that is back sooner leads what it led before, reads the
 * transactions' log to its end, not to the high watermark, and ends at once what it finds begun
 * there (Kafka's TransactionStateManager.loadTransactionMetadata). If that had not reached the other
 * brokers when it was killed, and one of them leads next, the same transaction ends the other way:
 * half of it is committed, or it never ends. Seen with Kafka 4.3.1.
 */
const BROKER_DOWN_MS = [5000, 9000] as const
const HASTY_DOWN_MS = [500, 4000] as const
/** Some longer than the brokers' own session, some shorter. */
const BROKER_PAUSE_MS = [1000, 12_000] as const
/** Around the session time-out: whether the worker is out when it wakes is left to chance. */
const FREEZE_MS = [1000, 9000] as const
const DELAY_MS = [20, 300] as const
const DELAY_FOR_MS = [2000, 8000] as const
/** Requests of a transaction whose answers get lost, and how many of them. */
const LOST = [
  'Produce',
  'AddPartitionsToTxn',
  'AddOffsetsToTxn',
  'TxnOffsetCommit',
  'EndTxn',
] as const
const LOST_COUNT = [1, 20] as const
/** How much later than the applications' topic the decisions' topic grows. */
const GROW_LATER_MS = [0, 6000] as const
const FENCE_MS_MAX = 3000
const TOOL_TRIES = 5

export type Limits = {
  workersMax: number
  partitionsMax: number
  /** Whether killed brokers come back before their session is over. */
  hastyBrokers: boolean
}

export type Targets = { cluster: KafkaCluster; fleet: Fleet; feed: Feed; network: Network }

export class Faults {
  /** Kills done so far: of workers and of brokers. */
  kills = 0
  private readonly targets: Targets
  private readonly limits: Limits
  private readonly tell: (what: string) => void
  /** One broker at a time is away: with two of three Kafka itself stands still. */
  private brokers = Promise.resolve()
  private partitions: Promise<void> = Promise.resolve()
  private slow = Promise.resolve()
  private partitionCount: number

  constructor(targets: Targets, limits: Limits, tell: (what: string) => void) {
    this.targets = targets
    this.limits = limits
    this.tell = tell
    this.partitionCount = targets.feed.sent.length
  }

  /** Does all of a plan, each at its time. */
  async run(plan: readonly Fault[]): Promise<void> {
    const started = performance.now()
    for (const fault of plan) {
      await Bun.sleep(Math.max(0, fault.atMs - (performance.now() - started)))
      this.start(fault)
    }
  }

  /** Waits until what was begun is over. */
  async settle(): Promise<void> {
    await Promise.all([this.brokers, this.partitions, this.slow])
  }

  private start(fault: Fault): void {
    const { fleet } = this.targets
    switch (fault.kind) {
      case 'kill worker':
        this.kills++
        this.tell(`kill -9 of ${fleet.kill(fault.pick)}`)
        break
      case 'stop worker':
        this.tell(`SIGTERM to ${fleet.stop(fault.pick, true)}, another after it`)
        break
      case 'add worker':
        this.addWorker(fault)
        break
      case 'freeze worker': {
        const durationMs = between(FREEZE_MS, fault.extent)
        this.tell(`SIGSTOP of ${fleet.freeze(fault.pick, durationMs)} for ${durationMs} ms`)
        break
      }
      case 'kill broker':
        this.kills++
        this.brokers = this.brokers.then(() => this.killBroker(fault))
        break
      case 'pause broker':
        this.brokers = this.brokers.then(() => this.pauseBroker(fault))
        break
      case 'slow network':
        this.slow = this.slow.then(() => this.slowNetwork(fault))
        break
      case 'lose answers':
        this.loseAnswers(fault)
        break
      case 'fence producer':
        this.fence(fault)
        break
      case 'add partition':
        this.partitions = this.partitions.then(() => this.addPartition(fault))
    }
  }

  /** When there are as many as there may be, one less instead. */
  private addWorker({ pick }: Fault): void {
    const { fleet } = this.targets
    if (fleet.size < this.limits.workersMax) {
      fleet.start()
      this.tell(`one worker more: ${fleet.names.join(', ')}`)
    } else {
      this.tell(`one worker less: SIGTERM to ${fleet.stop(pick, false)}`)
    }
  }

  private async killBroker({ pick, extent }: Fault): Promise<void> {
    const { cluster } = this.targets
    const id = brokerOf(pick)
    this.tell(`kill -9 of broker ${id}`)
    await cluster.kill(id)
    await Bun.sleep(between(this.limits.hastyBrokers ? HASTY_DOWN_MS : BROKER_DOWN_MS, extent))
    await cluster.restart(id)
    this.tell(`broker ${id} is back`)
  }

  private async pauseBroker({ pick, extent }: Fault): Promise<void> {
    const { cluster } = this.targets
    const id = brokerOf(pick)
    const durationMs = between(BROKER_PAUSE_MS, extent)
    this.tell(`SIGSTOP of broker ${id} for ${durationMs} ms`)
    cluster.pause(id)
    await Bun.sleep(durationMs)
    cluster.resume(id)
  }

  private async slowNetwork({ pick, extent }: Fault): Promise<void> {
    const delayMs = between(DELAY_MS, extent)
    const durationMs = between(DELAY_FOR_MS, pick)
    this.tell(`network slower by ${delayMs} ms each way, for ${durationMs} ms`)
    this.targets.network.delay(delayMs)
    await Bun.sleep(durationMs)
    this.targets.network.delay(0)
  }

  /** The broker does what it is asked, and the connection ends in place of the answer. */
  private loseAnswers({ pick, extent }: Fault): void {
    const name = LOST[Math.floor(pick * LOST.length)]!
    const count = between(LOST_COUNT, extent)
    this.tell(`the next ${count} answers to ${name} get lost`)
    this.targets.network.harm({ apiKey: API_KEYS[name], spared: 0, count })
  }

  /** Takes a partition's transactional id away from the worker that serves it. */
  private fence({ pick }: Fault): void {
    const { network, feed } = this.targets
    const partition = Math.floor(pick * feed.sent.length)
    const id = `loanstream-loanstream-${TOPICS.applications}-${partition}`
    const producer = new Producer({
      'bootstrap.servers': network.bootstrapServers,
      ...deliveryProperties(id),
    })
    try {
      producer.initTransactions(FENCE_MS_MAX)
      this.tell(`producer of partition ${partition} fenced`)
    } catch {
      this.tell(`producer of partition ${partition} not fenced: no coordinator in time`)
    } finally {
      producer.destroy()
    }
  }

  /** The applications' topic grows first, as by somebody who forgot the decisions'. */
  private async addPartition({ extent }: Fault): Promise<void> {
    if (this.partitionCount >= this.limits.partitionsMax) return
    const count = ++this.partitionCount
    await this.alter(TOPICS.applications, count)
    this.tell(`${TOPICS.applications} has ${count} partitions`)
    const grown = this.targets.feed.grow(count)
    await Bun.sleep(between(GROW_LATER_MS, extent))
    await this.alter(TOPICS.decisions, count)
    this.tell(`${TOPICS.decisions} has ${count} partitions`)
    await grown
  }

  private async alter(topic: string, partitions: number): Promise<void> {
    const which = ['--topic', topic, '--partitions', String(partitions)]
    const args = ['--bootstrap-server', '{bootstrap}', '--alter', ...which]
    for (let i = 1; ; i++) {
      const outcome = await this.targets.cluster.tool('org.apache.kafka.tools.TopicCommand', args)
      // It may have been done although the answer was lost.
      if (outcome.exitCode === 0 || /already has/.test(outcome.output)) return
      if (i === TOOL_TRIES) throw new Error(`${topic} cannot grow: ${outcome.output}`)
    }
  }
}

function brokerOf(pick: number): number {
  return 1 + Math.floor(pick * 3)
}

function between([least, most]: readonly [number, number], extent: number): number {
  return Math.round(least + (most - least) * extent)
}
