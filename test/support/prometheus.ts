// Prometheus's own programs for the tests, as build/prometheus.json tells.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BUILD } from '../../src/paths.ts'
import { type PrometheusFacts, prometheusFactsPath } from '../../src/setup/prometheus.ts'
import { readJsonIfThere } from '../../src/setup/stamp.ts'
import { freePorts } from './kafka-ports.ts'

const unavailable =
  'tests with Prometheus are skipped: "bun src/setup/main.ts --broker" was not run'

export const PROMETHEUS = (readJsonIfThere(prometheusFactsPath(BUILD)) ?? {
  unavailable,
}) as PrometheusFacts

const READY_MS_MAX = 30_000

/** A server on loopback with a configuration of its own; its data go with it. */
export class PrometheusServer implements AsyncDisposable {
  private readonly folder = mkdtempSync(join(tmpdir(), 'loanstream-prometheus-'))
  private readonly port = freePorts(1)[0]!
  private readonly process: Bun.Subprocess<'ignore', 'ignore', 'pipe'>

  /** @param configuration  of prometheus.yaml; paths in it are absolute */
  constructor(configuration: object) {
    if ('unavailable' in PROMETHEUS) throw new Error(PROMETHEUS.unavailable)
    const file = join(this.folder, 'prometheus.yaml')
    writeFileSync(file, Bun.YAML.stringify(configuration, null, 2))
    this.process = Bun.spawn(
      [
        PROMETHEUS.prometheus,
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(this.folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${this.port}`,
      ],
      { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe', env: {} },
    )
  }

  /** Waits until it answers; an error holds what it has said. */
  async ready(): Promise<void> {
    const deadline = Date.now() + READY_MS_MAX
    const isReady = () => fetch(`http://127.0.0.1:${this.port}/-/ready`).then(({ ok }) => ok)
    while (!(await isReady().catch(() => false))) {
      if (this.process.exitCode === null && Date.now() < deadline) await Bun.sleep(50)
      else {
        this.process.kill()
        throw new Error(
          `Prometheus is not ready: ${await new Response(this.process.stderr).text()}`,
        )
      }
    }
  }

  /** What its HTTP API answers below /api/v1/, without the envelope. */
  async api(path: string): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${this.port}/api/v1/${path}`)
    const { status, data, error } = (await response.json()) as {
      status: string
      data: unknown
      error?: string
    }
    if (status !== 'success') throw new Error(`${path}: ${error}`)
    return data
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill()
    await this.process.exited
    rmSync(this.folder, { recursive: true })
  }
}
