// `schema`: what the files in schemas/ say: their versions and fingerprints, documentation, types,
// and whether a change is compatible.

import { Command } from 'commander'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonicalForm, fingerprintHex, fingerprintOf } from '../avro/fingerprint.ts'
import { type SchemaVersion, loadSchemaVersions, newest } from '../avro/schema-files.ts'
import { type Json, parseSchema } from '../avro/schema.ts'
import { loadSharedTypes, withSharedTypes } from '../avro/shared-types.ts'
import { messageOf, usageError } from '../errors.ts'
import { readSchemaJson } from '../avro/schema-json.ts'
import { fromRoot } from '../paths.ts'
import { clientOf } from '../registry/options.ts'
import { docsOf } from '../schemas/docs.ts'
import { recordNames } from '../schemas/records.ts'
import { typesOf } from '../schemas/types.ts'
import { type ConfigOptions, type Context, configure, withConfigOptions } from './context.ts'
import { configuredFiles } from './files.ts'
import { schemaCheckCommand } from './schema-check.ts'
import { schemaDecodeCommand } from './schema-decode.ts'
import { subjectsOf } from './subjects.ts'

type Run = (action: () => Promise<number>) => void

/** Where the types are that this program uses itself. */
const TYPES_PATH = 'src/records.ts'

export function schemaCommand(run: Run, context: Context): Command {
  return new Command('schema')
    .description('list, check and document the schema files; decode records')
    .addCommand(schemaCheckCommand(run, context))
    .addCommand(listCommand(run, context))
    .addCommand(fingerprintCommand(run, context))
    .addCommand(schemaDecodeCommand(run, context))
    .addCommand(docsCommand(run, context))
    .addCommand(typesCommand(run, context))
    .addHelpText('after', EXAMPLES)
}

const EXAMPLES = `
Examples:
  bun run schema check --git origin/main
  bun run schema list
  bun run schema fingerprint schemas/loan_application/1.avsc
  bun run schema decode --input applications.avro`

function listCommand(run: Run, context: Context): Command {
  const command = new Command('list')
    .description(
      'list every version of every record with its fingerprint, and its id where a registry is set',
    )
    .option('--json', 'print one JSON array', false)
  return withConfigOptions(command)
    .addHelpText('after', '\nExamples:\n  bun run schema list\n  bun run schema list --json')
    .action((options: ConfigOptions & { json: boolean }) => run(() => list(options, context)))
}

async function list(options: ConfigOptions & { json: boolean }, context: Context): Promise<number> {
  const { settings } = configure(options, context).config
  const client = clientOf(settings)
  const subjects = subjectsOf(settings)
  const idOf = async (record: string, json: Json) => {
    const subject = subjects.get(record)
    return subject === undefined ? undefined : client?.idOf(subject, json)
  }
  const folder = schemaFolder(options, context)
  const rows: { [column: string]: string | number | null }[] = []
  for (const record of recordNames(folder)) {
    for (const { version, fingerprint, path, json } of loadSchemaVersions(join(folder, record))) {
      const row = { record, version, fingerprint: fingerprintHex(fingerprint) }
      rows.push(
        client ? { ...row, id: (await idOf(record, json)) ?? null, path } : { ...row, path },
      )
    }
  }
  if (options.json) {
    context.output.print(`${JSON.stringify(rows)}\n`)
    return 0
  }
  for (const row of rows) {
    context.output.print(
      `${Object.values(row)
        .map((value) => value ?? '-')
        .join('  ')}\n`,
    )
  }
  return 0
}

function fingerprintCommand(run: Run, context: Context): Command {
  const command = new Command('fingerprint')
    .description('print the eight bytes that a record starts with after C3 01, as hexadecimal')
    .argument('<file>', 'a schema file')
    .option('--canonical', 'print the parsing canonical form on a second line', false)
  return withConfigOptions(command)
    .addHelpText('after', FINGERPRINT_EXAMPLES)
    .action((file: string, options: ConfigOptions & { canonical: boolean }) =>
      run(async () => fingerprint(file, options, context)),
    )
}

const FINGERPRINT_EXAMPLES = `
Examples:
  bun run schema fingerprint schemas/loan_application/1.avsc
  bun run schema fingerprint schemas/loan_application/1.avsc --canonical`

function fingerprint(
  file: string,
  options: ConfigOptions & { canonical: boolean },
  context: Context,
): number {
  const shared = loadSharedTypes(schemaFolder(options, context))
  const schema = parseSchema(withSharedTypes(readSchemaJson(file), shared), file)
  context.output.print(`${fingerprintHex(fingerprintOf(schema))}\n`)
  if (options.canonical) context.output.print(`${canonicalForm(schema)}\n`)
  return 0
}

function docsCommand(run: Run, context: Context): Command {
  const command = new Command('docs')
    .description('print the fields of the newest versions as Markdown tables')
    .argument('[record]', 'one record, such as loan_application; without it, all')
  return withConfigOptions(command)
    .addHelpText('after', '\nExamples:\n  bun run schema docs loan_application > fields.md')
    .action((record: string | undefined, options: ConfigOptions) =>
      run(async () => docs(record, options, context)),
    )
}

function docs(record: string | undefined, options: ConfigOptions, context: Context): number {
  const folder = schemaFolder(options, context)
  const records = recordNames(folder)
  if (record !== undefined && !records.includes(record)) {
    throw usageError('option', `there is no record ${record}; there are ${records.join(', ')}`)
  }
  const versions = newestVersions(folder, record === undefined ? records : [record])
  context.output.print(versions.map(docsOf).join('\n'))
  return 0
}

type TypesOptions = ConfigOptions & { output: string; check: boolean }

function typesCommand(run: Run, context: Context): Command {
  const command = new Command('types')
    .description("write TypeScript types of the records' newest versions")
    .option('-o, --output <file>', 'file to write', TYPES_PATH)
    .option('--check', 'write nothing; exit with 1 when the file is not up to date', false)
  return withConfigOptions(command)
    .addHelpText(
      'after',
      '\nExamples:\n  bun run schema types\n  bun run schema types --output records.ts',
    )
    .action((options: TypesOptions) => run(async () => types(options, context)))
}

function types(options: TypesOptions, context: Context): number {
  const folder = schemaFolder(options, context)
  const text = typesOf(newestVersions(folder, recordNames(folder)))
  const path = options.output === TYPES_PATH ? fromRoot(TYPES_PATH) : options.output
  if (options.check) {
    if (readIfThere(path) === text) return 0
    process.stderr.write(`error: ${options.output} is not up to date: bun run schema types\n`)
    return 1
  }
  try {
    writeFileSync(path, text)
  } catch (error) {
    throw usageError('file', `cannot write ${options.output}: ${messageOf(error)}`, error)
  }
  return 0
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function schemaFolder(options: ConfigOptions, context: Context): string {
  return configuredFiles(options, context).schemas
}

function newestVersions(folder: string, records: readonly string[]): SchemaVersion[] {
  return records.map((record) => newest(loadSchemaVersions(join(folder, record))))
}
