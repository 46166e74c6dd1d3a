// The program: all commands there are, as one tree.

import { Command } from 'commander'
import packageJson from '../../package.json'
import { completionCommand } from './completion.ts'
import { configCommand } from './config.ts'
import type { Context } from './context.ts'
import { decideCommand } from './decide.ts'
import { demoCommand } from './demo.ts'
import { dlqCommand } from './dlq.ts'
import { explainCommand } from './explain.ts'
import { modelCommand } from './model.ts'
import { monitorCommand } from './monitor.ts'
import { policyCommand } from './policy.ts'
import { produceCommand } from './produce.ts'
import { replayCommand } from './replay.ts'
import { reportCommand } from './report.ts'
import { schemaCommand } from './schema.ts'
import { topicsCommand } from './topics.ts'
import { workerCommand } from './worker.ts'

/** @param run  gets the action of the command that was named; commander itself only parses */
export function makeProgram(run: (action: () => Promise<number>) => void, context: Context) {
  const program = new Command('loanstream')
    .description(packageJson.description)
    .version(packageJson.version)
    .exitOverride()
    .configureOutput({ writeOut: (text) => context.output.print(text) })
    .showHelpAfterError(false)
    .addHelpText('after', EXAMPLES)
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
    explainCommand(run, context),
    modelCommand(run, context),
    policyCommand(run, context),
    schemaCommand(run, context),
    configCommand(run, context),
    completionCommand(run, context, program),
  ]) {
    program.addCommand(inherit(command, program))
  }
  return program
}

const EXAMPLES = `
Exit codes: 0 success, 1 failure, 2 a wrong option, setting or file.

Examples:
  bun run demo
  bun run worker --set bootstrap.servers=broker1:9092
  bun run model --help`

/** Commands that are added, not made by their parent, do not have its settings. */
function inherit(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent)
  for (const child of command.commands) inherit(child, command)
  return command
}
