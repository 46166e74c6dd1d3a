// The intake over HTTP: a form for people at /apply, a JSON API below /applications, and its
// description. Nothing is sent to Kafka unless all of it is right.

import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { OperatingError } from '../errors.ts'
import type { FormField } from '../intake/fields.ts'
import type { Intake, Taken } from '../intake/intake.ts'
import { page } from './assets.ts'
import { problem } from './problem.ts'

const BODY_BYTES_MAX = 64 * 1024
/** How long a request waits for its decision. */
const WAIT_MS = 10_000
/** Visible ASCII, as the IETF's draft on the header has it. */
const KEY = /^[\x21-\x7e]{1,255}$/

export type IntakeParts = {
  intake: Intake
  /** Of the API: OpenAPI, as an object. */
  description: object
  waitMs?: number
}

/** The routes /apply, /applications and /openapi.json. */
export function makeIntake({ intake, description, waitMs = WAIT_MS }: IntakeParts): Hono {
  const app = new Hono()

  app.get('/apply', (c) => page(c, 'apply.html'))
  app.get('/apply/fields', (c) => c.json(intake.fields.map(shownField)))
  app.get('/openapi.json', (c) => c.json(description))

  app.post(
    '/applications',
    bodyLimit({
      maxSize: BODY_BYTES_MAX,
      onError: (c) => problem(c, 413, `the limit is ${BODY_BYTES_MAX} bytes`),
    }),
    (c) => apply(c, intake, waitMs),
  )
  app.get('/applications/:id', (c) => {
    const taken = intake.find(c.req.param('id'))
    return taken ? answer(c, taken) : problem(c, 404, 'this process took no such application')
  })
  for (const [path, allowed] of [
    ['/applications', 'POST'],
    ['/applications/:id', 'GET'],
    ['/apply', 'GET'],
    ['/openapi.json', 'GET'],
  ] as const) {
    app.all(path, (c) => {
      c.header('Allow', allowed)
      return problem(c, 405, `${c.req.method} is not possible here, ${allowed} is`)
    })
  }
  return app
}

/** Without the type's own bounds, which say nothing to people. */
function shownField({ minimum: _minimum, maximum: _maximum, ...field }: FormField): object {
  return field
}

async function apply(c: Context, intake: Intake, waitMs: number): Promise<Response> {
  const type = c.req.header('Content-Type') ?? ''
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    return problem(c, 415, `the body is ${type === '' ? 'of no stated type' : type}`)
  }
  const key = c.req.header('Idempotency-Key')
  if (key !== undefined && !KEY.test(key)) {
    return problem(c, 400, 'Idempotency-Key must be 1 to 255 visible ASCII characters')
  }
  const values: unknown = await c.req.json().catch(() => undefined)
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    return problem(c, 400, 'the body must be one JSON object')
  }
  try {
    const result = await intake.submit(values as Record<string, unknown>, key)
    if ('reused' in result) {
      return problem(c, 422, 'the Idempotency-Key was used for another application')
    }
    if ('problems' in result) {
      const errors = result.problems.map(({ field, message, range }) => ({
        pointer: `#/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`,
        detail: message,
        ...(range === '' ? {} : { range }),
      }))
      const what = errors.length === 1 ? '1 field is wrong' : `${errors.length} fields are wrong`
      return problem(c, 422, what, { errors })
    }
    await Promise.race([result.taken.decided, Bun.sleep(waitMs)])
    return answer(c, result.taken)
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    c.header('Retry-After', '5')
    return problem(c, 503, error.message)
  }
}

function answer(c: Context, { id, decision }: Taken): Response {
  c.header('Cache-Control', 'no-store')
  if (!decision) {
    c.header('Location', `/applications/${encodeURIComponent(id)}`)
    c.header('Retry-After', '1')
    return c.json({ status: 'pending', application_id: id }, 202)
  }
  const { reasons, ...rest } = decision
  return c.json({
    status: 'decided',
    ...rest,
    reasons: reasons.map(({ code, fields }) => ({ code, text: words(code, fields), fields })),
  })
}

/** CREDIT_SCORE_BELOW_MINIMUM as words: Credit score below minimum (credit score). */
function words(code: string, fields: readonly string[]): string {
  const plain = (text: string) => text.toLowerCase().replaceAll('_', ' ')
  const text = plain(code)
  const rests = fields.length > 0 ? ` (rests on ${fields.map(plain).join(', ')})` : ''
  return text.charAt(0).toUpperCase() + text.slice(1) + rests
}
