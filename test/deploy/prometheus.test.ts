// A real Prometheus server with the deployment's configuration and rules, scraping a real worker.

import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { BUILD, ROOT } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import { TOPICS, makeInputs, send } from '../support/applications.ts'
import { PROMETHEUS, PrometheusServer } from '../support/prometheus.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const DEPLOY = join(ROOT, 'deploy')
const why = 'unavailable' in PROMETHEUS ? PROMETHEUS.unavailable : undefined
const PARTITIONS = 2
const APPLICATIONS = 200
const SCRAPES_MS_MAX = 60_000

type Configuration = {
  global: { scrape_interval: string; evaluation_interval: string }
  rule_files: string[]
  scrape_configs: { static_configs: { targets: string[] }[] }[]
}

/** The deployment's, but for where the worker is, and how often it is asked. */
function configurationFor(target: string): Configuration {
  const text = readFileSync(join(DEPLOY, 'prometheus/prometheus.yaml'), 'utf8')
  const configuration = Bun.YAML.parse(text) as Configuration
  configuration.global = { scrape_interval: '500ms', evaluation_interval: '500ms' }
  configuration.rule_files = configuration.rule_files.map((f) => join(DEPLOY, 'prometheus', f))
  expect(configuration.scrape_configs.map(({ static_configs }) => static_configs)).toEqual([
    [{ targets: ['worker:8080'] }],
  ])
  configuration.scrape_configs[0]!.static_configs = [{ targets: [target] }]
  return configuration
}

type Sample = { metric: Record<string, string>; value: [at: number, value: string] }
type Rules = { groups: { rules: { name: string; health: string; lastError?: string }[] }[] }
type Targets = { activeTargets: { health: string; lastError: string }[] }

async function query(server: PrometheusServer, expr: string): Promise<Sample[]> {
  const { result } = (await server.api(`query?query=${encodeURIComponent(expr)}`)) as {
    result: Sample[]
  }
  return result
}

/** Waits until an expression has this one value. */
async function reaches(server: PrometheusServer, expr: string, value: number): Promise<void> {
  const deadline = Date.now() + SCRAPES_MS_MAX
  let seen: Sample[] = []
  while (Date.now() < deadline) {
    seen = await query(server, expr)
    if (seen.length === 1 && Number(seen[0]!.value[1]) === value) return
    await Bun.sleep(100)
  }
  throw new Error(`${expr} is ${JSON.stringify(seen)}, not ${value}`)
}

async function rulesOf(server: PrometheusServer) {
  return ((await server.api('rules')) as Rules).groups.flatMap(({ rules }) => rules)
}

test.skipIf(why !== undefined)(
  `a Prometheus server scrapes a worker, and its rules and panels can be evaluated${why ? ` (${why})` : ''}`,
  async () => {
    openLibrary(libraryPath(BUILD))
    using cluster = new MockCluster()
    for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, PARTITIONS)
    await using worker = new WorkerProcess({ 'bootstrap.servers': cluster.bootstrapServers })
    await worker.ready()
    send(cluster.bootstrapServers, makeInputs(APPLICATIONS, PARTITIONS))
    await using server = new PrometheusServer(configurationFor(new URL(await worker.url()).host))
    await server.ready()

    await reaches(server, 'up{job="loanstream"}', 1)
    await reaches(server, 'sum by (job) (loan_records_total)', APPLICATIONS)
    await reaches(server, 'sum by (job) (loan_consumer_lag_records)', 0)
    const { activeTargets } = (await server.api('targets')) as Targets
    expect(activeTargets).toMatchObject([{ health: 'up', lastError: '' }])

    // Each has been evaluated once its health is known.
    const deadline = Date.now() + SCRAPES_MS_MAX
    let rules = await rulesOf(server)
    while (rules.some(({ health }) => health === 'unknown') && Date.now() < deadline) {
      await Bun.sleep(100)
      rules = await rulesOf(server)
    }
    expect(rules.length).toBeGreaterThan(5)
    expect(rules.filter(({ health, lastError }) => health !== 'ok' || lastError)).toEqual([])
    const { alerts } = (await server.api('alerts')) as { alerts: { state: string }[] }
    expect(alerts.filter(({ state }) => state === 'firing')).toEqual([])

    for (const expr of panelQueries()) await query(server, expr)
  },
  120_000,
)

function panelQueries(): string[] {
  const { panels } = JSON.parse(readFileSync(join(DEPLOY, 'grafana/loanstream.json'), 'utf8')) as {
    panels: { targets?: { expr: string }[] }[]
  }
  const expressions = panels.flatMap(({ targets }) => targets ?? []).map(({ expr }) => expr)
  return expressions.map((expr) => expr.replaceAll('$__rate_interval', '1m'))
}
