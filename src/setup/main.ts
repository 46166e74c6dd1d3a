// The set-up, run before every command: bun src/setup/main.ts [--help] [--broker] [--force-build]
// [--quiet]
//
// Makes what the commands need and git does not hold, in this order: the packages, librdkafka, the
// WebAssembly modules, the models' artefacts; for tests and benches also a real Kafka, Apache Avro,
// a schema registry, a browser and Prometheus. Whatever is there and still right is left alone, so
// a second start does nothing, says nothing and costs milliseconds. On the first start there are no
// packages, so nothing here imports one; what needs them runs in a process of its own, as Bun would
// fetch them elsewhere in one that started without.
//
// LOANSTREAM_CACHE names the folder for what outlives a clone (else loanstream in XDG_CACHE_HOME or
// ~/.cache), LOANSTREAM_PREBUILT_HOST another place of the prebuilt library; empty, it is built.

import { constants, homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { OperatingError, usageError } from '../errors.ts'
import { nearest } from '../nearest.ts'
import { avro } from './avro.ts'
import { browser } from './browser.ts'
import { endCommands } from './command.ts'
import type { Context, Step } from './context.ts'
import { checkBun, dependencies } from './dependencies.ts'
import { kafka } from './kafka.ts'
import { librdkafka } from './librdkafka.ts'
import { withLock } from './lock.ts'
import { models } from './models.ts'
import { prometheus } from './prometheus.ts'
import { registry } from './registry.ts'
import { Report } from './report.ts'
import { standaloneWasm, wasm } from './wasm.ts'

/** The error's code. */
const WRONG_OPTION = 'option'

const FLAGS = ['broker', 'force-build', 'quiet', 'help'] as const

type Flags = Record<(typeof FLAGS)[number], boolean>

const USAGE = `Usage: bun run setup [options]

Makes what the commands need: packages, librdkafka, the WebAssembly module, the models. Every
command runs it first; what is there and still right is left alone.

Options:
  --broker       also what tests and benches need: Kafka, Apache Avro, a schema registry, a
                 browser, Prometheus
  --force-build  make the module and the models again even when nothing changed
  --quiet        say nothing but what goes wrong
  -h, --help     say this

Environment:
  LOANSTREAM_CACHE          folder for what outlives a clone
  LOANSTREAM_PREBUILT_HOST  another place of the prebuilt librdkafka; empty: build it
`

async function main(): Promise<void> {
  const flags = parseFlags(process.argv.slice(2))
  if (flags.help) {
    process.stdout.write(USAGE)
    return
  }
  const context = makeContext(flags)
  checkBun(context.projectFolder, Bun.version)
  checkPlatform(process.platform)
  const always = [dependencies, librdkafka, wasm, standaloneWasm, models]
  const steps = flags.broker ? [...always, kafka, avro, registry, browser, prometheus] : always
  await runSteps(
    context,
    steps.map((step) => step(context)),
  )
}

/** Runs what is not done, in order: whether a step is done may depend on the one before. */
async function runSteps(context: Context, steps: readonly Step[]): Promise<void> {
  const first = steps.findIndex((step) => !step.isDone())
  if (first < 0) return
  const onWait = () => context.report.line('waiting for another set-up of this clone')
  await withLock(join(context.buildFolder, 'setup.lock'), onWait, async () => {
    for (const step of steps.slice(first)) if (!step.isDone()) await step.run()
  })
}

function parseFlags(args: string[]): Flags {
  const flags: Flags = { broker: false, 'force-build': false, quiet: false, help: false }
  for (const arg of args) {
    const flag = FLAGS.find((name) => arg === `--${name}` || (name === 'help' && arg === '-h'))
    if (flag === undefined) throw usageError(WRONG_OPTION, wrongOption(arg))
    flags[flag] = true
  }
  return flags
}

function wrongOption(arg: string): string {
  const known = FLAGS.map((name) => `--${name}`)
  const meant = nearest(arg, known)
  const help = meant === undefined ? `these are: ${known.join(', ')}` : `the nearest is ${meant}`
  return `${arg} is no option of the set-up; ${help}`
}

function makeContext(flags: Flags): Context {
  const { env, stderr } = process
  const projectFolder = resolve(import.meta.dir, '../..')
  const terminal = stderr.isTTY === true
  return {
    projectFolder,
    buildFolder: join(projectFolder, 'build'),
    cacheFolder: cacheFolder(env),
    environment: env,
    prebuiltHost: env['LOANSTREAM_PREBUILT_HOST'],
    forceBuild: flags['force-build'],
    report: new Report({ quiet: flags.quiet, terminal, write: (text) => void stderr.write(text) }),
  }
}

function cacheFolder(env: NodeJS.ProcessEnv): string {
  const general = env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache')
  return resolve(env['LOANSTREAM_CACHE'] || join(general, 'loanstream'))
}

function checkPlatform(platform: string): void {
  if (platform === 'linux' || platform === 'darwin') return
  throw usageError('platform', `loanstream runs on Linux and macOS; on ${platform}, use WSL`)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    endCommands()
    // As a shell says that a signal ended a program.
    process.exit(128 + constants.signals[signal])
  })
}

try {
  await main()
} catch (error) {
  if (!(error instanceof OperatingError)) throw error
  process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}${error.message}\n`)
  // As the commands: 2 is a wrong option. A set-up that cannot work is a failure.
  process.exit(error.code === WRONG_OPTION ? 2 : 1)
}
