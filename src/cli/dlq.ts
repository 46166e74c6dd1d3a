// `dlq`: dead letters for people: what there is, what is wrong with one, sending them once more,
// and files of them.

import { Command } from 'commander'
import { type ConfigOptions, type Context, withConfigOptions } from './context.ts'
import { exportLetters } from './dlq/export.ts'
import { inspectLetters } from './dlq/inspect.ts'
import { listLetters } from './dlq/list.ts'
import { replayLetters } from './dlq/replay.ts'
import { rate, wholeNumber, wholeNumbers } from './numbers.ts'

export type SelectOptions = ConfigOptions & {
  class: string[]
  from?: string
  until?: string
  partition: number[]
  offset: string[]
  json: boolean
}

export type ListOptions = SelectOptions & { limit: number }
export type InspectOptions = SelectOptions & { limit: number; bytes: number }
export type ExportOptions = SelectOptions & { output: string }
export type ReplayLettersOptions = SelectOptions & {
  all: boolean
  /** Topic. */
  to?: string
  dryRun: boolean
  rate: number
}

type Run = (action: () => Promise<number>) => void

export function dlqCommand(run: Run, context: Context): Command {
  return new Command('dlq')
    .description('dead letters: list, inspect, send again, export')
    .addCommand(listCommand(run, context))
    .addCommand(inspectCommand(run, context))
    .addCommand(replayCommand(run, context))
    .addCommand(exportCommand(run, context))
    .addHelpText('after', EXAMPLES)
}

const EXAMPLES = `
Examples:
  bun run dlq list --class truncated bad-string --from 2026-11-23T08:00:00Z
  bun run dlq inspect --offset 2:1234
  bun run dlq replay --class unknown-schema --dry-run
  bun run dlq export --output letters.avro --partition 0,3`

function examples(...lines: string[]): string {
  return ['', 'Examples:', ...lines.map((line) => `  bun run dlq ${line}`)].join('\n')
}

/** What chooses letters is the same everywhere. */
function withSelection(command: Command): Command {
  const more = (text: string, before: string[]) => [...before, text]
  return withConfigOptions(command)
    .option('--class <names...>', 'only letters of these classes', [])
    .option('--from <place>', 'letters from a time on, or from an offset of their own topic')
    .option('--until <place>', 'letters before a time, or before an offset of their own topic')
    .option('--partition <numbers>', 'records that lay in these', wholeNumbers(0, 2 ** 31 - 1), [])
    .option('--offset <ranges>', 'records that lay at 120, 100-200 or 2:100-200', more, [])
    .option('--json', 'print JSON', false)
}

function listCommand(run: Run, context: Context): Command {
  const command = new Command('list')
    .description('a line a letter and counts by class; nothing of the applicants’ data')
    .option('--limit <number>', 'letters shown; all are counted', wholeNumber(), 100)
  return withSelection(command)
    .addHelpText('after', examples('list --class truncated --from 2026-11-23T08:00:00Z --json'))
    .action((options: ListOptions) => run(() => listLetters(options, context)))
}

function inspectCommand(run: Run, context: Context): Command {
  const command = new Command('inspect')
    .description('headers, bytes, fields up to the fault: shows the applicant’s data')
    .option('--limit <number>', 'letters shown', wholeNumber(1), 10)
    .option('--bytes <number>', 'bytes of the value shown', wholeNumber(), 1024)
  return withSelection(command)
    .addHelpText(
      'after',
      examples('inspect --offset 2:1234', 'inspect --class bad-string --bytes 64'),
    )
    .action((options: InspectOptions) => run(() => inspectLetters(options, context)))
}

function replayCommand(run: Run, context: Context): Command {
  const command = new Command('replay')
    .description('send letters once more as they came, each of them exactly once')
    .option('--all', 'all letters, where nothing else chooses', false)
    .option('--to <topic>', 'where they go (default: topic.applications)')
    .option('--dry-run', 'say what would be sent, and send nothing', false)
    .option('--rate <number>', 'letters a second; 0: as fast as it goes', rate, 0)
  return withSelection(command)
    .addHelpText(
      'after',
      examples(
        'replay --class unknown-schema --dry-run',
        'replay --class unknown-schema --rate 500',
      ),
    )
    .action((options: ReplayLettersOptions) => run(() => replayLetters(options, context)))
}

function exportCommand(run: Run, context: Context): Command {
  const command = new Command('export')
    .description('letters to a file: holds the applicants’ data')
    .requiredOption('-o, --output <file>', '.jsonl, .csv or .avro')
  return withSelection(command)
    .addHelpText('after', examples('export --output letters.avro --partition 0,3'))
    .action((options: ExportOptions) => run(() => exportLetters(options, context)))
}
