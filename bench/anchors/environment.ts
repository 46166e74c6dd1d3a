// The virtual environment with the native engines, in build/: made once, and again when the pinned
// versions change.

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { usageError } from '../../src/errors.ts'

/**
 * @returns the environment's Python
 * @throws OperatingError kind 'usage' when there is no Python or no package can be had
 */
export async function pythonEnvironment(folder: string, requirements: string): Promise<string> {
  const place = join(folder, 'venv')
  const python = join(place, 'bin', 'python')
  const stamp = join(place, 'requirements.txt')
  const due = readFileSync(requirements, 'utf8')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === due) return python
  rmSync(place, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  if (!Bun.which('python3')) throw usageError('anchors', 'there is no python3')
  await run(['python3', '-m', 'venv', place])
  await run([python, '-m', 'pip', 'install', '--quiet', '-r', requirements])
  writeFileSync(stamp, due)
  return python
}

async function run(command: string[]): Promise<void> {
  const child = Bun.spawn(command, { stdout: 'ignore', stderr: 'pipe' })
  const errors = await new Response(child.stderr).text()
  if ((await child.exited) === 0) return
  const why = errors.trim().split('\n').at(-1) ?? ''
  throw usageError('anchors', `${command.join(' ')} failed: ${why}`)
}
