// `model`: models before they decide anything. Its actions are loaded when one is called: they
// alone need the compiler, which no worker loads.

import { Argument, Command } from 'commander'
import type { Context } from './context.ts'
import type { BuildCommandOptions } from './model/build.ts'
import type { DiffOptions } from './model/diff.ts'
import type { LiveOptions } from './model/live.ts'
import type { InspectOptions } from './model/inspect.ts'
import type { ScoreOptions } from './model/score.ts'
import type { VerifyOptions } from './model/verify.ts'
import { anyNumber } from './numbers.ts'
import type { Output } from './output.ts'

type Run = (action: () => Promise<number>) => void

const MODEL = "a trainer's file, or a folder with manifest.json"
const MODEL_OR_ARTEFACT = `${MODEL}: a model's own or an artefact's`
const ROWS = 'rows: .csv, .jsonl, or - for standard input'
const JSON_OPTION = ['--json', 'print one JSON object', false] as const
const MANIFEST_OPTION = [
  '--manifest <file>',
  "the model's manifest, when it lies elsewhere",
] as const

export function modelCommand(run: Run, context: Context): Command {
  const { output } = context
  const command = new Command('model')
    .description('build, inspect, try and compare models, and change that of a running worker')
    .addHelpText('after', EXAMPLES)
  for (const make of [buildCommand, inspectCommand, scoreCommand, verifyCommand, diffCommand]) {
    command.addCommand(make(run, output))
  }
  for (const make of [promoteCommand, rollbackCommand, challengeCommand]) {
    command.addCommand(make(run, context))
  }
  return command
}

const EXAMPLES = `
Examples:
  bun run model build models/default --out build/models/default
  bun run model build model.txt --manifest manifest.json --expected scores.csv --out artefact
  bun run model inspect models/default
  bun run model score --model artefact --input loans.csv
  bun run model promote artefact --token-file token
  bun run model rollback --token-file token`

function buildCommand(run: Run, output: Output): Command {
  return new Command('build')
    .description('compile a model to an artefact, when it scores as its source does')
    .addArgument(new Argument('<model>', MODEL))
    .requiredOption('-o, --out <folder>', 'where the artefact goes')
    .option(...MANIFEST_OPTION)
    .option('--expected <file>', "the trainer's predictions: rows, and the raw score behind each")
    .option('--standalone', 'also write model.wasm, which needs nothing else', false)
    .option('--schemas <folder>', 'features must be fields of its application', 'schemas')
    .option('--no-schemas', 'features need be no fields of an application')
    .option(...JSON_OPTION)
    .addHelpText('after', BUILD_EXAMPLES)
    .action((model: string, options: BuildCommandOptions) =>
      run(async () => (await import('./model/build.ts')).build(model, options, output)),
    )
}

const BUILD_EXAMPLES = `
Without a manifest the model is named like its file, and each feature is the field of its own name.

Examples:
  bun run model build models/default --out artefact
  bun run model build model.txt --expected scores.csv --out artefact --standalone
  bun run model build model.txt --no-schemas --out artefact --json`

function inspectCommand(run: Run, output: Output): Command {
  return new Command('inspect')
    .description('say what a model is made of, and what it costs')
    .addArgument(new Argument('<model>', MODEL_OR_ARTEFACT))
    .option(...MANIFEST_OPTION)
    .option(...JSON_OPTION)
    .addHelpText('after', INSPECT_EXAMPLES)
    .action((model: string, options: InspectOptions) =>
      run(async () => (await import('./model/inspect.ts')).inspect(model, options, output)),
    )
}

const INSPECT_EXAMPLES = `
Examples:
  bun run model inspect model.txt
  bun run model inspect build/models/default --json`

function scoreCommand(run: Run, output: Output): Command {
  return new Command('score')
    .description('score rows of a file: one line a row, in its order')
    .requiredOption('-m, --model <model>', MODEL_OR_ARTEFACT)
    .requiredOption('-i, --input <file>', ROWS)
    .option(...MANIFEST_OPTION)
    .option('--raw', 'the margin, to the last bit, instead of the probability', false)
    .addHelpText('after', SCORE_EXAMPLES)
    .action((options: ScoreOptions) =>
      run(async () => (await import('./model/score.ts')).score(options, output)),
    )
}

