// What changes the state of a running worker, behind a bearer token: model, policy, challenger.

import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { bearerAuth } from 'hono/bearer-auth'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import { z } from 'zod'
import { OperatingError } from '../errors.ts'
import { challengerCounts } from '../metrics/challenger.ts'
import { OUTCOMES } from '../metrics/counters.ts'
import { refuseOtherMethods } from './methods.ts'
import type { ModelHost } from '../model-host.ts'
import type { Status } from '../status.ts'
import type { Swappable, Version } from '../swappable.ts'

const BODY_BYTES_MAX = 16 * 1024

/** Body {"path": folder of an artefact, or file of a policy}. */
const change = z.strictObject({ path: z.string().min(1) })

/** An app whose every route wants the token; without one all are refused. */
function guarded(token: string): Hono {
  const app = new Hono()
  if (token === '') {
    app.all('*', (c) =>
      c.json({ error: 'http.token is not set: nothing can be changed here' }, 403),
    )
    return app
  }
  // Compares in constant time.
  app.use(bearerAuth({ token }))
  app.use(bodyLimit({ maxSize: BODY_BYTES_MAX }))
  app.use(onlyJson)
  app.onError((error, c) => {
    if (error instanceof OperatingError) return c.json({ error: error.message }, 422)
    if (error instanceof HTTPException) return error.getResponse()
    throw error
  })
  return app
}

/** Refuses a body of another type: what a form of a web page can send is none of ours. */
const onlyJson: MiddlewareHandler = async (c, next) => {
  const { headers } = c.req.raw
  const type = /^application\/json\s*(;|$)/i.test(headers.get('content-type') ?? '')
  const isPlain = (headers.get('content-encoding') ?? 'identity') === 'identity'
  if (c.req.raw.body !== null && !(type && isPlain)) {
    return c.json({ error: 'the body must be application/json' }, 415)
  }
  await next()
}

/** The path that a body names, or undefined. */
async function pathOf(c: Context): Promise<string | undefined> {
  return change.safeParse(await c.req.json().catch(() => undefined)).data?.path
}

const NO_PATH = { error: 'the body must be {"path": "FOLDER"}, of a policy {"path": "FILE"}' }

/** Routes below /model and /policy. */
export function makeAdmin(host: ModelHost, kind: 'model' | 'policy', token: string): Hono {
  const app = guarded(token)
  const part = host[kind]

  app.get('/', (c) => c.json(describe(kind, part)))

  app.post('/', async (c) => {
    const path = await pathOf(c)
    if (path === undefined) return c.json(NO_PATH, 400)
    await part.load(path)
    return c.json(describe(kind, part))
  })

  app.post('/rollback', async (c) => {
    await part.rollBack()
    return c.json(describe(kind, part))
  })

  refuseOtherMethods(app, { '/': 'GET, HEAD, POST', '/rollback': 'POST' })
  return app
}

/** Routes below /challenger. */
export function makeChallengerAdmin(host: ModelHost, status: Status, token: string): Hono {
  const app = guarded(token)
  const answer = (c: Context) => c.json(describeChallenger(host, status))

  app.get('/', answer)

  app.post('/', async (c) => {
    const path = await pathOf(c)
    if (path === undefined) return c.json(NO_PATH, 400)
    await host.challenge(path)
    return answer(c)
  })

  app.delete('/', async (c) => {
    await host.endChallenge()
    return answer(c)
  })

  refuseOtherMethods(app, { '/': 'GET, HEAD, POST, DELETE' })
  return app
}

function describe(kind: 'model' | 'policy', part: Swappable<unknown>) {
  const { version, previous, swaps, refusals } = part
  return {
    [kind]: describeVersion(version),
    previous: previous ? describeVersion(previous) : null,
    swaps,
    refusals,
  }
}

function describeVersion({ name, hash, path, sinceMs }: Version) {
  return { name, hash, path, since: new Date(sinceMs).toISOString() }
}

/** Which challenger there is, and how it and the model in use decided the same applications. */
function describeChallenger(host: ModelHost, status: Status) {
  const { pairs, errors, dropped, workersOff } = challengerCounts(status.counters())
  const rows = OUTCOMES.map((champion, i) => {
    const own = OUTCOMES.map((challenger, j) => [challenger, pairs[i * OUTCOMES.length + j]!])
    return [champion, Object.fromEntries(own)] as const
  })
  const decisions = pairs.reduce((sum, count) => sum + count, 0)
  const agreed = OUTCOMES.reduce((sum, _, i) => sum + pairs[i * OUTCOMES.length + i]!, 0)
  return {
    challenger: host.challenger ? describeVersion(host.challenger) : null,
    workers_off: workersOff,
    decisions,
    /** Share of decisions on which both agree. */
    agreement: decisions === 0 ? null : agreed / decisions,
    /** By the champion's outcome, then the challenger's. */
    pairs: Object.fromEntries(rows),
    errors,
    dropped,
  }
}
