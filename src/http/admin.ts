// What changes the state of a running worker, behind a bearer token: the model.

import { Hono } from 'hono'
import { bearerAuth } from 'hono/bearer-auth'
import { bodyLimit } from 'hono/body-limit'
import { HTTPException } from 'hono/http-exception'
import { z } from 'zod'
import { OperatingError } from '../errors.ts'
import type { ModelHost, ModelVersion } from '../model-host.ts'

const BODY_BYTES_MAX = 16 * 1024

const change = z.strictObject({ path: z.string().min(1) })

/** Routes below /model; without a token all are refused. */
export function makeAdmin(host: ModelHost, token: string): Hono {
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
  app.onError((error, c) => {
    if (error instanceof OperatingError) return c.json({ error: error.message }, 422)
    if (error instanceof HTTPException) return error.getResponse()
    throw error
  })

  app.get('/', (c) => c.json(describe(host)))

  /** Body {"path": folder of an artefact}. */
  app.post('/', async (c) => {
    const parsed = change.safeParse(await c.req.json().catch(() => undefined))
    if (!parsed.success) return c.json({ error: 'the body must be {"path": "FOLDER"}' }, 400)
    await host.load(parsed.data.path)
    return c.json(describe(host))
  })

  app.post('/rollback', async (c) => {
    await host.rollBack()
    return c.json(describe(host))
  })

  return app
}

function describe(host: ModelHost) {
  const { model, previousModel, swaps, refusals } = host
  const text = (version: ModelVersion) => ({
    name: version.name,
    hash: version.hash,
    path: version.folder,
    since: new Date(version.sinceMs).toISOString(),
  })
  return {
    model: text(model),
    previous: previousModel ? text(previousModel) : null,
    swaps,
    refusals,
  }
}
