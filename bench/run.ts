// Runs one bench in this process: bun bench/run.ts NAME [small]. Prints its result as JSON.

import type { Bench, Size } from './bench.ts'

const [name, size = 'large'] = process.argv.slice(2)
const { bench } = (await import(`./benches/${name}.ts`)) as { bench: Bench }
const result = await bench.run(size as Size)
process.stdout.write(`${JSON.stringify(result)}\n`)
process.exit(0)
