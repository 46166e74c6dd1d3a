// From the form to the answer, and over the API: applications that go through Kafka and come back
// decided, whichever process decides them.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import type { Browser } from 'playwright-core'
import { loadConfig } from '../../src/config.ts'
import { makeIntake } from '../../src/http/intake.ts'
import { Intake } from '../../src/intake/intake.ts'
import { makeLog } from '../../src/log.ts'
import { BUILD, fromRoot } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { TOPICS, readTopic } from '../support/applications.ts'
import { describeProperties } from '../../src/rdkafka/properties.ts'
import { browserUnavailable, complaintsOf, startBrowser } from '../support/browser.ts'
import { applicationSchema, decisionSchema } from '../support/engine.ts'
import { KafkaCluster } from '../support/kafka.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const PARTITIONS = 2
const AXE = fromRoot('node_modules/axe-core/axe.min.js')
const reasons = [KafkaCluster.unavailable(), browserUnavailable()].filter(Boolean)
for (const reason of reasons) console.warn(reason)

setDefaultTimeout(60_000)

let cluster: KafkaCluster
let workers: WorkerProcess[]
let browser: Browser | undefined
let url: string

type Answer = {
  status: string
  application_id: string
  decision: string
  reasons: { code: string; text: string }[]
  offset: number
}

beforeAll(async () => {
  if (KafkaCluster.unavailable() !== undefined) return
  openLibrary(libraryPath(BUILD))
  cluster = await KafkaCluster.start()
  for (const topic of Object.values(TOPICS)) {
    await cluster.createTopic(topic, { partitions: PARTITIONS })
  }
  const settings = { 'bootstrap.servers': cluster.bootstrapServers, 'workers.prestart': 1 }
  // Two members of the group: one takes applications, and each decides a part of them.
  workers = [new WorkerProcess({ ...settings, 'http.intake': 'on' }), new WorkerProcess(settings)]
  await Promise.all(workers.map((worker) => worker.caughtUp(1)))
  url = await workers[0]!.url()
  if (browserUnavailable() === undefined) browser = await startBrowser()
})

afterAll(async () => {
  await browser?.close()
  for (const worker of workers ?? []) await worker[Symbol.asyncDispose]()
  await cluster?.stop()
})

async function exampleBody(): Promise<Record<string, unknown>> {
  const description = (await (await fetch(`${url}/openapi.json`)).json()) as {
    paths: {
      '/applications': {
        post: {
          requestBody: { content: { 'application/json': { example: Record<string, unknown> } } }
        }
      }
    }
  }
  const { requestBody } = description.paths['/applications'].post
  return requestBody.content['application/json'].example
}

async function apply(body: object, key?: string) {
  const headers = {
    'Content-Type': 'application/json',
    ...(key === undefined ? {} : { 'Idempotency-Key': key }),
  }
  const request = { method: 'POST', headers, body: JSON.stringify(body) }
  const response = await fetch(`${url}/applications`, request)
  return { status: response.status, answer: (await response.json()) as Answer }
}

function onTopic(): number {
  return readTopic(cluster.bootstrapServers, TOPICS.applications, PARTITIONS).flat().length
}

