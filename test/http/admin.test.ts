// What changes a running worker over HTTP: who may, what is refused, and that a refusal changes
// nothing.

import { describe, expect, test } from 'bun:test'
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hono } from 'hono'
import { makeAdmin, makeChallengerAdmin } from '../../src/http/admin.ts'
import { sha256Hex } from '../../src/hash.ts'
import { Counters } from '../../src/metrics/counters.ts'
import type { Program } from '../../src/scorer/program.ts'
import type { Status } from '../../src/status.ts'
import { MODEL_FOLDER, OTHER_MODEL_FOLDER, modelHost } from '../support/model-host.ts'

const TOKEN = 'c0rrect-horse~battery'

function setUp(token = TOKEN) {
  const used: Program[] = []
  const user = {
    replaceProgram: (program: Program) => {
      used.push(program)
      return Promise.resolve()
    },
  }
  const host = modelHost(MODEL_FOLDER, user)
  const counters = new Counters()
  const status = { counters: () => [counters] } as unknown as Status
  const caller =
    (app: Hono) =>
    (method: string, path: string, body?: string, bearer = TOKEN) =>
      app.request(path, {
        method,
        ...(body === undefined ? {} : { body }),
        headers: {
          ...(bearer && { Authorization: `Bearer ${bearer}` }),
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
        },
      })
  const call = caller(makeAdmin(host, 'model', token))
  const policy = caller(makeAdmin(host, 'policy', token))
  const challenge = caller(makeChallengerAdmin(host, status, token))
  return { host, used, counters, call, policy, challenge }
}

const pathBody = (path: string) => JSON.stringify({ path })

describe('without the right token', () => {
  test.each([
    ['none', ''],
    ['a wrong one', 'wrong'],
    ['a longer one', `${TOKEN}x`],
  ])('%s, nothing is told and nothing changes', async (_, bearer) => {
    const { host, used, call } = setUp()
    for (const [method, path] of [
      ['GET', '/'],
      ['POST', '/'],
      ['POST', '/rollback'],
    ] as const) {
      const body = method === 'POST' ? pathBody(OTHER_MODEL_FOLDER) : undefined
      const response = await call(method, path, body, bearer)
      expect([400, 401]).toContain(response.status)
      expect(await response.text()).not.toContain(host.model.version.hash)
    }
    expect(used).toEqual([])
  })

  test('and none set, all is refused and says what to set', async () => {
    const { used, call } = setUp('')
    const response = await call('POST', '/', pathBody(OTHER_MODEL_FOLDER), '')
    expect(response.status).toBe(403)
    expect(await response.text()).toContain('http.token')
    expect(used).toEqual([])
  })
})

test('a folder is changed to, and back', async () => {
  const { host, used, call } = setUp()
  const first = host.model.version
  const response = await call('POST', '/', pathBody(OTHER_MODEL_FOLDER))
  expect(response.status).toBe(200)
  const body = (await response.json()) as { model: { hash: string }; previous: { hash: string } }
  expect(body.previous.hash).toBe(first.hash)
  expect(body.model.hash).not.toBe(first.hash)
  expect(host.model.version.path).toBe(OTHER_MODEL_FOLDER)
  expect((await call('POST', '/rollback')).status).toBe(200)
  expect(host.model.version.hash).toBe(first.hash)
  expect(used.map((program) => program.modelHash.toHex())).toEqual([body.model.hash, first.hash])
  expect(host.model.swaps).toBe(2)
})

test('a rollback with no model before is refused', async () => {
  const { call } = setUp()
  const response = await call('POST', '/rollback')
  expect([response.status, await response.json()]).toEqual([
    422,
    { error: 'there is no model before' },
  ])
})

test.each([
  ['no JSON', 'x'],
  ['no path', '{}'],
  ['an empty path', '{"path":""}'],
  ['another key', '{"path":"a","force":true}'],
])('a body with %s is refused', async (_, body) => {
  const { used, call } = setUp()
  expect((await call('POST', '/', body)).status).toBe(400)
  expect(used).toEqual([])
})

test('a body that is too large is refused', async () => {
  const { used, call } = setUp()
  expect((await call('POST', '/', pathBody('x'.repeat(20_000)))).status).toBe(413)
  expect(used).toEqual([])
})

test('an artefact that cannot be used is refused with the reason, and the old one goes on', async () => {
  const { host, used, call } = setUp()
  const folder = join(mkdtempSync(join(tmpdir(), 'loanstream-admin-')), 'model')
  cpSync(OTHER_MODEL_FOLDER, folder, { recursive: true })
  const tables = readFileSync(join(folder, 'tables.bin'))
  tables[1000]! ^= 1
  writeFileSync(join(folder, 'tables.bin'), tables)
  const before = host.model.version
  for (const path of [folder, join(folder, 'none')]) {
    const response = await call('POST', '/', pathBody(path))
    expect(response.status).toBe(422)
    expect(((await response.json()) as { error: string }).error).toContain(path)
  }
  expect(host.model.version).toBe(before)
  expect([host.model.swaps, host.model.refusals, used.length]).toEqual([0, 2, 0])
})

