// Step 6, for tests: the jars of Apache Avro, and build/avro.json, which tells where they are.
// Without them the tests compare with what Apache Avro said when their fixture was made.

import type { Context, Step } from './context.ts'
import { jarFactsPath, jarStep } from './jars.ts'
import type { Jars } from './maven.ts'

const AVRO_VERSION = '1.12.1'

const JARS: Jars = {
  name: 'Avro',
  version: AVRO_VERSION,
  artifacts: [
    ['org.apache.avro', 'avro', AVRO_VERSION],
    ['org.slf4j', 'slf4j-nop', '2.0.17'],
  ],
}

export function avro(context: Context): Step {
  return jarStep(context, { jars: JARS, skips: 'tests on Apache Avro' })
}

export function avroFactsPath(buildFolder: string): string {
  return jarFactsPath(buildFolder, JARS)
}
