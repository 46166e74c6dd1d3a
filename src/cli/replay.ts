// `replay`: a window of the applications' topic decided once more, beside the live workers: to a
// file or a topic, to verify what was decided, or to compare with another model or policy.

import { Command } from 'commander'
import { usageError } from '../errors.ts'
import { type ConfigOptions, type Context, withConfigOptions } from './context.ts'
import { wholeNumbers } from './numbers.ts'
import { compareWindow } from './replay/compare.ts'
import { decideWindow } from './replay/decide.ts'
import { verifyWindow } from './replay/verify.ts'

export type ReplayOptions = ConfigOptions & {
  from?: string
  to?: string
  partition: number[]
  model?: string
  policy?: string
  output?: string
  verify: boolean
  compare: boolean
  models: string[]
  decisionsFrom?: string
  decisionsTo?: string
  json: boolean
}

export function replayCommand(run: (action: () => Promise<number>) => void, context: Context) {
  const command = new Command('replay')
    .description('decide a window of the applications’ topic again, beside the live workers')
    .option('--from <place>', 'first: a time, an offset, or P:OFFSET,… (default: the earliest)')
    .option('--to <place>', 'end, itself left out (default: the last that is committed)')
    .option('--partition <numbers>', 'only these, as 0,3', wholeNumbers(0, 2 ** 31 - 1), [])
    .option('--model <dir>', 'artefact that decides (default: model.path)')
    .option('--policy <file>', 'policy that decides (default: policy.path)')
    .option('-o, --output <where>', 'decisions: a .jsonl, .csv or .avro file, or topic:NAME')
    .option('--verify', 'compare with the decisions’ topic; exit with 1 on a difference', false)
    .option('--models <places...>', 'where --verify looks for models and policies', [])
    .option('--decisions-from <place>', 'where --verify starts on the decisions’ topic')
    .option('--decisions-to <place>', 'and where it ends')
    .option('--compare', 'compare the settings’ model and policy with --model, --policy', false)
    .option('--json', 'print the summary as one JSON object', false)
  return withConfigOptions(command)
    .addHelpText('after', EXPLANATION)
    .action((options: ReplayOptions) => run(() => replay(options, context)))
}

const EXPLANATION = `
A time is ISO 8601 with its zone, and means the first application that is not older.
Nothing of the group is asked or changed. Decisions are the bytes that the worker makes.

Examples:
  bun run replay --from 2026-11-23T08:00:00Z --to 2026-11-23T09:00:00Z --output again.avro
  bun run replay --from 0:1200,2:900 --partition 0,2 --model build/models/new -o topic:rehearsal
  bun run replay --from 2026-11-23 --verify --models archive/models build/models
  bun run replay --compare --model build/models/new --policy new-policy.toml --json`

function replay(options: ReplayOptions, context: Context): Promise<number> {
  const { verify, compare, output, model, policy } = options
  const ways = [verify, compare, output !== undefined].filter(Boolean).length
  if (ways !== 1) throw usageError('option', 'give one of --output, --verify and --compare')
  if (!verify) refuseWithoutVerify(options)
  if (verify) {
    if (model === undefined && policy === undefined) return verifyWindow(options, context)
    throw usageError('option', '--verify takes the recorded model and policy: see --models')
  }
  if (!compare) return decideWindow(options, context)
  if (model !== undefined || policy !== undefined) return compareWindow(options, context)
  throw usageError('option', '--compare needs --model or --policy')
}

function refuseWithoutVerify({ models, decisionsFrom, decisionsTo }: ReplayOptions): void {
  const given = { '--models': models[0], '--decisions-from': decisionsFrom }
  for (const [name, value] of Object.entries({ ...given, '--decisions-to': decisionsTo })) {
    if (value !== undefined) throw usageError('option', `${name} goes with --verify`)
  }
}
