// Runs the step for Apache Avro in the folder given, in a process whose PATH the test chooses.

import { avro } from '../../src/setup/avro.ts'
import { contextOf } from './support.ts'

const { context, said } = contextOf(process.argv[2]!, { environment: {} })
const step = avro(context)
await step.run()
if (!step.isDone()) throw new Error('a missing program is told once, not tried again')
process.stdout.write(`${said.join('\n')}\n`)
