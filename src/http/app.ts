// The HTTP interface of a worker process: health for orchestrators, metrics for Prometheus. It sees
// a read-only status, never a client.

import { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import type { ModelHost } from '../model-host.ts'
import type { Status } from '../status.ts'
import { challengerCounts } from '../metrics/challenger.ts'
import type { Monitor } from '../monitor/monitor.ts'
import { makeAdmin, makeChallengerAdmin } from './admin.ts'
import { makeAssets } from './assets.ts'
import { type InsideParts, makeInside } from './inside.ts'
import { type IntakeParts, makeIntake } from './intake.ts'
import { refuseOtherMethods } from './methods.ts'
import { makeRegistry } from './metrics.ts'
import { makeMonitor } from './monitor.ts'
import { Sessions, makeSession } from './session.ts'

/** No browser shall run, frame or guess anything; pages say themselves what they need. */
const CONTENT_SECURITY = "default-src 'none'; frame-ancestors 'none'"

type Pages = {
  monitor?: Monitor
  intake?: IntakeParts | undefined
  /** What explains decisions and looks into dead letters. */
  inside?: InsideParts
}

/**
 * @param token    bearer token for what changes state; '' refuses all that
 * @param pages    what the monitor page and the intake rest on; without them they are not there
 */
export function makeApp(
  status: Status,
  models: ModelHost,
  token: string,
  { monitor, intake, inside }: Pages = {},
): Hono {
  const registry = makeRegistry(status, models, monitor)
  const app = new Hono()
  app.use(secureHeaders({ xFrameOptions: 'DENY' }))
  app.use(async (c, next) => {
    await next()
    const { headers } = c.res
    if (!headers.has('Content-Security-Policy')) {
      c.header('Content-Security-Policy', CONTENT_SECURITY)
    }
    if (!headers.has('Cache-Control')) c.header('Cache-Control', 'no-store')
  })

  /** Alive: every partition with lag makes progress. Kubernetes restarts the pod when not. */
  app.get('/livez', (c) => {
    const stuck = status.partitions().filter((partition) => !partition.healthy)
    if (stuck.length === 0) return c.text('ok\n')
    const lines = stuck.map((p) => `${p.topic} ${p.partition}: no progress in ${p.stage}`)
    return c.text(`${lines.join('\n')}\n`, 503)
  })

  /** Started: everything is loaded and warm, and the workers are up. Brokers may still be away. */
  app.get('/startupz', (c) => {
    return status.phase === 'starting' ? c.text('starting\n', 503) : c.text('ok\n')
  })

  /** Ready: joined the group, with topics and brokers there, and not stopping. */
  app.get('/readyz', (c) => {
    return status.notReady === '' ? c.text('ok\n') : c.text(`${status.notReady}\n`, 503)
  })

  app.get('/healthz', (c) => {
    const partitions = status.partitions()
    const healthy = status.notReady === '' && partitions.every((partition) => partition.healthy)
    const nowMs = Date.now()
    const body = {
      status: healthy ? 'ok' : 'not ok',
      phase: status.phase,
      not_ready: status.notReady,
      version: status.version,
      model: status.model,
      challenger: status.challenger
        ? { ...status.challenger, workers_off: challengerCounts(status.counters()).workersOff }
        : null,
      policy: status.policy,
      partitions: partitions.map((p) => ({
        topic: p.topic,
        partition: p.partition,
        position: p.position < 0 ? null : p.position,
        committed: p.committed < 0 ? null : p.committed,
        lag: p.lag ?? null,
        last_progress: new Date(nowMs - p.progressAgoMs).toISOString(),
        stage: p.stage,
        waits_for: p.waitsFor === '' ? null : p.waitsFor,
        first_decision_ms: p.firstDecisionMs ?? null,
        healthy: p.healthy,
      })),
    }
    return c.json(body, healthy ? 200 : 503)
  })

  app.get('/metrics', async (c) => {
    c.header('Content-Type', registry.contentType)
    return c.body(await registry.metrics())
  })

  const reading = ['/livez', '/readyz', '/startupz', '/healthz', '/metrics'].map((path) => [
    path,
    'GET, HEAD',
  ])
  refuseOtherMethods(app, Object.fromEntries(reading))
  app.route('/model', makeAdmin(models, 'model', token))
  app.route('/policy', makeAdmin(models, 'policy', token))
  app.route('/challenger', makeChallengerAdmin(models, status, token))
  if (intake) app.route('/', makeIntake(intake))
  if (monitor) {
    const sessions = new Sessions(token)
    app.route('/', makeMonitor(monitor, sessions))
    if (inside) app.route('/', makeInside(monitor, inside, sessions))
    app.route('/session', makeSession(sessions))
    app.route('/assets', makeAssets())
  }

  return app
}
