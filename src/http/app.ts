// The HTTP interface of a worker process: health for orchestrators, metrics for Prometheus. It sees
// a read-only status, never a client.

import { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import type { ModelHost } from '../model-host.ts'
import type { Status } from '../status.ts'
import { challengerCounts } from '../metrics/challenger.ts'
import { makeAdmin, makeChallengerAdmin } from './admin.ts'
import { refuseOtherMethods } from './methods.ts'
import { makeRegistry } from './metrics.ts'

/** Nothing here is a page: no browser shall run, frame or guess anything. */
const SECURITY_HEADERS = {
  contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
  xFrameOptions: 'DENY',
}

/** @param token  bearer token for what changes state; '' refuses all that */
export function makeApp(status: Status, models: ModelHost, token: string): Hono {
  const registry = makeRegistry(status, models)
  const app = new Hono()
  app.use(secureHeaders(SECURITY_HEADERS))
  app.use(async (c, next) => {
    await next()
    c.header('Cache-Control', 'no-store')
  })

  /** Alive: every partition with lag makes progress. Kubernetes restarts the pod when not. */
  app.get('/livez', (c) => {
    const stuck = status.partitions().filter((partition) => !partition.healthy)
    if (stuck.length === 0) return c.text('ok\n')
    const lines = stuck.map((p) => `${p.topic} ${p.partition}: no progress in ${p.stage}`)
    return c.text(`${lines.join('\n')}\n`, 503)
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

  const reading = ['/livez', '/readyz', '/healthz', '/metrics'].map((path) => [path, 'GET, HEAD'])
  refuseOtherMethods(app, Object.fromEntries(reading))
  app.route('/model', makeAdmin(models, token))
  app.route('/challenger', makeChallengerAdmin(models, status, token))

  return app
}
