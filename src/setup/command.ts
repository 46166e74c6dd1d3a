// Runs another program: bounded in time, its output kept, and ended when the set-up is ended.

import { appendFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import { messageOf } from '../errors.ts'

export type CommandOptions = {
  folder: string
  environment: Readonly<Record<string, string | undefined>>
  timeoutMs: number
  /** Everything it prints is added to this file too. */
  logPath?: string
  onLine?: (line: string) => void
}

export type Outcome = {
  exitCode: number
  /** What it printed to standard output. */
  output: string
  /** What it printed to standard error. */
  errors: string
  timedOut: boolean
  /** The signal that ended it, if one did. */
  signal: Bun.Subprocess['signalCode']
}

const running = new Set<Bun.Subprocess>()

/** What a shell says when there is no such program. */
const NOT_STARTED = 127

/** Runs a program to its end. Never throws for what the program does, or that there is none. */
export async function runCommand(
  command: readonly string[],
  options: CommandOptions,
): Promise<Outcome> {
  let child: ReturnType<typeof spawn>
  try {
    child = spawn(command, options)
  } catch (error) {
    const errors = messageOf(error)
    return { exitCode: NOT_STARTED, output: '', errors, timedOut: false, signal: null }
  }
  running.add(child)
  const readers = readersOf(child)
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    child.kill()
    // A program that it started may outlive it and hold the pipes open.
    for (const reader of readers) void reader.cancel()
  }, options.timeoutMs)
  try {
    const texts = await Promise.all(readers.map((reader) => collect(reader, options)))
    const exitCode = await child.exited
    return { exitCode, output: texts[0]!, errors: texts[1]!, timedOut, signal: child.signalCode }
  } finally {
    clearTimeout(timer)
    running.delete(child)
  }
}

function spawn(command: readonly string[], { folder, environment }: CommandOptions) {
  return Bun.spawn([...command], {
    cwd: folder,
    env: environment,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

function readersOf({ stdout, stderr }: ReturnType<typeof spawn>) {
  return [stdout.getReader(), stderr.getReader()]
}

type Reader = ReturnType<typeof readersOf>[number]

async function collect(reader: Reader, { logPath, onLine }: CommandOptions): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let lineStart = 0
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (logPath) appendFileSync(logPath, part.value)
    text += decoder.decode(part.value, { stream: true })
    if (!onLine) continue
    for (let end = text.indexOf('\n', lineStart); end >= 0; end = text.indexOf('\n', lineStart)) {
      onLine(text.slice(lineStart, end))
      lineStart = end + 1
    }
  }
  return text
}

/** Ends the programs that are running; for when the set-up is told to end. */
export function endCommands(): void {
  for (const child of running) child.kill()
}

/** Why a program failed, in one line: the first line that speaks of an error, else the last. */
export function reasonOf({ exitCode, output, errors, timedOut, signal }: Outcome): string {
  if (timedOut) return 'it took too long'
  if (signal) return `${signal} ended it`
  const lines = stripVTControlCharacters(`${errors}\n${output}`)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
  const line =
    lines.find((text) => /\berror\b|exception\b|cannot|not found/i.test(text)) ?? lines.at(-1)
  return line === undefined ? `exit code ${exitCode}` : line.slice(0, 400)
}
