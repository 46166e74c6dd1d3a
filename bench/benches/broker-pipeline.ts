// What does a decision cost, exactly-once, on a real broker on the same machine? 1,000,000
// applications preloaded on 2 partitions; CPU of the whole worker process (user and system, all
// threads) once the first tenth is through, so that start-up and compilation are apart.

import { KafkaCluster } from '../../test/support/kafka.ts'
import type { WorkerProcess } from '../../test/support/worker-process.ts'
import { type Bench, check, figure } from '../bench.ts'
import { checkDecisions, preload, startBroker, startWorker } from '../support/broker.ts'
import { type Cpu, cpuFigures, cpuOf } from '../support/cpu.ts'
import { atFullLoad } from '../support/full-load.ts'

const PARTITIONS = 2
const STAGES = ['fetch', 'gather', 'decide', 'produce', 'commit'] as const

export const bench: Bench = {
  question: 'broker-pipeline: exactly-once on a real broker, µs of CPU a decision',
  load: 'closed loop',
  bothCores: true,
  unavailable: () => KafkaCluster.unavailable(),
  async run(size) {
    const count = size === 'small' ? 20_000 : 1_000_000
    await using cluster = await startBroker(PARTITIONS)
    preload(cluster, count, PARTITIONS)
    await using worker = startWorker(cluster, 'bench')
    const { before, after } = await atFullLoad(worker, count, () => snapshot(worker, cluster))
    const first = await worker.health()
    const firstMs = Math.max(...first.partitions.map((p) => p.first_decision_ms ?? Infinity))
    check((await worker.stop()) === 0, 'the worker stops in order')
    const checksum = String(checkDecisions(cluster, count, PARTITIONS))
    const decided = Math.max(1, after.records - before.records)
    const per = (seconds: number) => (seconds / decided) * 1e6
    const seconds = (after.atMs - before.atMs) / 1000
    return {
      figures: [
        ...cpuFigures(before.cpu, after.cpu, decided),
        figure('decisions a second', decided / seconds, '/s'),
        figure('first decision after assignment', firstMs, 'ms'),
        figure('peak resident memory', after.memory, 'MB'),
        figure("broker's CPU a decision", per(after.broker - before.broker), 'µs'),
        ...STAGES.map((stage) =>
          figure(`time in ${stage}`, per(after.stages[stage]! - before.stages[stage]!), 'µs'),
        ),
      ],
      checksum,
    }
  },
}

type Snapshot = {
  atMs: number
  records: number
  cpu: Cpu
  broker: number
  memory: number
  stages: Record<string, number>
}

async function snapshot(worker: WorkerProcess, cluster: KafkaCluster): Promise<Snapshot> {
  const value = await worker.metrics()
  const atMs = performance.now()
  const stages = STAGES.map((stage) => [
    stage,
    value(`loan_stage_duration_seconds_sum{stage="${stage}"}`),
  ])
  return {
    atMs,
    records: value('loan_records_total'),
    cpu: cpuOf(worker.pid),
    broker: cluster.cpuSeconds(),
    memory: worker.peakMegabytes(),
    stages: Object.fromEntries(stages),
  }
}
