// The audit of one partition: every application of a window is decided again by the program that
// its decision names, and the two are compared byte for byte. Decisions that are missing, doubled,
// extra or in another order are told, too.

import { schemaHeaderOf } from '../avro/schema-id.ts'
import type { RawRecord } from '../rdkafka/record.ts'
import { namedIds } from '../scorer/schema-ids.ts'
import type { KnownSchemas } from './known-schemas.ts'
import { STATUS_OK } from '../../assembly/layout.ts'
import { assert } from '../errors.ts'
import type { PartitionStream } from '../rdkafka/assigned-reader.ts'
import type { BatchDecider } from './batch-decider.ts'
import { fieldAt } from './field-at.ts'
import { OffsetSet } from './offset-set.ts'
import type { Recorded, RecordedDecisions, Regime } from './recorded.ts'

export const FINDINGS = [
  'different',
  'missing',
  'doubled',
  'extra',
  'out_of_order',
  'unreadable',
] as const
export type FindingKind = (typeof FINDINGS)[number]

/** What is wrong, and where: the application's place, and the decision's offset on its topic. */
export type Finding = {
  kind: FindingKind
  partition: number
  /** Offset of the application. */
  offset?: number
  decision_offset?: number
  /** The first byte of the decision that differs, and its field. */
  byte?: number
  field?: string
  why?: string
}

export type AuditCounts = {
  applications: number
  decisions: number
  dead_letters: number
  equal: number
} & Record<FindingKind, number>

export function noCounts(): AuditCounts {
  const none = Object.fromEntries(FINDINGS.map((kind) => [kind, 0])) as Record<FindingKind, number>
  return { applications: 0, decisions: 0, dead_letters: 0, equal: 0, ...none }
}

/** Decisions held that lie ahead of the application that is looked at. */
const AHEAD_MAX = 8192
/** Applications whose decision is missing and may come late, whose bytes are kept. */
const LATE_MAX = 16_384

export class PartitionAudit {
  private readonly partition: number
  private readonly applications: PartitionStream
  private readonly recorded: RecordedDecisions
  private readonly fallback: BatchDecider
  private readonly schemas: KnownSchemas
  private readonly counts: AuditCounts
  private readonly tell: (finding: Finding) => void
  private readonly ahead = new Map<number, Recorded>()
  private readonly seen = new OffsetSet()
  private readonly missing = new OffsetSet()
  private readonly late = new Map<number, Pick<RawRecord, 'value' | 'headers'>>()
  private highest = -1
  private isAtEnd = false
  private regime: Regime | undefined

  /**
   * @param fallback  says of an application without a decision whether there must be one: that
   *                  rests on schemas, not on the model
   * @param schemas   what the applications name is brought into it
   * @param counts    added to
   * @param tell      told of what is found
   */
  constructor(
    partition: number,
    applications: PartitionStream,
    recorded: RecordedDecisions,
    fallback: BatchDecider,
    schemas: KnownSchemas,
    counts: AuditCounts,
    tell: (finding: Finding) => void,
  ) {
    this.partition = partition
    this.applications = applications
    this.recorded = recorded
    this.fallback = fallback
    this.schemas = schemas
    this.counts = counts
    this.tell = tell
  }

  found(kind: FindingKind, details: Omit<Finding, 'kind' | 'partition'>): void {
    this.counts[kind]++
    this.tell({ kind, partition: this.partition, ...details })
  }

  /** Audits the next batch; false when there is none. */
  async step(): Promise<boolean> {
    const count = this.applications.next()
    if (count === 0) return false
    if (this.schemas.hasRegistry) {
      await this.schemas.learn(namedIds(this.applications.batch, count))
    }
    this.counts.applications += count
    const paired = this.pair(count)
    for (let from = 0; from < count;) {
      const regime = this.regimeFrom(paired, from)
      let until = from + 1
      while (until < count && (paired[until]?.regime ?? regime) === regime) until++
      this.compareRun(regime?.decider ?? this.fallback, paired, from, until)
      this.regime = regime
      from = until
    }
    return true
  }

  /** That of the record, or of the next that has a decision; applications without go along. */
  private regimeFrom(paired: readonly (Recorded | undefined)[], from: number) {
    return paired[from]?.regime ?? this.regime ?? paired.find((it) => it !== undefined)?.regime
  }

