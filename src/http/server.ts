// The HTTP server, with limits on what a client may cost: bytes of headers and body, and time. Bun
// itself refuses headers of more than 16 KiB (431), and closes a connection whose headers or body
// do not come, also byte by byte, soon after the idle time-out.

import { messageOf, usageError } from '../errors.ts'

const IDLE_S_MAX = 10
/** Who sends an application waits for its decision, who looks at dead letters for the brokers. */
const WAITING_PATHS: ReadonlySet<string> = new Set(['/applications', '/dead-letters'])
const WAITING_S_MAX = 30
const BODY_BYTES_MAX = 64 * 1024

/** @throws OperatingError kind 'usage', code 'http', when the address cannot be listened on */
export function serve(
  app: { fetch(request: Request): Response | Promise<Response> },
  hostname: string,
  port: number,
) {
  const limits = { idleTimeout: IDLE_S_MAX, maxRequestBodySize: BODY_BYTES_MAX }
  const error = () => new Response('internal error\n', { status: 500 })
  try {
    // In development an error's page shows the source around it.
    const fetch = (request: Request, server: Bun.Server<undefined>) => {
      if (WAITING_PATHS.has(new URL(request.url).pathname)) server.timeout(request, WAITING_S_MAX)
      return app.fetch(request)
    }
    return Bun.serve({ fetch, hostname, port, ...limits, development: false, error })
  } catch (cause) {
    const what = `cannot listen on ${hostname} port ${port}: ${messageOf(cause)}`
    throw usageError('http', `${what} (http.host, http.port)`, cause)
  }
}
