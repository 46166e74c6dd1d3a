// A schema registry that speaks Confluent's REST interface: schemas by their id or GUID, and new
// ones registered. Source: Confluent Schema Registry API reference.
//
// What goes wrong is one of three: the registry does not answer or says that it cannot now, which
// is retriable; it refuses us or what we send, which a person must mend; or it does not know the id
// that a record carries, which is data and no error.

import { type Json, isPrimitive } from '../avro/schema.ts'
import type { SchemaId } from '../avro/schema-id.ts'
import { withSharedTypes } from '../avro/shared-types.ts'
import { OperatingError, messageOf, usageError } from '../errors.ts'
import { parseSchemaJson, schemaText } from '../avro/schema-json.ts'

type Credentials = { user: string; password: string } | { token: string }

export type RegistryOptions = {
  /** Such as http://127.0.0.1:8081, or with a path where the interface lies deeper. */
  url: string
  credentials?: Credentials | undefined
  /** For https: authorities to trust in place of the system's, own certificate and key, as PEM. */
  tls?: { ca?: string; cert?: string; key?: string } | undefined
  /** Longest time of one request. */
  timeoutMs: number
  /** For how long an id that is not known is not asked for again. */
  unknownMs: number
}

/** A schema that stands alone, or why there is none that a record of the id could be read with. */
export type Found = { json: Json } | { unknown: string }

type Reference = { name: string; subject: string; version: number }
type Answer = { schema: string; schemaType?: string; references?: Reference[] }
type Cached = { found: Promise<Found>; untilMs: number }

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** Ids are ints of Java. */
const ID_MAX = 0x7fffffff
const MEDIA_TYPE = 'application/vnd.schemaregistry.v1+json'
/** Confluent's code for an id that is not known: a 404 without it is of a wrong address. */
const SCHEMA_NOT_FOUND = 40403
/** Its codes for a subject, and a schema in it, that are not known. */
const NOT_IN_SUBJECT: ReadonlySet<unknown> = new Set([40401, SCHEMA_NOT_FOUND])
/** Request Timeout and Too Many Requests: the same request may succeed later. */
const RETRIABLE_STATUSES: ReadonlySet<number> = new Set([408, 429])
/** Codes of errors in what a registry holds: no JSON, and references that lead nowhere. */
const CONTENT_ERRORS: ReadonlySet<string> = new Set(['json', 'reference'])
/** Ids that are remembered: more than a topic has writers, and no limit is set by who writes. */
const CACHE_MAX = 10_000
/** Types that refer to types that refer to types. */
const REFERENCES_MAX = 256

export class RegistryClient {
  private readonly options: RegistryOptions
  private readonly base: string
  private readonly cache = new Map<SchemaId, Cached>()

  constructor(options: RegistryOptions) {
    this.options = options
    this.base = options.url.replace(/\/+$/, '')
    if (/^[^/]*\/\/[^/]*@/.test(this.base)) {
      throw usageError('registry', "a registry's address holds no credentials: there are settings")
    }
    if (!/^https?:\/\/[^/]/.test(this.base)) {
      throw usageError('registry', `${options.url} is no address of a registry, such as http://…`)
    }
  }

  /**
   * The schema of an id. What is found is remembered for ever, as it never changes; what is not,
   * for a while.
   *
   * @throws OperatingError kind 'retriable', code 'registry_unavailable', or kind 'usage', code
   *   'registry'
   */
  schema(id: SchemaId): Promise<Found> {
    const cached = this.cache.get(id)
    if (cached && performance.now() < cached.untilMs) return cached.found
    const found = this.fetchSchema(id)
    const entry: Cached = { found, untilMs: Number.POSITIVE_INFINITY }
    this.remember(id, entry)
    found.then(
      (it) => {
        if ('unknown' in it) entry.untilMs = performance.now() + this.options.unknownMs
      },
      () => {
        if (this.cache.get(id) === entry) this.cache.delete(id)
      },
    )
    return found
  }

