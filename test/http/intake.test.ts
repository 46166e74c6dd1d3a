// The intake over HTTP without a broker behind it: what is refused before anything is sent, and the
// API's description.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type Config, loadConfig } from '../../src/config.ts'
import { makeIntake } from '../../src/http/intake.ts'
import { Intake } from '../../src/intake/intake.ts'
import { exampleOf, openApi } from '../../src/intake/openapi.ts'
import { makeLog } from '../../src/log.ts'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { describeProperties } from '../../src/rdkafka/properties.ts'
import { applicationSchema, decisionSchema } from '../support/engine.ts'

let intake: Intake
let app: ReturnType<typeof makeIntake>
let example: Record<string, unknown>

function config(): Config {
  // Nobody listens there: whatever gets as far as a broker is answered with 503.
  const sets = ['bootstrap.servers=127.0.0.1:1']
  return loadConfig({ file: false, environment: {}, sets, properties: describeProperties() })
}

beforeAll(() => {
  openLibrary(libraryPath(BUILD))
  intake = new Intake(config(), applicationSchema, decisionSchema, makeLog('error', 'json'))
  app = makeIntake({ intake, description: openApi(intake.fields, '1.2.3') })
  example = exampleOf(intake.fields) as Record<string, unknown>
})

afterAll(() => intake.close())

type ProblemBody = {
  type: string
  title: string
  status: number
  detail: string
  errors?: { pointer: string; detail: string; range?: string }[]
}

async function post(body: unknown, headers: Record<string, string> = {}) {
  const response = await app.request('/applications', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { response, problem: (await response.json()) as ProblemBody }
}

describe('what cannot be taken', () => {
  test('is answered as RFC 9457 has it', async () => {
    const { response, problem } = await post({ ...example, credit_score: 200 })
    expect(response.headers.get('Content-Type')).toBe('application/problem+json')
    expect(problem).toMatchObject({ type: 'about:blank', status: 422, detail: '1 field is wrong' })
    expect(response.status).toBe(422)
  })

  test.each([
    [{ credit_score: 200 }, 'credit_score', 'must be at least 300, is 200', '300 to 850'],
    [{ credit_score: 712.5 }, 'credit_score', 'must be a whole number, is 712.5', '300 to 850'],
    [{ loan_amount: 0 }, 'loan_amount', 'must be above 0, is 0', 'above 0 to 1,000,000,000'],
    [
      { loan_amount: 'much' },
      'loan_amount',
      'must be a number, is "much"',
      'above 0 to 1,000,000,000',
    ],
    [{ annual_income: null }, 'annual_income', 'is missing', '0 to 1,000,000,000,000'],
    [{ open_accounts: -1 }, 'open_accounts', 'must be at least 0, is -1', 'at least 0'],
    [{ region: 5 }, 'region', 'must be text, is 5', undefined],
    [{ loan_amont: 5 }, 'loan_amont', 'is no field; the nearest is loan_amount', undefined],
    [{ application_id: '' }, 'application_id', 'is empty', undefined],
  ])('%p is named with its allowed range', async (change, field, detail, range) => {
    const { problem } = await post({ ...example, ...change })
    const due = { pointer: `#/${field}`, detail, ...(range === undefined ? {} : { range }) }
    expect(problem.errors).toEqual([due])
  })

  test('is told field by field, all at once', async () => {
    const { problem } = await post({})
    const required = intake.fields.filter((field) => field.default === undefined)
    expect(problem.errors!.length).toBe(required.length - 2)
    expect(problem.errors!.every(({ detail }) => detail === 'is missing')).toBeTrue()
  })

  test.each([
    ['no JSON', '{', {}, 400],
    ['no object', '[1]', {}, 400],
    ['nothing', '', {}, 400],
    ['another content type', 'a=1', { 'Content-Type': 'text/plain' }, 415],
    ['a form', 'a=1', { 'Content-Type': 'application/x-www-form-urlencoded' }, 415],
    ['a key with a space', '{}', { 'Idempotency-Key': 'a b' }, 400],
    ['a key that is too long', '{}', { 'Idempotency-Key': 'a'.repeat(256) }, 400],
  ])('%s gets the right status', async (_, body, headers, status) => {
    const { response, problem } = await post(body, headers)
    expect(response.status).toBe(status)
    expect(problem.status).toBe(status)
  })

  test('a body that is too large is refused, however it says its length', async () => {
    const { response } = await post({ ...example, region: 'x'.repeat(70_000) })
    expect(response.status).toBe(413)
  })

  test.each([
    ['PUT', '/applications', 'POST'],
    ['GET', '/applications', 'POST'],
    ['DELETE', '/applications/x', 'GET'],
    ['POST', '/apply', 'GET'],
  ])('%s %s says what is possible', async (method, path, allowed) => {
    const response = await app.request(path, { method })
    expect(response.status).toBe(405)
    expect(response.headers.get('Allow')).toBe(allowed)
  })

  test('an application that was not taken here is not found', async () => {
    expect((await app.request('/applications/nobody')).status).toBe(404)
  })

  test('without a broker all is right and 503 says to come again', async () => {
    const { response, problem } = await post(example)
    expect(response.status).toBe(503)
    expect(response.headers.get('Retry-After')).toBe('5')
    expect(problem.detail).toContain('no broker answers')
  })
})

describe('the description', () => {
  test('has every field with its unit, range and example, as the schema file states them', async () => {
    const body = (await (await app.request('/openapi.json')).json()) as {
      openapi: string
      info: { version: string }
      components: { schemas: { Application: ApplicationDescription } }
    }
    expect(body.openapi).toBe('3.1.0')
    expect(body.info.version).toBe('1.2.3')
    const { properties, required } = body.components.schemas.Application
    const names = applicationSchema.schema.fields.map(({ name }) => name)
    expect(Object.keys(properties)).toEqual(names)
    expect(properties['credit_score']).toMatchObject({
      type: 'integer',
      minimum: 300,
      maximum: 850,
    })
    expect(properties['loan_amount']).toMatchObject({ type: 'number', exclusiveMinimum: 0 })
    expect(properties['employment_years']).toMatchObject({ type: ['integer', 'null'] })
    expect(properties['loan_amount']!.description).toContain('Unit: USD')
    expect(required).toContain('loan_amount')
    expect(required).not.toContain('employment_years')
    expect(required).not.toContain('application_id')
  })

  test('gives an example that the checker takes', () => {
    const complete = { ...example, application_id: 'x', submitted_at: 1 }
    expect(Object.keys(complete).sort()).toEqual(intake.fields.map(({ name }) => name).sort())
  })

  test('refers to nothing that it does not hold', () => {
    const description = openApi(intake.fields, '1') as { components: { schemas: object } }
    const refs = JSON.stringify(description).matchAll(/#\/components\/schemas\/(\w+)/g)
    for (const [, name] of refs) expect(description.components.schemas).toHaveProperty(name!)
  })
})

type ApplicationDescription = {
  properties: Record<string, { description: string; type: string | string[] }>
  required: string[]
}
