// librdkafka from the sources that its package carries, by its own configure and make. Needed where
// the prebuilt library cannot be had; takes about a minute on two cores.
//
// What that takes, as tried by hiding one program after the other: a C compiler, make and bash, and
// what every system has (sed, grep, uname). C++ is for a part we do not build, but configure
// insists on a compiler for it, so it is shown the C compiler. Without python3 all of the library's
// symbols stay visible, without pkg-config it looks for OpenSSL by trial: both work.

import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { usageError } from '../errors.ts'
import { type Outcome, reasonOf, runCommand } from './command.ts'
import type { Report } from './report.ts'

const CONFIGURE_MS_MAX = 5 * 60_000
const COMPILE_MS_MAX = 30 * 60_000

/**
 * - no-download: only what is here; it would fetch and build OpenSSL otherwise.
 * - disable-lz4-ext: the LZ4 within librdkafka, so that the library needs no other at run time.
 */
const CONFIGURE_FLAGS = ['--no-download', '--disable-debug-symbols', '--disable-lz4-ext']

const COMPILERS = ['cc', 'gcc', 'clang']

/** Programs by name, as a PATH has them. */
export type Which = (name: string) => string | null

export type Tools = { compiler: string; make: string; bash: string }

export type BuildOptions = {
  version: string
  sourceFolder: string
  /** Empty and ours; the sources are copied into it, as node_modules is not ours to change. */
  scratchFolder: string
  logPath: string
  environment: Readonly<Record<string, string | undefined>>
  report: Report
}

/**
 * Builds the library.
 *
 * @returns its path, in the scratch folder
 * @throws OperatingError kind 'usage', code 'librdkafka_build', that names what is missing, or the
 *         log
 */
export async function buildLibrary(options: BuildOptions): Promise<string> {
  const { version, report, logPath, scratchFolder } = options
  const tools = findTools(options.environment['CC'], Bun.which)
  const folder = join(scratchFolder, 'librdkafka')
  copySources(options.sourceFolder, folder)
  mkdirSync(dirname(logPath), { recursive: true })
  rmSync(logPath, { force: true })
  const run = commandRunner(options, folder, tools.compiler)

  report.passing(`librdkafka ${version}: configuring`)
  await run('configure', [tools.bash, './configure', ...CONFIGURE_FLAGS], CONFIGURE_MS_MAX)
  // As mklove/Makefile.base names it; 1 is the number of its binary interface.
  const file = process.platform === 'darwin' ? 'librdkafka.1.dylib' : 'librdkafka.so.1'
  const make = [tools.make, '-C', 'src', file]
  const plan = await run('make', [...make, '-n'], CONFIGURE_MS_MAX)
  const total = plan.output.split('\n').filter(isCompilation).length
  const count = report.counter(`librdkafka ${version}: compiled files`, total)
  let done = 0
  await run('make', [...make, `-j${availableParallelism()}`], COMPILE_MS_MAX, (line) => {
    if (isCompilation(line)) count((done += 1))
  })
  return join(folder, 'src', file)
}

function copySources(source: string, target: string): void {
  const skipped = new Set(['tests', 'win32'].map((name) => join(source, name)))
  cpSync(source, target, { recursive: true, filter: (path) => !skipped.has(path) })
}

function isCompilation(line: string): boolean {
  return / -c \S+\.c /.test(line)
}

/** Makes a function that runs a program of the build, logs its output and throws if it fails. */
function commandRunner(options: BuildOptions, folder: string, compiler: string) {
  const { version, logPath } = options
  const environment = {
    ...options.environment,
    LC_ALL: 'C',
    CC: compiler,
    CXX: compiler,
    // From a make that runs the set-up; they would change what ours does.
    MAKEFLAGS: undefined,
    MAKELEVEL: undefined,
  }
  return async (
    name: string,
    command: string[],
    timeoutMs: number,
    onLine: (line: string) => void = () => {},
  ): Promise<Outcome> => {
    const settings = { folder, environment, timeoutMs, logPath, onLine }
    const outcome = await runCommand(command, settings)
    if (outcome.exitCode === 0) return outcome
    const what = `librdkafka ${version} could not be built, ${name}: ${reasonOf(outcome)}`
    throw usageError('librdkafka_build', `${what}; the log is ${logPath}`)
  }
}

/**
 * Finds what the build needs.
 *
 * @param compiler  the one that the environment names, if any
 * @throws OperatingError kind 'usage', code 'librdkafka_build', that names all that is missing
 */
export function findTools(compiler: string | undefined, which: Which): Tools {
  const cc = compiler || COMPILERS.find((name) => which(name))
  const make = which('make')
  const bash = which('bash')
  if (cc && make && bash) return { compiler: cc, make, bash }
  const missing = [!cc && 'a C compiler', !make && 'make', !bash && 'bash']
    .filter(Boolean)
    .join(', ')
  const how =
    'install build-essential (Debian, Ubuntu), gcc and make (Fedora), build-base and bash '
  const alsoMac = '(Alpine) or run "xcode-select --install" (macOS)'
  const what = `librdkafka must be built and this is missing: ${missing}`
  throw usageError('librdkafka_build', `${what}; ${how}${alsoMac}`)
}
