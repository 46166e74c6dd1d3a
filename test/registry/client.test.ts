// What a registry may answer, each answer made by a server of the test: what is asked again, what
// is not, and what each kind of failure becomes.

import { describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OperatingError } from '../../src/errors.ts'
import { RegistryClient, type RegistryOptions } from '../../src/registry/client.ts'
import { refusal } from '../support/engine.ts'

const INT = { schema: '"int"' }
const UNKNOWN = { error_code: 40403, message: 'Schema 7 not found' }

class FakeRegistry implements Disposable {
  readonly requests: Request[] = []
  /** Kept apart: a request loses them once it is answered. */
  readonly authorizations: (string | null)[] = []
  private readonly server: Bun.Server<undefined>
  private readonly protocol: string

  constructor(
    answer: (path: string, count: number) => Response | Promise<Response>,
    tls?: { cert: string; key: string },
  ) {
    this.protocol = tls ? 'https' : 'http'
    this.server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      ...(tls ? { tls } : {}),
      fetch: (request) => {
        this.requests.push(request)
        this.authorizations.push(request.headers.get('Authorization'))
        return answer(new URL(request.url).pathname, this.requests.length)
      },
    })
  }

  get url(): string {
    return `${this.protocol}://127.0.0.1:${this.server.port}`
  }

  client(options: Partial<RegistryOptions> = {}): RegistryClient {
    return new RegistryClient({ url: this.url, timeoutMs: 2000, unknownMs: 60_000, ...options })
  }

  get paths(): string[] {
    return this.requests.map(({ url }) => new URL(url).pathname)
  }

  [Symbol.dispose](): void {
    void this.server.stop(true)
  }
}

async function failure(promise: Promise<unknown>): Promise<OperatingError> {
  const error = await promise.then(
    () => undefined,
    (it: unknown) => it,
  )
  if (error instanceof OperatingError) return error
  throw new Error('it did not fail as it should')
}

test('a schema is also known by its GUID, and what is none is not asked for', async () => {
  using fake = new FakeRegistry(() => Response.json(INT))
  const guid = '0f8fad5b-d9cb-469f-a165-70867728950e'
  expect(await fake.client().schema(guid)).toEqual({ json: 'int' })
  expect(await fake.client().schema('../ids/1')).toEqual({ unknown: 'the GUID is none' })
  expect(fake.paths).toEqual([`/schemas/guids/${guid}`])
})

describe('the cache', () => {
  test('asks once for what is known, also when many ask at once', async () => {
    using fake = new FakeRegistry(() => Response.json(INT))
    const client = fake.client()
    const found = await Promise.all(Array.from({ length: 20 }, () => client.schema(1)))
    expect(found).toEqual(Array.from({ length: 20 }, () => ({ json: 'int' })))
    await client.schema(1)
    await client.schema(2)
    expect(fake.paths).toEqual(['/schemas/ids/1', '/schemas/ids/2'])
  })

  test('asks again for an unknown id when its time is over', async () => {
    using fake = new FakeRegistry((_, count) =>
      count === 1 ? Response.json(UNKNOWN, { status: 404 }) : Response.json(INT),
    )
    const client = fake.client({ unknownMs: 50 })
    const unknown = { unknown: 'the registry knows no schema 7' }
    expect([await client.schema(7), await client.schema(7)]).toEqual([unknown, unknown])
    await Bun.sleep(80)
    expect(await client.schema(7)).toEqual({ json: 'int' })
    expect(fake.requests.length).toBe(2)
  })

  test('is bounded, as ids are set by whoever writes', async () => {
    using fake = new FakeRegistry(() => Response.json(INT))
    const client = fake.client()
    for (let id = 0; id <= 10_000; id++) await client.schema(id)
    await client.schema(10_000)
    expect(fake.requests.length).toBe(10_001)
    await client.schema(0)
    expect(fake.requests.length).toBe(10_002)
  })

  test('does not remember a failure', async () => {
    using fake = new FakeRegistry((_, count) =>
      count === 1 ? new Response('', { status: 503 }) : Response.json(INT),
    )
    const client = fake.client()
    expect((await failure(client.schema(7))).kind).toBe('retriable')
    expect(await client.schema(7)).toEqual({ json: 'int' })
  })
})

