// The monitor page and its stream of events.

import { Hono } from 'hono'
import type { Monitor } from '../monitor/monitor.ts'
import { page } from './assets.ts'
import type { Sessions } from './session.ts'

/** The routes / and /events. */
export function makeMonitor(monitor: Monitor, sessions: Sessions): Hono {
  const app = new Hono()

  app.get('/', (c) => page(c, 'monitor.html'))

  app.get('/events', (c) => {
    const { canSignIn } = sessions
    const stream = monitor.watch({ signedIn: sessions.isSignedIn(c), canSignIn })
    if (!stream) {
      c.header('Retry-After', '10')
      return c.text('too many viewers\n', 503)
    }
    c.header('Content-Type', 'text/event-stream')
    c.header('Cache-Control', 'no-store')
    // Proxies that collect an answer would hold frames back.
    c.header('X-Accel-Buffering', 'no')
    return c.body(stream)
  })

  return app
}
