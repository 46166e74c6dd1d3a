// `report` from the topics of a real broker: what a worker decided there, with the regions of the
// applications it decided on.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { DecisionDecoder } from '../../src/decisions.ts'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import type { Report } from '../../src/report/report.ts'
import { TOPICS, makeInputs, readTopic, send } from '../support/applications.ts'
import { cli } from '../support/cli.ts'
import { applicationSchema, decisionSchema } from '../support/engine.ts'
import { avroType } from '../../src/applications/application.ts'
import { KafkaCluster } from '../support/kafka.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const PARTITIONS = 3
const HALF = 3000
const HEADER_BYTES = 10

setDefaultTimeout(120_000)

const unavailable = KafkaCluster.unavailable()

describe.skipIf(unavailable !== undefined)(
  `report${unavailable ? ` (skipped: ${unavailable})` : ''}`,
  () => {
    let cluster: KafkaCluster
    /** Between the two halves. */
    let halfTime: string

    const settings = () => ({ 'bootstrap.servers': cluster.bootstrapServers, 'group.id': 'live' })

    const report = async (args: readonly string[]): Promise<Report> => {
      const sets = Object.entries(settings()).flatMap(([k, v]) => ['--set', `${k}=${v}`])
      const { code, out, err } = await cli(['report', '--json', ...args, ...sets])
      expect([code, err]).toEqual([0, ''])
      return JSON.parse(out) as Report
    }

    beforeAll(async () => {
      openLibrary(libraryPath(BUILD))
      cluster = await KafkaCluster.start()
      for (const topic of Object.values(TOPICS)) {
        await cluster.createTopic(topic, { partitions: PARTITIONS })
      }
      const inputs = makeInputs(2 * HALF, PARTITIONS, 0.01)
      await using worker = new WorkerProcess(settings())
      for (const half of [0, 1]) {
        if (half === 1) {
          await Bun.sleep(50)
          halfTime = new Date().toISOString()
          await Bun.sleep(50)
        }
        const sent = inputs.slice(half * HALF, (half + 1) * HALF)
        send(cluster.bootstrapServers, sent, TOPICS.applications)
        await worker.caughtUp(PARTITIONS)
        const deadline = Date.now() + 60_000
        const count = () => handled().flat().length
        while (count() < (half + 1) * HALF && Date.now() < deadline) await Bun.sleep(200)
      }
    })

    afterAll(() => cluster?.stop())

    /** Decisions and dead letters. */
    const handled = () =>
      [TOPICS.decisions, TOPICS.deadLetters].flatMap((topic) =>
        readTopic(cluster.bootstrapServers, topic, PARTITIONS),
      )

    const decided = () => {
      const decoder = new DecisionDecoder(decisionSchema)
      return readTopic(cluster.bootstrapServers, TOPICS.decisions, PARTITIONS)
        .flat()
        .map(({ value, timestampMs }) => ({ ...decoder.decode(value!), timestampMs }))
    }

    test('counts every committed decision by outcome and region', async () => {
      const { decisions, outcomes, left_out, applications, groupings, stability } = await report([])
      const all = decided()
      expect(decisions).toBe(all.length)
      expect(left_out).toEqual({ repeated: 0, contradicting: 0, unreadable: 0 })
      for (const name of ['approved', 'rejected', 'referred'] as const) {
        const expected = all.filter(({ decision }) => decision === name).length
        expect(outcomes[name]!.count).toBe(expected)
      }
      expect(applications!.found).toBe(all.length)
      expect(stability!.features![0]!.values).toBe(all.length)
      const type = avroType(applicationSchema.json)
      const values = readTopic(cluster.bootstrapServers, TOPICS.applications, PARTITIONS)
      const regions = new Map<string, number>()
      for (const { partition, offset } of all) {
        const bytes = values[partition]![offset]!.value!
        const { region } = type.fromBuffer(Buffer.from(bytes.subarray(HEADER_BYTES))) as {
          region: string
        }
        regions.set(region, (regions.get(region) ?? 0) + 1)
      }
      const counted = groupings[0]!.groups.map((group) => [group.group, group.decisions] as const)
      expect(new Map(counted)).toEqual(regions)
    })

    test('takes a window by time and by partition', async () => {
      const all = decided().filter(({ timestampMs }) => timestampMs >= Date.parse(halfTime))
      expect(all.length).toBeGreaterThan(0)
      expect((await report(['--from', halfTime])).decisions).toBe(all.length)
      const rest = decided().length - all.length
      expect((await report(['--to', halfTime])).decisions).toBe(rest)
      const of1 = decided().filter(({ partition }) => partition === 1)
      expect((await report(['--partition', '1'])).decisions).toBe(of1.length)
    })

    test('asks nothing of the workers’ group', async () => {
      const tool = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand'
      const list = await cluster.tool(tool, ['--bootstrap-server', '{bootstrap}', '--list'])
      expect(list.output).toContain('live')
      expect(list.output).not.toContain('live-reader')
    })
  },
)
