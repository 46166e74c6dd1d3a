// Outputs that take less than the worker makes, on a real broker: memory stays where it is, nothing
// is lost, and it goes on by itself once they take more.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { makeInputs } from '../support/applications.ts'
import { KafkaCluster } from '../support/kafka.ts'
import { OwnTopics } from '../support/own-topics.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const PARTITIONS = 2
const CONFIG_COMMAND = 'kafka.admin.ConfigCommand'

setDefaultTimeout(180_000)

const unavailable = KafkaCluster.unavailable()

describe.skipIf(unavailable !== undefined)(
  `back pressure${unavailable ? ` (skipped: ${unavailable})` : ''}`,
  () => {
    let cluster: KafkaCluster

    beforeAll(async () => {
      openLibrary(libraryPath(BUILD))
      cluster = await KafkaCluster.start()
    })

    afterAll(async () => {
      await cluster.stop()
    })

    async function alter(entity: readonly string[], change: readonly string[]) {
      const args = ['--bootstrap-server', '{bootstrap}', '--alter', ...entity, ...change]
      const { exitCode, errors } = await cluster.tool(CONFIG_COMMAND, args)
      expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: expect.anything() })
    }

    /** Mean resident megabytes over some seconds. */
    async function meanMegabytes(worker: WorkerProcess, seconds: number): Promise<number> {
      let sum = 0
      for (let i = 0; i < seconds * 10; i++) {
        sum += worker.residentMegabytes()
        await Bun.sleep(100)
      }
      return sum / (seconds * 10)
    }

    test('a producer that the broker throttles keeps its memory and goes on when it may', async () => {
      const topics = await OwnTopics.make(cluster, 'throttled', { partitions: PARTITIONS })
      const clients = ['--entity-type', 'clients', '--entity-name', 'throttled']
      await alter(clients, ['--add-config', 'producer_byte_rate=400000'])
      const inputs = makeInputs(300_000, PARTITIONS)
      topics.send(inputs)
      await using worker = new WorkerProcess({
        ...topics.settings(),
        'producer.client.id': 'throttled',
      })
      await worker.reaches('loan_records_total', 2000, 60_000)
      const early = await meanMegabytes(worker, 6)
      await Bun.sleep(4000)
      const late = await meanMegabytes(worker, 6)
      const decided = await worker.metric('loan_records_total')
      expect(decided).toBeLessThan(inputs.length / 2)
      expect(late / early).toBeLessThan(1.1)
      expect((await worker.health()).partitions.map(({ healthy }) => healthy)).toEqual([true, true])
      await alter(clients, ['--delete-config', 'producer_byte_rate'])
      await worker.caughtUp(PARTITIONS, 60_000)
      expect(await worker.stop()).toBe(0)
      topics.expectOutcomes()
    })

    test('decisions that the brokers refuse for want of replicas wait, and nothing is lost', async () => {
      await using three = await KafkaCluster.start({ nodes: 3 })
      const topics = await OwnTopics.make(three, 'refused', {
        partitions: PARTITIONS,
        config: { decisions: { 'min.insync.replicas': '3' } },
      })
      const inputs = makeInputs(100_000, PARTITIONS, 0.01)
      topics.send(inputs)
      await three.kill(3)
      await using worker = new WorkerProcess({ ...topics.settings(), 'broker.timeout.ms': 8000 })
      // librdkafka sends them again and again, until the commit's time is over.
      await worker.logged('Failed to flush all outstanding messages', 90_000)
      const early = await meanMegabytes(worker, 4)
      await Bun.sleep(8000)
      const late = await meanMegabytes(worker, 4)
      expect(late / early).toBeLessThan(1.1)
      expect(await worker.metric('loan_records_total')).toBe(0)
      await three.restart(3)
      await worker.caughtUp(PARTITIONS, 60_000)
      expect(await worker.stop()).toBe(0)
      topics.expectOutcomes()
    })
  },
)
