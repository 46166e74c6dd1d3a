// Jars from Maven, into the cache: for the tests and benches that have a Java program to compare
// with or to run against.

import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Scratch, openCache, publish } from './cache.ts'
import { reasonOf, runCommand } from './command.ts'
import type { Context } from './context.ts'
import { withLock } from './lock.ts'
import { timeSince } from './report.ts'
import type { Which } from './source-build.ts'

const MAVEN_MS_MAX = 10 * 60_000
const DEPENDENCY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1'

/** With a classifier it is an archive that holds all it needs: unpacked, its files are the jars. */
type Artifact = readonly [group: string, artifact: string, version: string, classifier?: string]

export type Jars = {
  /** As messages have it, such as Kafka. */
  name: string
  version: string
  /** With whatever these depend on. */
  artifacts: readonly Artifact[]
}

/** Where the jars are, or will be. */
export function jarFolderOf({ cacheFolder }: Context, { name, version }: Jars): string {
  return join(cacheFolder, name.toLowerCase(), version)
}

/** Brings the jars if they are not there; returns why that was not possible. */
export async function provideJars(context: Context, jars: Jars): Promise<string | undefined> {
  const { report, cacheFolder } = context
  const jarFolder = jarFolderOf(context, jars)
  openCache(cacheFolder)
  const what = `${jars.name} ${jars.version}`
  const onWait = () => report.line(`waiting for another set-up that brings ${jars.name}'s jars`)
  const lock = join(cacheFolder, `${jars.name.toLowerCase()}.lock`)
  return await withLock(lock, onWait, async () => {
    if (existsSync(jarFolder)) return undefined
    const start = performance.now()
    report.passing(`Maven brings ${what}`)
    using scratch = new Scratch(cacheFolder)
    const folder = join(scratch.folder, 'jars')
    mkdirSync(folder)
    writeFileSync(join(scratch.folder, 'pom.xml'), pom(jars))
    const goal = [`${DEPENDENCY_PLUGIN}:copy-dependencies`, `-DoutputDirectory=${folder}`]
    const outcome = await runCommand(['mvn', '-q', '-B', ...goal], {
      folder: scratch.folder,
      environment: context.environment,
      timeoutMs: MAVEN_MS_MAX,
    })
    if (outcome.exitCode !== 0) return reasonOf(outcome)
    const failure = await unpackArchives(context, folder)
    if (failure !== undefined) return failure
    publish(folder, jarFolder)
    report.line(`${what} from Maven, ${timeSince(start)}`)
    return undefined
  })
}

async function unpackArchives(context: Context, folder: string): Promise<string | undefined> {
  for (const name of readdirSync(folder).filter((it) => it.endsWith('.tar.gz'))) {
    const outcome = await runCommand(['tar', '-xzf', name], {
      folder,
      environment: context.environment,
      timeoutMs: MAVEN_MS_MAX,
    })
    if (outcome.exitCode !== 0) return reasonOf(outcome)
    rmSync(join(folder, name))
  }
  return undefined
}

/** The Java program: that of JAVA_HOME first. */
export function javaPath({ environment }: Context, which: Which): string | undefined {
  const home = environment['JAVA_HOME']
  const own = home && join(home, 'bin', 'java')
  return own && existsSync(own) ? own : (which('java') ?? undefined)
}

function pom({ name, artifacts }: Jars): string {
  const dependencies = artifacts.map(([group, artifact, version, classifier]) => {
    const id = `<groupId>${group}</groupId><artifactId>${artifact}</artifactId>`
    const archive = classifier === undefined ? '' : archiveOf(classifier)
    return `    <dependency>${id}<version>${version}</version>${archive}</dependency>`
  })
  const own = `<groupId>loanstream</groupId><artifactId>${name.toLowerCase()}</artifactId>`
  return [
    '<project>',
    '  <modelVersion>4.0.0</modelVersion>',
    `  ${own}<version>1</version>`,
    '  <packaging>pom</packaging>',
    '  <dependencies>',
    ...dependencies,
    '  </dependencies>',
    '</project>',
    '',
  ].join('\n')
}

function archiveOf(classifier: string): string {
  const all = '<exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion>'
  const exclusions = `<exclusions>${all}</exclusions>`
  return `<type>tar.gz</type><classifier>${classifier}</classifier>${exclusions}`
}
