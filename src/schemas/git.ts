// Schema files as a git revision has them: what was committed is never edited, so a difference is a
// mistake.

import { resolve } from 'node:path'
import { messageOf, usageError } from '../errors.ts'

/** Files of a folder at a revision, by their path below the folder. */
export type Committed = ReadonlyMap<string, string>

/** Whether the folder is in a git repository that has a commit. */
export function hasHistory(folder: string): boolean {
  try {
    return git(folder, ['rev-parse', '--verify', '--quiet', 'HEAD']).ok
  } catch {
    return false
  }
}

/**
 * The schema files in a folder as they were at a revision.
 *
 * @throws OperatingError kind 'usage', code 'git', when there is no git, repository or revision
 */
export function committedFiles(folder: string, revision: string): Committed {
  const commit = commitOf(folder, revision)
  const listed = git(folder, ['ls-tree', '-r', '-z', '--name-only', commit, '--', '.'])
  if (!listed.ok) throw usageError('git', `git lists no files of ${revision}: ${listed.error}`)
  const names = listed.output.split('\0').filter((name) => name.endsWith('.avsc'))
  return new Map(names.map((name) => [name, contentAt(folder, commit, name)]))
}

/** One file of a folder at a revision; undefined when it was not there. */
export function committedFile(folder: string, revision: string, name: string): string | undefined {
  return committedFiles(folder, revision).get(name)
}

function commitOf(folder: string, revision: string): string {
  const found = git(folder, [
    'rev-parse',
    '--verify',
    '--quiet',
    '--end-of-options',
    `${revision}^{commit}`,
  ])
  if (found.ok) return found.output.trim()
  const why = found.error || 'no such commit'
  throw usageError('git', `--git ${revision}: ${why} (in ${resolve(folder)})`)
}

function contentAt(folder: string, commit: string, name: string): string {
  const found = git(folder, ['cat-file', 'blob', `${commit}:./${name}`])
  if (!found.ok) throw usageError('git', `git shows no ${name} of ${commit}: ${found.error}`)
  return found.output
}

function git(folder: string, args: string[]): { ok: boolean; output: string; error: string } {
  try {
    const { exitCode, stdout, stderr } = Bun.spawnSync(['git', ...args], { cwd: folder })
    const [error] = stderr.toString().trim().split('\n')
    return { ok: exitCode === 0, output: stdout.toString(), error: error ?? '' }
  } catch (error) {
    throw usageError('git', `git does not run: ${messageOf(error)}`, error)
  }
}
