// Step 5, for tests and benches: the jars of a real Apache Kafka, through Maven into the cache, and
// build/kafka.json, which tells test/support/kafka.ts where they are or why there are none. Never a
// failure: without Java or Maven the tests on a real broker are skipped and say so.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { OperatingError } from '../errors.ts'
import { runCommand } from './command.ts'
import type { Context, Step } from './context.ts'
import { type Jars, jarFolderOf, javaPath, provideJars } from './maven.ts'
import type { Which } from './source-build.ts'
import { readJsonIfThere, writeWhole } from './stamp.ts'

const KAFKA_VERSION = '4.3.1'
/** Kafka 4 needs it. */
const JAVA_VERSION_MIN = 17
const JAVA_MS_MAX = 30_000

/** As Kafka's own distribution has them, so that the broker's log and its tools work. */
const JARS: Jars = {
  name: 'Kafka',
  version: KAFKA_VERSION,
  artifacts: [
    ['org.apache.kafka', 'kafka_2.13', KAFKA_VERSION],
    ['org.apache.kafka', 'kafka-tools', KAFKA_VERSION],
    ['org.slf4j', 'slf4j-api', '1.7.36'],
    ['org.apache.logging.log4j', 'log4j-slf4j-impl', '2.24.3'],
    ['org.apache.logging.log4j', 'log4j-core', '2.24.3'],
  ],
}

export type KafkaInstallation = {
  version: string
  /** The java program. */
  java: string
  /** As Java says it, such as 17.0.15. */
  javaVersion: string
  jarFolder: string
  /** For class-data archives, which make the second start of a broker faster. */
  archiveFolder: string
}

/** build/kafka.json: where Kafka is, or the one sentence why tests on it are skipped. */
export type KafkaFacts = KafkaInstallation | { unavailable: string }

export function kafkaFactsPath(buildFolder: string): string {
  return join(buildFolder, 'kafka.json')
}

export function kafka(context: Context): Step {
  return { isDone: () => isDone(context), run: () => provideKafka(context) }
}

function isDone(context: Context): boolean {
  const facts = readJsonIfThere(kafkaFactsPath(context.buildFolder)) as KafkaFacts | undefined
  if (facts === undefined) return false
  // A missing program was told once; another reason, such as no network, is tried again.
  if ('unavailable' in facts) return facts.unavailable === missingPrograms(context, Bun.which)
  return (
    facts.version === KAFKA_VERSION && [facts.java, facts.jarFolder].every((it) => existsSync(it))
  )
}

async function provideKafka(context: Context): Promise<void> {
  const facts = await findKafka(context).catch((error: unknown) => {
    if (error instanceof OperatingError) return skipped(error.message)
    throw error
  })
  writeWhole(kafkaFactsPath(context.buildFolder), `${JSON.stringify(facts, null, 2)}\n`)
  if ('unavailable' in facts) context.report.line(facts.unavailable)
}

async function findKafka(context: Context): Promise<KafkaFacts> {
  const missing = missingPrograms(context, Bun.which)
  if (missing) return { unavailable: missing }
  const java = javaPath(context, Bun.which)!
  const jarFolder = jarFolderOf(context, JARS)
  const run = { folder: context.projectFolder, environment: context.environment }
  const outcome = await runCommand([java, '-version'], { ...run, timeoutMs: JAVA_MS_MAX })
  const javaVersion = parseJavaVersion(outcome.errors)
  if (majorOf(javaVersion) < JAVA_VERSION_MIN) {
    return skipped(`Java ${JAVA_VERSION_MIN} or later is needed and "java" is ${javaVersion}`)
  }
  const failure = await provideJars(context, JARS)
  if (failure !== undefined) return skipped(`Maven could not bring Kafka's jars: ${failure}`)
  const archiveFolder = join(context.cacheFolder, 'kafka', 'archives')
  return { version: KAFKA_VERSION, java, javaVersion, jarFolder, archiveFolder }
}

function skipped(reason: string): KafkaFacts {
  return { unavailable: `tests on a real Kafka are skipped: ${reason}` }
}

/** The sentence about programs that are not there. */
export function missingPrograms(context: Context, which: Which): string | undefined {
  const java = javaPath(context, which) === undefined && `Java ${JAVA_VERSION_MIN} or later`
  // Once the jars are there Maven is not needed.
  const maven = !existsSync(jarFolderOf(context, JARS)) && !which('mvn') && 'Maven'
  const missing = [java, maven].filter(Boolean)
  if (missing.length === 0) return undefined
  return `tests on a real Kafka are skipped: ${missing.join(' and ')} would be needed`
}

/** From the first line of `java -version`, such as: openjdk version "17.0.15" 2025-04-15 */
export function parseJavaVersion(text: string): string {
  return /version "([^"]+)"/.exec(text)?.[1] ?? 'of no known version'
}

/** 17 of 17.0.15, and 8 of 1.8.0_292, as it was written until 8. */
export function majorOf(javaVersion: string): number {
  const [first, second] = javaVersion.split(/[._-]/).map(Number)
  return (first === 1 ? second : first) || 0
}
