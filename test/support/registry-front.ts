// What stands before a registry where people run one: it may be down, or ask for credentials. Behind
// it is the real one. Apicurio 2 has no GUIDs: asked for one, the front asks it for the id that a
// test has given that GUID.

import { freePorts } from './kafka-ports.ts'
import type { Registry } from './registry.ts'

export class RegistryFront implements Disposable {
  /** Authorization that requests must have, or undefined: any will do. */
  authorization: string | undefined
  readonly guids = new Map<string, number>()
  readonly paths: string[] = []
  readonly url: string
  private readonly port: number
  private readonly registry: Registry
  private server: Bun.Server<undefined> | undefined

  constructor(registry: Registry) {
    this.registry = registry
    this.port = freePorts(1)[0]!
    this.url = `http://127.0.0.1:${this.port}`
  }

  up(): this {
    this.server = Bun.serve({
      hostname: '127.0.0.1',
      port: this.port,
      fetch: (request) => this.answer(request),
    })
    return this
  }

  async down(): Promise<void> {
    await this.server?.stop(true)
    this.server = undefined
  }

  private async answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    this.paths.push(pathname)
    const given = request.headers.get('Authorization')
    if (this.authorization !== undefined && given !== this.authorization) {
      return Response.json({ error_code: 401, message: 'Unauthorized' }, { status: 401 })
    }
    const guid = /^\/schemas\/guids\/(.+)$/.exec(pathname)?.[1]
    const path = guid === undefined ? pathname : `/schemas/ids/${this.guids.get(guid) ?? 1e9}`
    const body = request.method === 'POST' ? { body: await request.text() } : {}
    const headers = { 'Content-Type': 'application/json' }
    const answer = await fetch(this.registry.url + path, {
      method: request.method,
      headers,
      ...body,
    })
    return new Response(await answer.text(), { status: answer.status })
  }

  [Symbol.dispose](): void {
    void this.server?.stop(true)
  }
}
