// What the monitor page shows of applicants: a decision explained, dead letters opened. Only for
// who is signed in, and never kept by a browser or a proxy.

import { type Context, Hono, type MiddlewareHandler } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { OperatingError } from '../errors.ts'
import { BUSY, type Explainer } from '../explain/explainer.ts'
import type { LatestLetters } from '../letters.ts'
import type { Monitor } from '../monitor/monitor.ts'
import { refuseOtherMethods } from './methods.ts'
import type { Sessions } from './session.ts'

export type InsideParts = {
  explainer: Explainer
  letters: Pick<LatestLetters, 'read'>
}

const DECISION = '/decisions/:partition{\\d{1,9}}/:offset{\\d{1,15}}'
const LETTERS = '/dead-letters'

/** The routes /decisions/PARTITION/OFFSET and /dead-letters, answered in JSON. */
export function makeInside(monitor: Monitor, parts: InsideParts, sessions: Sessions): Hono {
  const app = new Hono()

  const signedIn: MiddlewareHandler = async (c, next) => {
    if (!sessions.canSignIn) return refusal(c, 403, 'http.token is not set: nobody can sign in')
    if (!sessions.isSignedIn(c)) return refusal(c, 401, 'sign in, or send the token as a bearer')
    await next()
  }
  for (const path of [DECISION, LETTERS]) app.on('GET', path, signedIn)

  app.get(DECISION, (c) => {
    const { partition, offset } = c.req.param()
    const sample = monitor.kept.find(Number(partition), Number(offset))
    if (!sample) return refusal(c, 404, 'it is none of the last decisions that were sampled here')
    try {
      return c.json(parts.explainer.explain(sample.decided, sample.value))
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      const isBusy = error.code === BUSY
      if (isBusy) c.header('Retry-After', '1')
      return refusal(c, isBusy ? 429 : 409, error.message)
    }
  })

  app.get(LETTERS, async (c) => {
    try {
      return c.json(await parts.letters.read())
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      c.header('Retry-After', '5')
      return refusal(c, 503, error.message)
    }
  })

  refuseOtherMethods(app, { [DECISION]: 'GET, HEAD', [LETTERS]: 'GET, HEAD' })
  return app
}

function refusal(c: Context, status: ContentfulStatusCode, error: string): Response {
  return c.json({ error }, status)
}
