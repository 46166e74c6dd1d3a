// What alerts and dashboard ask for is what a worker has, and what Prometheus's own tool says of it.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { STAGES } from '../../src/metrics/counters.ts'
import { ROOT } from '../../src/paths.ts'
import { PROMETHEUS } from '../support/prometheus.ts'
import { WorkerProcess } from '../support/worker-process.ts'

setDefaultTimeout(60_000)

const DEPLOY = join(ROOT, 'deploy')
const promtool = 'unavailable' in PROMETHEUS ? undefined : PROMETHEUS.promtool
/** Made by the Prometheus server itself, or by prom-client on Linux alone. */
const FOREIGN = new Set(['up'])

function promtoolOn(...args: string[]): { exitCode: number; output: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync([promtool!, ...args], { cwd: DEPLOY })
  return { exitCode, output: stdout.toString() + stderr.toString() }
}

/** Names of metrics in PromQL: words with an underscore that no bracket, quote or label follows. */
function metricsIn(expression: string): string[] {
  const bare = expression.replaceAll(/"[^"]*"/g, '')
  return [...bare.matchAll(/\b(?:loan|process|nodejs)_\w+|\bup\b/g)].map(([name]) => name)
}

type Panel = { title: string; targets?: { expr: string }[] }
const dashboard = JSON.parse(readFileSync(join(DEPLOY, 'grafana/loanstream.json'), 'utf8')) as {
  panels: Panel[]
  annotations: { list: { expr: string }[] }
}
type Rules = {
  groups: { rules: { alert: string; expr: string; annotations: { runbook: string } }[] }[]
}
const alerts = Bun.YAML.parse(readFileSync(join(DEPLOY, 'prometheus/alerts.yaml'), 'utf8')) as Rules
const rules = alerts.groups.flatMap((group) => group.rules)

describe('metrics of a worker', () => {
  let exposition = ''
  const folder = mkdtempSync(join(tmpdir(), 'loanstream-metrics-'))

  beforeAll(async () => {
    // Nobody listens there: what a worker exposes does not wait for a broker.
    await using worker = new WorkerProcess({ 'bootstrap.servers': '127.0.0.1:1' })
    exposition = await (await worker.get('/metrics')).text()
  })

  afterAll(() => rmSync(folder, { recursive: true }))

  function isExposed(name: string): boolean {
    const family = name.replace(/_(bucket|sum|count)$/, '')
    return FOREIGN.has(name) || exposition.includes(`# TYPE ${family} `)
  }

  test('are documented one by one, in their own words', () => {
    const told = [...exposition.matchAll(/^# HELP (\S+) (.+)\n# TYPE \S+ (\w+)$/gm)].map(
      ([, name, help, type]) => `\`${name}\` ${type} ${help}`,
    )
    const page = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8')
    const rows = [...page.matchAll(/^\| (`\w+`) +\| (\w+) +\| (.+?) +\|$/gm)].map(
      ([, name, type, help]) => `${name} ${type} ${help}`,
    )
    expect(rows).toEqual(told.sort((a, b) => (a < b ? -1 : 1)))
  })

  test.each(rules.map(({ alert, expr }) => [alert, expr]))('alert %s asks for them', (_, expr) => {
    const names = metricsIn(expr)
    expect(names.length).toBeGreaterThan(0)
    expect(names.filter((name) => !isExposed(name))).toEqual([])
  })

  test('every alert has its entry in the runbook', () => {
    const headings = readFileSync(join(DEPLOY, 'runbook.md'), 'utf8').matchAll(/^## (.+)$/gm)
    const anchors = new Set(
      [...headings].map(([, text]) => text!.toLowerCase().replaceAll(' ', '-')),
    )
    const missing = rules.filter(({ annotations: { runbook } }) => {
      const [file, anchor] = runbook.split('#')
      return file !== 'deploy/runbook.md' || !anchors.has(anchor!)
    })
    expect(missing.map(({ alert }) => alert)).toEqual([])
  })

  test('every alert has a test in which it fires', () => {
    type Case = { alertname: string; exp_alerts: unknown[] }
    const { tests } = Bun.YAML.parse(
      readFileSync(join(DEPLOY, 'prometheus/alerts.test.yaml'), 'utf8'),
    ) as { tests: { alert_rule_test: Case[] }[] }
    const firing = tests
      .flatMap((one) => one.alert_rule_test)
      .filter((c) => c.exp_alerts.length > 0)
    const fires = new Set(firing.map(({ alertname }) => alertname))
    expect(rules.map(({ alert }) => alert).filter((alert) => !fires.has(alert))).toEqual([])
  })

  test('every stage that a partition may hang in is explained in the runbook', () => {
    const text = readFileSync(join(DEPLOY, 'runbook.md'), 'utf8')
    const [, stuck] = /^## Stuck$([\s\S]*?)^## /m.exec(text)!
    expect(STAGES.filter((stage) => !stuck!.includes(`\`${stage}\``))).toEqual([])
  })

  const panels = dashboard.panels.filter(({ targets }) => targets !== undefined)
  test.each(panels.map(({ title, targets }) => [title, targets!.map(({ expr }) => expr)] as const))(
    'panel "%s" asks for them',
    (_, expressions) => {
      const names = expressions.flatMap(metricsIn)
      expect(names.length).toBeGreaterThan(0)
      expect(names.filter((name) => !isExposed(name))).toEqual([])
    },
  )

  const why = 'unavailable' in PROMETHEUS ? ` (${PROMETHEUS.unavailable})` : ''

  test.skipIf(!promtool)(`pass promtool's checks${why}`, () => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([promtool!, 'check', 'metrics'], {
      stdin: Buffer.from(exposition),
    })
    const output = stdout.toString() + stderr.toString()
    expect({ exitCode, output }).toEqual({ exitCode: 0, output: '' })
  })

  test.skipIf(!promtool)(
    `have alerts that promtool takes and that fire when they should${why}`,
    () => {
      const check = promtoolOn('check', 'rules', 'prometheus/alerts.yaml')
      expect(check).toEqual({ exitCode: 0, output: expect.stringContaining('SUCCESS') })
      const run = promtoolOn('test', 'rules', 'prometheus/alerts.test.yaml')
      expect(run).toEqual({ exitCode: 0, output: expect.stringContaining('SUCCESS') })
    },
  )

  test.skipIf(!promtool)(`have a dashboard whose queries Prometheus can parse${why}`, async () => {
    const all = [...panels.flatMap(({ targets }) => targets!), ...dashboard.annotations.list]
    const expressions = all.map(({ expr }) => expr.replaceAll('$__rate_interval', '1m'))
    const groups = [
      { name: 'dashboard', rules: expressions.map((expr, i) => ({ record: `query:${i}`, expr })) },
    ]
    const path = join(folder, 'dashboard.yaml')
    await Bun.write(path, Bun.YAML.stringify({ groups }, null, 2))
    const check = promtoolOn('check', 'rules', path)
    expect(check).toEqual({ exitCode: 0, output: expect.stringContaining('SUCCESS') })
  })
})
