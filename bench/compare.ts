// `bun bench --compare REF`: the benches of another revision beside those here. The revision is
// checked out and set up below build/; then the two take turns, each run in a fresh process, the
// first of a turn being the second of the next, so that both meet the same noise. Each side runs
// its own bench: where that has changed too, it may be what differs.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { median } from 'simple-statistics'
import { messageOf, usageError } from '../src/errors.ts'
import { BUILD, ROOT } from '../src/paths.ts'
import type { Run, Size } from './bench.ts'
import { benchNames, runBench } from './bench-process.ts'
import { type Comparison, compare } from './noise.ts'
import { plainTable } from './report.ts'

type Compared = Comparison & {
  figure: string
  unit: string
  /** Of each run, in their order. */
  before: number[]
  after: number[]
}

type BenchComparison = {
  bench: string
  /** Why there are no figures: one side has no such bench, or it failed. */
  reason: string
  figures: Compared[]
  /** Figures that only one side has. */
  lacking: string[]
  checksums: { before: string[]; after: string[] }
}

/** @returns whether every bench that both have was compared */
export async function compareWith(
  ref: string,
  names: readonly string[],
  { size, runs, json }: { size: Size; runs: number; json: boolean },
): Promise<boolean> {
  const other = await checkOut(ref)
  const theirs = new Set(benchNames(other))
  const results: BenchComparison[] = []
  for (const name of names) {
    const result = theirs.has(name)
      ? await compareBench(name, other, size, runs)
      : none(name, `${ref} has no such bench`)
    results.push(result)
    if (!json) process.stdout.write(print(result, ref))
  }
  const ours = new Set(benchNames(ROOT))
  const gone = [...theirs].filter((name) => !ours.has(name))
  if (json) process.stdout.write(`${JSON.stringify({ ref, benches: results, gone }, null, 2)}\n`)
  else if (gone.length > 0) process.stdout.write(`\nonly ${ref} has: ${gone.join(', ')}\n`)
  return results.every(({ bench, reason }) => reason === '' || !theirs.has(bench))
}

/** @returns the folder of the revision, set up */
async function checkOut(ref: string): Promise<string> {
  const parsed = Bun.spawnSync(['git', 'rev-parse', '--verify', '--quiet', `${ref}^{commit}`], {
    cwd: ROOT,
  })
  if (parsed.exitCode !== 0) throw usageError('compare', `there is no revision ${ref}`)
  const commit = parsed.stdout.toString().trim()
  const folder = join(BUILD, 'compare', commit.slice(0, 12))
  // A worktree whose folder was removed is still known to git, and in the way.
  await run(['git', 'worktree', 'prune'], ROOT)
  if (!existsSync(join(folder, '.git'))) {
    await run(['git', 'worktree', 'add', '--force', '--detach', folder, commit], ROOT)
  }
  await run([process.execPath, 'src/setup/main.ts', '--broker'], folder)
  return folder
}

async function run(command: readonly string[], cwd: string): Promise<void> {
  const child = Bun.spawn([...command], { cwd, stdout: 'pipe', stderr: 'pipe' })
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  if ((await child.exited) !== 0) throw new Error(`${command.join(' ')}: ${errors || output}`)
}

async function compareBench(
  name: string,
  other: string,
  size: Size,
  runs: number,
): Promise<BenchComparison> {
  const [before, after]: [Run[], Run[]] = [[], []]
  const sides = [
    { root: other, results: before },
    { root: ROOT, results: after },
  ]
  try {
    for (let turn = 0; turn < runs; turn++) {
      const inTurn = turn % 2 === 0 ? sides : sides.toReversed()
      for (const { root, results } of inTurn) results.push(await runBench(root, name, size))
    }
  } catch (error) {
    return none(name, messageOf(error))
  }
  const [old, now] = [figuresOf(before), figuresOf(after)]
  const shared = [...now.keys()].filter((key) => old.has(key))
  return {
    bench: name,
    reason: '',
    figures: shared.map((key) => {
      const [from, to] = [old.get(key)!, now.get(key)!]
      return {
        ...from.of,
        ...compare(from.values, to.values),
        before: from.values,
        after: to.values,
      }
    }),
    lacking: [...new Set([...old.keys(), ...now.keys()])].filter((key) => !shared.includes(key)),
    checksums: { before: distinct(before), after: distinct(after) },
  }
}

function none(bench: string, reason: string): BenchComparison {
  return { bench, reason, figures: [], lacking: [], checksums: { before: [], after: [] } }
}

/** The values of each figure; one of the same name in another unit is another figure. */
function figuresOf(runs: readonly Run[]) {
  const all = new Map<string, { of: { figure: string; unit: string }; values: number[] }>()
  for (const { name, value, unit } of runs.flatMap(({ figures }) => figures)) {
    // Where a figure says at which size it was found, that is no unit to tell them apart by.
    const key = unit.startsWith('at ') ? name : `${name}, ${unit}`
    const known = all.get(key) ?? { of: { figure: name, unit }, values: [] }
    known.values.push(value)
    all.set(key, known)
  }
  return all
}

function distinct(runs: readonly Run[]): string[] {
  return [...new Set(runs.map(({ checksum }) => checksum))]
}

function rounded(values: readonly number[]): number {
  return Number(median([...values]).toPrecision(3))
}

function print(
  { bench, reason, figures, lacking, checksums }: BenchComparison,
  ref: string,
): string {
  const lines = [`\n${bench}`]
  if (reason) return `${lines[0]}: not compared: ${reason}\n`
  const rows = figures.map(({ figure, unit, before, after, ratio, verdict }) => [
    figure,
    `${rounded(before)} ${unit}`,
    `${rounded(after)} ${unit}`,
    ratio.toFixed(3),
    verdict,
    `${before.join(' ')} | ${after.join(' ')}`,
  ])
  lines.push(plainTable(['median of', ref, 'here', 'ratio', 'verdict', 'every run'], rows))
  if (lacking.length > 0) lines.push(`  only one side has: ${lacking.join('; ')}`)
  const { before, after } = checksums
  if (before.join() !== after.join()) {
    lines.push(`  checksums differ: ${before.join()} | ${after.join()}: not the same was computed`)
  }
  return `${lines.join('\n')}\n`
}
