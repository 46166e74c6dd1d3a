// `model`: models before they decide anything. Its actions are loaded when one is called: they
// alone need the compiler, which no worker loads.

import { Argument, Command } from 'commander'
import type { Context } from './context.ts'
import type { BuildCommandOptions } from './model/build.ts'
import type { DiffOptions } from './model/diff.ts'
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

export function modelCommand(run: Run, { output }: Context): Command {
  const command = new Command('model')
    .description('build, inspect, try and compare models')
    .addHelpText('after', EXAMPLES)
  for (const make of [buildCommand, inspectCommand, scoreCommand, verifyCommand, diffCommand]) {
    command.addCommand(make(run, output))
  }
  return command
}

const EXAMPLES = `
Examples:
  bun run model build models/default --out build/models/default
  bun run model build model.txt --manifest manifest.json --expected scores.csv --out artefact
  bun run model inspect models/default
  bun run model score --model artefact --input loans.csv`

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
