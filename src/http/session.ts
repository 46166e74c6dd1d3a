// Who may see whom an application is of: viewers who gave the worker's token. A browser's stream of
// events carries no header, so signing in gives it a cookie; it is worth nothing elsewhere.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { z } from 'zod'

const COOKIE = 'loanstream_session'
const SESSION_S = 12 * 3600
const SESSIONS_MAX = 256
const BODY_BYTES_MAX = 4096

const body = z.strictObject({ token: z.string() })

export class Sessions {
  private readonly token: string
  /** When each ends, Date.now(); oldest first. */
  private readonly ends = new Map<string, number>()

  /** @param token  '' when nobody can sign in */
  constructor(token: string) {
    this.token = token
  }

  get canSignIn(): boolean {
    return this.token !== ''
  }

  /** Compares in constant time. */
  isToken(given: string): boolean {
    const digest = (text: string) => createHash('sha256').update(text).digest()
    return this.canSignIn && timingSafeEqual(digest(given), digest(this.token))
  }

  /** By cookie, or by the token itself as a bearer. */
  isSignedIn(c: Context): boolean {
    const bearer = /^Bearer (.+)$/.exec(c.req.header('Authorization') ?? '')
    if (bearer) return this.isToken(bearer[1]!)
    const end = this.ends.get(getCookie(c, COOKIE) ?? '')
    return end !== undefined && end > Date.now()
  }

  open(): string {
    const id = randomBytes(32).toString('hex')
    this.ends.set(id, Date.now() + SESSION_S * 1000)
    const [oldest] = this.ends.keys()
    if (this.ends.size > SESSIONS_MAX) this.ends.delete(oldest!)
    return id
  }

  close(id: string): void {
    this.ends.delete(id)
  }
}

/** Routes below /session. */
export function makeSession(sessions: Sessions): Hono {
  const app = new Hono()

  app.post('/', bodyLimit({ maxSize: BODY_BYTES_MAX }), async (c) => {
    const given = body.safeParse(await c.req.json().catch(() => undefined))
    if (!given.success) return c.json({ error: 'the body must be {"token": "TOKEN"}' }, 400)
    if (!sessions.isToken(given.data.token)) return c.json({ error: 'not the token' }, 403)
    const secure = new URL(c.req.url).protocol === 'https:'
    const options = { httpOnly: true, sameSite: 'Strict', path: '/', secure } as const
    setCookie(c, COOKIE, sessions.open(), { ...options, maxAge: SESSION_S })
    return c.body(null, 204)
  })

  app.delete('/', (c) => {
    sessions.close(getCookie(c, COOKIE) ?? '')
    deleteCookie(c, COOKIE)
    return c.body(null, 204)
  })

  return app
}
