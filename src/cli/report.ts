// `report`: rates by group, adverse-impact ratios, drift against the training data and reasons, of
// decisions that were made: from a file or from their topic, off the path that decides.

import { extname } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { usageError } from '../errors.ts'
import { LEVELS, type Level } from '../report/intervals.ts'
import { reportPage } from '../report/page.ts'
import { type ConfigOptions, type Context, withConfigOptions } from './context.ts'
import { writeText } from './decision-writer.ts'
import { positive, share, wholeNumber, wholeNumbers } from './numbers.ts'
import { gather } from './report/gather.ts'
import { reportText } from './report/text.ts'
import { isSameFile } from './same-file.ts'

export type ReportOptions = ConfigOptions & {
  input?: string
  from?: string
  to?: string
  partition: number[]
  applications?: string
  columns?: string
  groups?: string
  groupColumn?: string[]
  reference: Map<string, string>
  threshold: number
  confidence: Level
  smallestGroup: number
  psiThreshold: number
  model?: string
  output?: string
  json: boolean
}

export function reportCommand(run: (action: () => Promise<number>) => void, context: Context) {
  const command = new Command('report')
    .description('rates by group, adverse-impact ratios, drift and reasons of decisions made')
    .option('-i, --input <file>', 'decisions: .jsonl, .csv or .avro (default: their topic)')
    .option('--from <place>', 'of the topic, first: a time, an offset, or P:OFFSET,…')
    .option('--to <place>', 'of the topic, end, itself left out')
    .option('--partition <numbers>', 'of the topic, only these', wholeNumbers(0, 2 ** 31 - 1), [])
    .option('--applications <file>', 'applications by their id: .csv, .jsonl or .avro')
    .option('--columns <file>', 'which column of such a CSV is which field, as JSON')
    .option('--groups <file>', 'groups by application_id: .csv or .jsonl')
    .option('--group-column <names...>', 'columns of --groups, or fields of the application')
    .option('--reference <column=group>', 'group to compare with, may be repeated', reference)
    .option('--threshold <ratio>', 'point out ratios below', share, 0.8)
    .addOption(
      new Option('--confidence <percent>', 'of the intervals')
        .default(95)
        .argParser((text) => level(text)),
    )
    .option('--smallest-group <number>', 'decisions, fewer say nothing', wholeNumber(1), 30)
    .option('--psi-threshold <index>', 'point out stability indexes above', positive, 0.25)
    .option('--model <dir>', 'artefact with the training figures (default: model.path)')
    .option('-o, --output <file>', 'write the report as a page: .html')
    .option('--json', 'print the report as one JSON object', false)
  return withConfigOptions(command)
    .addHelpText('after', EXPLANATION)
    .action((options: ReportOptions) => run(() => report(options, context)))
}

const EXPLANATION = `
Without --group-column, groups are the applications' regions. From the topic, applications are
read where decisions name them; with --input they come from --applications.
A ratio is a group's approval rate over that of the group most often approved. What is pointed out
is for a person to look into; it is no legal test. Exit code 0 says that there is a report.

Examples:
  bun run report --input decisions.jsonl --applications loans.csv --output report.html
  bun run report -i decisions.avro --groups groups.csv --group-column age_band sex --json
  bun run report --from 2026-11-01 --to 2026-12-01 --output november.html
  bun run report --from 2026-11-01 --reference region=9 --threshold 0.9 --smallest-group 100`

function reference(text: string, before: Map<string, string> = new Map()): Map<string, string> {
  const equals = text.indexOf('=')
  if (equals < 1 || equals === text.length - 1) {
    throw new InvalidArgumentError('It must be COLUMN=GROUP.')
  }
  return new Map([...before, [text.slice(0, equals), text.slice(equals + 1)]])
}

function level(text: string): Level {
  const found = LEVELS.find((one) => String(one) === text)
  if (found !== undefined) return found
  throw new InvalidArgumentError(`It must be one of ${LEVELS.join(', ')}.`)
}

async function report(options: ReportOptions, context: Context): Promise<number> {
  refuse(options)
  const made = await gather(options, context)
  if (options.output !== undefined) await writeText(options.output, [await reportPage(made)])
  context.output.print(options.json ? `${JSON.stringify(made)}\n` : reportText(made))
  return 0
}

function refuse(options: ReportOptions): void {
  const { input, output, applications, columns, groups, groupColumn } = options
  if (input !== undefined) {
    const { from, to } = options
    const ofTopic = { '--from': from, '--to': to, '--partition': options.partition[0] }
    for (const [name, value] of Object.entries(ofTopic)) {
      if (value !== undefined) throw usageError('option', `${name} goes with a topic, not --input`)
    }
  }
  if (columns !== undefined && applications === undefined) {
    throw usageError('option', '--columns goes with --applications')
  }
  if (groups !== undefined && groupColumn === undefined) {
    throw usageError('option', '--groups needs --group-column')
  }
  if (output === undefined) return
  if (extname(output).toLowerCase() !== '.html') {
    throw usageError('extension', `${output}: a report is written as .html (--json prints JSON)`)
  }
  for (const path of [input, applications, columns, groups]) {
    if (path === undefined || !isSameFile(path, output)) continue
    throw usageError('file', `--output ${output} is the same file as ${path}: it would be lost`)
  }
}
