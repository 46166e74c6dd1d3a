// `model promote`, `rollback` and `challenge`: what a running worker's HTTP server does to its
// models, as commands.

import { resolve } from 'node:path'
import { z } from 'zod'
import { OperatingError, messageOf, usageError } from '../../errors.ts'
import { readText } from '../../json.ts'
import type { Context } from '../context.ts'

export type LiveOptions = { url: string; tokenFile?: string; json: boolean }

/** An artefact is loaded and every partition goes over within it. */
const TIMEOUT_MS = 60_000
/** What the server says when it is asked for what it refuses. */
const WRONG_TOKEN: readonly number[] = [400, 401, 403]

const version = z.object({ name: z.string(), hash: z.string(), path: z.string() })
const models = z.object({ model: version, previous: version.nullable() })
const challengers = z.object({
  challenger: version.nullable(),
  decisions: z.number(),
  agreement: z.number().nullable(),
})
const refusal = z.object({ error: z.string() })

type Version = z.infer<typeof version>
type Request = { method: string; path: string; body?: unknown }

export async function promote(
  folder: string,
  options: LiveOptions,
  context: Context,
): Promise<number> {
  const body = { path: resolve(folder) }
  return changed(
    await ask({ method: 'POST', path: '/model', body }, options, context),
    options,
    context,
  )
}

export async function rollback(options: LiveOptions, context: Context): Promise<number> {
  return changed(
    await ask({ method: 'POST', path: '/model/rollback' }, options, context),
    options,
    context,
  )
}

export async function challenge(
  folder: string | undefined,
  options: LiveOptions & { off: boolean },
  context: Context,
): Promise<number> {
  if (folder !== undefined && options.off) {
    throw usageError('option', '--off has no challenger, and a folder names one')
  }
  const request = challengeRequest(folder, options.off)
  const answer = await ask(request, options, context)
  const { challenger, decisions, agreement } = understood(challengers, answer, options)
  const share = agreement === null ? '' : `, ${(agreement * 100).toFixed(2)} % of them alike`
  const text = challenger
    ? `challenger ${shown(challenger)}: ${decisions} decisions beside the model in use${share}`
    : 'no challenger'
  context.output.print(`${options.json ? JSON.stringify(answer) : text}\n`)
  return 0
}

function challengeRequest(folder: string | undefined, off: boolean): Request {
  const path = '/challenger'
  if (off) return { method: 'DELETE', path }
  if (folder === undefined) return { method: 'GET', path }
  return { method: 'POST', path, body: { path: resolve(folder) } }
}

function changed(answer: unknown, options: LiveOptions, { output }: Context): number {
  const { model, previous } = understood(models, answer, options)
  const before = previous ? `\n  before: ${shown(previous)}` : ''
  output.print(options.json ? `${JSON.stringify(answer)}\n` : `decides: ${shown(model)}${before}\n`)
  return 0
}

function shown({ name, hash, path }: Version): string {
  return `${name} ${hash.slice(0, 12)} (${path})`
}

/** @throws OperatingError kind 'usage' when the worker refuses, 'retriable' when it is not there */
async function ask(request: Request, options: LiveOptions, context: Context): Promise<unknown> {
  const { method, path, body } = request
  const url = addressOf(options.url, path)
  const headers = {
    Authorization: `Bearer ${tokenOf(options, context)}`,
    ...(body !== undefined && { 'Content-Type': 'application/json' }),
  }
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const text = body === undefined ? {} : { body: JSON.stringify(body) }
  let response: Response
  let answer: unknown
  try {
    response = await fetch(url, { method, headers, signal, redirect: 'error', ...text })
    const content = await response.text()
    answer = content.startsWith('{') ? JSON.parse(content) : content
  } catch (error) {
    throw new OperatingError(
      'retriable',
      'http',
      `${url} does not answer: ${messageOf(error)}`,
      error,
    )
  }
  if (response.ok) return answer
  const why = refusal.safeParse(answer).data?.error ?? String(answer)
  if (response.status === 422) throw usageError('model', `${url}: ${why}`)
  if (WRONG_TOKEN.includes(response.status)) {
    const what = why.trim() || 'the token is not that of http.token'
    throw usageError('token', `${url}: ${response.status}: ${what}`)
  }
  throw new OperatingError('retriable', 'http', `${url}: ${response.status}: ${why.slice(0, 200)}`)
}

function addressOf(base: string, path: string): string {
  const isAddress = URL.canParse(base) && /^https?:\/\//.test(base)
  if (!isAddress)
    throw usageError('option', `--url ${base}: is no address, such as http://host:8080`)
  return base.replace(/\/+$/, '') + path
}

function tokenOf({ tokenFile }: LiveOptions, { environment }: Context): string {
  const token = tokenFile === undefined ? environment['LOANSTREAM_HTTP_TOKEN'] : readText(tokenFile)
  const trimmed = token?.trim() ?? ''
  if (trimmed !== '') return trimmed
  const what = tokenFile === undefined ? 'no token' : `${tokenFile} is empty`
  throw usageError('token', `${what}: --token-file or LOANSTREAM_HTTP_TOKEN must hold http.token`)
}

function understood<T>(schema: z.ZodType<T>, answer: unknown, { url }: LiveOptions): T {
  const parsed = schema.safeParse(answer)
  if (parsed.success) return parsed.data
  throw new OperatingError('retriable', 'http', `${url} answers like no worker of this version`)
}