test('a policy is changed to, and back; one that cannot be used is refused with its place', async () => {
  const { host, used, policy } = setUp()
  const first = host.policy.version
  const path = join(mkdtempSync(join(tmpdir(), 'loanstream-policy-')), 'p.toml')
  const text = readFileSync(first.path, 'utf8')
  writeFileSync(path, text.replace('"credit_score"', '"credit_scores"'))
  const refused = await policy('POST', '/', pathBody(path))
  expect(refused.status).toBe(422)
  const line = text.split('\n').indexOf('field = "credit_score"') + 1
  expect(((await refused.json()) as { error: string }).error).toStartWith(
    `${path}:${line}: rules[0].field (CREDIT_SCORE_BELOW_MINIMUM): "credit_scores" is no numeric`,
  )
  expect([host.policy.version, host.policy.refusals, used.length]).toEqual([first, 1, 0])
  writeFileSync(path, `${text}# another`)
  const body = (await (await policy('POST', '/', pathBody(path))).json()) as {
    policy: { hash: string }
  }
  expect(body.policy.hash).toBe(sha256Hex(readFileSync(path)))
  expect((await policy('POST', '/rollback')).status).toBe(200)
  expect(used.map((program) => program.policyHash.toHex())).toEqual([body.policy.hash, first.hash])
  expect([host.policy.swaps, host.model.swaps]).toEqual([2, 0])
})

test('what was changed to by request is not loaded again by the watch, so a rollback goes back', async () => {
  const { host, used } = setUp()
  const first = host.model.version.hash
  host.watch(5)
  await host.model.load(OTHER_MODEL_FOLDER)
  await Bun.sleep(50)
  await host.model.rollBack()
  await Bun.sleep(50)
  host.close()
  expect(host.model.version.hash).toBe(first)
  expect([used.length, host.model.swaps]).toEqual([2, 2])
})

describe('a challenger', () => {
  const hashOf = (hash: Uint8Array | undefined) => hash && hash.toHex()

  test('is set, told with its counts, and ended; the champion is the same all the time', async () => {
    const { host, used, counters, challenge } = setUp()
    const { hash } = host.model.version
    const set = await challenge('POST', '/', pathBody(OTHER_MODEL_FOLDER))
    expect(set.status).toBe(200)
    counters.addPair(0, 6)
    counters.addPair(2, 2)
    const body = (await (await challenge('GET', '/')).json()) as Record<string, unknown>
    expect(body).toEqual({
      challenger: {
        name: host.challenger!.name,
        hash: host.challenger!.hash,
        path: OTHER_MODEL_FOLDER,
        since: new Date(host.challenger!.sinceMs).toISOString(),
      },
      workers_off: 0,
      decisions: 8,
      agreement: 0.75,
      pairs: {
        approved: { approved: 6, rejected: 0, referred: 2 },
        rejected: { approved: 0, rejected: 0, referred: 0 },
        referred: { approved: 0, rejected: 0, referred: 0 },
      },
      errors: 0,
      dropped: 0,
    })
    expect((await challenge('DELETE', '/')).status).toBe(200)
    // To end what has ended is no mistake, and nobody is troubled.
    expect((await challenge('DELETE', '/')).status).toBe(200)
    expect(used.map((program) => hashOf(program.modelHash))).toEqual([hash, hash])
    expect(used.map((program) => program.challenger === undefined)).toEqual([false, true])
    expect(host.challenger).toBeUndefined()
    expect(host.model.swaps).toBe(0)
  })

  test('stays when the champion changes and is rolled back', async () => {
    const { host, used, call, challenge } = setUp()
    await challenge('POST', '/', pathBody(MODEL_FOLDER))
    const { hash } = host.challenger!
    await call('POST', '/', pathBody(OTHER_MODEL_FOLDER))
    await call('POST', '/rollback')
    expect(used.map((program) => hashOf(program.challenger?.modelHash))).toEqual([hash, hash, hash])
    expect(host.challenger!.hash).toBe(hash)
  })

  test('that cannot be used is refused with the reason, and the one before goes on', async () => {
    const { host, used, challenge } = setUp()
    await challenge('POST', '/', pathBody(OTHER_MODEL_FOLDER))
    const before = host.challenger
    const response = await challenge('POST', '/', pathBody('nowhere'))
    expect(response.status).toBe(422)
    expect(((await response.json()) as { error: string }).error).toContain('nowhere')
    expect((await challenge('POST', '/', '{}')).status).toBe(400)
    expect(host.challenger).toBe(before)
    expect(used.length).toBe(1)
  })

  test.each([
    ['no token', '', 401],
    ['a wrong token', 'wrong', 401],
  ])('is neither told nor changed with %s', async (_, bearer, code) => {
    const { used, challenge } = setUp()
    for (const method of ['GET', 'POST', 'DELETE']) {
      const body = method === 'POST' ? pathBody(OTHER_MODEL_FOLDER) : undefined
      expect((await challenge(method, '/', body, bearer)).status).toBe(code)
    }
    expect(used).toEqual([])
  })

  test('is refused where no token is set', async () => {
    const { challenge } = setUp('')
    expect((await challenge('DELETE', '/')).status).toBe(403)
  })
})
