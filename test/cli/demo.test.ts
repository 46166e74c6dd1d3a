// `demo`: decisions on embedded brokers, and nothing but loopback.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DemoSummary } from '../../src/demo/demo.ts'
import { ROOT } from '../../src/paths.ts'
import { cli } from '../support/cli.ts'
import { freePorts } from '../support/kafka-ports.ts'

setDefaultTimeout(60_000)

test('--applications N --json stops after N decisions with one JSON object', async () => {
  const { code, out } = await cli(['demo', '--applications', '3000', '--rate', '0', '--json'])
  expect(code).toBe(0)
  expect(out.trim().split('\n').length).toBe(1)
  const summary = JSON.parse(out) as DemoSummary
  const { approved, rejected, referred } = summary
  expect(summary).toMatchObject({ applications: 3000, dead_letters: 0 })
  expect(approved + rejected + referred).toBe(3000)
  expect(Math.min(approved, rejected, referred)).toBeGreaterThan(300)
  expect(summary.latency_ms.p50).toBeGreaterThan(0)
  expect(summary.latency_ms.p99).toBeGreaterThanOrEqual(summary.latency_ms.p50)
})

test('the same seed gives the same decisions', async () => {
  const run = async () => {
    const { out } = await cli(['demo', '--applications', '2000', '--rate', '0', '--json'])
    const { approved, rejected, referred } = JSON.parse(out) as DemoSummary
    return { approved, rejected, referred }
  }
  expect(await run()).toEqual(await run())
})

test('damaged records become dead letters and are counted beside the decisions', async () => {
  const args = ['demo', '--applications', '2000', '--rate', '0', '--poison', '0.1', '--json']
  const { code, out } = await cli(args)
  expect(code).toBe(0)
  const summary = JSON.parse(out) as DemoSummary
  expect(summary.applications).toBe(2000)
  expect(summary.dead_letters).toBeGreaterThan(100)
})

test('no file and no variable is read: they are for another Kafka', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'loanstream-demo-'))
  const elsewhere = '[consumer]\nbootstrap.servers = "127.0.0.1:1"\n[http]\nprot = 1\n'
  writeFileSync(join(folder, 'loanstream.toml'), elsewhere)
  const environment = {
    LOANSTREAM_CONFIG: join(folder, 'none.toml'),
    LOANSTREAM_PRODUCER_BOOTSTRAP_SERVERS: '127.0.0.1:1',
  }
  const args = ['demo', '--applications', '200', '--rate', '0', '--json']
  const { code, out, err } = await cli(args, environment, '', folder)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect((JSON.parse(out) as DemoSummary).applications).toBe(200)
})

test('without --json it shows a summary with latencies and ends with exit code 0', async () => {
  const { code, out } = await cli(['demo', '--applications', '1000', '--rate', '0'])
  expect(code).toBe(0)
  expect(out).toContain('1000 decisions')
  expect(out).toMatch(/latency .* p50 [\d.]+ ms, p99 [\d.]+ ms/)
})

/** Whether decisions were committed; not before the demo listens. */
async function hasDecided(port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined)
  return /^loan_decisions_total\{.*\} [1-9]/m.test((await response?.text()) ?? '')
}

test('ctrl-C ends it in order with its summary', async () => {
  // A port of its own, to see from outside that there are decisions.
  const port = freePorts(1)[0]!
  const args = ['src/main.ts', 'demo', '--json', '--rate', '1000', '--port', String(port)]
  const demo = Bun.spawn([process.execPath, ...args], {
    cwd: ROOT,
    stdout: 'pipe',
    stderr: 'ignore',
  })
  while (demo.exitCode === null && !(await hasDecided(port))) await Bun.sleep(20)
  demo.kill('SIGINT')
  const summary = (await new Response(demo.stdout).json()) as DemoSummary
  expect(await demo.exited).toBe(0)
  expect(summary.applications).toBeGreaterThan(0)
})

const unshare = Bun.spawnSync(['sh', '-c', 'unshare -rn ip link set lo up'], {
  stderr: 'ignore',
}).success

test.skipIf(!unshare)(
  `it needs no network beyond loopback${unshare ? '' : ' (skipped: no network namespaces here)'}`,
  () => {
    const command = `ip link set lo up && exec ${process.execPath} src/main.ts demo --applications 500 --json`
    const { exitCode, stdout } = Bun.spawnSync(['unshare', '-rn', 'sh', '-c', command], {
      cwd: ROOT,
    })
    expect(exitCode).toBe(0)
    expect((JSON.parse(stdout.toString()) as DemoSummary).applications).toBe(500)
  },
)
