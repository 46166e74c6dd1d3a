// Step 6, for tests: the jars of Apache Avro, through Maven into the cache, and build/avro.json,
// which tells test/avro/apache-avro.ts where they are or why there are none. Never a failure:
// without Java or Maven the tests compare with what Apache Avro said when their fixture was made.

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Context, Step } from './context.ts'
import { type Jars, jarFolderOf, javaPath, provideJars } from './maven.ts'
import { readTextIfThere, writeWhole } from './stamp.ts'

const AVRO_VERSION = '1.12.1'

const JARS: Jars = {
  name: 'Avro',
  version: AVRO_VERSION,
  artifacts: [
    ['org.apache.avro', 'avro', AVRO_VERSION],
    ['org.slf4j', 'slf4j-nop', '2.0.17'],
  ],
}

/** build/avro.json: where Apache Avro is, or the one sentence why tests on it are skipped. */
export type AvroFacts =
  { version: string; java: string; jarFolder: string } | { unavailable: string }

export function avroFactsPath(buildFolder: string): string {
  return join(buildFolder, 'avro.json')
}

export function avro(context: Context): Step {
  return { isDone: () => isDone(context), run: () => provideAvro(context) }
}

function isDone(context: Context): boolean {
  const text = readTextIfThere(avroFactsPath(context.buildFolder))
  if (text === undefined) return false
  const facts = JSON.parse(text) as AvroFacts
  // A missing program was told once; another reason, such as no network, is tried again.
  if ('unavailable' in facts) return facts.unavailable === missingPrograms(context)
  return (
    facts.version === AVRO_VERSION && [facts.java, facts.jarFolder].every((it) => existsSync(it))
  )
}

async function provideAvro(context: Context): Promise<void> {
  const facts = await findAvro(context)
  writeWhole(avroFactsPath(context.buildFolder), `${JSON.stringify(facts, null, 2)}\n`)
  if ('unavailable' in facts) context.report.line(facts.unavailable)
}

async function findAvro(context: Context): Promise<AvroFacts> {
  const missing = missingPrograms(context)
  if (missing) return { unavailable: missing }
  const failure = await provideJars(context, JARS)
  if (failure !== undefined) return skipped(`Maven could not bring its jars: ${failure}`)
  const java = javaPath(context, Bun.which)!
  return { version: AVRO_VERSION, java, jarFolder: jarFolderOf(context, JARS) }
}

/** The sentence about programs that are not there. */
function missingPrograms(context: Context): string | undefined {
  const java = !hasCompiler(context) && 'a Java development kit'
  // Once the jars are there Maven is not needed.
  const maven = !existsSync(jarFolderOf(context, JARS)) && !Bun.which('mvn') && 'Maven'
  const missing = [java, maven].filter(Boolean)
  if (missing.length === 0) return undefined
  return skipped(`${missing.join(' and ')} would be needed`).unavailable
}

/** The test's Java program is compiled as it is run, which a mere runtime cannot do. */
function hasCompiler(context: Context): boolean {
  const java = javaPath(context, Bun.which)
  if (java === undefined) return false
  return existsSync(join(dirname(java), 'javac')) || Bun.which('javac') !== null
}

function skipped(reason: string): { unavailable: string } {
  return { unavailable: `tests on Apache Avro are skipped: ${reason}` }
}
