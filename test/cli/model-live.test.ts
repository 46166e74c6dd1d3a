// The commands that change the models of a running worker, against its own HTTP routes.

import { afterAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { Hono } from 'hono'
import { makeAdmin, makeChallengerAdmin } from '../../src/http/admin.ts'
import { Counters } from '../../src/metrics/counters.ts'
import type { ModelHost } from '../../src/model-host.ts'
import { ROOT } from '../../src/paths.ts'
import type { Status } from '../../src/status.ts'
import { cli } from '../support/cli.ts'
import { MODEL_FOLDER, OTHER_MODEL_FOLDER, modelHost } from '../support/model-host.ts'

setDefaultTimeout(60_000)

const TOKEN = 'c0rrect-horse~battery'
const folder = mkdtempSync(join(tmpdir(), 'loanstream-live-'))
const tokenFile = join(folder, 'token')
writeFileSync(tokenFile, `${TOKEN}\n`)

let host: ModelHost
let app = new Hono()
const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  fetch: (request) => app.fetch(request),
})
const url = `http://127.0.0.1:${server.port}`
afterAll(async () => {
  await server.stop(true)
  rmSync(folder, { recursive: true })
})

beforeEach(() => {
  host = modelHost(MODEL_FOLDER, { replaceProgram: () => Promise.resolve() })
  const status = { counters: () => [new Counters()] } as unknown as Status
  app = new Hono()
  app.route('/model', makeAdmin(host, 'model', TOKEN))
  app.route('/challenger', makeChallengerAdmin(host, status, TOKEN))
})

async function live(...args: string[]) {
  return await cli(['model', ...args, '--url', url, '--token-file', tokenFile])
}

async function refused(args: string[], environment: Record<string, string>, code: number) {
  const { version } = host.model
  const result = await cli(['model', ...args], environment)
  expect([result.code, result.out]).toEqual([code, ''])
  expect(result.err.trim().split('\n').length).toBe(1)
  expect(host.model.version).toBe(version)
  return result.err
}

describe('a running worker', () => {
  test('goes over to a model, and back', async () => {
    const { hash } = host.model.version
    // From this folder, wherever the worker was started.
    const { code, out, err } = await live('promote', relative(ROOT, OTHER_MODEL_FOLDER))
    expect([code, err]).toEqual([0, ''])
    expect(host.model.version.path).toBe(OTHER_MODEL_FOLDER)
    expect(host.model.version.hash).not.toBe(hash)
    expect(out).toContain(
      `decides: ${host.model.version.name} ${host.model.version.hash.slice(0, 12)}`,
    )
    expect(out).toContain(`before: `)

    const back = await live('rollback', '--json')
    expect([back.code, back.err]).toEqual([0, ''])
    expect(host.model.version.hash).toBe(hash)
    expect((JSON.parse(back.out) as { model: { hash: string } }).model.hash).toBe(hash)
  })

  test('takes a challenger, tells of it, and lets it go', async () => {
    const on = await live('challenge', OTHER_MODEL_FOLDER)
    expect([on.code, on.err]).toEqual([0, ''])
    expect(host.challenger!.path).toBe(OTHER_MODEL_FOLDER)
    expect(on.out).toContain(': 0 decisions beside the model in use')
    expect((await live('challenge')).out).toBe(on.out)
    expect((await live('challenge', '--off')).out).toBe('no challenger\n')
    expect(host.challenger).toBeUndefined()
  })
})

describe('what cannot be done is said in a line', () => {
  const known = ['--url', url, '--token-file', tokenFile]

  test('an artefact that the worker refuses', async () => {
    const err = await refused(['promote', folder, ...known], {}, 2)
    expect(err).toContain(`${url}/model: cannot read ${folder}/manifest.json`)
  })

  test('no model before', async () => {
    expect(await refused(['rollback', ...known], {}, 2)).toContain('there is no model before')
  })

  test('another token', async () => {
    const environment = { LOANSTREAM_HTTP_TOKEN: 'other' }
    const err = await refused(['rollback', '--url', url], environment, 2)
    expect(err).toContain(`${url}/model/rollback: 401: `)
  })

  test('no token, or an empty one', async () => {
    expect(await refused(['rollback', '--url', url], {}, 2)).toContain('no token: --token-file or')
    const empty = join(folder, 'empty')
    writeFileSync(empty, '\n')
    const args = ['rollback', '--url', url, '--token-file', empty]
    expect(await refused(args, {}, 2)).toContain(`${empty} is empty`)
  })

  test('no worker there', async () => {
    const args = ['rollback', '--url', 'http://127.0.0.1:1', '--token-file', tokenFile]
    expect(await refused(args, {}, 1)).toContain(
      'http://127.0.0.1:1/model/rollback does not answer',
    )
  })

  test('another server there', async () => {
    app = new Hono().all('*', (c) => c.text('hello'))
    expect(await refused(['rollback', ...known], {}, 1)).toContain('answers like no worker')
  })

  test('an address that is none', async () => {
    const args = ['rollback', '--url', 'worker', '--token-file', tokenFile]
    expect(await refused(args, {}, 2)).toContain('--url worker: is no address')
  })

  test('a challenger, and off', async () => {
    const err = await refused(['challenge', OTHER_MODEL_FOLDER, '--off', ...known], {}, 2)
    expect(err).toContain('--off')
  })
})
