// The tests' own Kafka: what the other tests on a real broker stand on.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { Producer } from '../../src/rdkafka/producer.ts'
import { KafkaCluster } from '../support/kafka.ts'

const unavailable = KafkaCluster.unavailable()
const reason = unavailable === undefined ? '' : ` (${unavailable})`
const TEST_MS_MAX = 180_000

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function waitUntil(
  isSo: () => boolean | Promise<boolean>,
  timeoutMs: number,
): Promise<boolean> {
  const until = performance.now() + timeoutMs
  while (performance.now() < until) {
    if (await isSo()) return true
    await Bun.sleep(50)
  }
  return false
}

/** Writes one record to each of the first partitions of a topic. */
function produce(bootstrapServers: string, topic: string, partitions: number): void {
  openLibrary(libraryPath(resolve(import.meta.dir, '../../build')))
  const producer = new Producer({ 'bootstrap.servers': bootstrapServers })
  for (let i = 0; i < partitions; i++) {
    expect(producer.produce(topic, i, null, new TextEncoder().encode('record'))).toBeTrue()
  }
  for (let i = 0; i < 100 && producer.outstanding > 0; i++) producer.poll(100)
  expect(producer.outstanding).toBe(0)
  producer.destroy()
}

async function endOffsets(cluster: KafkaCluster, topic: string): Promise<string[]> {
  const tool = 'org.apache.kafka.tools.GetOffsetShell'
  const args = ['--bootstrap-server', '{bootstrap}', '--topic', topic]
  const { exitCode, output, errors } = await cluster.tool(tool, args)
  expect({ exitCode, errors }).toEqual({ exitCode: 0, errors: '' })
  return output.trim().split('\n')
}

describe.skipIf(unavailable !== undefined)(`one node${reason}`, () => {
  let cluster: KafkaCluster

  beforeAll(async () => {
    cluster = await KafkaCluster.start({
      partitions: 2,
      properties: { 'log.segment.bytes': '2097152' },
    })
  }, TEST_MS_MAX)

  afterAll(() => cluster?.stop(), TEST_MS_MAX)

  test(
    'keeps what was produced, as its own tool says, also over a crash',
    async () => {
      await cluster.createTopic('kept')
      produce(cluster.bootstrapServers, 'kept', 1)
      expect(await endOffsets(cluster, 'kept')).toEqual(['kept:0:1', 'kept:1:0'])
      const [before] = cluster.pids
      await cluster.kill(1)
      expect(cluster.pids).toEqual([])
      expect(isRunning(before!)).toBeFalse()
      await cluster.restart(1)
      expect(cluster.pids).not.toContain(before!)
      expect(await endOffsets(cluster, 'kept')).toEqual(['kept:0:1', 'kept:1:0'])
    },
    TEST_MS_MAX,
  )

  test(
    'a topic has the partitions and settings it was made with',
    async () => {
      await cluster.createTopic('made', { partitions: 3, config: { 'retention.ms': '12345' } })
      expect(await cluster.leader('made', 2)).toBe(1)
      expect(await cluster.leader('made', 3)).toBe(-1)
      const args = ['--bootstrap-server', '{bootstrap}', '--describe', '--topic', 'made']
      const { output } = await cluster.tool('org.apache.kafka.tools.TopicCommand', args)
      expect(output).toContain('PartitionCount: 3')
      expect(output).toContain('retention.ms=12345')
      expect(output).toContain('segment.bytes=2097152')
      const again = await cluster.createTopic('made').catch((error: Error) => error.message)
      expect(again).toBe('topic made is there already')
    },
    TEST_MS_MAX,
  )

  test(
    'a paused node answers nothing and uses no time until it is resumed',
    async () => {
      cluster.pause(1)
      const seconds = cluster.cpuSeconds()
      expect(seconds).toBeGreaterThan(0)
      await Bun.sleep(200)
      expect(cluster.cpuSeconds()).toBe(seconds)
      cluster.resume(1)
      // The controller may have missed the broker's heartbeat, and takes it back with the next.
      while ((await cluster.leader('made', 0)) !== 1) await Bun.sleep(100)
    },
    TEST_MS_MAX,
  )

  test(
    'a stopped cluster leaves no process and no data',
    async () => {
      const { pids } = cluster
      expect(pids.length).toBe(1)
      await cluster.stop()
      expect(pids.map(isRunning)).toEqual([false])
      await cluster.stop()
    },
    TEST_MS_MAX,
  )
})

describe.skipIf(unavailable !== undefined)(`three nodes${reason}`, () => {
  test(
    'a killed leader is replaced by one of the others',
    async () => {
      await using cluster = await KafkaCluster.start({ nodes: 3, heapMb: 256 })
      await cluster.createTopic('led')
      const leader = await cluster.leader('led', 0)
      const survivor = leader === 1 ? 2 : 1
      await cluster.kill(leader)
      expect(cluster.pids.length).toBe(2)
      const isReplaced = async () => {
        const next = await cluster.leader('led', 0, survivor)
        return next !== leader && next > 0
      }
      expect(await waitUntil(isReplaced, 60_000)).toBeTrue()
      produce(cluster.bootstrapServers, 'led', 1)
    },
    TEST_MS_MAX,
  )
})

describe.skipIf(unavailable !== undefined)(`left alone${reason}`, () => {
  test(
    'a cluster ends with the process that started it, even by a kill',
    async () => {
      const folder = `${tmpdir()}/loanstream-orphan-${process.pid}`
      const script = `
      import { KafkaCluster } from ${JSON.stringify(join(import.meta.dir, '../support/kafka.ts'))}
      const cluster = await KafkaCluster.start()
      console.log(JSON.stringify(cluster.pids))
      await Bun.sleep(600_000)`
      await Bun.$`mkdir -p ${folder}`
      const owner = Bun.spawn([process.execPath, '-e', script], {
        env: { ...process.env, TMPDIR: folder },
        stdout: 'pipe',
      })
      const { value } = await owner.stdout.getReader().read()
      const pids = JSON.parse(new TextDecoder().decode(value)) as number[]
      expect(pids.map(isRunning)).toEqual([true])
      expect(readdirSync(folder).length).toBe(1)
      owner.kill('SIGKILL')
      const isGone = () => !pids.some(isRunning) && readdirSync(folder).length === 0
      expect(await waitUntil(isGone, 10_000)).toBeTrue()
      await Bun.$`rmdir ${folder}`
      expect(existsSync(folder)).toBeFalse()
    },
    TEST_MS_MAX,
  )
})