describe.skipIf(KafkaCluster.unavailable() !== undefined)('over the API', () => {
  test('applications of all partitions are answered, whoever decides them', async () => {
    const body = await exampleBody()
    const before = onTopic()
    const all = await Promise.all(Array.from({ length: 12 }, (_, i) => apply(body, `spread-${i}`)))
    expect(all.map(({ status }) => status)).toEqual(all.map(() => 200))
    expect(new Set(all.map(({ answer }) => answer.application_id)).size).toBe(12)
    expect(onTopic()).toBe(before + 12)
    const again = await fetch(`${url}/applications/${all[0]!.answer.application_id}`)
    expect(await again.json()).toEqual(all[0]!.answer)
    // The keys make the ids, which are in both partitions: each member decided some of them.
    for (const worker of workers) {
      expect(await worker.metric('loan_decisions_total')).toBeGreaterThan(0)
    }
  })

  test('a rejection says why in plain words', async () => {
    const { answer } = await apply({ ...(await exampleBody()), credit_score: 600 })
    expect(answer.decision).toBe('rejected')
    const [reason] = answer.reasons
    expect(reason!.code).toBe('CREDIT_SCORE_BELOW_MINIMUM')
    expect(reason!.text).toContain('Credit score below minimum')
  })

  test('the same key again is the same application, sent once; another body is refused', async () => {
    const body = await exampleBody()
    const before = onTopic()
    const [first, second] = await Promise.all([apply(body, 'key-1'), apply(body, 'key-1')])
    const third = await apply(body, 'key-1')
    expect(second.answer).toEqual(first.answer)
    expect(third.answer).toEqual(first.answer)
    expect(onTopic()).toBe(before + 1)
    const other = await apply({ ...body, loan_amount: 7777 }, 'key-1')
    expect(other.status).toBe(422)
    expect(onTopic()).toBe(before + 1)
  })

  test('a decision that takes longer is asked for, from a process that decides nothing itself', async () => {
    const sets = [`bootstrap.servers=${cluster.bootstrapServers}`]
    const properties = describeProperties()
    const config = loadConfig({ file: false, environment: {}, sets, properties })
    const log = makeLog('error', 'json')
    const intake = new Intake(config, applicationSchema, decisionSchema, log)
    const app = makeIntake({ intake, description: {}, waitMs: 0 })
    const headers = { 'Content-Type': 'application/json' }
    const body = JSON.stringify(await exampleBody())
    const first = await app.request('/applications', { method: 'POST', headers, body })
    expect(first.status).toBe(202)
    const place = first.headers.get('Location')!
    const { application_id: id } = (await first.json()) as Answer
    expect(place).toBe(`/applications/${id}`)
    const deadline = Date.now() + 20_000
    let answer = await app.request(place)
    while (answer.status === 202 && Date.now() < deadline) {
      await Bun.sleep(50)
      answer = await app.request(place)
    }
    expect(answer.status).toBe(200)
    expect(((await answer.json()) as Answer).application_id).toBe(id)
    intake.close()
  })

  test('what is wrong is not sent', async () => {
    const before = onTopic()
    const { status } = await apply({ ...(await exampleBody()), credit_score: 9000 })
    expect(status).toBe(422)
    expect(onTopic()).toBe(before)
  })

  test('it is off where no setting turns it on', async () => {
    const other = await workers[1]!.url()
    for (const path of ['/apply', '/openapi.json', '/applications/x']) {
      expect((await fetch(other + path)).status).toBe(404)
    }
  })
})

describe.skipIf(reasons.length > 0)('the form', () => {
  test.each([
    ['light', { width: 1280, height: 900 }],
    ['dark', { width: 390, height: 844 }],
  ] as const)(
    'in %s leads to an answer, or to the fields that are wrong',
    async (colorScheme, viewport) => {
      await using context = await browser!.newContext({ colorScheme, viewport })
      const page = await context.newPage()
      page.setDefaultTimeout(20_000)
      const complaints = complaintsOf(page)
      await page.goto(`${url}/apply`)
      await page.getByRole('button', { name: 'Fill in an example' }).click()
      await page.getByLabel(/^Credit score/).fill('200')
      await page.getByLabel(/^Loan amount/).fill('lots')
      await page.getByRole('button', { name: 'Send' }).click()
      await page.getByText('must be at least 300, is 200 (possible: 300 to 850)').waitFor()
      await page.getByText('must be a number, is "lots"').waitFor()
      expect(await page.getByLabel(/^Credit score/).getAttribute('aria-invalid')).toBe('true')
      await page.evaluate(readFileSync(AXE, 'utf8'))
      const wrong = (await page.evaluate('axe.run()')) as { violations: object[] }
      expect(wrong.violations).toEqual([])
      // The answer 422 is in the console as an error; nothing else is.
      expect(complaints.filter((text) => !text.includes('422'))).toEqual([])

      await page.getByLabel(/^Credit score/).fill('640')
      await page.getByLabel(/^Loan amount/).fill('5000')
      await page.getByRole('button', { name: 'Send' }).click()
      await page.locator('#decision', { hasText: 'rejected' }).waitFor()
      await page.getByText(/Credit score below minimum/).waitFor()
      const right = (await page.evaluate('axe.run()')) as { violations: object[] }
      expect(right.violations).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width)
    },
  )
})
