// A step that brings jars through Maven into the cache, and says in a file of build/ where they are
// or why there are none. Never a failure: tests that need them are skipped and say so.

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Context, Step } from './context.ts'
import { type Jars, jarFolderOf, javaPath, provideJars } from './maven.ts'
import { readJsonIfThere, writeWhole } from './stamp.ts'

/** Where the jars are, or the one sentence why tests on them are skipped. */
export type JarFacts =
  { version: string; java: string; jarFolder: string } | { unavailable: string }

export type JarStep = {
  jars: Jars
  /** What is skipped without them, such as: tests on Apache Avro. */
  skips: string
}

/** Such as build/avro.json. */
export function jarFactsPath(buildFolder: string, { name }: Jars): string {
  return join(buildFolder, `${name.toLowerCase()}.json`)
}

export function jarStep(context: Context, step: JarStep): Step {
  return { isDone: () => isDone(context, step), run: () => provide(context, step) }
}

function isDone(context: Context, step: JarStep): boolean {
  const path = jarFactsPath(context.buildFolder, step.jars)
  const facts = readJsonIfThere(path) as JarFacts | undefined
  if (facts === undefined) return false
  // A missing program was told once; another reason, such as no network, is tried again.
  if ('unavailable' in facts) return facts.unavailable === missingPrograms(context, step)
  const { version } = step.jars
  return facts.version === version && [facts.java, facts.jarFolder].every((it) => existsSync(it))
}

async function provide(context: Context, step: JarStep): Promise<void> {
  const facts = await find(context, step)
  const path = jarFactsPath(context.buildFolder, step.jars)
  writeWhole(path, `${JSON.stringify(facts, null, 2)}\n`)
  if ('unavailable' in facts) context.report.line(facts.unavailable)
}

async function find(context: Context, step: JarStep): Promise<JarFacts> {
  const missing = missingPrograms(context, step)
  if (missing) return { unavailable: missing }
  const failure = await provideJars(context, step.jars)
  if (failure !== undefined) {
    return { unavailable: `${step.skips} are skipped: Maven could not bring its jars: ${failure}` }
  }
  const java = javaPath(context, Bun.which)!
  return { version: step.jars.version, java, jarFolder: jarFolderOf(context, step.jars) }
}

/** The sentence about programs that are not there. */
function missingPrograms(context: Context, { jars, skips }: JarStep): string | undefined {
  const java = !hasCompiler(context) && 'a Java development kit'
  // Once the jars are there Maven is not needed.
  const maven = !existsSync(jarFolderOf(context, jars)) && !Bun.which('mvn') && 'Maven'
  const missing = [java, maven].filter(Boolean)
  if (missing.length === 0) return undefined
  return `${skips} are skipped: ${missing.join(' and ')} would be needed`
}

/** The tests' own Java program is compiled as it is run, which a mere runtime cannot do. */
function hasCompiler(context: Context): boolean {
  const java = javaPath(context, Bun.which)
  if (java === undefined) return false
  return existsSync(join(dirname(java), 'javac')) || Bun.which('javac') !== null
}
