// The set-up, run before every command: bun src/setup/main.ts [--broker] [--force-build] [--quiet]
//
// Makes what the commands need and git does not hold, in this order: the packages, librdkafka, the
// WebAssembly modules, the models' artefacts; for tests and benches also a real Kafka, Apache Avro
// and a schema registry. Whatever is there and still right is left alone, so a second start does
// nothing, says nothing and costs milliseconds. On the first start there are no packages, so
// nothing here imports one; what needs them runs in a process of its own, as Bun would fetch them
// elsewhere in one that started without.
//
// LOANSTREAM_CACHE names the folder for what outlives a clone (else loanstream in XDG_CACHE_HOME or
// ~/.cache), LOANSTREAM_PREBUILT_HOST another place of the prebuilt library; empty, it is built.

import { constants, homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { OperatingError, messageOf, usageError } from '../errors.ts'
import { avro } from './avro.ts'
import { endCommands } from './command.ts'
import type { Context, Step } from './context.ts'
import { checkBun, dependencies } from './dependencies.ts'
import { kafka } from './kafka.ts'
import { librdkafka } from './librdkafka.ts'
import { withLock } from './lock.ts'
import { models } from './models.ts'
import { registry } from './registry.ts'
import { Report } from './report.ts'
import { standaloneWasm, wasm } from './wasm.ts'

type Flags = { broker: boolean; 'force-build': boolean; quiet: boolean }

async function main(): Promise<void> {
  const flags = parseFlags(process.argv.slice(2))
  const context = makeContext(flags)
  checkBun(context.projectFolder, Bun.version)
  checkPlatform(process.platform)
  const always = [dependencies, librdkafka, wasm, standaloneWasm, models]
  const steps = flags.broker ? [...always, kafka, avro, registry] : always
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
  const flag = { type: 'boolean', default: false } as const
  try {
    const options = { broker: flag, 'force-build': flag, quiet: flag }
    return parseArgs({ args, options, strict: true }).values
  } catch (error) {
    const known = 'the set-up takes --broker, --force-build and --quiet'
    throw usageError('option', `${messageOf(error)}; ${known}`, error)
  }
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
  process.exit(1)
}
