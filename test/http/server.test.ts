// The HTTP server as a client meets it: status codes, headers, and the limits on what one may cost.

import { afterAll, describe, expect, test } from 'bun:test'
import { makeApp } from '../../src/http/app.ts'
import { serve } from '../../src/http/server.ts'
import { Counters } from '../../src/metrics/counters.ts'
import type { Status } from '../../src/status.ts'
import { modelHost } from '../support/model-host.ts'

const TOKEN = 'c0rrect-horse~battery'
const counters = new Counters()
const status = {
  notReady: '',
  partitions: () => [],
  counters: () => [counters],
  reasonCodes: [],
  wedged: new Map(),
} as unknown as Status
// The metrics ask for more than a status that is none has; no test here reads them.
const app = makeApp({ ...status, version: {}, model: {}, policy: {} } as Status, modelHost(), TOKEN)
const server = serve(app, '127.0.0.1', 0)
afterAll(() => server.stop(true))

const ask = (path: string, init: RequestInit = {}) => fetch(new URL(path, server.url), init)
const bearer = { Authorization: `Bearer ${TOKEN}` }
const json = { ...bearer, 'Content-Type': 'application/json' }

describe('status codes', () => {
  test.each([
    ['GET', '/livez', 200],
    ['HEAD', '/livez', 200],
    ['GET', '/nowhere', 404],
    ['GET', '/model', 401],
    ['POST', '/model', 401],
    ['DELETE', '/challenger', 401],
  ])('%s %s is %i', async (method, path, code) => {
    expect((await ask(path, { method })).status).toBe(code)
  })

  test('401 says how to ask', async () => {
    expect((await ask('/model')).headers.get('www-authenticate')).toMatch(/^Bearer /)
    const headers = { Authorization: 'Bearer wrong' }
    const wrong = await ask('/model', { headers })
    expect([wrong.status, wrong.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining('invalid_token'),
    ])
  })

  test.each([
    ['POST', '/livez', 'GET, HEAD'],
    ['DELETE', '/metrics', 'GET, HEAD'],
    ['PUT', '/model', 'GET, HEAD, POST'],
    ['GET', '/model/rollback', 'POST'],
    ['PATCH', '/challenger', 'GET, HEAD, POST, DELETE'],
  ])('%s %s is 405, and says what is allowed', async (method, path, allow) => {
    const response = await ask(path, { method, headers: bearer })
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow])
  })

  test.each([
    ['a form', { ...bearer, 'Content-Type': 'application/x-www-form-urlencoded' }],
    ['text', { ...bearer, 'Content-Type': 'text/plain' }],
    ['compressed JSON', { ...json, 'Content-Encoding': 'gzip' }],
  ])('a body that is %s is 415', async (_, headers) => {
    const response = await ask('/model', { method: 'POST', body: '{"path":"x"}', headers })
    expect(response.status).toBe(415)
  })

  test.each([20_000, 200_000])('a body of %i bytes is 413', async (bytes) => {
    const body = JSON.stringify({ path: 'x'.repeat(bytes) })
    expect((await ask('/model', { method: 'POST', body, headers: json })).status).toBe(413)
  })

  test('headers of 100,000 bytes are 431', async () => {
    expect((await ask('/livez', { headers: { 'X-Long': 'x'.repeat(100_000) } })).status).toBe(431)
  })
})

test('no answer may be kept, framed or guessed at', async () => {
  for (const path of ['/livez', '/model', '/nowhere']) {
    const { headers } = await ask(path)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('x-frame-options')).toBe('DENY')
  }
})

/** Sends the start of a request, then a byte now and then; resolves when the server hangs up. */
async function trickle(start: string, more: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port: server.port!,
    socket: { data: () => {}, close: () => resolve(), error: () => resolve() },
  })
  socket.write(start)
  const timer = setInterval(() => socket.write(more), 500)
  await promise
  clearInterval(timer)
}

describe('a client that takes its time is let go:', () => {
  test.concurrent.each([
    ['silent', '', ''],
    ['with its headers', 'GET /livez HTTP/1.1\r\nHost: x\r\n', 'X: y\r\n'],
    [
      'with its body',
      `POST /model HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n`,
      'x',
    ],
  ])('%s', async (_, start, more) => {
    await trickle(start, more)
  })
})
