// Under KIP-848 the group's coordinator tells a member of a change once. Here the answer that tells
// of it is held back until the member's heartbeat has timed out: the coordinator writes to
// __consumer_offsets before it answers, and that waits while a replica's clock is stopped.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILD } from '../../src/paths.ts'
import { Consumer } from '../../src/rdkafka/consumer.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import type { TopicPartition } from '../../src/rdkafka/topic-partition-list.ts'
import { KafkaCluster } from '../support/kafka.ts'
import { OwnTopics } from '../support/own-topics.ts'
import { WorkerProcess } from '../support/worker-process.ts'

/** Of __consumer_offsets, as the test's clusters have it. */
const OFFSETS_PARTITIONS = 5
const BROKERS = [1, 2, 3]

setDefaultTimeout(240_000)

const unavailable = KafkaCluster.unavailable()

/** A member that takes what it is given and reads nothing. */
class Member {
  readonly held = new Set<number>()
  /** Whether it is connected to the coordinator, so that joining needs no other broker. */
  isConnected = false
  /** Whether it lets go of what is revoked; until it does the group waits. */
  letsGo = true
  private readonly revoked: TopicPartition[] = []
  private readonly consumer: Consumer
  private readonly timer: ReturnType<typeof setInterval>

  constructor(bootstrapServers: string, group: string) {
    this.consumer = new Consumer({
      'bootstrap.servers': bootstrapServers,
      'group.id': group,
      'group.protocol': 'consumer',
      'enable.auto.commit': 'false',
      debug: 'cgrp',
    })
    this.timer = setInterval(() => this.poll(), 20)
  }

  join(topic: string): void {
    this.consumer.subscribe(topic)
  }

  get isAskedToLetGo(): boolean {
    return this.revoked.length > 0
  }

  private poll(): void {
    for (let event = this.consumer.poll(0); event; event = this.consumer.poll(0)) {
      if (event.type === 'log') this.isConnected ||= / -> up /.test(event.message)
      if (event.type !== 'rebalance') continue
      if (event.assign) {
        this.consumer.assign(event.partitions)
        for (const { partition } of event.partitions) this.held.add(partition)
      } else {
        this.revoked.push(...event.partitions)
      }
    }
    if (!this.letsGo || !this.isAskedToLetGo) return
    const gone = this.revoked.splice(0)
    this.consumer.unassign(gone)
    for (const { partition } of gone) this.held.delete(partition)
  }

  async leave(): Promise<void> {
    this.consumer.startClosing()
    while (!this.consumer.isClosed()) await Bun.sleep(20)
    clearInterval(this.timer)
    this.consumer.destroy()
  }
}

/** Which partition of __consumer_offsets a group is kept in: String.hashCode of Java. */
function offsetsPartition(group: string): number {
  let hash = 0
  for (const char of group) hash = (Math.imul(hash, 31) + char.charCodeAt(0)) | 0
  return (hash & 0x7fffffff) % OFFSETS_PARTITIONS
}

describe.skipIf(unavailable !== undefined)(
  `on a real cluster${unavailable ? ` (skipped: ${unavailable})` : ''}`,
  () => {
    let cluster: KafkaCluster

    beforeAll(async () => {
      openLibrary(libraryPath(BUILD))
      cluster = await KafkaCluster.start({
        nodes: 3,
        properties: {
          'group.consumer.min.heartbeat.interval.ms': '300',
          'group.consumer.heartbeat.interval.ms': '300',
        },
      })
    })

    afterAll(async () => {
      await cluster.stop()
    })

    /** Topics of a test's own, and workers of a group of the same name. */
    async function makeWorker(name: string, partitions: number) {
      const topics = await OwnTopics.make(cluster, name, { partitions })
      const own = { 'group.id': name, 'group.protocol': 'consumer' }
      const start = () => new WorkerProcess({ ...topics.settings(), ...own })
      return { start, applications: topics.names.applications }
    }

    /**
     * Has something change in the group while the worker's heartbeats time out. Mostly the news of
     * it is in an answer that comes too late; where it is in a later one, no more is to be mended.
     */
    async function changeUnheard(worker: WorkerProcess, group: string, change: () => void) {
      const coordinator = await cluster.leader('__consumer_offsets', offsetsPartition(group))
      const replica = BROKERS.find((id) => id !== coordinator)!
      cluster.pause(replica)
      try {
        change()
        await worker.logged('Timed out ConsumerGroupHeartbeatRequest')
      } finally {
        cluster.resume(replica)
      }
    }

    test('a member that did not hear what it shall let go of joins anew', async () => {
      const { start, applications } = await makeWorker('revoked', 4)
      await using worker = start()
      await worker.caughtUp(4)
      const member = new Member(cluster.bootstrapServers, 'revoked')
      await worker.until(() => member.isConnected, 'the other to be connected', 30_000)
      await changeUnheard(worker, 'revoked', () => member.join(applications))
      await worker.until(() => member.held.size === 2, 'the other to have its share', 90_000)
      await worker.caughtUp(2)
      await member.leave()
      await worker.caughtUp(4)
      expect(await worker.stop()).toBe(0)
    })

    test('a member that did not hear what it shall serve joins anew', async () => {
      const { start, applications } = await makeWorker('assigned', 6)
      const members = [1, 2].map(() => new Member(cluster.bootstrapServers, 'assigned'))
      const [quick, slow] = members as [Member, Member]
      for (const member of members) member.join(applications)
      while (members.some(({ held }) => held.size !== 3)) await Bun.sleep(20)
      slow.letsGo = false
      await using worker = start()
      // One partition comes at once, the other when the slow member has let go of it.
      await worker.caughtUp(1)
      await worker.until(() => slow.isAskedToLetGo, 'the other to be asked', 30_000)
      await changeUnheard(worker, 'assigned', () => {
        slow.letsGo = true
      })
      await worker.caughtUp(2, 90_000)
      expect([quick.held.size, slow.held.size]).toEqual([2, 2])
      await Promise.all(members.map((member) => member.leave()))
      await worker.caughtUp(6)
      expect(await worker.stop()).toBe(0)
    })

    test('a member for which there is no partition is ready, and stays in the group', async () => {
      const { start } = await makeWorker('idle', 1)
      await using busy = start()
      await busy.ready()
      await using idle = start()
      await idle.ready()
      expect((await idle.health()).partitions).toEqual([])
      expect(await busy.stop()).toBe(0)
      await idle.caughtUp(1)
      expect(await idle.metric('loan_rejoins_total')).toBe(0)
      expect(await idle.stop()).toBe(0)
    })
  },
)