const SCORE_EXAMPLES = `
Columns are found by the feature's name, else by its field's; others are passed over. Missing are
empty cells, NA, NaN and null. The first row that cannot be read ends the command. --raw is exact;
the probability may differ from a decision's in its last bit.

Examples:
  bun run model score --model build/models/default --input loans.csv
  bun run model score --model model.txt --input - --raw < rows.jsonl`

function verifyCommand(run: Run, output: Output): Command {
  return new Command('verify')
    .description('report whether a model scores as its source does; exit with 1 if not')
    .addArgument(new Argument('<model>', MODEL_OR_ARTEFACT))
    .option(...MANIFEST_OPTION)
    .option('--expected <file>', "the trainer's predictions: rows, and the raw score behind each")
    .option('--source <model>', 'the model that an artefact was built from: it is built again')
    .option(...JSON_OPTION)
    .addHelpText('after', VERIFY_EXAMPLES)
    .action((model: string, options: VerifyOptions) =>
      run(async () => (await import('./model/verify.ts')).verify(model, options, output)),
    )
}

const VERIFY_EXAMPLES = `
Examples:
  bun run model verify model.txt --expected scores.csv
  bun run model verify build/models/default --source models/default --json`

function diffCommand(run: Run, output: Output): Command {
  return new Command('diff')
    .description('compare two models over the same rows')
    .addArgument(new Argument('<a>', MODEL_OR_ARTEFACT))
    .addArgument(new Argument('<b>', 'the same, of the other model'))
    .requiredOption('-i, --input <file>', ROWS)
    .option('--policy <file>', 'count who is decided otherwise by its cut-offs')
    .option('--cutoff <margin>', 'the same by one cut-off: margins from it on reject', anyNumber)
    .option(...JSON_OPTION)
    .addHelpText('after', DIFF_EXAMPLES)
    .action((a: string, b: string, options: DiffOptions) =>
      run(async () => (await import('./model/diff.ts')).diff(a, b, options, output)),
    )
}

const DIFF_EXAMPLES = `
A policy's rules look at the application alone, so they are left out here: they fire alike for both.

Examples:
  bun run model diff build/models/default new-model.txt --input loans.csv
  bun run model diff old.txt new.txt -i loans.csv --policy models/default/policy.toml --json`

function liveCommand(name: string): Command {
  return new Command(name)
    .option('--url <url>', "the worker's HTTP server", 'http://127.0.0.1:8080')
    .option('--token-file <file>', 'holds http.token (default: LOANSTREAM_HTTP_TOKEN)')
    .option(...JSON_OPTION)
}

function promoteCommand(run: Run, context: Context): Command {
  return liveCommand('promote')
    .description('have a running worker change to an artefact, between two batches')
    .argument('<folder>', 'of the artefact, where the worker runs; a relative one is from here')
    .addHelpText('after', PROMOTE_EXAMPLES)
    .action((folder: string, options: LiveOptions) =>
      run(async () => (await import('./model/live.ts')).promote(folder, options, context)),
    )
}

const PROMOTE_EXAMPLES = `
Exit code 2 when the worker refuses the artefact, or the token: then the old model goes on. 1 when
it does not answer.

Examples:
  bun run model promote artefact --token-file token
  LOANSTREAM_HTTP_TOKEN=secret bun run model promote /models/7 --url http://worker:8080 --json`

function rollbackCommand(run: Run, context: Context): Command {
  return liveCommand('rollback')
    .description('have a running worker go back to the model before, which is in its memory')
    .addHelpText('after', ROLLBACK_EXAMPLES)
    .action((options: LiveOptions) =>
      run(async () => (await import('./model/live.ts')).rollback(options, context)),
    )
}

const ROLLBACK_EXAMPLES = `
Examples:
  bun run model rollback --token-file token`

function challengeCommand(run: Run, context: Context): Command {
  return liveCommand('challenge')
    .description('have an artefact decide beside the model in use, or no longer')
    .argument('[folder]', 'of the artefact, as for promote; without it the counts are told')
    .option('--off', 'have the model in use decide alone', false)
    .addHelpText('after', CHALLENGE_EXAMPLES)
    .action((folder: string | undefined, options: LiveOptions & { off: boolean }) =>
      run(async () => (await import('./model/live.ts')).challenge(folder, options, context)),
    )
}

const CHALLENGE_EXAMPLES = `
Examples:
  bun run model challenge artefact --token-file token
  bun run model challenge --token-file token
  bun run model challenge --off --token-file token`
