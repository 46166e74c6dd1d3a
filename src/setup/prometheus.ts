// Step 9, for tests: Prometheus's server and promtool. Those that are installed are used; else,
// where there is apt, its package is unpacked into the cache, which needs no rights. Never a
// failure: build/prometheus.json says where they are, or why the tests are skipped.

import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Scratch, openCache, publish } from './cache.ts'
import { reasonOf, runCommand } from './command.ts'
import type { Context, Step } from './context.ts'
import { timeSince } from './report.ts'
import { readJsonIfThere, writeWhole } from './stamp.ts'

const PACKAGE = 'prometheus'
const DOWNLOAD_MS_MAX = 3 * 60_000
const UNPACK_MS_MAX = 60_000
const NEEDED = ['apt-get', 'dpkg-deb']

/** Two programs, or the sentence why the tests are skipped. */
export type PrometheusFacts = { promtool: string; prometheus: string } | { unavailable: string }

export function prometheusFactsPath(buildFolder: string): string {
  return join(buildFolder, 'prometheus.json')
}

export function prometheus(context: Context): Step {
  const path = prometheusFactsPath(context.buildFolder)
  return {
    isDone: () => isThere(readJsonIfThere(path) as PrometheusFacts | undefined),
    run: async () => {
      const facts = await findPrometheus(context)
      writeWhole(path, `${JSON.stringify(facts, null, 2)}\n`)
      if ('unavailable' in facts) context.report.line(facts.unavailable)
    },
  }
}

/** What could not be had is tried again. */
function isThere(facts: PrometheusFacts | undefined): boolean {
  if (facts === undefined || 'unavailable' in facts) return false
  return existsSync(facts.promtool) && existsSync(facts.prometheus)
}

/** @param context  the search path is its environment's */
export async function findPrometheus(context: Context): Promise<PrometheusFacts> {
  const which = (name: string) => Bun.which(name, { PATH: context.environment['PATH'] ?? '' })
  const [promtool, server] = [which('promtool'), which('prometheus')]
  if (promtool !== null && server !== null) return { promtool, prometheus: server }
  const folder = join(context.cacheFolder, PACKAGE)
  const programs = programsIn(folder)
  if (isThere(programs)) return programs
  const missing = NEEDED.filter((name) => which(name) === null)
  if (missing.length > 0) return skipped(`not installed, and there is no ${missing.join(', ')}`)
  return (await fetchPackage(context, folder)) ?? programs
}

function programsIn(folder: string): PrometheusFacts {
  const bin = join(folder, 'usr/bin')
  return { promtool: join(bin, 'promtool'), prometheus: join(bin, 'prometheus') }
}

/** Gets and unpacks the package; a fact only when that is not possible. */
async function fetchPackage(
  { cacheFolder, environment, report }: Context,
  place: string,
): Promise<PrometheusFacts | undefined> {
  const start = performance.now()
  openCache(cacheFolder)
  using scratch = new Scratch(cacheFolder)
  const { folder } = scratch
  const unpacked = join(folder, 'unpacked')
  mkdirSync(unpacked)
  report.passing('fetching Prometheus for the tests')
  const run = (command: string[], timeoutMs: number) =>
    runCommand(command, { folder, environment, timeoutMs })
  // As root, apt would go on as a user who may not write here.
  const options = ['-q', '-o', 'APT::Sandbox::User=root']
  const got = await run(['apt-get', ...options, 'download', PACKAGE], DOWNLOAD_MS_MAX)
  const file = readdirSync(folder).find((name) => name.endsWith('.deb'))
  if (got.exitCode !== 0 || !file) return skipped(`apt has none: ${reasonOf(got)}`)
  const opened = await run(['dpkg-deb', '-x', file, unpacked], UNPACK_MS_MAX)
  if (opened.exitCode !== 0) return skipped(`it cannot be unpacked: ${reasonOf(opened)}`)
  if (!isThere(programsIn(unpacked))) return skipped("apt's package holds other programs")
  publish(unpacked, place)
  report.line(`Prometheus for the tests fetched, ${timeSince(start)}`)
  return undefined
}

function skipped(reason: string): PrometheusFacts {
  return { unavailable: `tests with Prometheus are skipped: ${reason}` }
}
