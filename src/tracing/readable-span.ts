// A batch as OpenTelemetry's span, by its semantic conventions for messaging: one that consumes,
// linked to the traces of its records (a batch has no one parent).

import type { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import packageJson from '../../package.json'
import type { BatchSpan } from '../protocol.ts'

type ReadableSpan = Parameters<OTLPTraceExporter['export']>[0][number]
type Link = ReadableSpan['links'][number]

/** SpanKind.CONSUMER of OpenTelemetry's API. */
const CONSUMER = 4
const SAMPLED = 1
/** W3C Trace Context: version, trace, span, flags; neither id is all zeros. */
const TRACEPARENT =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})/
const SCOPE = { name: packageJson.name, version: packageJson.version }

export function toReadable(
  span: BatchSpan,
  group: string,
  resource: ReadableSpan['resource'],
): ReadableSpan {
  const { topic, partition, startedAtMs, durationNs } = span
  const links = span.traceparents.flatMap(linkOf)
  const context = { traceId: randomHex(16), spanId: randomHex(8), traceFlags: SAMPLED }
  return {
    name: `process ${topic}`,
    kind: CONSUMER,
    spanContext: () => context,
    startTime: hrTime(startedAtMs, 0),
    endTime: hrTime(startedAtMs, durationNs),
    duration: hrTime(0, durationNs),
    status: { code: 0 },
    attributes: {
      'messaging.system': 'kafka',
      'messaging.operation.type': 'process',
      'messaging.operation.name': 'decide',
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': String(partition),
      'messaging.consumer.group.name': group,
      'messaging.batch.message_count': span.records,
      'messaging.kafka.offset': span.firstOffset,
      'loanstream.decided': span.decided,
      'loanstream.dead_letters': span.records - span.decided,
    },
    links,
    events: [],
    ended: true,
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: span.traceparentsLeft,
  }
}

/** None for what is no trace context: it came from outside. */
function linkOf(traceparent: string): Link[] {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent) ?? []
  if (traceId === undefined || spanId === undefined) return []
  const traceFlags = Number.parseInt(flags!, 16) & SAMPLED
  return [{ context: { traceId, spanId, traceFlags, isRemote: true } }]
}

function randomHex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex()
}

/** Seconds and nanoseconds, as OpenTelemetry has times. */
function hrTime(ms: number, ns: number): [seconds: number, nanoseconds: number] {
  const nanoseconds = Math.round((ms % 1000) * 1e6 + ns)
  return [Math.floor(ms / 1000) + Math.floor(nanoseconds / 1e9), nanoseconds % 1e9]
}
