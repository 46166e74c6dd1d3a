// What is told of a batch to whoever traces: its size, how long it took, and the traces that its
// records belong to. So many a second at most; the others are counted.

import type { Counters } from '../metrics/counters.ts'
import type { BatchSpan } from '../protocol.ts'
import type { PartitionSource } from '../rdkafka/partition-source.ts'
import { TraceContext } from '../rdkafka/trace-context.ts'

const SPANS_A_SECOND_MAX = 100
/** OpenTelemetry's own limit of links on a span. */
const LINKS_MAX = 128

export class BatchSpans {
  private readonly context = new TraceContext()
  private readonly counters: Counters
  private readonly post: (span: BatchSpan) => void
  private secondEndsAtMs = 0
  private inSecond = 0

  constructor(counters: Counters, post: (span: BatchSpan) => void) {
    this.counters = counters
    this.post = post
  }

  /** @param startedNs  Bun.nanoseconds() when deciding began */
  add(
    source: PartitionSource,
    from: number,
    count: number,
    decided: number,
    startedNs: number,
  ): void {
    const nowMs = Date.now()
    if (nowMs >= this.secondEndsAtMs) {
      this.secondEndsAtMs = nowMs + 1000
      this.inSecond = 0
    }
    if (++this.inSecond > SPANS_A_SECOND_MAX) {
      this.counters.add('spansDropped', 1)
      return
    }
    const durationNs = Bun.nanoseconds() - startedNs
    const found: string[] = []
    let left = 0
    for (let i = from; i < from + count; i++) {
      const traceparent = this.context.traceparent(source.message(i))
      if (traceparent === undefined) continue
      if (found.length < LINKS_MAX) found.push(traceparent)
      else left++
    }
    this.post({
      topic: source.topic,
      partition: source.partition,
      firstOffset: source.recordOffset(from),
      records: count,
      decided,
      startedAtMs: nowMs - durationNs / 1e6,
      durationNs,
      traceparents: found,
      traceparentsLeft: left,
    })
  }
}