  /** Finds the decision of each application in the batch. */
  private pair(count: number): (Recorded | undefined)[] {
    const paired = Array.from<Recorded | undefined>({ length: count })
    const indices = new Map<number, number>()
    let open = count
    for (let i = 0; i < count; i++) {
      const recordOffset = this.applications.recordOffset(i)
      const held = this.ahead.get(recordOffset)
      indices.set(recordOffset, i)
      if (!held) continue
      paired[i] = held
      this.ahead.delete(recordOffset)
      open--
    }
    const last = this.applications.recordOffset(count - 1)
    this.dropAhead(last)
    while (open > 0 && this.ahead.size < AHEAD_MAX && !this.isAtEnd) {
      const recorded = this.pull()
      if (!recorded) break
      if (recorded.recordOffset > last) {
        this.ahead.set(recorded.recordOffset, recorded)
        continue
      }
      const index = indices.get(recorded.recordOffset)
      if (index === undefined) {
        this.lateOrExtra(recorded)
      } else {
        paired[index] = recorded
        open--
      }
    }
    return paired
  }

  /** The next decision that is the first on its application. */
  private pull(): Recorded | undefined {
    for (;;) {
      const recorded = this.recorded.pull()
      if (!recorded) {
        this.isAtEnd = true
        return undefined
      }
      this.counts.decisions++
      const { recordOffset, at } = recorded
      if (!this.seen.add(recordOffset)) {
        this.found('doubled', { offset: recordOffset, decision_offset: at })
        continue
      }
      if (recordOffset < this.highest) {
        this.found('out_of_order', { offset: recordOffset, decision_offset: at })
      }
      this.highest = Math.max(this.highest, recordOffset)
      return recorded
    }
  }

  /** Decisions on offsets where there is no application. */
  private dropAhead(last: number): void {
    if (this.ahead.size === 0) return
    for (const [recordOffset, recorded] of this.ahead) {
      if (recordOffset > last) continue
      this.ahead.delete(recordOffset)
      this.extra(recorded, 'no application lies there')
    }
  }

  private extra({ recordOffset, at }: Recorded, why: string): void {
    this.found('extra', { offset: recordOffset, decision_offset: at, why })
  }

  /** A decision on an application that was looked at before, without one. */
  private lateOrExtra(recorded: Recorded): void {
    const { recordOffset, regime, bytes } = recorded
    if (!this.missing.delete(recordOffset)) {
      this.extra(recorded, 'no application lies there, or it is a dead letter')
      return
    }
    const late = this.late.get(recordOffset)
    this.late.delete(recordOffset)
    // Its order is wrong in any case, which was told; its bytes are beyond what is kept.
    if (!late?.value) return
    const header = schemaHeaderOf(late.headers)
    const decision = regime.decider.decideOne(late.value, header, recordOffset)
    assert(decision, 'what is a dead letter is not missing')
    this.compare(decision, bytes, recorded)
  }

  private compareRun(
    decider: BatchDecider,
    paired: readonly (Recorded | undefined)[],
    from: number,
    until: number,
  ): void {
    decider.decide(this.applications, from, until - from)
    const { u32, statusesAt } = decider.engine
    let decided = 0
    for (let i = from; i < until; i++) {
      const recorded = paired[i]
      if (u32[(statusesAt >> 2) + i - from] === STATUS_OK) {
        const decision = decider.decision(decided++)
        if (recorded) this.compare(decision, recorded.bytes, recorded)
        else this.miss(i)
      } else if (recorded) {
        const letter = decider.deadLetter(i - from, this.applications.valueBytes(i))
        this.extra(recorded, `the application is a dead letter: ${letter.class}`)
      } else {
        this.counts.dead_letters++
      }
    }
  }

  private miss(index: number): void {
    const recordOffset = this.applications.recordOffset(index)
    this.missing.add(recordOffset)
    if (this.late.size === LATE_MAX) return
    const { value, headers } = this.applications.record(index)
    this.late.set(recordOffset, { value, headers })
  }

  private compare(expected: Uint8Array, actual: Uint8Array, recorded: Recorded): void {
    if (Buffer.compare(expected, actual) === 0) {
      this.counts.equal++
      return
    }
    let byte = 0
    while (expected[byte] === actual[byte]) byte++
    const { recordOffset, at, regime } = recorded
    const field = fieldAt(regime.reader.version.schema, actual, byte)
    this.found('different', { offset: recordOffset, decision_offset: at, byte, field })
  }

  /** What is left when all applications were looked at. */
  finish(): void {
    // All decisions that are left: what they say may be late, doubled or extra.
    for (;;) {
      const recorded = this.pull()
      if (!recorded) break
      this.lateOrExtra(recorded)
    }
    this.dropAhead(Number.POSITIVE_INFINITY)
    for (const offset of this.missing.values()) this.found('missing', { offset })
  }
}
