// `topics` on a real broker: makes what is missing, says what differs, and changes nothing else.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { cli } from '../support/cli.ts'
import { KafkaCluster } from '../support/kafka.ts'

setDefaultTimeout(60_000)

const unavailable = KafkaCluster.unavailable()

describe.skipIf(unavailable !== undefined)(
  `topics${unavailable ? ` (skipped: ${unavailable})` : ''}`,
  () => {
    let cluster: KafkaCluster

    beforeAll(async () => {
      cluster = await KafkaCluster.start()
    })
    afterAll(() => cluster.stop())

    const topics = (...args: string[]) => {
      const sets = [`bootstrap.servers=${cluster.bootstrapServers}`, 'topic.replication.factor=1']
      return cli(['topics', ...sets.flatMap((set) => ['--set', set]), ...args])
    }

    test('missing topics are reported by --check, made without it, and then as they should be', async () => {
      const before = await topics('--check')
      expect(before.code).toBe(1)
      expect(before.out).toContain('loan_applications: missing')
      const made = await topics()
      expect(made.code).toBe(0)
      expect(made.out).toContain('loan_applications.dlq: made')
      expect(made.out).toContain('4 partitions, replication factor 1')
      const after = await topics('--check')
      expect(after.code).toBe(0)
      expect(after.out).toContain('loan_decisions: as it should be')
    })

    test('the topic of referred decisions is made once it is set', async () => {
      expect((await topics('--check')).out).not.toContain('referred')
      const made = await topics('--set', 'topic.referred=loan_decisions.referred')
      expect(made.out).toContain('loan_decisions.referred: made')
    })

    test('the challenger’s topic is made once it or its model is set', async () => {
      expect((await topics('--check')).out).not.toContain('challenger')
      const model = ['--set', 'challenger.model.path=anywhere']
      expect((await topics('--check', ...model)).out).toContain('challenger: missing')
      const made = await topics('--set', 'topic.challenger=rival')
      expect(made.out).toContain('rival: made')
      expect((await topics(...model)).out).toContain('loan_decisions.challenger: made')
    })

    test('what differs is named with what it is and what is wanted', async () => {
      await topics()
      const args = ['--set', 'topic.partitions=8', '--set', 'topic.retention.ms=1000', '--json']
      const { code, out } = await topics(...args)
      expect(code).toBe(1)
      const { ok, topics: reports } = JSON.parse(out) as {
        ok: boolean
        topics: { state: string; differences: string[] }[]
      }
      expect(ok).toBe(false)
      for (const { state, differences } of reports) {
        expect(state).toBe('differs')
        expect(differences).toContain('partitions is 4, 8 is wanted')
        expect(differences).toContain('retention.ms is 604800000, 1000 is wanted')
      }
    })

    test('a dead letter has room for the largest application and its headers', async () => {
      const names = ['large', 'large.out', 'large.dlq'] as const
      const keys = ['topic.applications', 'topic.decisions', 'topic.dead.letters'] as const
      const sets = keys.flatMap((key, i) => ['--set', `${key}=${names[i]}`])
      const config = {
        'max.message.bytes': '2000000',
        'retention.ms': '604800000',
        'min.insync.replicas': '1',
      }
      await cluster.createTopic('large', { partitions: 4, replicationFactor: 1, config })
      const made = await topics(...sets)
      expect(made.out).toContain('max.message.bytes 2065536')
      expect((await topics('--check', ...sets)).code).toBe(0)

      await cluster.createTopic('small.dlq', { partitions: 4, replicationFactor: 1, config })
      const small = await topics('--check', ...sets, '--set', 'topic.dead.letters=small.dlq')
      expect(small.code).toBe(1)
      const why = 'max.message.bytes is 2000000, at least 2065536 is wanted'
      expect(small.out).toContain(`small.dlq: differs\n  ${why}`)
      // More room than is needed is nobody's mistake.
      const roomy = { ...config, 'max.message.bytes': '9000000' }
      await cluster.createTopic('roomy.dlq', { partitions: 4, replicationFactor: 1, config: roomy })
      const more = await topics('--check', ...sets, '--set', 'topic.dead.letters=roomy.dlq')
      expect(more.code).toBe(0)
    })

    test('a replication factor beyond the brokers is refused with the broker’s reason', async () => {
      const { code, err } = await topics(
        '--set',
        'topic.applications=other',
        '--set',
        'topic.replication.factor=3',
      )
      expect(code).toBe(2)
      expect(err).toContain('cannot make topic other')
      expect(err).toContain('INVALID_REPLICATION_FACTOR')
    })
  },
)
