// A command as a user runs it: its exit code and what it prints.

import { join } from 'node:path'
import { ROOT } from '../../src/paths.ts'

export type CliResult = { code: number; out: string; err: string }

/**
 * Runs `bun src/main.ts ARGS` in a folder; only the environment given, and PATH; no input but what
 * is given.
 */
export async function cli(
  args: readonly string[],
  environment: Record<string, string> = {},
  input = '',
  folder = ROOT,
): Promise<CliResult> {
  const child = Bun.spawn([process.execPath, join(ROOT, 'src/main.ts'), ...args], {
    cwd: folder,
    stdin: new Blob([input]),
    stdout: 'pipe',
    stderr: 'pipe',
    env: { PATH: process.env['PATH'], ...environment },
  })
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  return { code: await child.exited, out, err }
}
