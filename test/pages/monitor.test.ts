// The monitor page in a real browser, before a worker on embedded brokers and before statuses that
// no worker brings about at will: nothing assigned, and 64 partitions with one that hangs.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { loadSchemaVersions } from '../../src/avro/schema-files.ts'
import { makeApp } from '../../src/http/app.ts'
import { Monitor } from '../../src/monitor/monitor.ts'
import { BUILD, fromRoot } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import type { Status } from '../../src/status.ts'
import { TOPICS, makeInputs, send } from '../support/applications.ts'
import { browserUnavailable, complaintsOf, startBrowser } from '../support/browser.ts'
import { decisionSchema } from '../support/engine.ts'
import { modelHost } from '../support/model-host.ts'
import { FakeWorker, partition } from '../support/status.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const TOKEN = 'pages-token'
const PARTITIONS = 2
const AXE = fromRoot('node_modules/axe-core/axe.min.js')
const PHONE = { viewport: { width: 390, height: 844 } }

setDefaultTimeout(60_000)

let browser: Browser

const reason = browserUnavailable()
if (reason !== undefined) console.warn(reason)

beforeAll(async () => {
  if (reason !== undefined) return
  openLibrary(libraryPath(BUILD))
  browser = await startBrowser()
})

afterAll(() => browser?.close())

async function open(url: string, options: BrowserContextOptions = {}) {
  const page = await browser.newPage(options)
  page.setDefaultTimeout(20_000)
  const complaints = complaintsOf(page)
  await page.goto(url)
  return { page, complaints, [Symbol.asyncDispose]: () => page.close() }
}

function startCluster(): MockCluster {
  const cluster = new MockCluster()
  for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, PARTITIONS)
  return cluster
}

function startWorker(cluster: MockCluster, port = 0): WorkerProcess {
  return new WorkerProcess({
    'bootstrap.servers': cluster.bootstrapServers,
    'fetch.wait.max.ms': 10,
    'session.timeout.ms': 3000,
    'heartbeat.interval.ms': 300,
    'http.port': port,
    'http.token': TOKEN,
  })
}

/** Waits until the text of an element matches. */
async function shows(page: Page, selector: string, pattern: RegExp): Promise<void> {
  await page.locator(selector, { hasText: pattern }).first().waitFor()
}

/** What axe finds wrong with a page: WCAG 2.2 A and AA, contrast and labels among them. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(readFileSync(AXE, 'utf8'))
  const found = (await page.evaluate('axe.run()')) as {
    violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[]
  }
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} ${target.join(' ')}: ${failureSummary}`),
  )
}

/** The page of a status, with a second of work done each second. */
function serve(status: Status) {
  const models = modelHost()
  const applications = loadSchemaVersions(fromRoot('schemas/loan_application'))
  const log = { warn: () => undefined }
  const monitor = new Monitor({ status, models, applications, decision: decisionSchema, log })
  const app = makeApp(status, models, '', { monitor })
  const server = Bun.serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' })
  monitor.start()
  const stop = async () => {
    monitor.stop()
    await server.stop(true)
  }
  return { url: server.url.href, [Symbol.asyncDispose]: stop }
}

