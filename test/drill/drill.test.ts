// The drill in its short form, and that its plan is a seed's alone.

import { describe, expect, test } from 'bun:test'
import { ROOT } from '../../src/paths.ts'
import { KafkaCluster } from '../support/kafka.ts'
import { KINDS, makePlan } from './plan.ts'

const unavailable = KafkaCluster.unavailable()

test('a seed makes the same plan again, another seed another one', () => {
  expect(makePlan(5, 40, 60)).toEqual(makePlan(5, 40, 60))
  expect(makePlan(5, 40, 60)).not.toEqual(makePlan(6, 40, 60))
})

test('a plan has as many kills as it shall, every kind of fault, and quiet at both ends', () => {
  const plan = makePlan(7, 40, 60)
  expect(plan.filter(({ kind }) => kind.startsWith('kill')).length).toBe(40)
  expect(new Set(plan.map(({ kind }) => kind)).size).toBe(KINDS.length)
  const times = plan.map(({ atMs }) => atMs)
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  expect(times[0]).toBeGreaterThanOrEqual(3000)
  expect(times.at(-1)).toBeLessThanOrEqual(57_000)
})

async function drill(args: readonly string[]) {
  const child = Bun.spawn([process.execPath, 'test/drill/main.ts', ...args], {
    cwd: ROOT,
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  return { code: await child.exited, out, err }
}

test('wrong options are refused with 2', async () => {
  expect((await drill(['--kils', '3'])).code).toBe(2)
  expect((await drill(['--applications', '0'])).code).toBe(2)
  const { code, err } = await drill(['--protocol', 'eager'])
  expect(code).toBe(2)
  expect(err).toContain('cooperative, consumer, static')
})

describe.skipIf(unavailable !== undefined)(
  `on a real cluster${unavailable ? ` (skipped: ${unavailable})` : ''}`,
  () => {
    test('nothing is lost, nothing comes twice, and the order is kept', async () => {
      const applications = 6000
      const sizes = ['--applications', String(applications), '--kills', '5', '--seconds', '20']
      const { code, out, err } = await drill([...sizes, '--seed', '3', '--json'])
      // The history tells what went wrong.
      expect({ code, history: code === 0 ? '' : err }).toEqual({ code: 0, history: '' })
      expect(err).toContain('drill --seed 3')
      expect(JSON.parse(out)).toEqual({
        applications,
        lost: 0,
        duplicated: 0,
        out_of_order: 0,
        different: 0,
        kills: 5,
        seed: 3,
        protocol: 'cooperative',
        failures: expect.any(Number),
      })
    }, 600_000)
  },
)
