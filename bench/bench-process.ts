// A bench in a fresh process: what it measured, or why it could not.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Run, Size } from './bench.ts'

/** The longest, of latency, is some five minutes of load. */
const TIMEOUT_MS = 900_000

/** Names of the benches of a clone. */
export function benchNames(root: string): string[] {
  const files = readdirSync(join(root, 'bench/benches'))
  return files.map((file) => file.replace(/\.ts$/, '')).sort()
}

/**
 * Runs a bench of a clone.
 *
 * @param before  words that go before the command, such as a profiler's
 * @throws Error with what the bench said when it fails
 */
export async function runBench(
  root: string,
  name: string,
  size: Size,
  before: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<Run> {
  const command = [...before, process.execPath, join(root, 'bench/run.ts'), name, size]
  const child = Bun.spawn(command, {
    cwd: root,
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: TIMEOUT_MS,
    // As a worker has it: see deploy/systemd/loanstream.service.
    env: { BUN_JSC_maxNumWasmFastMemories: '256', ...process.env, ...environment },
  })
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  if ((await child.exited) !== 0) {
    throw new Error(errors.trim() || `no result within ${TIMEOUT_MS} ms`)
  }
  // A profiler may have a word to say before.
  return JSON.parse(output.slice(output.lastIndexOf('{"figures"'))) as Run
}
