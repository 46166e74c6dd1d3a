// Which decisions are shown to whoever watches: at most one a batch, and one in SAMPLE_GAP_MS. Each
// says how many records it stands for, so that shares over the samples are shares over the records,
// however unequal the batches are.

import {
  MESSAGE_BYTES,
  MESSAGE_LEN,
  MESSAGE_PAYLOAD,
  RESULT_DECIDED,
} from '../../assembly/layout.ts'
import type { SampleRing } from '../metrics/samples.ts'
import { addressOf } from '../rdkafka/memory.ts'
import type { Engine } from '../scorer/engine.ts'

/** At most 10 samples a second of one worker. */
const SAMPLE_GAP_MS = 100
/** Steps through a batch's records without a pattern: the golden ratio's share of 2^32 (Weyl). */
const WEYL_STEP = 0x9e3779b9

export class Sampler {
  private readonly ring: SampleRing
  private nextAtMs = 0
  private weight = 0
  private weyl = 0

  constructor(ring: SampleRing) {
    this.ring = ring
    ring.discard()
  }

  /** Looks at a batch that the engine has just decided, and keeps one of its decisions if due. */
  see(engine: Engine, count: number, nowMs: number): void {
    const { u8, u32 } = engine
    const decided = u32[(engine.resultAt + RESULT_DECIDED) >> 2]!
    this.weight += decided
    if (nowMs < this.nextAtMs || decided === 0 || !this.ring.hasRoom()) return
    this.nextAtMs = nowMs + SAMPLE_GAP_MS
    this.weyl = (this.weyl + WEYL_STEP) >>> 0
    const chosen = Math.floor((this.weyl / 2 ** 32) * decided)
    const record = decided === count ? chosen : recordOf(engine, chosen)
    const message = (engine.messagesAt + chosen * MESSAGE_BYTES) >> 2
    const span = (engine.spansAt >> 2) + record * 2
    const columns = engine.program.columns.length
    const place = {
      rowAt: engine.rowsAt + record * columns * 8,
      columns,
      // The memory has less than 4 GiB, so the difference of the addresses' lower halves is enough.
      decisionAt: (u32[message + (MESSAGE_PAYLOAD >> 2)]! - addressOf(u8)) >>> 0,
      decisionBytes: u32[message + (MESSAGE_LEN >> 2)]!,
      valueAt: u32[span]!,
      valueBytes: u32[span + 1]!,
    }
    if (this.ring.write(u8, place, this.weight, nowMs)) this.weight = 0
  }

  publish(): void {
    this.ring.publish()
  }

  discard(): void {
    this.ring.discard()
  }
}

/** The record behind a decision, where some of the batch were not decided. */
function recordOf(engine: Engine, decision: number): number {
  const statuses = engine.statusesAt >> 2
  let left = decision
  let record = 0
  for (; ; record++) {
    if (engine.u32[statuses + record] === 0 && left-- === 0) return record
  }
}
