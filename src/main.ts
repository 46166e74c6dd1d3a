// The program's entry: reads the environment, runs one command, ends the process with its code.
// 0 is success, 1 a failure, 2 a wrong option, setting or file.

import { CommanderError } from 'commander'
import type { Context } from './cli/context.ts'
import { Output } from './cli/output.ts'
import { makeProgram } from './cli/program.ts'
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

async function main(): Promise<number> {
  try {
    makeProgram(run, context).parse(process.argv)
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
