// Errors as RFC 9457 has them.

import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

const TITLES: Readonly<Record<number, string>> = {
  400: 'The request cannot be understood',
  404: 'There is no such application here',
  405: 'The method does not fit',
  413: 'The body is too large',
  415: 'The body must be application/json',
  422: 'The application cannot be taken',
  503: 'Not possible just now',
}

/** @param more  members beside the standard ones */
export function problem(
  c: Context,
  status: ContentfulStatusCode,
  detail: string,
  more: object = {},
): Response {
  const body = { type: 'about:blank', title: TITLES[status], status, detail, ...more }
  return c.body(JSON.stringify(body), status, { 'Content-Type': 'application/problem+json' })
}
