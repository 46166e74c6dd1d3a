// Step 8, for tests: a browser. One that is installed is used; else a headless Chromium comes as a
// package into a folder of its own, and build/browser.json tells test/support/browser.ts where it
// is or why there is none. Never a failure: without one the tests of the pages are skipped and say
// so.

import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { reasonOf, runCommand } from './command.ts'
import type { Context, Step } from './context.ts'
import { timeSince } from './report.ts'
import { readJsonIfThere, writeWhole } from './stamp.ts'

const PACKAGE = '@sparticuz/chromium'
const VERSION = '153.0.0'
const INSTALL_MS_MAX = 10 * 60_000
const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']

/** A program, a package that unpacks one, or the sentence why the tests are skipped. */
export type BrowserFacts =
  { program: string } | { package: string; version: string } | { unavailable: string }

export function browserFactsPath(buildFolder: string): string {
  return join(buildFolder, 'browser.json')
}

export function browser(context: Context): Step {
  const { buildFolder } = context
  return {
    isDone: () => isThere(readJsonIfThere(browserFactsPath(buildFolder)) as BrowserFacts),
    run: async () => {
      const facts = await findBrowser(context)
      writeWhole(browserFactsPath(buildFolder), `${JSON.stringify(facts, null, 2)}\n`)
      if ('unavailable' in facts) context.report.line(facts.unavailable)
    },
  }
}

/** What could not be had is tried again. */
function isThere(facts: BrowserFacts | undefined): boolean {
  if (facts === undefined || 'unavailable' in facts) return false
  if ('program' in facts) return existsSync(facts.program)
  return facts.version === VERSION && existsSync(facts.package)
}

async function findBrowser(context: Context): Promise<BrowserFacts> {
  for (const name of NAMES) {
    const program = Bun.which(name)
    if (program !== null) return { program }
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return skipped(`none of ${NAMES.join(', ')} is installed`)
  }
  return fetchBrowser(context)
}

async function fetchBrowser({ cacheFolder, environment, report }: Context): Promise<BrowserFacts> {
  const start = performance.now()
  const folder = join(cacheFolder, 'browser', VERSION)
  mkdirSync(folder, { recursive: true })
  report.passing('fetching a headless Chromium for the tests')
  const manifest = { private: true, dependencies: { [PACKAGE]: VERSION } }
  writeWhole(join(folder, 'package.json'), `${JSON.stringify(manifest)}\n`)
  const command = [process.execPath, 'install', '--ignore-scripts', '--no-save']
  const outcome = await runCommand(command, { folder, environment, timeoutMs: INSTALL_MS_MAX })
  if (outcome.exitCode !== 0) return skipped(`none could be fetched: ${reasonOf(outcome)}`)
  report.line(`headless Chromium for the tests fetched, ${timeSince(start)}`)
  return { package: join(folder, 'node_modules', PACKAGE), version: VERSION }
}

function skipped(reason: string): BrowserFacts {
  return { unavailable: `tests of the pages in a browser are skipped: ${reason}` }
}
