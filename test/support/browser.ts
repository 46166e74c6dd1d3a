// A real browser for the tests of the pages, as build/browser.json tells.

import { type Browser, type Page, chromium } from 'playwright-core'
import { join, resolve } from 'node:path'
import { type BrowserFacts, browserFactsPath } from '../../src/setup/browser.ts'
import { readJsonIfThere } from '../../src/setup/stamp.ts'

const BUILD = resolve(import.meta.dir, '../../build')

function readFacts(): BrowserFacts {
  const facts = readJsonIfThere(browserFactsPath(BUILD)) as BrowserFacts | undefined
  const unavailable = 'tests of the pages are skipped: "bun src/setup/main.ts --broker" was not run'
  return facts ?? { unavailable }
}

/** Why there is no browser here, in one sentence; undefined when there is. */
export function browserUnavailable(): string | undefined {
  const facts = readFacts()
  return 'unavailable' in facts ? facts.unavailable : undefined
}

export async function startBrowser(): Promise<Browser> {
  const facts = readFacts()
  if ('unavailable' in facts) throw new Error(facts.unavailable)
  const executablePath = 'program' in facts ? facts.program : await unpacked(facts.package)
  // In a container there may be no user namespace for the sandbox, nor room in /dev/shm.
  const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu']
  // A locale such as C is no language tag, and charts want one.
  const env = { ...process.env, LANG: 'en_US.UTF-8', LC_ALL: 'en_US.UTF-8' }
  return chromium.launch({ executablePath, args: [...args, '--lang=en-US'], env })
}

async function unpacked(folder: string): Promise<string> {
  const path = join(folder, 'build/index.js')
  const { default: bundled } = (await import(path)) as {
    default: { executablePath(): Promise<string> }
  }
  return bundled.executablePath()
}

/** What a page has complained of: errors of scripts, and what the console calls an error. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  return complaints
}