describe.skipIf(reason !== undefined)('the monitor page', () => {
  test('shows decisions as they are made, filters them, masks them until one signs in', async () => {
    using cluster = startCluster()
    await using worker = startWorker(cluster)
    await worker.caughtUp(PARTITIONS)
    await using opened = await open(await worker.url())
    const { page, complaints } = opened
    await shows(page, '#status', /running/)
    await shows(page, '#decided', /^0 since/)
    send(cluster.bootstrapServers, makeInputs(400, PARTITIONS, 0, 1))
    await shows(page, '#decided', /^400 since/)
    for (let seed = 2; seed < 8; seed++) {
      send(cluster.bootstrapServers, makeInputs(40, PARTITIONS, 0.2, seed))
      await Bun.sleep(100)
    }
    await shows(page, '#latest', /approved/)
    await shows(page, '#letters', /truncated/)
    await shows(page, '#partitions-note', /all progress/)
    expect(await page.locator('#rates canvas').count()).toBe(1)
    expect(await page.locator('#rates').getAttribute('aria-label')).toContain('approved')

    const decisions = page.locator('#latest td:nth-child(3)')
    await page.getByRole('checkbox', { name: 'approved' }).uncheck()
    expect(await decisions.allTextContents()).not.toContain('approved')
    await page.getByRole('checkbox', { name: 'approved' }).check()
    const region = (await page.locator('#latest td:nth-child(6)').first().textContent())!
    await page.getByRole('combobox', { name: 'Region' }).selectOption(region)
    const regions = await page.locator('#latest td:nth-child(6)').allTextContents()
    expect(new Set(regions)).toEqual(new Set([region]))
    await page.getByRole('combobox', { name: 'Region' }).selectOption('')

    const id = page.locator('#latest button').first()
    expect(await id.textContent()).toMatch(/^….{4}$/)
    await id.click()
    await shows(page, '#details-list', /Probability of default/)
    expect(await violations(page)).toEqual([])
    await page.keyboard.press('Escape')

    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByLabel('Token of this worker').fill('wrong')
    await page.locator('#session-form').getByRole('button', { name: 'Sign in' }).click()
    await shows(page, '#session-problem', /not the token/)
    // The answer 403 is in the console as an error; nothing else is.
    expect(complaints.filter((text) => !text.includes('403'))).toEqual([])
    await page.getByLabel('Token of this worker').fill(TOKEN)
    await page.locator('#session-form').getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('button', { name: 'Sign out' }).waitFor()
    await shows(page, '#latest button', /^[0-9a-f]{8}…$/)
    // The answer 403 of before is there still; nothing else is.
    expect(complaints.filter((text) => !text.includes('403'))).toEqual([])
  })

  test.each([
    ['light', { viewport: { width: 1280, height: 900 } }],
    ['dark', PHONE],
  ] as const)('in %s explains a decision and opens dead letters', async (colorScheme, size) => {
    using cluster = startCluster()
    await using worker = startWorker(cluster)
    await worker.caughtUp(PARTITIONS)
    await using opened = await open(await worker.url(), { colorScheme, ...size })
    const { page, complaints } = opened
    send(cluster.bootstrapServers, makeInputs(400, PARTITIONS, 0.2, 1))
    await shows(page, '#letters', /truncated/)
    const letters = page.locator('#letters').getByRole('button', { name: 'truncated' })
    await letters.click()
    await shows(page, '#look-note', /to who is signed in/)
    await page.keyboard.press('Escape')
    await page.locator('#latest button').first().click()
    await shows(page, '#explanation-note', /to who is signed in/)
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByLabel('Token of this worker').fill(TOKEN)
    await page.locator('#session-form').getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('button', { name: 'Sign out' }).waitFor()

    // The steps lead from the reference's margin to the decision's.
    await page.locator('#latest button').first().click()
    const rows = page.locator('#waterfall tr')
    await rows.last().waitFor()
    const adds = (await rows.locator('td:nth-child(4)').allTextContents()).map((text) =>
      Number(text.replace('−', '-')),
    )
    const between = adds.slice(1, -1).reduce((sum, add) => sum + add, 0)
    expect(adds.at(-1)! - adds[0]!).toBeCloseTo(between, 1)
    await shows(page, '#explanation-model', /[0-9a-f]{64}/)
    await shows(page, '#rule-rows', /yes|no/)
    expect(await violations(page)).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(size.viewport.width)
    await page.keyboard.press('Escape')

    await letters.click()
    const letter = page.locator('#look-list details').first()
    await letter.waitFor()
    await shows(page, '#look-list .hex', /^00000000 {2}c3 {2}01/)
    await shows(page, '#look-list .fields-read', /application_id = /)
    await shows(page, '#look-list', /the value ends after/)
    expect(await violations(page)).toEqual([])
    expect(complaints).toEqual([])
  })

  test('stands still while paused, and shows what came when it goes on', async () => {
    const worker = new FakeWorker()
    await using server = serve(worker.status())
    await using opened = await open(server.url)
    const { page, complaints } = opened
    worker.decide(2)
    await shows(page, '#decided', /^128 since/)
    await page.getByRole('button', { name: 'Pause' }).click()
    const rows = await page.locator('#latest tr').count()
    worker.decide(3)
    await page.waitForTimeout(2500)
    await shows(page, '#decided', /^128 since/)
    expect(await page.locator('#latest tr').count()).toBe(rows)
    await page.getByRole('button', { name: 'Go on' }).click()
    await shows(page, '#decided', /^320 since/)
    expect(await page.locator('#latest tr').count()).toBe(rows + 3)
    expect(complaints).toEqual([])
  })

  test('comes back by itself when the worker does', async () => {
    using cluster = startCluster()
    const first = startWorker(cluster)
    await first.caughtUp(PARTITIONS)
    const url = await first.url()
    await using opened = await open(url)
    const { page } = opened
    send(cluster.bootstrapServers, makeInputs(100, PARTITIONS))
    await shows(page, '#decided', /^100 since/)
    await first.stop()
    await shows(page, '#status', /not connected/)
    await using second = startWorker(cluster, Number(new URL(url).port))
    await second.caughtUp(PARTITIONS)
    await shows(page, '#status', /running/)
    send(cluster.bootstrapServers, makeInputs(30, PARTITIONS, 0, 2))
    // Embedded brokers forget offsets of transactions: the first 100 may be decided again.
    await shows(page, '#decided', /^1?30 since/)
  })

  test('says so when no partition is assigned, and names one of 64 that hangs', async () => {
    const worker = new FakeWorker()
    await using empty = serve(worker.status([], { notReady: 'waiting for a broker' }))
    await using none = await open(empty.url, PHONE)
    await shows(none.page, '#status', /waiting for a broker/)
    await shows(none.page, '#partitions-note', /none assigned/)
    const hangs = { healthy: false, progressAgoMs: 90_000, stage: 'commit' } as const
    const many = Array.from({ length: 64 }, (_, i) => partition(i, i === 17 ? hangs : {}))
    await using full = serve(worker.status(many))
    await using all = await open(full.url)
    await shows(all.page, '#status', /no progress: partition 17 in commit/)
    expect(await all.page.locator('#partitions tr').count()).toBe(64)
    await shows(all.page, '#partitions tr[data-state="bad"]', /17.*commit, hangs 90/)
    expect([...none.complaints, ...all.complaints]).toEqual([])
  })

  test.each([
    ['light', 'a wall', { viewport: { width: 2560, height: 1440 } }],
    ['dark', 'a desk', { viewport: { width: 1280, height: 900 } }],
    ['light', 'a phone', PHONE],
    ['dark', 'a phone', PHONE],
  ] as const)('in %s on %s has contrast and labels, and fits', async (colorScheme, _, size) => {
    const worker = new FakeWorker()
    const challenger = { name: 'challenger', hash: 'c4a11e96'.repeat(8) }
    worker.counters.addPair(0, 70)
    worker.counters.addPair(1, 9)
    worker.counters.addDeadLetter('truncated')
    await using server = serve(worker.status([partition(0), partition(1)], { challenger }))
    await using opened = await open(server.url, { colorScheme, ...size })
    const { page, complaints } = opened
    worker.decide(40)
    await shows(page, '#pairs-note', /agreement 88.6 % of 79/)
    await shows(page, '#latest', /approved/)
    expect(await violations(page)).toEqual([])
    const width = await page.evaluate('document.documentElement.scrollWidth')
    expect(width).toBe(size.viewport.width)
    expect(complaints).toEqual([])
  })
})
