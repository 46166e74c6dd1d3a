// Topics of a test's own on a broker, so that it starts from nothing: what was sent there, and what
// must have come of it.

import { type Input, type ReadRecord, TOPICS, readTopic, send } from './applications.ts'
import type { KafkaCluster } from './kafka.ts'
import { expectExactlyOneOutcome } from './outcomes.ts'

type Name = keyof typeof TOPICS

export type OwnTopicsOptions = {
  partitions: number
  /** The broker's settings of a topic. */
  config?: Partial<Record<Name, Record<string, string>>>
  /** Where clients find the brokers, when not at the cluster's own addresses. */
  bootstrapServers?: string
}

export class OwnTopics {
  readonly names: Readonly<Record<Name, string>>
  readonly bootstrapServers: string
  readonly partitions: number
  readonly sent: Input[] = []

  private constructor(names: Record<Name, string>, bootstrapServers: string, partitions: number) {
    this.names = names
    this.bootstrapServers = bootstrapServers
    this.partitions = partitions
  }

  /** @param name  in front of the topics' usual names */
  static async make(
    cluster: KafkaCluster,
    name: string,
    { partitions, config = {}, bootstrapServers = cluster.bootstrapServers }: OwnTopicsOptions,
  ): Promise<OwnTopics> {
    const names = {
      applications: `${name}.${TOPICS.applications}`,
      decisions: `${name}.${TOPICS.decisions}`,
      deadLetters: `${name}.${TOPICS.deadLetters}`,
    }
    for (const topic of Object.keys(names) as Name[]) {
      await cluster.createTopic(names[topic], { partitions, config: config[topic] ?? {} })
    }
    return new OwnTopics(names, bootstrapServers, partitions)
  }

  /** A worker's, whose group has the name of the applications' topic. */
  settings(): Record<string, string | number> {
    return {
      'bootstrap.servers': this.bootstrapServers,
      'group.id': this.names.applications,
      'topic.applications': this.names.applications,
      'topic.decisions': this.names.decisions,
      'topic.dead.letters': this.names.deadLetters,
    }
  }

  /** Sends applications and waits until all are delivered. */
  send(inputs: readonly Input[]): void {
    send(this.bootstrapServers, inputs, this.names.applications)
    this.sent.push(...inputs)
  }

  /** Everything on one of them that is committed, by partition, in order. */
  read(
    topic: Name,
    isolation: 'read_committed' | 'read_uncommitted' = 'read_committed',
  ): ReadRecord[][] {
    return readTopic(this.bootstrapServers, this.names[topic], this.partitions, isolation)
  }

  /** Waits until all that was sent has its outcome; a worker's lag may be of before that. */
  async allDecided(timeoutMs = 60_000): Promise<void> {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const decisions = this.read('decisions').flat().length
      const letters = this.read('deadLetters').flat().length
      const due = this.sent.length
      if (decisions + letters >= due) return
      if (Date.now() > deadline) throw new Error(`${decisions} and ${letters} of ${due}`)
      await Bun.sleep(200)
    }
  }

  /** Everything sent has exactly one outcome, in order, byte for byte. */
  expectOutcomes(): void {
    const letters = this.read('deadLetters').flat()
    expectExactlyOneOutcome(this.sent, this.read('decisions'), letters, this.names.applications)
  }
}
