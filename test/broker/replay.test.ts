// `replay` on a real broker: the worker's bytes again, verification that finds what was tampered
// with, and a group whose offsets stay as they are.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readContainerRecords } from '../../src/applications/container.ts'
import { DecisionDecoder } from '../../src/decisions.ts'
import { BUILD, fromRoot } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import {
  type Input,
  defaultProgram,
  expectedOutcomes,
  makeInputs,
  readTopic,
  send,
} from '../support/applications.ts'
import { cli } from '../support/cli.ts'
import { KafkaCluster } from '../support/kafka.ts'
import { OTHER_MODEL_FOLDER } from '../support/model-host.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const PARTITIONS = 3
const HALF = 9000
const TOPICS = { applications: 'in', decisions: 'out', deadLetters: 'dead' }

setDefaultTimeout(120_000)

const unavailable = KafkaCluster.unavailable()

describe.skipIf(unavailable !== undefined)(
  `replay${unavailable ? ` (skipped: ${unavailable})` : ''}`,
  () => {
    let cluster: KafkaCluster
    let inputs: Input[]
    /** Between the two halves, with nothing sent a moment before and after. */
    let halfTime: string
    const folder = mkdtempSync(join(tmpdir(), 'loanstream-replay-'))

    const settings = () => ({
      'bootstrap.servers': cluster.bootstrapServers,
      'group.id': 'live',
      'topic.applications': TOPICS.applications,
      'topic.decisions': TOPICS.decisions,
      'topic.dead.letters': TOPICS.deadLetters,
    })

    const replay = (args: readonly string[], more: Record<string, string> = {}) => {
      const sets = Object.entries({ ...settings(), ...more }).map(([k, v]) => `${k}=${v}`)
      return cli(['replay', ...args, ...sets.flatMap((set) => ['--set', set])])
    }

    const ARCHIVE = ['--models', OTHER_MODEL_FOLDER]

    const decisionsOf = (topic: string) =>
      readTopic(cluster.bootstrapServers, topic, PARTITIONS).map((records) =>
        records.map(({ value }) => value!.toHex()),
      )

    const groups = async () => {
      const tool = 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand'
      const server = ['--bootstrap-server', '{bootstrap}']
      const list = await cluster.tool(tool, [...server, '--list'])
      const offsets = await cluster.tool(tool, [...server, '--describe', '--group', 'live'])
      return [list.output, offsets.output.split('\n').filter((line) => line.includes('live'))]
    }

    beforeAll(async () => {
      openLibrary(libraryPath(BUILD))
      cluster = await KafkaCluster.start()
      for (const topic of Object.values(TOPICS)) {
        await cluster.createTopic(topic, { partitions: PARTITIONS })
      }
      inputs = makeInputs(2 * HALF, PARTITIONS, 0.01)
      // The first half is decided by one model, the second by another.
      for (const [half, model] of [undefined, OTHER_MODEL_FOLDER].entries()) {
        send(cluster.bootstrapServers, inputs.slice(half * HALF, (half + 1) * HALF), 'in')
        const own = model === undefined ? {} : { 'model.path': model }
        await using worker = new WorkerProcess({ ...settings(), ...own })
        await worker.caughtUp(PARTITIONS, 60_000)
        expect(await worker.stop()).toBe(0)
        if (half === 0) {
          await Bun.sleep(50)
          halfTime = new Date().toISOString()
          await Bun.sleep(50)
        }
      }
    })
    afterAll(() => cluster.stop())

    test('the same model gives the bytes on the decisions’ topic again, and the group sees nothing', async () => {
      const before = await groups()
      expect(before[1]!.length).toBe(PARTITIONS)
      const file = join(folder, 'again.avro')
      const { code, out, err } = await replay(['--to', halfTime, '-o', file, '--json'])
      expect([code, err.split('\n').length > 0]).toEqual([0, true])
      const { records } = await readContainerRecords(file)
      const again: string[] = []
      for await (const record of records) again.push(record.toHex())
      const firstHalf = decisionsOf('out').map((all, partition) => {
        const due = expectedOutcomes(inputs.slice(0, HALF), 'in')[partition]!
        return all.slice(0, due.filter((outcome) => 'decision' in outcome).length)
      })
      expect(again.length).toBeGreaterThan(HALF * 0.95)
      expect(again).toEqual(firstHalf.flat())
      const summary = JSON.parse(out) as { applications: number; windows: unknown[] }
      expect(summary.applications).toBe(HALF)
      expect(summary.windows).toEqual(
        [0, 1, 2].map((partition) => ({ partition, from: 0, until: HALF / PARTITIONS })),
      )
      expect(await groups()).toEqual(before)
    })

    test('offsets by partition choose what is decided, and it can go to a topic', async () => {
      await cluster.createTopic('rehearsal', { partitions: PARTITIONS })
      const args = ['--from', '0:10,2:500', '--to', '0:20,2:600', '--partition', '0,2']
      const { code, out } = await replay([...args, '-o', 'topic:rehearsal', '--json'])
      expect(code).toBe(0)
      expect(JSON.parse(out)).toMatchObject({ applications: 110 })
      const due = expectedOutcomes(inputs, 'in').map((outcomes, partition) => {
        const [from, until] = [
          [10, 20],
          [0, 0],
          [500, 600],
        ][partition] as [number, number]
        const part = outcomes.slice(from, until)
        return part.flatMap((o) => ('decision' in o ? [o.decision.toHex()] : []))
      })
      expect(decisionsOf('rehearsal')).toEqual(due)
    })

    test('a live topic is no place for it', async () => {
      const { code, err } = await replay(['-o', 'topic:out'])
      expect([code, err]).toEqual([
        2,
        'error: --output topic:out is topic.decisions, which is live\n',
      ])
      const queue = await replay(['-o', 'topic:people'], { 'topic.referred': 'people' })
      expect([queue.code, queue.err]).toEqual([
        2,
        'error: --output topic:people is topic.referred, which is live\n',
      ])
    })

    test('what the workers decided verifies, whichever model it was', async () => {
      const { code, out } = await replay(['--verify', ...ARCHIVE, '--json'])
      const { findings, ...summary } = JSON.parse(out) as { findings: unknown[] }
      expect(findings).toEqual([])
      const decisions = decisionsOf('out').flat().length
      expect([code, summary]).toEqual([
        0,
        expect.objectContaining({
          ok: true,
          applications: 2 * HALF,
          decisions,
          equal: decisions,
          dead_letters: 2 * HALF - decisions,
          programs: 2,
        }),
      ])
    })

    test('a model that is not at hand is named, with where it was looked for', async () => {
      const { code, err } = await replay(['--verify'])
      expect(code).toBe(2)
      const hash = defaultProgram(OTHER_MODEL_FOLDER).modelHash.toHex()
      expect(err).toContain(`names model ${hash}, and none of `)
    })

    test('every tampered decision is found at its place, and nothing else', async () => {
      await cluster.createTopic('tampered', { partitions: PARTITIONS })
      const decoder = new DecisionDecoder(defaultProgram().decisionSchema)
      const values = readTopic(cluster.bootstrapServers, 'out', PARTITIONS).map((records) =>
        records.map(({ value }) => value!),
      )
      const of = (partition: number, index: number) =>
        decoder.decode(values[partition]![index]!).offset
      const isLetter = (partition: number, offset: number) =>
        'deadLetter' in expectedOutcomes(inputs.slice(0, HALF), 'in')[partition]![offset]!
      const offset = {
        changed: of(0, 40),
        removed: of(0, 100),
        doubled: of(1, 7),
        late: of(1, 200),
        far: of(2, 50),
      }
      const letter = Array.from({ length: HALF / PARTITIONS }, (_, i) => i).find((i) =>
        isLetter(2, i),
      )!
      // From the back, so that the indices hold.
      values[0]!.splice(100, 1)
      const changed = values[0]![40]!.slice()
      // The margin lies behind the header, the id and the outcome.
      const marginAt = 10 + 1 + (changed[10]! >> 1) + 1
      changed[marginAt + 3]! ^= 1
      values[0]![40] = changed
      const [late] = values[1]!.splice(200, 1)
      values[1]!.splice(205, 0, late!)
      values[1]!.push(values[1]![7]!)
      const [far] = values[2]!.splice(50, 1)
      values[2]!.push(far!)
      values[2]!.splice(60, 0, new TextEncoder().encode('no decision'))
      values[2]!.push(renamed(values[2]![0]!, 0, letter))
      const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
      for (const [partition, all] of values.entries()) {
        for (const value of all) {
          while (!producer.produce('tampered', partition, null, value)) producer.poll(10)
        }
      }
      expect(producer.flush(30_000)).toBe(true)
      producer.destroy()

      const more = { 'topic.decisions': 'tampered' }
      const { code, out } = await replay(['--verify', ...ARCHIVE, '--json'], more)
      expect(code).toBe(1)
      const { findings, ...summary } = JSON.parse(out) as { findings: Finding[] }
      const seen = findings.map(({ kind, partition, offset: at, byte, field }) => {
        return [kind, partition, at, byte, field]
      })
      const due = [
        ['different', 0, offset.changed, marginAt + 3, 'margin'],
        ['missing', 0, offset.removed, undefined, undefined],
        ['out_of_order', 1, offset.late, undefined, undefined],
        ['doubled', 1, offset.doubled, undefined, undefined],
        ['unreadable', 2, undefined, undefined, undefined],
        ['out_of_order', 2, offset.far, undefined, undefined],
        ['extra', 2, letter, undefined, undefined],
      ]
      expect(sorted(seen)).toEqual(
        sorted([...due, ['out_of_order', 2, letter, undefined, undefined]]),
      )
      expect(summary).toMatchObject({ ok: false, different: 1, missing: 1, doubled: 1, extra: 1 })
      const text = await replay(['--verify', ...ARCHIVE, '--partition', '0'], more)
      expect(text.out).toContain(`different: partition 0, offset ${offset.changed}, decision at 40`)
      expect(text.out).toContain(`byte ${marginAt + 3} (margin)`)
    })

    test('--compare counts as two programs decide', async () => {
      const args = ['--compare', '--model', OTHER_MODEL_FOLDER, '--json']
      const { code, out } = await replay(args)
      expect(code).toBe(0)
      const report = JSON.parse(out) as Compared
      const decoder = new DecisionDecoder(defaultProgram().decisionSchema)
      const [a, b] = [undefined, OTHER_MODEL_FOLDER].map((model) =>
        expectedOutcomes(inputs, 'in', defaultProgram(model))
          .flat()
          .flatMap((o) => ('decision' in o ? [decoder.decode(o.decision)] : [])),
      )
      const count = (from: string, to: string) =>
        a!.filter(({ decision }, i) => decision === from && b![i]!.decision === to).length
      for (const from of ['approved', 'rejected', 'referred']) {
        expect(report.a[from]).toBe(a!.filter(({ decision }) => decision === from).length)
        for (const to of ['approved', 'rejected', 'referred']) {
          expect(report.swaps[from]![to]).toBe(count(from, to))
        }
      }
      expect(count('approved', 'rejected')).toBeGreaterThan(0)
      const shifts = a!.map(({ margin }, i) => b![i]!.margin - margin)
      const mean = shifts.reduce((sum, x) => sum + x, 0) / shifts.length
      expect(report.margin.mean).toBeCloseTo(mean, 9)
      expect(report.margin.quantiles['p100']).toBe(Math.max(...shifts))
      const table = await replay(['--compare', '--policy', fromRoot('models/default/policy.toml')])
      expect(table.out).toContain(`${a!.length} decided by both, ${a!.length} score the same bits`)
    })
  },
)

type Finding = { kind: string; partition: number; offset?: number; byte?: number; field?: string }

type Compared = {
  a: Record<string, number>
  swaps: Record<string, Record<string, number>>
  margin: { mean: number; quantiles: Record<string, number> }
}

/** The decision as if it were on another application: the offset is its last field. */
function renamed(decision: Uint8Array, from: number, to: number): Uint8Array {
  const bytes = (value: number) => {
    const out: number[] = []
    for (let left = value * 2; ; left = Math.floor(left / 128)) {
      if (left < 128) return [...out, left]
      out.push((left % 128) | 0x80)
    }
  }
  return Uint8Array.from([...decision.subarray(0, -bytes(from).length), ...bytes(to)])
}

function sorted(rows: readonly unknown[]): string[] {
  return rows.map((row) => JSON.stringify(row)).sort()
}
