// How many decisions a second, exactly-once on a real broker on the same two cores, when half of
// the applications are not approved and get the reasons of their scores? The bench's model with the
// default model's catalogue; every decision is compared with what is decided without Kafka.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeArtefact } from '../../src/compiler/artefact.ts'
import { KafkaCluster } from '../../test/support/kafka.ts'
import type { WorkerProcess } from '../../test/support/worker-process.ts'
import { type Bench, check, figure } from '../bench.ts'
import {
  NumberedApplications,
  checkDecisions,
  preload,
  startBroker,
  startWorker,
} from '../support/broker.ts'
import { cpuFigures, cpuOf } from '../support/cpu.ts'
import { atFullLoad } from '../support/full-load.ts'
import { explainedArtefact, explainedProgram } from '../support/reasons.ts'

const PARTITIONS = 2

export const bench: Bench = {
  question:
    'reasons-pipeline: exactly-once with reasons for half of the stream, decisions a second',
  load: 'closed loop',
  bothCores: true,
  unavailable: () => KafkaCluster.unavailable(),
  async run(size) {
    const count = size === 'small' ? 5_000 : 500_000
    const folder = mkdtempSync(join(tmpdir(), 'loanstream-bench-'))
    try {
      const { artefact } = explainedArtefact(1)
      writeArtefact(artefact, folder)
      await using cluster = await startBroker(PARTITIONS)
      preload(cluster, count, PARTITIONS)
      await using worker = startWorker(cluster, 'bench', { 'model.path': folder })
      const { before, after } = await atFullLoad(worker, count, () => snapshot(worker))
      check((await worker.stop()) === 0, 'the worker stops in order')
      const applications = new NumberedApplications(explainedProgram(artefact))
      const checksum = String(checkDecisions(cluster, count, PARTITIONS, { applications }))
      const seconds = (after.atMs - before.atMs) / 1000
      const decided = Math.max(1, after.records - before.records)
      const shareOf = (part: number) => (100 * part) / after.records
      check(after.reasons > 0, 'decisions have reasons')
      return {
        figures: [
          figure('decisions a second', decided / seconds, '/s'),
          ...cpuFigures(before.cpu, after.cpu, decided),
          figure('not approved', shareOf(after.records - after.approved), '%'),
          figure('reasons of scores', (100 * after.reasons) / after.records, 'of 100'),
        ],
        checksum,
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
}

async function snapshot(worker: WorkerProcess) {
  const value = await worker.metrics()
  const atMs = performance.now()
  return {
    atMs,
    cpu: cpuOf(worker.pid),
    records: value('loan_records_total'),
    approved: value('loan_decisions_total{decision="approved"}'),
    reasons: value('loan_score_reasons_total'),
  }
}
