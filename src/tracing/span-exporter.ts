// Spans of batches to an OpenTelemetry collector (OTLP over HTTP, JSON), beside the data path: what
// the queue has no room for, or the collector does not take, is dropped and counted.

import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { messageOf } from '../errors.ts'
import type { BatchSpan } from '../protocol.ts'
import { toReadable } from './readable-span.ts'

/** Spans that wait at most, and that go in one request. */
const QUEUE_MAX = 4096
const REQUEST_MAX = 512
const INTERVAL_MS = 1000
/** Longest that a request may take, with the library's own retries. */
const TIMEOUT_MS = 5000
/** Longest that a stop waits for the last spans. */
const CLOSE_MS = 1000

export type SpanExporterOptions = {
  /** Where spans go, such as http://collector:4318/v1/traces. */
  url: string
  /** Attributes of the process, by OpenTelemetry's names. */
  resource: Readonly<Record<string, string>>
  /** Consumer group that the spans are of. */
  group: string
  onWarning: (message: string) => void
}

type ReadableSpan = Parameters<OTLPTraceExporter['export']>[0][number]

export class SpanExporter {
  exported = 0
  dropped = 0
  private readonly options: SpanExporterOptions
  private readonly exporter: OTLPTraceExporter
  private readonly resource: ReadableSpan['resource']
  private readonly timer: ReturnType<typeof setInterval>
  private queue: BatchSpan[] = []
  private sending: Promise<void> | undefined
  private isFailing = false

  /** The library is loaded here: without a collector it costs nothing. */
  static async open(options: SpanExporterOptions): Promise<SpanExporter> {
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http')
    const { resourceFromAttributes } = await import('@opentelemetry/resources')
    const exporter = new OTLPTraceExporter({ url: options.url, timeoutMillis: TIMEOUT_MS })
    return new SpanExporter(options, exporter, resourceFromAttributes({ ...options.resource }))
  }

  private constructor(
    options: SpanExporterOptions,
    exporter: OTLPTraceExporter,
    resource: ReadableSpan['resource'],
  ) {
    this.options = options
    this.exporter = exporter
    this.resource = resource
    this.timer = setInterval(() => this.send(), INTERVAL_MS)
  }

  add(span: BatchSpan): void {
    if (this.queue.length < QUEUE_MAX) this.queue.push(span)
    else this.dropped++
  }

  /** One request at a time, until the queue is empty. */
  private send(): void {
    if (this.sending || this.queue.length === 0) return
    this.sending = this.sendAll().finally(() => (this.sending = undefined))
  }

  private async sendAll(): Promise<void> {
    while (this.queue.length > 0) await this.request(this.queue.splice(0, REQUEST_MAX))
  }

  private async request(spans: readonly BatchSpan[]): Promise<void> {
    const { group } = this.options
    try {
      const readable = spans.map((span) => toReadable(span, group, this.resource))
      await new Promise<void>((resolve, reject) => {
        this.exporter.export(readable, ({ code, error }) => {
          if (code === 0) resolve()
          else reject(error ?? new Error('the collector refuses them'))
        })
      })
      this.exported += spans.length
      this.isFailing = false
    } catch (error) {
      this.dropped += spans.length
      if (!this.isFailing) this.options.onWarning(`spans are dropped: ${messageOf(error)}`)
      this.isFailing = true
    }
  }

  /** Sends what waits, for a moment at most. */
  async close(): Promise<void> {
    clearInterval(this.timer)
    this.send()
    await Promise.race([this.sending, Bun.sleep(CLOSE_MS)])
  }
}
