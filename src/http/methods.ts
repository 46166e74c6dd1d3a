// A path that is there, asked with a method that it does not have: 405, and which it has.

import type { Hono } from 'hono'

/**
 * To be called after the routes themselves.
 *
 * @param methods  of each path, as the header Allow lists them
 */
export function refuseOtherMethods(app: Hono, methods: Readonly<Record<string, string>>): void {
  for (const [path, allow] of Object.entries(methods)) {
    app.all(path, (c) => c.json({ error: `allowed here: ${allow}` }, 405, { Allow: allow }))
  }
}
