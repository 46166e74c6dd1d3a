// Rebalances on a real broker, under each protocol that a setting chooses: members come, go, and
// freeze past their session; every application has one outcome, and who keeps a partition goes on.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { makeInputs } from '../support/applications.ts'
import { KafkaCluster } from '../support/kafka.ts'
import { OwnTopics } from '../support/own-topics.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const PARTITIONS = 4
const SESSION_MS = 6000

setDefaultTimeout(180_000)

const unavailable = KafkaCluster.unavailable()

type Settings = Record<string, string | number>

/** Settings of each protocol; a member's name matters to static membership alone. */
const PROTOCOLS: [name: string, settings: (member: string) => Settings][] = [
  ['cooperative-sticky', () => ({ 'session.timeout.ms': SESSION_MS })],
  ['KIP-848', () => ({ 'group.protocol': 'consumer' })],
  [
    'static',
    (member) => ({ 'session.timeout.ms': SESSION_MS, 'group.instance.id': `member-${member}` }),
  ],
  ['eager', () => ({ 'session.timeout.ms': SESSION_MS, 'partition.assignment.strategy': 'range' })],
]

describe.skipIf(unavailable !== undefined)(
  `on a real broker${unavailable ? ` (skipped: ${unavailable})` : ''}`,
  () => {
    let cluster: KafkaCluster

    beforeAll(async () => {
      openLibrary(libraryPath(BUILD))
      cluster = await KafkaCluster.start({
        properties: {
          'group.consumer.min.session.timeout.ms': String(SESSION_MS),
          'group.consumer.session.timeout.ms': String(SESSION_MS),
          'group.consumer.min.heartbeat.interval.ms': '300',
          'group.consumer.heartbeat.interval.ms': '300',
        },
      })
    })

    afterAll(async () => {
      await cluster.stop()
    })

    /** A test's own topics, its workers, and what it sends. */
    async function world(name: string, member: (member: string) => Settings) {
      const topics = await OwnTopics.make(cluster, name, { partitions: PARTITIONS })
      return {
        topics,
        start: (of: string) => new WorkerProcess({ ...topics.settings(), ...member(of) }),
        send: (count: number) => {
          topics.send(makeInputs(count, PARTITIONS, 0.01, topics.sent.length))
        },
      }
    }

    async function settled(workers: readonly WorkerProcess[]): Promise<void> {
      await Promise.all(workers.map((worker) => worker.logged('listening', 60_000)))
      const all = async () => (await Promise.all(workers.map((w) => w.health()))).map(numbersOf)
      const isSo = (held: number[][]) =>
        held.every((p) => p.length > 0) && new Set(held.flat()).size === PARTITIONS
      const deadline = Date.now() + 60_000
      for (let held = await all(); !isSo(held); held = await all()) {
        if (Date.now() > deadline) throw new Error(`not settled: ${JSON.stringify(held)}`)
        await Bun.sleep(50)
      }
    }

    describe.each(PROTOCOLS)('%s', (name, member) => {
      test('members that come, freeze past their session and go leave one outcome each', async () => {
        const { topics, start, send } = await world(name, member)
        await using first = start('1')
        send(4000)
        await first.reaches('loan_records_total', 1, 60_000)
        await using second = start('2')
        send(4000)
        await settled([first, second])
        send(20_000)
        first.process.kill('SIGSTOP')
        // What was the frozen member's is decided by the other, once it is out.
        await topics.allDecided()
        send(4000)
        first.process.kill('SIGCONT')
        await settled([first, second])
        expect(await first.stop()).toBe(0)
        send(4000)
        await topics.allDecided()
        expect(await second.stop()).toBe(0)
        topics.expectOutcomes()
      })
    })

    test('while the group waits for a member, the others decide on, on all they keep', async () => {
      const session = 45_000
      const { start, send } = await world('stay', () => ({ 'session.timeout.ms': session }))
      await using going = start('1')
      await using frozen = start('2')
      await settled([going, frozen])
      frozen.process.kill('SIGSTOP')
      await using joining = start('3')
      // The group waits for the frozen member until its session is over.
      await joining.until(
        async () => (await joining.health()).phase === 'joining',
        'to join',
        20_000,
      )
      const kept = numbersOf(await going.health())
      send(4000)
      await going.reaches('loan_records_total', (4000 / PARTITIONS) * kept.length)
      expect(joining.log).not.toContain('partitions assigned')
      frozen.process.kill('SIGCONT')
      await settled([going, frozen, joining])
      const revoked = [...going.log.matchAll(/"partitions":\[([\d,]*)\],"lost"/g)]
      const gone = new Set(revoked.flatMap(([, list]) => list!.split(',').map(Number)))
      // It keeps one at least: no protocol of ours takes all away to give some back.
      expect(kept.filter((partition) => !gone.has(partition)).length).toBeGreaterThan(0)
    })
  },
)

function numbersOf(health: { partitions: { partition: number }[] }): number[] {
  return health.partitions.map(({ partition }) => partition)
}
