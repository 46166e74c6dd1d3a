// Verification: all partitions of a window, one after the other, against the decisions' topic.

import { usageError } from '../errors.ts'
import type { AssignedReader } from '../rdkafka/assigned-reader.ts'
import type { Program } from '../scorer/program.ts'
import type { Archive } from './archive.ts'
import { type AuditCounts, type Finding, PartitionAudit, noCounts } from './audit.ts'
import { BatchDecider, type BatchSize } from './batch-decider.ts'
import type { KnownSchemas } from './known-schemas.ts'
import type { RecordedReader } from './recorded-fields.ts'
import { RecordedDecisions, Regimes } from './recorded.ts'
import { nextTurn } from './turn.ts'
import type { Window } from './window.ts'

export type Verification = {
  applications: { reader: AssignedReader; topic: string; windows: readonly Window[] }
  /** By partition: where on the decisions' topic to look for them. */
  decisions: { reader: AssignedReader; topic: string; windows: readonly Window[] }
  /** Of decisions, each with what its records start with. */
  recorded: readonly RecordedReader[]
  archive: Archive
  module: WebAssembly.Module
  /** Decides what has no decision: whether there must be one. */
  program: () => Program
  /** What applications name by a registry's ids. */
  schemas: KnownSchemas
  size: BatchSize
}

export type VerifyHooks = {
  /** Offsets passed so far, on both topics. */
  onProgress(offsets: number): void
  onFinding(finding: Finding): void
}

/** @returns what was counted, and how many programs had decided */
export async function verify(
  verification: Verification,
  hooks: VerifyHooks,
): Promise<AuditCounts & { programs: number }> {
  const { applications, decisions, archive, module, program, schemas, size } = verification
  const counts = noCounts()
  const regimes = new Regimes(archive, module, size)
  const fallback = new BatchDecider(module, program, size)
  let before = 0
  for (const window of applications.windows) {
    const { partition, from, until } = window
    const where = decisions.windows.find((it) => it.partition === partition)
    if (!where) throw usageError('topic', `${decisions.topic} has no partition ${partition}`)
    regimes.setPartition(applications.topic, partition)
    fallback.setPartition(applications.topic, partition)
    const input = applications.reader.open(applications.topic, partition, from, until, size)
    const { topic, reader } = decisions
    const output = reader.open(topic, partition, where.from, where.until, {
      ...size,
      headers: false,
    })
    const recorded = new RecordedDecisions(
      output,
      verification.recorded,
      regimes,
      applications.topic,
      window,
      {
        onUnreadable: (at) => {
          audit.found('unreadable', { decision_offset: at, why: 'no decision of a known schema' })
        },
        onMisplaced: (at, other, offset) => {
          const why = `it names partition ${other}`
          audit.found('extra', { offset, decision_offset: at, why })
        },
      },
    )
    const tell = (finding: Finding) => hooks.onFinding(finding)
    const audit = new PartitionAudit(partition, input, recorded, fallback, schemas, counts, tell)
    while (await audit.step()) {
      hooks.onProgress(before + input.position - from + output.position - where.from)
      await nextTurn()
    }
    audit.finish()
    before += until - from + where.until - where.from
  }
  return { ...counts, programs: regimes.count }
}
