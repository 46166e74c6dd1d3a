// How many decisions a second does the demo make, everything in one process: generator, embedded
// brokers, 4 workers and the reader that checks nothing is missing? A figure of the demo, not of
// production.

import { ROOT } from '../../src/paths.ts'
import type { DemoSummary } from '../../src/demo/demo.ts'
import { type Bench, check, figure } from '../bench.ts'
import { cpuFigures } from '../support/cpu.ts'

export const bench: Bench = {
  question: 'mock-pipeline: the demo on embedded brokers, decisions a second',
  load: 'closed loop',
  bothCores: true,
  async run(size) {
    const count = size === 'small' ? 5000 : 500_000
    const args = ['src/main.ts', 'demo', '--applications', String(count), '--rate', '0', '--json']
    const demo = Bun.spawn([process.execPath, ...args], { cwd: ROOT, stdout: 'pipe' })
    const summary = (await new Response(demo.stdout).json()) as DemoSummary
    check((await demo.exited) === 0, 'the demo ends in order')
    const { applications, approved, rejected, referred, seconds, latency_ms } = summary
    check(applications === count, `${applications} decisions for ${count} applications`)
    check(approved + rejected + referred === count, 'the outcomes add up')
    const { user, system } = demo.resourceUsage()!.cpuTime
    const cpu = { user: Number(user) / 1e6, system: Number(system) / 1e6 }
    return {
      figures: [
        figure('decisions a second', applications / seconds, '/s'),
        // Of everything, the embedded brokers and the start included.
        ...cpuFigures({ user: 0, system: 0 }, cpu, applications),
        figure('latency p50', latency_ms.p50, 'ms'),
        figure('latency p99', latency_ms.p99, 'ms'),
      ],
      // The generator's seed is fixed, so the outcomes are too.
      checksum: `${approved}/${rejected}/${referred}`,
    }
  },
}