  /**
   * Registers a schema under a subject, or finds it there, and returns its id.
   *
   * @throws as `schema`; kind 'usage' also when the subject's rules refuse the schema
   */
  async register(subject: string, schema: Json): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    const answer = await this.request(path, { schema: schemaText(schema) })
    const id = (answer.body as { id?: unknown } | null)?.id
    if (answer.status !== 200) throw this.refused(path, answer)
    if (typeof id !== 'number') throw this.unavailable(path, 'answered without an id')
    return id
  }

  /**
   * The id that a schema has under a subject; undefined when the subject has no such version.
   *
   * @throws as `schema`
   */
  async idOf(subject: string, schema: Json): Promise<number | undefined> {
    const path = `/subjects/${encodeURIComponent(subject)}`
    const answer = await this.request(path, { schema: JSON.stringify(schema) })
    if (answer.status === 404 && NOT_IN_SUBJECT.has(codeOf(answer.body))) return undefined
    if (answer.status !== 200) throw this.refused(path, answer)
    const id = (answer.body as { id?: unknown } | null)?.id
    if (typeof id !== 'number') throw this.unavailable(path, 'answered without an id')
    return id
  }

  /**
   * All versions of a subject, oldest first; none when there is no such subject.
   *
   * @throws as `schema`; kind 'usage' also for a version that is no Avro schema
   */
  async versions(subject: string): Promise<{ version: number; json: Json }[]> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    const answer = await this.request(path)
    if (answer.status === 404 && NOT_IN_SUBJECT.has(codeOf(answer.body))) return []
    if (answer.status !== 200) throw this.refused(path, answer)
    const { body } = answer
    if (!Array.isArray(body)) throw this.unavailable(path, 'answered without versions')
    const versions = (body as number[]).toSorted((a, b) => a - b)
    return Promise.all(
      versions.map(async (version) => {
        const place = `${path}/${version}`
        const found = await this.standalone(this.schemaOf(place, await this.request(place)), place)
        return { version, json: found }
      }),
    )
  }

  /** The schema of an answer with what it refers to. */
  private async standalone(answer: Answer, place: string): Promise<Json> {
    const { schema, schemaType = 'AVRO', references = [] } = answer
    if (schemaType !== 'AVRO') throw usageError('json', `${place} is ${schemaType} and not AVRO`)
    const types = new Map<string, { [key: string]: Json }>()
    await this.collect(references, types)
    return withSharedTypes(schemaJson(schema, place), types)
  }

  private remember(id: SchemaId, entry: Cached): void {
    this.cache.delete(id)
    const [oldest] = this.cache.keys()
    if (oldest !== undefined && this.cache.size >= CACHE_MAX) this.cache.delete(oldest)
    this.cache.set(id, entry)
  }

  private async fetchSchema(id: SchemaId): Promise<Found> {
    if (typeof id === 'string' && !GUID.test(id)) return { unknown: 'the GUID is none' }
    // Registries may take such a number for a wrong address.
    if (typeof id === 'number' && id > ID_MAX) return { unknown: `${id} is no id of a registry` }
    const path = typeof id === 'number' ? `/schemas/ids/${id}` : `/schemas/guids/${id}`
    const answer = await this.request(path)
    if (answer.status === 404 && codeOf(answer.body) === SCHEMA_NOT_FOUND) {
      return { unknown: `the registry knows no schema ${id}` }
    }
    try {
      return { json: await this.standalone(this.schemaOf(path, answer), `schema ${id}`) }
    } catch (error) {
      // What it holds is wrong. That it does not answer, or refuses us, says nothing of the schema.
      const isContent = error instanceof OperatingError && CONTENT_ERRORS.has(error.code)
      if (!isContent) throw error
      return { unknown: error.message }
    }
  }

  /** Brings what a schema refers to, and what that refers to. */
  private async collect(
    references: readonly Reference[],
    types: Map<string, { [key: string]: Json }>,
  ): Promise<void> {
    for (const { name, subject, version } of references) {
      if (types.has(name)) continue
      if (types.size === REFERENCES_MAX) {
        throw usageError('reference', `a schema refers to more than ${REFERENCES_MAX} others`)
      }
      const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`
      const response = await this.request(path)
      const place = `version ${version} of ${subject}`
      if (response.status === 404) throw usageError('reference', `the registry has no ${place}`)
      const answer = this.schemaOf(path, response)
      const json = schemaJson(answer.schema, place)
      if (json === null || typeof json !== 'object' || Array.isArray(json)) {
        throw usageError('reference', `${place} defines no named type`)
      }
      types.set(name, json)
      await this.collect(answer.references ?? [], types)
    }
  }

  private schemaOf(path: string, answer: HttpAnswer): Answer {
    if (answer.status !== 200) throw this.refused(path, answer)
    const body = answer.body as Answer | null
    if (typeof body?.schema !== 'string') {
      throw this.unavailable(path, 'answered without a schema')
    }
    return body
  }

  /** An answer that is not 5xx: those, and no answer at all, are retriable. */
  private async request(path: string, body?: object): Promise<HttpAnswer> {
    const { timeoutMs, tls } = this.options
    const init: BunFetchRequestInit = {
      method: body === undefined ? 'GET' : 'POST',
      headers: this.headers(body !== undefined),
      // Credentials are for this address and no other.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(tls === undefined ? {} : { tls }),
    }
    let status: number
    let text: string
    try {
      const response = await fetch(`${this.base}${path}`, init)
      status = response.status
      text = await response.text()
    } catch (error) {
      throw this.unavailable(path, messageOf(error), error)
    }
    if (status >= 500 || RETRIABLE_STATUSES.has(status)) {
      throw this.unavailable(path, `answered ${status}${detail(text)}`)
    }
    return { status, text, body: jsonOrNull(text) }
  }

  private headers(hasBody: boolean): Record<string, string> {
    const { credentials } = this.options
    const headers: Record<string, string> = { Accept: `${MEDIA_TYPE}, application/json` }
    if (hasBody) headers['Content-Type'] = MEDIA_TYPE
    if (credentials) headers['Authorization'] = authorization(credentials)
    return headers
  }

  private unavailable(path: string, why: string, cause?: unknown): OperatingError {
    const message = `registry ${this.base}${path}: ${why}`
    return new OperatingError('retriable', 'registry_unavailable', message, cause)
  }

  private refused(path: string, { status, text }: HttpAnswer): OperatingError {
    return usageError('registry', `registry ${this.base}${path}: answered ${status}${detail(text)}`)
  }
}

type HttpAnswer = { status: number; text: string; body: unknown }

function authorization(credentials: Credentials): string {
  if ('token' in credentials) return `Bearer ${credentials.token}`
  const { user, password } = credentials
  return `Basic ${Buffer.from(`${user}:${password}`, 'utf8').toString('base64')}`
}

/** A schema's text: JSON, or a primitive type's bare name, which registries take as well. */
function schemaJson(text: string, place: string): Json {
  return isPrimitive(text) ? text : parseSchemaJson(text, place)
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function codeOf(body: unknown): unknown {
  return (body as { error_code?: unknown } | null)?.error_code
}

/** What the registry says of it, in one line that is not too long. */
function detail(text: string): string {
  const body = jsonOrNull(text) as { message?: unknown } | null
  const message = typeof body?.message === 'string' ? body.message : ''
  return message === '' ? '' : `: ${message.replaceAll(/\s+/g, ' ').slice(0, 300)}`
}
