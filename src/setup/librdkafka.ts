// Step 2: librdkafka, of the version that its package carries, into build/. From the cache; else
// the prebuilt one; else built from the package's sources. What reaches the cache was opened and
// has every function that src/rdkafka needs.

import { copyFileSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { OperatingError, usageError } from '../errors.ts'
import { libraryPath } from '../rdkafka/library.ts'
import { Scratch, openCache, publish } from './cache.ts'
import type { LibraryCheck } from './check-library.ts'
import { reasonOf, runCommand } from './command.ts'
import type { Context, Step } from './context.ts'
import { withLock } from './lock.ts'
import { type Platform, platformName, thisPlatform } from './platform.ts'
import { DOWNLOAD_LIMITS, type PackageBinary, archiveUrls, downloadAddon } from './prebuilt.ts'
import { timeSince } from './report.ts'
import { buildLibrary } from './source-build.ts'
import { readJsonIfThere, writeWhole } from './stamp.ts'
import { type FileFacts, fileFactsOf, isWhole } from './whole.ts'

const PACKAGE = join('node_modules', '@confluentinc', 'kafka-javascript')
const CHECK_MS_MAX = 60_000

/** Beside the library, in the cache and in build/: what it is. */
export type LibraryFacts = Platform & {
  version: string
  origin: 'prebuilt' | 'source'
  /** librdkafka's builtin.features that this library has. */
  features: string[]
  /** Of the library beside it; those of the cache say it too, so that a damaged one is found. */
  file: FileFacts
}

type ConfluentPackage = { version: string; librdkafka: string; binary: PackageBinary }

export function librdkafka(context: Context): Step {
  return {
    isDone: () => {
      const version = readPackage(context).librdkafka
      const facts = readFacts(factsPath(context.buildFolder))
      if (!facts || !isSame(facts, version, thisPlatform())) return false
      return isWhole(libraryPath(context.buildFolder), facts.file)
    },
    run: () => provideLibrary(context),
  }
}

async function provideLibrary(context: Context): Promise<void> {
  const { report, cacheFolder } = context
  const start = performance.now()
  openCache(cacheFolder)
  const version = readPackage(context).librdkafka
  const platform = thisPlatform()
  const place = join(cacheFolder, 'librdkafka', `${version}-${platformName(platform)}`)
  const onWait = () => report.line('waiting for another set-up that makes librdkafka')
  const { facts, how } = await withLock(join(cacheFolder, 'librdkafka.lock'), onWait, async () => {
    const cached = await openCached(context, place, version)
    if (cached) return { facts: cached, how: 'from the cache' }
    const made = await makeLibrary(context, place, version)
    return { facts: made, how: made.origin === 'source' ? 'built' : 'downloaded' }
  })
  install(place, context.buildFolder, facts)
  report.line(`librdkafka ${version} ${how}, ${timeSince(start)}`)
  if (!facts.features.includes('ssl')) {
    const cure = `install OpenSSL's headers (libssl-dev, openssl-devel), delete ${place} and build/`
    report.line(`librdkafka has no TLS and no SCRAM here; if you need them: ${cure}`)
  }
}

/** What is in the cache, if it is the right one and works on this machine. */
async function openCached(
  context: Context,
  place: string,
  version: string,
): Promise<LibraryFacts | undefined> {
  const facts = readFacts(factsPath(place))
  if (!facts || !isSame(facts, version, thisPlatform())) return undefined
  try {
    await checkLibrary(context, libraryPath(place), version)
    // Caches of older set-ups say nothing about the file.
    if (!facts.file || isWhole(libraryPath(place), facts.file)) return facts
    throw usageError('librdkafka', 'it is not what was put there')
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    context.report.line(`librdkafka in the cache is of no use: ${error.message}`)
    return undefined
  }
}

/** Makes the library by the first way that works, and puts it into the cache. */
async function makeLibrary(
  context: Context,
  place: string,
  version: string,
): Promise<LibraryFacts> {
  using scratch = new Scratch(context.cacheFolder)
  const make = async (origin: LibraryFacts['origin'], path: string): Promise<LibraryFacts> => {
    const { features } = await checkLibrary(context, path, version)
    const file = fileFactsOf(path)
    const facts = { version, ...thisPlatform(), origin, features, file }
    const entry = join(scratch.folder, 'entry')
    mkdirSync(entry)
    renameSync(path, libraryPath(entry))
    writeFileSync(factsPath(entry), `${JSON.stringify(facts, null, 2)}\n`)
    publish(entry, place)
    return facts
  }
  const ways = [
    async () => await make('prebuilt', await fetchPrebuilt(context, scratch.folder)),
    async () => await make('source', await buildFromSource(context, scratch.folder)),
  ]
  return await firstThatWorks(ways, (why) => {
    context.report.line(`no prebuilt librdkafka (${why}), building it from source`)
  })
}

/**
 * Tries one way after the other.
 *
 * @param onFailure  told why a way that was not the last did not work
 * @throws OperatingError of the last way
 */
export async function firstThatWorks<T>(
  ways: readonly (() => Promise<T>)[],
  onFailure: (why: string) => void,
): Promise<T> {
  for (const way of ways.slice(0, -1)) {
    try {
      return await way()
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      onFailure(error.message)
    }
  }
  return await ways.at(-1)!()
}

async function fetchPrebuilt(context: Context, folder: string): Promise<string> {
  if (context.prebuiltHost === '') throw usageError('prebuilt', 'none is asked for')
  context.report.passing('downloading librdkafka')
  const { version, binary } = readPackage(context)
  const urls = archiveUrls(version, binary, thisPlatform(), context.prebuiltHost)
  const path = join(folder, 'librdkafka.node')
  writeFileSync(path, await downloadAddon(urls, DOWNLOAD_LIMITS))
  return path
}

async function buildFromSource(context: Context, scratchFolder: string): Promise<string> {
  const version = readPackage(context).librdkafka
  return await buildLibrary({
    version,
    sourceFolder: join(context.projectFolder, PACKAGE, 'deps', 'librdkafka'),
    scratchFolder,
    logPath: join(context.cacheFolder, `librdkafka-${version}-build.log`),
    environment: context.environment,
    report: context.report,
  })
}

/**
 * Opens a library in another process.
 *
 * @throws OperatingError kind 'usage', code 'librdkafka', when it cannot be used or is another
 *         version
 */
async function checkLibrary(
  context: Context,
  path: string,
  version: string,
): Promise<LibraryCheck> {
  const program = join(import.meta.dir, 'check-library.ts')
  const outcome = await runCommand([process.execPath, program, path], {
    folder: context.projectFolder,
    environment: context.environment,
    timeoutMs: CHECK_MS_MAX,
  })
  if (outcome.exitCode !== 0) {
    const why = reasonOf(outcome).replaceAll(path, basename(path))
    throw usageError('librdkafka', why)
  }
  const check = JSON.parse(outcome.output) as LibraryCheck
  if (check.version !== version) {
    throw usageError('librdkafka', `version ${check.version} instead of ${version}`)
  }
  return check
}

/** Puts the library into build/; the facts come last, as they say that it is there. */
function install(place: string, buildFolder: string, facts: LibraryFacts): void {
  mkdirSync(buildFolder, { recursive: true })
  const target = libraryPath(buildFolder)
  const temporary = `${target}.${process.pid}.tmp`
  // A rename, so that a process that runs on the old file keeps it.
  copyFileSync(libraryPath(place), temporary)
  renameSync(temporary, target)
  const own = { ...facts, file: fileFactsOf(target) }
  writeWhole(factsPath(buildFolder), `${JSON.stringify(own, null, 2)}\n`)
}

function isSame(facts: LibraryFacts, version: string, platform: Platform): boolean {
  return facts.version === version && platformName(facts) === platformName(platform)
}

function factsPath(folder: string): string {
  return join(folder, 'librdkafka.json')
}

function readFacts(path: string): LibraryFacts | undefined {
  return readJsonIfThere(path) as LibraryFacts | undefined
}

function readPackage({ projectFolder }: Context): ConfluentPackage {
  const path = join(projectFolder, PACKAGE, 'package.json')
  return JSON.parse(readFileSync(path, 'utf8')) as ConfluentPackage
}
