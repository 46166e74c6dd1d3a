// Step 1: the packages of bun.lock, exactly. Nothing else of the set-up may import a package, as on
// the first start there are none.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { usageError } from '../errors.ts'
import { reasonOf, runCommand } from './command.ts'
import type { Context, Step } from './context.ts'
import { timeSince } from './report.ts'
import { hasStamp, hashOf, writeWhole } from './stamp.ts'

const INSTALL_MS_MAX = 15 * 60_000

export function dependencies(context: Context): Step {
  const { projectFolder, report } = context
  // Within node_modules, so that it goes when that goes.
  const stampPath = join(projectFolder, 'node_modules', '.loanstream')
  const stamp = () => {
    return hashOf(
      projectFolder,
      ['package.json', 'bun.lock'].map((name) => join(projectFolder, name)),
    )
  }
  const run = async () => {
    const start = performance.now()
    report.passing('installing the packages of bun.lock')
    const command = [process.execPath, 'install', '--frozen-lockfile']
    const outcome = await runCommand(command, {
      folder: projectFolder,
      environment: context.environment,
      timeoutMs: INSTALL_MS_MAX,
    })
    if (outcome.exitCode !== 0) {
      throw usageError('dependencies', `"bun install" failed: ${reasonOf(outcome)}`)
    }
    writeWhole(stampPath, stamp())
    report.line(`packages installed, ${timeSince(start)}`)
  }
  return { isDone: () => hasStamp(stampPath, stamp()), run }
}

/**
 * Checks the Bun that runs this against package.json.
 *
 * @throws OperatingError kind 'usage', code 'bun'
 */
export function checkBun(projectFolder: string, version: string): void {
  const text = readFileSync(join(projectFolder, 'package.json'), 'utf8')
  const { engines } = JSON.parse(text) as { engines: { bun: string } }
  if (Bun.semver.satisfies(version, engines.bun)) return
  const exact = engines.bun.replace(/[^\d.]/g, '')
  const how = `"npx bun@${exact} run …" brings one`
  throw usageError('bun', `Bun ${engines.bun} is needed and this is ${version}; ${how}`)
}
