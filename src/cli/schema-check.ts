// `schema check`: whether a record can change without stopping, and what the change breaks.

import { Command, Option } from 'commander'
import { MODES, type Mode } from '../avro/modes.ts'
import { usageError } from '../errors.ts'
import { loadPolicy } from '../policy/policy.ts'
import { clientOf } from '../registry/options.ts'
import { type Checked, Checker, type Finding } from '../schemas/check.ts'
import { hasHistory } from '../schemas/git.ts'
import { Impact, type Touches } from '../schemas/impact.ts'
import { loadArtefact } from '../scorer/artefact.ts'
import { type ConfigOptions, type Context, configure, withConfigOptions } from './context.ts'
import { configuredFiles } from './files.ts'
import { subjectsOf } from './subjects.ts'

type CheckOptions = ConfigOptions & {
  mode?: Mode
  git?: string
  registry?: string
  subject?: string
  json: boolean
}

export function schemaCheckCommand(
  run: (action: () => Promise<number>) => void,
  context: Context,
): Command {
  const command = new Command('check')
    .description('check that versions of a record can read each other; 1 when they cannot')
    .argument('[old]', 'a schema file; without files, all versions of all records')
    .argument('[new]', 'the schema file that comes after it')
    .addOption(new Option('-m, --mode <mode>', 'who must be able to read what').choices([...MODES]))
    .option('--git <revision>', 'also against the files of a git revision (default: HEAD)')
    .option('--registry <url>', "against what a schema registry has in the topics' subjects")
    .option('--subject <name>', 'of the registry, this subject alone')
    .option('--json', 'print one JSON object', false)
  return withConfigOptions(command)
    .addHelpText('after', EXPLANATION)
    .action((old: string | undefined, next: string | undefined, options: CheckOptions) =>
      run(async () => check(old, next, options, context)),
    )
}

const EXPLANATION = `
Modes, of the newest version and the one before; with _TRANSITIVE, all before:
  BACKWARD  the newest reads what was written before
  FORWARD   what the newest writes is read by the ones before
  FULL      both
Without --mode it is BACKWARD_TRANSITIVE for loan_application, which others write and the worker
reads as the newest, FULL_TRANSITIVE for every other record, and BACKWARD for two files.

A committed version is never edited, and the newest application must have every field that the
model and the policy rest on: either is a finding too.

Against a registry the newest version, or the file that is given, is checked after those of its
subject: TOPIC-value, where the settings name the topics. Credentials are settings.

Examples:
  bun run schema check
  bun run schema check --git origin/main --json
  bun run schema check old.avsc new.avsc --mode FULL
  bun run schema check schemas/loan_application/1.avsc --git HEAD~1
  bun run schema check --registry http://127.0.0.1:8081
  bun run schema check new.avsc --registry http://127.0.0.1:8081 --subject loans-value`

async function check(
  old: string | undefined,
  next: string | undefined,
  options: CheckOptions,
  context: Context,
): Promise<number> {
  const files = configuredFiles(options, context)
  const impact = new Impact(loadArtefact(files.model).manifest, loadPolicy(files.policy))
  const checker = new Checker(files.schemas, impact)
  const checked =
    options.registry === undefined
      ? checkAll(checker, files.schemas, old, next, options)
      : await checkRegistered(checker, options.registry, old, next, options, context)
  const findings = checked.flatMap((it) => it.findings)
  const compatible = findings.length === 0
  if (options.json) context.output.print(`${JSON.stringify({ compatible, findings })}\n`)
  else for (const it of checked) context.output.print(`${describe(it, impact.modelName)}\n`)
  return compatible ? 0 : 1
}

async function checkRegistered(
  checker: Checker,
  url: string,
  file: string | undefined,
  next: string | undefined,
  options: CheckOptions,
  context: Context,
): Promise<Checked[]> {
  const { mode, subject, git } = options
  if (next !== undefined) throw usageError('option', '--registry goes with one file or none')
  if (git !== undefined) throw usageError('option', '--registry and --git are two checks')
  if (file !== undefined && subject === undefined) {
    throw usageError('option', `${file} needs --subject, which it comes after`)
  }
  const { settings } = configure(options, context).config
  const client = clientOf(settings, url)
  if (!client) throw usageError('option', '--registry needs the address of a registry')
  const versionsOf = async (of: string) =>
    (await client.versions(of)).map(({ version, json }) => ({ path: `${of}:${version}`, json }))
  if (subject !== undefined) {
    const versions = await versionsOf(subject)
    if (versions.length > 0) return [checker.registered(versions, subject, undefined, file, mode)]
    throw usageError('option', `the registry has no subject ${subject}`)
  }
  const checked: Checked[] = []
  for (const [record, own] of subjectsOf(settings)) {
    checked.push(checker.registered(await versionsOf(own), own, record, undefined, mode))
  }
  return checked
}

function checkAll(
  checker: Checker,
  folder: string,
  old: string | undefined,
  next: string | undefined,
  { mode, git, subject }: CheckOptions,
): Checked[] {
  if (subject !== undefined) throw usageError('option', '--subject goes with --registry')
  if (old === undefined) {
    return checker.all(mode, git ?? (hasHistory(folder) ? 'HEAD' : undefined))
  }
  if (next !== undefined) {
    if (git === undefined) return [checker.files(old, next, mode ?? 'BACKWARD')]
    throw usageError('option', '--git goes with one file or none, not with two')
  }
  if (git !== undefined) return [checker.file(old, git, mode ?? 'BACKWARD')]
  throw usageError('option', `${old} needs a second file or --git to be compared with`)
}

function describe({ title, mode, findings, changes, asksModel }: Checked, model: string): string {
  const verdict = findings.length === 0 ? 'compatible' : 'incompatible'
  const lines = [`${title}, ${mode}: ${verdict}`]
  for (const finding of findings) lines.push(...describeFinding(finding))
  for (const { path, what, touches } of changes) {
    lines.push(`  changed: ${path}: ${what}${touched(touches)}`)
  }
  if (asksModel) {
    const lost = findings.filter(({ rule }) => rule === 'MODEL_INPUT_LOST').map((it) => it.path)
    const keeps = lost.length === 0 ? 'keeps its inputs' : `loses ${lost.join(', ')}`
    lines.push(`  the model ${model} ${keeps}`)
  }
  return lines.join('\n')
}

function describeFinding({ path, rule, reader, writer, message, touches }: Finding): string[] {
  return [
    `  ${path}: ${rule}: reader ${reader}, writer ${writer}${touched(touches)}`,
    `    ${message}`,
  ]
}

/** In brackets, what rests on the field. */
function touched({ features, rules, reasons }: Touches): string {
  const list = (name: string, items: readonly string[]) =>
    items.length === 0 ? [] : [`${name}${items.length === 1 ? '' : 's'} ${items.join(', ')}`]
  const parts = [
    ...list('feature', features),
    ...list('policy rule', rules),
    ...list('reason', reasons),
  ]
  return parts.length === 0 ? '' : ` (touches ${parts.join('; ')})`
}
