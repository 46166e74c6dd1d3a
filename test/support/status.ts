// The status of a worker that is not there, for pages and metrics: counters as a worker would leave
// them, and samples of real decisions.

import { Counters } from '../../src/metrics/counters.ts'
import { SampleRing } from '../../src/metrics/samples.ts'
import { Sampler } from '../../src/pipeline/sampler.ts'
import { addressOf } from '../../src/rdkafka/memory.ts'
import { Engine } from '../../src/scorer/engine.ts'
import type { PartitionStatus, Status } from '../../src/status.ts'
import { makeInputs } from './applications.ts'
import { shippedProgram, wasmModule } from './engine.ts'
import { fill } from './fill.ts'

const BATCHES = 64
let made: Uint8Array[] | undefined

function applications(): Uint8Array[] {
  made ??= makeInputs(BATCHES * 64, 1).map(({ value }) => value)
  return made
}

export function partition(number: number, parts: Partial<PartitionStatus> = {}): PartitionStatus {
  return {
    topic: 'loan_applications',
    partition: number,
    position: 1200,
    committed: 1100,
    lag: 7,
    lagSeconds: 0.4,
    stage: 'produce',
    progressAgoMs: 40,
    firstDecisionMs: 130,
    waitsFor: '',
    healthy: true,
    ...parts,
  }
}

export class FakeWorker {
  readonly counters = new Counters()
  readonly ring = new SampleRing()
  readonly program = shippedProgram()
  private readonly engine = new Engine(
    wasmModule,
    this.program,
    { records: 64, inputBytes: 1 << 16 },
    addressOf,
  )
  private readonly sampler = new Sampler(this.ring)
  private batch = 0
  private nowMs = 1

  constructor() {
    this.engine.setPartition('loan_applications', 0)
  }

  /** Decides so many batches of 64, one sample each. */
  decide(batches = 1): void {
    for (let batch = 0; batch < batches; batch++) {
      this.engine.setFirstOffset(BigInt(this.batch * 64))
      const first = (this.batch++ % BATCHES) * 64
      fill(this.engine, applications().slice(first, first + 64))
      this.engine.decide(64)
      this.sampler.see(this.engine, 64, (this.nowMs += 1000))
      this.sampler.publish()
      this.counters.addOutcome(0, 40)
      this.counters.addOutcome(1, 14)
      this.counters.addOutcome(2, 10)
      this.counters.observe('latency', 5e6, 64)
    }
  }

  status(partitions: PartitionStatus[] = [partition(0)], more: Partial<Status> = {}): Status {
    const { program } = this
    return {
      phase: 'running',
      notReady: '',
      version: { program: '1.2.3', librdkafka: '2.15.1' },
      model: { name: program.modelName, hash: program.modelHash.toHex() },
      challenger: undefined,
      policy: { name: program.policyName, hash: program.policyHash.toHex() },
      reasonCodes: program.reasons.map(({ code }) => code),
      rebalances: 0,
      rejoins: 0,
      wedged: new Map(),
      partitions: () => partitions,
      counters: () => [this.counters],
      samples: () => [this.ring],
      ...more,
    }
  }
}
