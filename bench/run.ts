// Runs one bench in this process: bun bench/run.ts NAME [small]. Prints its result as JSON.

import type { Bench, Run, Size } from './bench.ts'
import { busyKernelMicroseconds, kernelMicroseconds } from './calibration.ts'

const [name, size = 'large'] = process.argv.slice(2)
const { bench } = (await import(`./benches/${name}.ts`)) as { bench: Bench }
const isBusy = bench.bothCores === true && size === 'large'
const before = isBusy ? await busyKernelMicroseconds() : kernelMicroseconds()
const result = await bench.run(size as Size)
// Of two looks the slower one: what disturbed a part of the run counts. Alone, it is the least.
const after = isBusy ? await busyKernelMicroseconds() : kernelMicroseconds()
const run: Run = { ...result, kernel: isBusy ? Math.max(before, after) : after }
process.stdout.write(`${JSON.stringify(run)}\n`)
process.exit(0)
