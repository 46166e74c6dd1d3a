// Every bench at its small size: that it runs and its answers are right. Its figures mean nothing.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Result } from '../bench/bench.ts'
import { ROOT } from '../src/paths.ts'
import { KafkaCluster } from './support/kafka.ts'

setDefaultTimeout(120_000)

const names = readdirSync(join(ROOT, 'bench/benches')).map((file) => file.replace('.ts', ''))
const needBroker = new Set([
  'broker-pipeline',
  'exactly-once-cost',
  'hand-over',
  'latency',
  'lone',
  'many-partitions',
  'memory',
  'model-swap',
  'monitor-page',
  'reasons-pipeline',
  'spread',
  'start',
  'uneven',
])
const unavailable = KafkaCluster.unavailable()
/** Half a minute each, of what other tests show that it works. */
const LONG = new Map([
  ['exactly-once-cost', 'broker-pipeline runs the same way'],
  ['hand-over', 'test/broker/rebalance.test.ts hands over'],
  ['latency', 'lone runs the same way'],
  ['model-swap', 'test/pipeline/model-change.test.ts changes models'],
  ['spread', 'scale runs the same way'],
  ['uneven', 'scale runs the same way'],
])

describe('benches', () => {
  for (const name of names) {
    const skip = LONG.get(name) ?? (needBroker.has(name) ? unavailable : undefined)
    test.skipIf(skip !== undefined)(`${name}${skip ? ` (skipped: ${skip})` : ''}`, async () => {
      const run = Bun.spawn([process.execPath, 'bench/run.ts', name, 'small'], {
        cwd: ROOT,
        stdout: 'pipe',
        stderr: 'pipe',
      })
      const [out, err] = await Promise.all([
        new Response(run.stdout).text(),
        new Response(run.stderr).text(),
      ])
      expect({ code: await run.exited, err }).toEqual({ code: 0, err: '' })
      const { figures, checksum } = JSON.parse(out) as Result
      expect(figures.length).toBeGreaterThan(0)
      expect(figures.filter(({ value }) => !Number.isFinite(value))).toEqual([])
      expect(checksum).not.toBe('')
    })
  }
})

const scaleTest = `scale${unavailable ? ` (skipped: ${unavailable})` : ''}`
test.skipIf(unavailable !== undefined)(scaleTest, async () => {
  const args = ['bench/main.ts', 'scale', 'processes', '--size', 'small', '--json']
  const run = Bun.spawn([process.execPath, ...args], { cwd: ROOT, stdout: 'pipe', stderr: 'pipe' })
  const [out, err] = await Promise.all([
    new Response(run.stdout).text(),
    new Response(run.stderr).text(),
  ])
  expect({ code: await run.exited, err }).toEqual({ code: 0, err: '' })
  const axes = Object.entries(JSON.parse(out) as Record<string, { points: { x: number }[] }>)
  const shape = axes.map(([name, { points }]) => [name, points.map(({ x }) => x)])
  expect(shape).toEqual([['processes', [1, 2]]])
})

test('any model of the application is timed, and a file that is none is refused', () => {
  const run = (path: string) => {
    const args = [process.execPath, 'bench/main.ts', 'score-model', path, '--size', 'small']
    return Bun.spawnSync(args, { cwd: ROOT })
  }
  const { exitCode, stdout } = run('models/default')
  expect(exitCode).toBe(0)
  expect(stdout.toString()).toMatch(/default +\d\.\d{3}/)
  expect(run('models/nowhere').exitCode).toBe(2)
})

test('an unknown axis of scale is refused with the nearest name', () => {
  const args = [process.execPath, 'bench/main.ts', 'scale', 'partition']
  const { exitCode, stderr } = Bun.spawnSync(args, { cwd: ROOT })
  expect(exitCode).toBe(2)
  expect(stderr.toString()).toContain('did you mean partitions?')
})

test('an unknown bench is refused with the nearest name', () => {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, 'bench/main.ts', 'scor'], {
    cwd: ROOT,
  })
  expect(exitCode).toBe(2)
  expect(stderr.toString()).toContain('score')
})
