// `bun bench --profile NAME`: where the time of a bench goes, by thread, in every process that it
// starts. With Linux's perf it is sampled, JavaScript and native: Bun writes down which machine code
// it made of which function (JavaScriptCore's jitdump), and addresses of the samples are looked up
// there. Without perf there is the CPU of each thread as the kernel counts it.

import { mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { BUILD, ROOT } from '../src/paths.ts'
import type { Size } from './bench.ts'
import { runBench } from './bench-process.ts'
import { JitCode } from './jit-code.ts'
import { plainTable } from './report.ts'
import { type Thread, spentBetween, threadsOf } from './support/threads.ts'

const SAMPLES_A_SECOND = 997
const FIELDS = 'comm,pid,time,ip,sym,dso'
const LOOK_MS = 50
const SHOWN = 40
/** The broker, mainly. */
const OTHERS = 'all\tprocesses that are not Bun'

type Place = { thread: string; where: string; seconds: number }

export async function profile(name: string, { size, json }: { size: Size; json: boolean }) {
  const folder = join(BUILD, 'bench/profile')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const canSample = Bun.which('perf') !== null && perfWorks(folder)
  const places = canSample ? await sample(name, size, folder) : await count(name, size)
  const how = canSample ? 'perf' : 'threads'
  if (json) process.stdout.write(`${JSON.stringify({ bench: name, how, places })}\n`)
  else process.stdout.write(print(places, how))
}

function perfWorks(folder: string): boolean {
  const data = join(folder, 'probe.data')
  return Bun.spawnSync(['perf', 'record', '-o', data, '--', 'true']).exitCode === 0
}

/** Seconds by thread and function, most first. */
async function sample(name: string, size: Size, folder: string): Promise<Place[]> {
  const data = join(folder, 'perf.data')
  const record = ['perf', 'record', '-q', '-k', 'mono', '-F', String(SAMPLES_A_SECOND), '-o', data]
  await runBench(ROOT, name, size, [...record, '--'], {
    BUN_JSC_useJITDump: '1',
    BUN_JSC_jitDumpDirectory: folder,
  })
  const code = new JitCode()
  for (const file of readdirSync(folder).filter((entry) => entry.endsWith('.dump'))) {
    code.read(readFileSync(join(folder, file)))
  }
  const script = Bun.spawn(['perf', 'script', '-i', data, '--ns', '-F', FIELDS], {
    stdout: 'pipe',
    stderr: 'ignore',
  })
  const counts = new Map<string, number>()
  for (const line of (await new Response(script.stdout).text()).split('\n')) {
    // Worker 4711 12.345678901:   7f01e18688c0 memcpy (libc.so.6)
    const parts = /^\s*(.+?)\s+(\d+)\s+(\d+)\.(\d{9}):\s+([0-9a-f]+)\s+(.*?)\s+\((.*)\)\s*$/.exec(
      line,
    )
    if (!parts) continue
    const [, thread, pid, seconds, rest, address, symbol, object] = parts as unknown as string[]
    const isBun = code.has(Number(pid))
    const jitName = isBun
      ? code.nameAt(Number(pid), BigInt(`0x${address}`), BigInt(`${seconds}${rest}`))
      : undefined
    const where = jitName ?? placeOf(symbol!, object!)
    const key = isBun ? `${thread}\t${where}` : OTHERS
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  return [...counts]
    .map(([key, samples]) => {
      const [thread, where] = key.split('\t') as [string, string]
      return { thread, where, seconds: samples / SAMPLES_A_SECOND }
    })
    .toSorted((a, b) => b.seconds - a.seconds)
}

function placeOf(symbol: string, object: string): string {
  const file = object.split('/').at(-1)!
  // Bun is without symbols: all of it that no function is known of is one place.
  return symbol === '[unknown]' ? file : `${symbol} (${file})`
}

/** Seconds by thread of all processes that the bench starts. */
async function count(name: string, size: Size): Promise<Place[]> {
  const last = new Map<number, Thread[]>()
  const from = descendants(process.pid)
  const timer = setInterval(() => {
    for (const pid of descendants(process.pid)) {
      if (from.includes(pid)) continue
      const threads = new Map((last.get(pid) ?? []).map((thread) => [thread.tid, thread]))
      // What has ended since keeps what it had cost.
      for (const thread of threadsOf(pid)) threads.set(thread.tid, thread)
      last.set(pid, [...threads.values()])
    }
  }, LOOK_MS)
  try {
    await runBench(ROOT, name, size)
  } finally {
    clearInterval(timer)
  }
  return [...last]
    .flatMap(([pid, threads]) =>
      spentBetween([], threads).map(({ name: thread, running }) => ({
        thread,
        where: `process ${pid}`,
        seconds: running,
      })),
    )
    .toSorted((a, b) => b.seconds - a.seconds)
}

/** Processes below one, from what each says of its children. */
function descendants(pid: number): number[] {
  try {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((tid) =>
      readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8').split(' ').filter(Boolean),
    )
    return children.flatMap((child) => [Number(child), ...descendants(Number(child))])
  } catch {
    // It has ended.
    return []
  }
}

function print(places: readonly Place[], how: string): string {
  const total = places.reduce((sum, { seconds }) => sum + seconds, 0)
  const rows = places
    .slice(0, SHOWN)
    .map(({ thread, where, seconds }) => [
      `${((100 * seconds) / total).toFixed(1)} %`,
      seconds.toFixed(2),
      thread,
      where.slice(0, 90),
    ])
  const table = plainTable(['share', 's', 'thread', 'where'], rows)
  return `${table}\n  ${total.toFixed(2)} s of CPU, by ${how}\n`
}
