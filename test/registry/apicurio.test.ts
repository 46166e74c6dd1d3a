// The client against a real registry.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { canonicalForm } from '../../src/avro/fingerprint.ts'
import { type Json, parseSchema } from '../../src/avro/schema.ts'
import { OperatingError } from '../../src/errors.ts'
import { RegistryClient } from '../../src/registry/client.ts'
import { applicationSchema } from '../support/engine.ts'
import { Registry } from '../support/registry.ts'

setDefaultTimeout(90_000)

const reason = Registry.unavailable()
const options = { timeoutMs: 10_000, unknownMs: 0 }

describe.skipIf(reason !== undefined)(`a real registry${reason ? ` (${reason})` : ''}`, () => {
  let registry: Registry
  let client: RegistryClient

  beforeAll(async () => {
    registry = await Registry.start()
    client = new RegistryClient({ ...options, url: `${registry.url}/` })
  })
  afterAll(async () => registry.stop())

  test('gives back what was registered, under one id', async () => {
    const { json, schema } = applicationSchema
    const id = await client.register('loan_applications-value', json)
    expect(await client.register('loan_applications-value', json)).toBe(id)
    const found = await client.schema(id)
    if ('unknown' in found) throw new Error(found.unknown)
    expect(canonicalForm(parseSchema(found.json, 'found'))).toBe(canonicalForm(schema))
  })

  test('knows no other id, until it does', async () => {
    expect(await client.schema(4711)).toEqual({ unknown: 'the registry knows no schema 4711' })
  })

  test('takes primitive types', async () => {
    const id = await client.register('primitive', 'long')
    expect(await client.schema(id)).toEqual({ json: 'long' })
  })

  test('brings what a schema refers to', async () => {
    const zip: Json = { type: 'fixed', name: 'a.Zip', size: 5 }
    const r: Json = { type: 'record', name: 'a.R', fields: [{ name: 'zip', type: 'Zip' }] }
    await client.register('zip', zip)
    const response = await fetch(`${registry.url}/subjects/r/versions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        schema: JSON.stringify(r),
        references: [{ name: 'a.Zip', subject: 'zip', version: 1 }],
      }),
    })
    const { id } = (await response.json()) as { id: number }
    const found = await client.schema(id)
    if ('unknown' in found) throw new Error(found.unknown)
    expect(canonicalForm(parseSchema(found.json, 'found'))).toBe(
      '{"name":"a.R","type":"record","fields":[{"name":"zip","type":{"name":"a.Zip","type":"fixed","size":5}}]}',
    )
  })

  test("refuses what breaks the subject's rule, which is for a person to mend", async () => {
    await client.register('ruled', 'int')
    await fetch(`${registry.url}/config/ruled`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: '{"compatibility":"BACKWARD"}',
    })
    const error = await client.register('ruled', 'string').catch((it: unknown) => it)
    expect(error).toBeInstanceOf(OperatingError)
    expect((error as OperatingError).kind).toBe('usage')
    expect((error as OperatingError).message).toContain('answered 409: ')
  })

  test('at a wrong address is a mistake, and no unknown id', async () => {
    const wrong = new RegistryClient({ ...options, url: registry.url.replace('v7', 'v0') })
    const error = await wrong.schema(1).catch((it: unknown) => it)
    expect((error as OperatingError).kind).toBe('usage')
  })

  test('that does not listen is retriable', async () => {
    const other = await Registry.start()
    const late = new RegistryClient({ ...options, url: other.url })
    const id = await late.register('x', 'int')
    await other.stop()
    const error = await late.schema(id).catch((it: unknown) => it)
    expect([(error as OperatingError).kind, (error as OperatingError).code]).toEqual([
      'retriable',
      'registry_unavailable',
    ])
  })
})
