// The program's entry: reads the environment, runs one command, ends the process with its code.
// 0 is success, 1 a failure, 2 a wrong option, setting or file.

import { Command, CommanderError } from 'commander'
import packageJson from '../package.json'
import type { Context } from './cli/context.ts'
import { configCommand } from './cli/config.ts'
import { decideCommand } from './cli/decide.ts'
import { demoCommand } from './cli/demo.ts'
import { dlqCommand } from './cli/dlq.ts'
import { modelCommand } from './cli/model.ts'
import { monitorCommand } from './cli/monitor.ts'
import { policyCommand } from './cli/policy.ts'
import { produceCommand } from './cli/produce.ts'
import { replayCommand } from './cli/replay.ts'
import { reportCommand } from './cli/report.ts'
import { schemaCommand } from './cli/schema.ts'
import { topicsCommand } from './cli/topics.ts'
import { workerCommand } from './cli/worker.ts'
import { Output } from './cli/output.ts'
import { OperatingError } from './errors.ts'
import { redacted } from './secrets.ts'

const context: Context = {
  environment: process.env,
  output: new Output(),
  exit: (code) => process.exit(code),
}

/** The action of the command that was named; commander itself only parses. */
let action: (() => Promise<number>) | undefined

function run(chosen: () => Promise<number>): void {
  action = chosen
}

function makeProgram(): Command {
  const program = new Command('loanstream')
    .description(packageJson.description)
    .version(packageJson.version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => context.output.print(text) })
    .showHelpAfterError(false)
  for (const command of [
    demoCommand(run, context),
    workerCommand(run, context),
    monitorCommand(run, context),
    topicsCommand(run, context),
    produceCommand(run, context),
    decideCommand(run, context),
    dlqCommand(run, context),
    replayCommand(run, context),
    reportCommand(run, context),
    modelCommand(run, context),
    policyCommand(run, context),
    schemaCommand(run, context),
    configCommand(run, context),
  ]) {
    program.addCommand(inherit(command, program))
  }
  return program
}

/** Commands that are added, not made by their parent, do not have its settings. */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent)
  for (const child of command.commands) inherit(child, command)
  return command
}

async function main(): Promise<number> {
  try {
    makeProgram().parse(process.argv)
    return outputCode((await action?.()) ?? 0)
  } catch (error) {
    // Commander has printed its message, with the nearest valid option where there is one.
    if (error instanceof CommanderError) return error.exitCode === 0 ? outputCode(0) : 2
    if (!(error instanceof OperatingError)) throw error
    process.stderr.write(`error: ${redacted(error.message)}\n`)
    return error.kind === 'usage' ? 2 : 1
  }
}

/** The command's own code, unless what it printed was lost. */
function outputCode(code: number): number {
  const { failure } = context.output
  if (!failure) return code
  process.stderr.write(`error: ${failure.message}\n`)
  return 1
}

process.exit(await main())
