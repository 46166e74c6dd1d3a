// A command as a user runs it: its exit code and what it prints.

import { ROOT } from '../../src/paths.ts'

export type CliResult = { code: number; out: string; err: string }

/** Runs `bun src/main.ts ARGS`; only the environment given, and PATH; no input but what is given. */
export async function cli(
  args: readonly string[],
  environment: Record<string, string> = {},
  input = '',
): Promise<CliResult> {
  const child = Bun.spawn([process.execPath, 'src/main.ts', ...args], {
    cwd: ROOT,
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
