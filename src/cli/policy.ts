// `policy`: a policy before it decides anything: what is wrong with it, whether it decides the
// cases it was written for, and who would be decided otherwise than by another one.

import { Argument, Command } from 'commander'
import { type ConfigOptions, type Context, withConfigOptions } from './context.ts'
import { wholeNumber } from './numbers.ts'
import { type CheckOptions, checkPolicy } from './policy/check.ts'
import { type DiffOptions, diffPolicies } from './policy/diff.ts'
import { type TestOptions, testPolicy } from './policy/test.ts'

type Run = (action: () => Promise<number>) => void

const JSON_OPTION = ['--json', 'print one JSON object', false] as const

export function policyCommand(run: Run, context: Context): Command {
  return new Command('policy')
    .description('check, try and compare policies')
    .addCommand(checkCommand(run, context))
    .addCommand(testCommand(run, context))
    .addCommand(diffCommand(run, context))
    .addHelpText('after', EXAMPLES)
}

const EXAMPLES = `
Examples:
  bun run policy check models/default/policy.toml
  bun run policy test --cases cases.jsonl
  bun run policy diff models/default/policy.toml next.toml --input loans.csv`

function checkCommand(run: Run, context: Context): Command {
  const command = new Command('check')
    .description('say what a policy does in which order, and what it says in vain; 1 when it does')
    .addArgument(new Argument('[policy]', 'policy file (default: that of the settings)'))
    .option(...JSON_OPTION)
  return withConfigOptions(command)
    .addHelpText('after', CHECK_EXPLANATION)
    .action((path: string | undefined, options: CheckOptions & ConfigOptions) =>
      run(async () => checkPolicy(path, options, context)),
    )
}

const CHECK_EXPLANATION = `
Reported, with file and line:
  never-fires         no application that the schema allows meets the rule
  shadowed            whatever the rule fires for, another one rejects or refers already
  cap-never-fires     one of several caps cannot be exceeded
  no-cap              the schema allows a segment below the first cap
  no-referral         equal cut-offs: nothing lies between them
  no-training-range   the policy asks for ranges that the model does not state
What is reported is certain; not all there is can be seen.

Examples:
  bun run policy check
  bun run policy check next.toml --json
  bun run policy check next.toml --set model.path=build/models/default`

function testCommand(run: Run, context: Context): Command {
  const command = new Command('test')
    .description('decide cases and compare with what is expected; exit with 1 when one differs')
    .addArgument(new Argument('[policy]', 'policy file (default: that of the settings)'))
    .requiredOption('--cases <file>', 'cases: .jsonl')
    .option(...JSON_OPTION)
  return withConfigOptions(command)
    .addHelpText('after', TEST_EXPLANATION)
    .action((path: string | undefined, options: TestOptions & ConfigOptions) =>
      run(async () => testPolicy(path, options, context)),
    )
}

const TEST_EXPLANATION = `
A case is a line with an application and what is expected of it: the decision and, if given, the
codes of all reasons of the policy in their order. With a margin it is decided by that and not by
the model's. A line with defaults gives fields to all cases after it.

  {"defaults": {"loan_amount": 5000, "credit_score": 720, …}}
  {"name": "low score", "application": {"credit_score": 600}, "margin": -2.5,
   "expect": {"decision": "rejected", "reasons": ["CREDIT_SCORE_BELOW_MINIMUM"]}}

(each on one line)

Examples:
  bun run policy test --cases cases.jsonl
  bun run policy test next.toml --cases cases.jsonl --json`

function diffCommand(run: Run, context: Context): Command {
  const command = new Command('diff')
    .description('say who would be decided otherwise by another policy')
    .addArgument(new Argument('<a>', 'policy file'))
    .addArgument(new Argument('<b>', 'the other policy file'))
    .requiredOption('-i, --input <file>', 'applications: .csv, .jsonl or .avro')
    .option('--examples <count>', 'name so many applications of each change', wholeNumber(), 0)
    .option(...JSON_OPTION)
  return withConfigOptions(command)
    .addHelpText('after', DIFF_EXAMPLES)
    .action((a: string, b: string, options: DiffOptions & ConfigOptions) =>
      run(() => diffPolicies(a, b, options, context)),
    )
}

const DIFF_EXAMPLES = `
The model is that of the settings. Applications are named by their id, and only when asked for.

Examples:
  bun run policy diff models/default/policy.toml next.toml --input loans.csv
  bun run policy diff old.toml new.toml --input loans.jsonl --examples 5 --json`