describe('failures', () => {
  const CASES: [what: string, answer: () => Response, kind: string, says: string][] = [
    ['an error of the server', () => new Response('', { status: 500 }), 'retriable', '500'],
    ['too many requests', () => new Response('', { status: 429 }), 'retriable', '429'],
    ['a page that is no JSON', () => new Response('<html>'), 'retriable', 'without a schema'],
    ['wrong credentials', () => new Response('', { status: 401 }), 'usage', '401'],
    [
      'no permission',
      () => Response.json({ error_code: 40301, message: 'User is denied' }, { status: 403 }),
      'usage',
      'answered 403: User is denied',
    ],
    ['a wrong address', () => new Response('', { status: 404 }), 'usage', '404'],
  ]
  test.each(CASES)('%s', async (_, answer, kind, says) => {
    using fake = new FakeRegistry(answer)
    const error = await failure(fake.client().schema(7))
    expect(error.kind).toBe(kind as OperatingError['kind'])
    expect(error.message).toContain('/schemas/ids/7: ')
    expect(error.message).toContain(says)
  })

  test('an address that moved is not followed: credentials are for this one', async () => {
    using other = new FakeRegistry(() => Response.json(INT))
    const { url } = other
    using fake = new FakeRegistry(() => Response.redirect(url))
    const credentials = { token: 'secret' }
    expect((await failure(fake.client({ credentials }).schema(7))).kind).toBe('retriable')
    expect(other.paths).toEqual([])
  })

  test('a registry that does not answer in time is retriable', async () => {
    using fake = new FakeRegistry(async () => {
      await Bun.sleep(500)
      return Response.json(INT)
    })
    expect((await failure(fake.client({ timeoutMs: 50 }).schema(7))).kind).toBe('retriable')
  })

  test('what is no Avro schema is an id that no record can be read by', async () => {
    const schemas = [{ schema: 'message M {}', schemaType: 'PROTOBUF' }, { schema: '{"type": ' }]
    using fake = new FakeRegistry((path) => Response.json(schemas[Number(path.at(-1))]))
    const client = fake.client()
    expect(await client.schema(0)).toEqual({ unknown: 'schema 0 is PROTOBUF and not AVRO' })
    expect(await client.schema(1)).toHaveProperty('unknown')
  })

  test('a reference that leads nowhere, or in a circle, ends', async () => {
    const circle = [{ name: 'a.A', subject: 'a', version: 1 }]
    using fake = new FakeRegistry((path) =>
      path === '/schemas/ids/1'
        ? Response.json({
            schema: '"a.B"',
            references: [{ name: 'a.B', subject: 'b', version: 1 }],
          })
        : path === '/subjects/b/versions/1'
          ? Response.json({ error_code: 40401 }, { status: 404 })
          : Response.json({
              schema: '{"type":"fixed","name":"a.A","size":1}',
              references: circle,
            }),
    )
    expect(await fake.client().schema(1)).toEqual({ unknown: 'the registry has no version 1 of b' })
    expect(await fake.client().schema(2)).toHaveProperty('json')
  })

  test('a reference that we may not see is no unknown id', async () => {
    using fake = new FakeRegistry((path) =>
      path === '/schemas/ids/1'
        ? Response.json({ schema: '"B"', references: [{ name: 'B', subject: 'b', version: 1 }] })
        : new Response('', { status: 403 }),
    )
    expect((await failure(fake.client().schema(1))).kind).toBe('usage')
  })

  test('an address that is none is refused at once', () => {
    const options = { url: 'registry:8081', timeoutMs: 1, unknownMs: 1 }
    expect(refusal(() => new RegistryClient(options)).message).toStartWith('registry:8081 is no ')
  })
})

describe('requests', () => {
  test('carry basic credentials or a token', async () => {
    using fake = new FakeRegistry(() => Response.json(INT))
    await fake.client({ credentials: { user: 'me', password: 'sé:cret' } }).schema(1)
    await fake.client({ credentials: { token: 'abc' } }).schema(1)
    await fake.client().schema(1)
    expect(fake.authorizations).toEqual([
      `Basic ${Buffer.from('me:sé:cret').toString('base64')}`,
      'Bearer abc',
      null,
    ])
  })

  test('register a schema under its subject, whatever that is called', async () => {
    const bodies: unknown[] = []
    using fake = new FakeRegistry(async () => {
      const request = fake.requests.at(-1)!
      bodies.push(await request.json(), request.headers.get('Content-Type'))
      return Response.json({ id: 12 })
    })
    expect(await fake.client().register('a/b value', ['null', 'int'])).toBe(12)
    expect(fake.paths).toEqual(['/subjects/a%2Fb%20value/versions'])
    expect(bodies).toEqual([{ schema: '["null","int"]' }, 'application/vnd.schemaregistry.v1+json'])
  })
})

test.skipIf(!Bun.which('openssl'))('TLS: only an authority that is trusted is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'loanstream-tls-'))
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name)) as [string, string]
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
  const kind = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2']
  Bun.spawnSync(['openssl', ...kind, ...subject, '-keyout', key, '-out', cert])
  const pem = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  rmSync(folder, { recursive: true })
  using fake = new FakeRegistry(() => Response.json(INT), pem)
  expect((await failure(fake.client().schema(1))).kind).toBe('retriable')
  expect(await fake.client({ tls: { ca: pem.cert } }).schema(1)).toEqual({ json: 'int' })
})
